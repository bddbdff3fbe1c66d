# SPDX-License-Identifier: Apache-2.0
"""Preview and submit a form: server-side dry-run, then server-side apply without force."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from smtp_operator.api.errors import AccessDenied, ClusterError, ObjectNotFound, RequestRefused
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.cli.kubectl.ui.draft import (
    DATA_KEY,
    Draft,
    as_yaml,
    difference,
    is_tested_again,
    normalized,
    sent_text,
)
from smtp_operator.cli.kubectl.ui.errors import PageError, shown_error
from smtp_operator.cli.kubectl.ui.ownership import (
    FIELD_MANAGER,
    differing_fields,
    fields_to_apply,
    manager_of,
    owner_of,
)
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import APPLY, METADATA, KubernetesClient, Query
from smtp_operator.cluster.errors import Conflict

_WRITE: Final[Query] = (("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict"))
_DRY_RUN: Final = ("dryRun", "All")
_UNKNOWN: Final = "another tool"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"


class FieldsOwned(PageError):
    """Other field managers own fields that the form changes."""

    def __init__(self, fields: list[dict[str, str]]) -> None:
        named = ", ".join(f"{it['field']} ({it['manager']})" for it in fields)
        super().__init__(
            409,
            f"Others manage fields that you changed: {named}. Change them where they are managed, or copy the"
            " YAML.",
        )
        self.fields = fields


@dataclass(frozen=True, slots=True)
class _Planned:
    current: JsonObject | None
    applied: JsonObject


class Submitter:
    """Writes SmtpConfigs, and the Secrets of typed passwords."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def preview(self, draft: Draft) -> JsonObject:
        """Return what a submit would change; nothing is stored.

        Keys: ``diff``, the lines of both specs; ``sends``, what the operator then sends to whom; ``secret``,
        which Secret is written; ``changes``, whether anything changes; ``generation``, for the submit.

        Raises:
            PageError, ClusterError: the API server would refuse it, or did not answer.
        """
        planned = await self._plan(draft)
        if draft.secret is not None:
            await self._write_secret(draft, dry_run=True)
        result = await self._apply(draft, planned, dry_run=True)
        before = (planned.current or {}).get("spec")
        changed = before is None or bool(differing_fields(result["spec"], before))
        return {
            "diff": difference(before, result["spec"]),
            "sends": sent_text(
                result["spec"],
                changed=draft.input_text is not None or is_tested_again(before, result["spec"]),
            ),
            "secret": _secret_text(draft),
            "changes": changed or draft.input_text is not None,
            "generation": planned.current["metadata"]["generation"] if planned.current else None,
        }

    async def submit(self, draft: Draft) -> JsonObject:
        """Store the form; return ``namespace``, ``name``, ``uid`` and ``generation`` of the SmtpConfig.

        Raises:
            PageError, ClusterError: the API server refused it, or did not answer; nothing is stored.
        """
        planned = await self._plan(draft)
        generation = planned.current["metadata"]["generation"] if planned.current else None
        if generation != draft.generation:
            raise PageError(409, "Someone changed this SmtpConfig since the preview. Open it again.")
        await self._apply(draft, planned, dry_run=True)
        created = await self._write_secret(draft, dry_run=False) if draft.secret is not None else False
        try:
            result = await self._apply(draft, planned, dry_run=False)
        except (PageError, ClusterError, asyncio.CancelledError):
            if created:
                await asyncio.shield(self._delete_secret(draft))
            raise
        metadata = result["metadata"]
        return {name: metadata[name] for name in ("namespace", "name", "uid", "generation")}

    async def _plan(self, draft: Draft) -> _Planned:
        reference = Reference("SmtpConfig", draft.namespace, draft.name)
        current: JsonObject | None
        try:
            current = await self._client.request("GET", paths.object_path(reference))
        except ObjectNotFound:
            current = None
        except AccessDenied:
            if draft.uid is not None:
                raise
            current = None
        if draft.uid is None and current is not None:
            raise PageError(409, f"{reference} exists already. Choose another name, or open it in the list.")
        if draft.uid is not None and (current is None or current["metadata"]["uid"] != draft.uid):
            raise PageError(409, f"{reference} was deleted or replaced since you opened it.")
        if current is not None and (owner := owner_of(current)):
            raise PageError(
                409, f"{owner} owns {reference} and would revert your change. Copy the YAML to its source."
            )
        return _Planned(current, fields_to_apply(current, draft.wanted))

    async def _apply(self, draft: Draft, planned: _Planned, *, dry_run: bool) -> JsonObject:
        body = draft.manifest(planned.applied)
        if planned.current is not None:
            body["metadata"]["uid"] = planned.current["metadata"]["uid"]
        try:
            result = await self._client.request(
                "PATCH",
                paths.object_path(Reference("SmtpConfig", draft.namespace, draft.name)),
                query=[*_WRITE, _DRY_RUN] if dry_run else _WRITE,
                body=body,
                content_type=APPLY,
            )
        except Conflict as error:
            if not error.fields:
                raise
            raise FieldsOwned(
                [{"field": it.field.lstrip("."), "manager": it.manager} for it in error.fields]
            ) from None
        except (RequestRefused, AccessDenied) as error:
            # What the form leaves out stays with its manager, and may contradict what the form sets.
            if planned.current is not None and (kept := _left_out(planned.current, draft)):
                raise FieldsOwned(kept) from None
            raise _refusal(error) from None
        if kept := _kept_by_others(result, draft):
            raise FieldsOwned(kept)
        return result

    async def _write_secret(self, draft: Draft, *, dry_run: bool) -> bool:
        """Create the Secret of the typed password, or replace the password in one of this page.

        Return whether it was created. No response contains a value of the Secret.
        """
        body, typed = draft.secret, draft.input_text
        assert body is not None
        assert typed is not None
        reference = Reference("Secret", draft.namespace, typed.secret_name)
        body["data"] = {DATA_KEY: base64.b64encode(typed.value.encode()).decode()}
        existing = await self._metadata(reference)
        labels = (existing or {"metadata": {}})["metadata"].get("labels") or {}
        if existing is not None and labels.get(_MANAGED_BY) != FIELD_MANAGER:
            raise PageError(
                409,
                f"{reference} exists already, and this page did not create it. Choose another name, or the"
                " input type Internal Secret manager.",
            )
        try:
            await self._client.request(
                "PATCH",
                paths.object_path(reference),
                query=[*_WRITE, _DRY_RUN] if dry_run else _WRITE,
                body=body,
                content_type=APPLY,
                accept=METADATA,
            )
        except Conflict as error:
            raise FieldsOwned(
                [{"field": it.field.lstrip("."), "manager": it.manager} for it in error.fields]
            ) from None
        except (RequestRefused, AccessDenied) as error:
            raise _refusal(error) from None
        return existing is None

    async def _metadata(self, reference: Reference) -> JsonObject | None:
        try:
            return await self._client.request("GET", paths.object_path(reference), accept=METADATA)
        except ObjectNotFound:
            return None

    async def _delete_secret(self, draft: Draft) -> None:
        assert draft.input_text is not None
        reference = Reference("Secret", draft.namespace, draft.input_text.secret_name)
        await self._client.request("DELETE", paths.object_path(reference), accept=METADATA)


