# SPDX-License-Identifier: Apache-2.0
"""Test the unsaved form from this computer, with the engine of ``smtp-operator check``.

No value of a Secret is read: without a typed password, the test stops before the login.
"""

import asyncio
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from typing import Any, Final
from uuid import uuid4

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.verdict import Mode, Phase, Trigger
from smtp_operator.cli.kubectl.ui.draft import Draft
from smtp_operator.cli.kubectl.ui.errors import PageError
from smtp_operator.cli.kubectl.ui.history import fix_of
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings

Event = dict[str, Any]

_LOGIN: Final = ("username", "usernameRef", "password", "oauth2", "authMechanism")
_ENDED: Final = ""
NOT_READ: Final = (
    "The password is not read from here, so this test stops before the login. To test the login, use the"
    " input type Input Text."
)


def is_available() -> bool:
    """Return whether this installation has the packages of the engine; the archives of krew do not."""
    return find_spec("aiosmtplib") is not None


async def tested_here(
    client: KubernetesClient, draft: Draft, inline_password: str | None
) -> AsyncGenerator[Event, None]:
    """Run a test from this computer and yield its events, as ``trial.tested`` does.

    ``inline_password`` is the ``password.value`` of the edited object, where the form keeps it.

    Raises:
        PageError: the test would need a value of a Secret, or this installation lacks packages.
    """
    if not is_available():
        raise PageError(
            409,
            "A test from this computer needs more Python packages: pip install 'smtp-operator[operator]'",
        )
    spec, skipped = _local_spec(draft, inline_password)
    yield {"event": "started", "name": "", "where": "computer"}
    if skipped:
        yield {"event": "note", "text": NOT_READ}
    phases: asyncio.Queue[str] = asyncio.Queue()
    running = asyncio.create_task(_run(client, draft, spec, phases))
    running.add_done_callback(lambda _: phases.put_nowait(_ENDED))
    try:
        while phase := await phases.get():
            yield {"event": "phase", "phase": phase}
        yield running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _local_spec(draft: Draft, inline_password: str | None) -> tuple[JsonObject, bool]:
    """Return the settings without references to Secrets, and whether the login is left out."""
    request = draft.test_request(inline_password)
    spec: JsonObject = request.spec["settings"]
    tls = spec.get("tls") or {}
    if tls.get("clientCertificateRef") or (tls.get("caRef") or {}).get("kind") == "Secret":
        raise PageError(
            409, "This page reads no Secret, so it cannot test a certificate in a Secret from here."
        )
    if request.password is not None and "username" in spec:
        return {**spec, "password": {"value": request.password}}, False
    has_login = any(name in spec for name in ("username", "usernameRef"))
    if not has_login:
        return spec, False
    spec = {name: value for name, value in spec.items() if name not in _LOGIN}
    return {**spec, "test": {**(spec.get("test") or {}), "mode": str(Mode.CONNECT)}}, True


async def _run(client: KubernetesClient, draft: Draft, spec: JsonObject, phases: asyncio.Queue[str]) -> Event:
    # These packages take most of a second to import, and the archives of krew do not have all of them.
    from smtp_operator.cli.check.local_runner import local_runner
    from smtp_operator.reconcile.smtpconfig import status_fields
    from smtp_operator.reconcile.smtpconfig.planner import RunTest
    from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of

    async def config_map(reference: Reference) -> JsonObject:
        if reference.kind != "ConfigMap":
            raise AccessDenied(f"{reference}: this page reads no values of Secrets")
        try:
            return await client.request("GET", paths.object_path(reference))
        except AccessDenied as error:
            raise ObjectNotFound(str(error)) from None

    settings = Settings()
    object_ = draft.manifest(spec)
    object_["metadata"] |= {"uid": str(uuid4()), "generation": 1, "resourceVersion": "1"}
    snapshot = snapshot_of(object_, settings.test_defaults)

    def entered(phase: Phase) -> None:
        if phase is not Phase.PASSWORD:
            phases.put_nowait(str(phase))

    async with local_runner(config_map, settings) as runner:
        test = RunTest(Trigger.REQUESTED, snapshot.spec.test.mode)
        result = await runner.run(snapshot, test, on_phase=entered)
    verdict, suggestion = result.verdict, status_fields.suggestion(result.verdict)
    shown = status_fields.last_test(result).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "event": "verdict",
        "passed": verdict.passed,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "fix": fix_of(str(verdict.reason)),
        "suggestion": suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        if suggestion
        else None,
        **last_test_facts(shown),
    }


def last_test_facts(shown: JsonObject) -> Event:
    """Return the keys of the event ``verdict`` that are those of ``status.lastTest``."""
    lists = {name: shown.get(name, []) for name in ("phases", "dialogue", "recipients")}
    return {**{name: shown.get(name) for name in ("phase", "response", "server", "duration")}, **lists}
