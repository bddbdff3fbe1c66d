# SPDX-License-Identifier: Apache-2.0
"""Test Connection: test the unsaved form by a SmtpTest, and report its phases and verdict.

Each event is JSON with the key ``event``:

started: the SmtpTest exists; ``name``, and ``where``: cluster or computer.
phase: the test is in this ``phase``.
waiting: no test has started for some time; ``text`` says what to check.
note: a ``text`` for the user, such as an object that could not be deleted.
verdict: the result; ``passed``, ``reason``, ``message``, ``fix``, ``phase`` (of the failure), ``phases``,
``dialogue``, ``response``, ``server``, ``recipients``, ``duration``, ``suggestion``.
error: no test ran; ``text`` says why.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.status import SmtpTestStatus
from smtp_operator.cli.kubectl.smtp_tests import RunningSmtpTest, is_finished, running
from smtp_operator.cli.kubectl.ui.draft import Draft
from smtp_operator.cli.kubectl.ui.errors import PageError
from smtp_operator.cli.kubectl.ui.history import fix_of
from smtp_operator.cli.kubectl.ui.local_test import Event, last_test_facts, tested_here
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.reconcile.snapshot import status_of

WAITING_SECONDS: Final = 10.0
_NOT_STARTED: Final = "No test has started so far. Is the operator running, and does it serve this namespace?"


async def tested(client: KubernetesClient, draft: Draft) -> AsyncGenerator[Event, None]:
    """Run a SmtpTest of the form and yield its events; closing the generator deletes the SmtpTest.

    Raises:
        PageError, PluginFailed, ClusterError: no test ran.
    """
    inline = await _inline_password(client, draft) if draft.keep_password else None
    if draft.where == "computer":
        async with aclosing(tested_here(client, draft, inline)) as events:
            async for event in events:
                yield event
        return
    notes: list[str] = []
    request = draft.test_request(inline)
    async with running(client, request, warn=notes.append) as test:
        yield {"event": "started", "name": test.name, "where": "cluster"}
        async with aclosing(_followed(test)) as events:
            async for event in events:
                yield event
    for note in notes:
        yield {"event": "note", "text": note}


async def _followed(test: RunningSmtpTest) -> AsyncGenerator[Event, None]:
    states, phase, silent = test.states(), "", True
    following = asyncio.ensure_future(anext(states))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=WAITING_SECONDS if silent else None)
            if not done:
                silent = False
                yield {"event": "waiting", "text": _NOT_STARTED}
                continue
            try:
                object_ = following.result()
            except StopAsyncIteration:
                return
            if is_finished(object_):
                yield verdict_of(object_)
                return
            current = status_of(SmtpTestStatus, object_).current_test
            silent = silent and not object_.get("status")
            if current is not None and current.phase and current.phase != phase:
                phase = current.phase
                yield {"event": "phase", "phase": phase}
            following = asyncio.ensure_future(anext(states))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await states.aclose()


def verdict_of(object_: JsonObject) -> Event:
    """Return the event ``verdict`` of a finished SmtpTest."""
    return verdict_event(status_of(SmtpTestStatus, object_))


def verdict_event(status: SmtpTestStatus) -> Event:
    """Return the event ``verdict`` of a status."""
    ready, last = status.condition("Ready"), status.last_test
    shown = last.model_dump(mode="json", by_alias=True, exclude_none=True) if last else {}
    suggestion = status.suggestion
    return {
        "event": "verdict",
        "passed": ready is not None and ready.status == "True",
        "reason": ready.reason if ready else None,
        "message": ready.message if ready else None,
        "fix": fix_of(ready.reason if ready else None),
        **last_test_facts(shown),
        "suggestion": suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        if suggestion
        else None,
    }


async def _inline_password(client: KubernetesClient, draft: Draft) -> str:
    object_ = await client.request(
        "GET", paths.object_path(Reference("SmtpConfig", draft.namespace, draft.name))
    )
    password = ((object_.get("spec") or {}).get("password") or {}).get("value")
    if not isinstance(password, str):
        raise PageError(409, "This SmtpConfig has no password.value any more. Open it again.")
    return password