def manifests(draft: Draft) -> str:
    """Return the form as YAML to copy, without a typed password."""
    text = as_yaml(draft.manifest(draft.wanted))
    if draft.input_text is not None:
        command = (
            f"# Create the Secret first; the command reads the password from standard input:\n"
            f"# kubectl create secret generic {draft.input_text.secret_name} -n {draft.namespace}"
            f" --from-file={DATA_KEY}=/dev/stdin\n"
        )
        return command + text
    if draft.keep_password:
        return "# spec.password.value is left out: write it, or a secretRef, yourself.\n" + text
    return text


def _kept_by_others(result: JsonObject, draft: Draft) -> list[dict[str, str]]:
    """Return the fields that the form changes or leaves out, and that stay as their manager set them."""
    try:
        stored = normalized(result["spec"], keep_password=False)
    except ValidationError:  # of a later release, with fields that this one does not know
        return []
    wanted = normalized(draft.wanted, keep_password=draft.keep_password)
    if draft.keep_password:
        stored["password"] = wanted["password"]
    return _owned(result, differing_fields(stored, wanted))


def _left_out(current: JsonObject, draft: Draft) -> list[dict[str, str]]:
    """Return the fields that the form leaves out, and that others manage."""
    fields = differing_fields(current["spec"], draft.wanted)
    if draft.keep_password:
        fields = [it for it in fields if not it.startswith(".password")]
    absent = [it for it in fields if _at(draft.wanted, it) is None]
    return [it for it in _owned(current, absent) if it["manager"] != _UNKNOWN]


def _owned(object_: JsonObject, fields: list[str]) -> list[dict[str, str]]:
    return [{"field": f"spec{it}", "manager": manager_of(object_, it) or _UNKNOWN} for it in fields]


def _at(spec: JsonObject, path: str) -> Any:
    found: Any = spec
    for name in path.strip(".").split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _refusal(error: RequestRefused | AccessDenied) -> PageError:
    """Return the error of a request that the API server or a policy refused."""
    if isinstance(error, RequestRefused):
        return PageError(422, error.denial or str(error))
    return PageError(403, shown_error(error).rpartition("denied request: ")[2])


def _secret_text(draft: Draft) -> str | None:
    if draft.input_text is None:
        return None
    only = f" It may be sent to {draft.bound_to} only." if draft.bound_to else ""
    return f"The password is stored in the Secret {draft.input_text.secret_name}, key {DATA_KEY}.{only}"
