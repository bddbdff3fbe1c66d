# SPDX-License-Identifier: Apache-2.0
"""Find out what the user may do in a namespace, and the objects to choose from in the form."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.names import GROUP, SMTP_CONFIG_PLURAL, SMTP_TEST_PLURAL
from smtp_operator.api.objects import JsonObject, ReferenceKind, field_writes
from smtp_operator.cli.kubectl.rights import Right, as_text, missing_rights
from smtp_operator.cli.kubectl.ui.errors import shown_error
from smtp_operator.cli.kubectl.ui.rows import row_of
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import METADATA_LIST, KubernetesClient

_ACTIONS: Final = {
    "test": (*(Right(verb, SMTP_TEST_PLURAL, GROUP) for verb in ("create", "get", "watch", "delete")),),
    "submit": tuple(Right(verb, SMTP_CONFIG_PLURAL, GROUP) for verb in ("get", "create", "patch")),
    "inputText": tuple(Right(verb, "secrets") for verb in ("get", "create", "patch", "delete")),
}
_ROLES: Final = {
    "test": "The ClusterRole smtp-operator-test grants them.",
    "submit": "The ClusterRole smtp-operator-edit grants them.",
    "inputText": "Choose another input type, or ask a namespace admin.",
}
_LISTED: Final[tuple[ReferenceKind, ...]] = ("SmtpVault", "ClusterSmtpVault")
_MOST: Final = 1000
"""Objects of a kind to choose from; with more, the user types the name."""


async def rights_in(client: KubernetesClient, namespace: str) -> dict[str, str]:
    """Return why an action is not allowed, by action: ``test``, ``submit``, ``inputText``; empty: allowed.

    Raises:
        ClusterError: the API server did not answer.
    """
    lacking = await asyncio.gather(
        *(missing_rights(client, namespace, rights) for rights in _ACTIONS.values())
    )
    return {
        action: f"You lack rights in the namespace {namespace}: {as_text(missing)}. {_ROLES[action]}"
        if missing
        else ""
        for action, missing in zip(_ACTIONS, lacking, strict=True)
    }


async def choices_in(client: KubernetesClient, namespace: str, now: float) -> JsonObject:
    """Return the vault objects and Secrets to choose from; no value of a Secret is read.

    Keys: ``vaults``, rows as in the list; ``secrets``, with ``name`` and the ``keys`` that are known from
    their metadata; ``problems``, why a kind is not listed, by kind.
    """
    problems: dict[str, str] = {}

    async def listed(kind: ReferenceKind, accept: str | None = None) -> Sequence[JsonObject]:
        path = paths.objects(kind, None if kind == "ClusterSmtpVault" else namespace)
        query = [("limit", str(_MOST))]
        try:
            answer = await (
                client.request("GET", path, query=query, accept=accept)
                if accept
                else client.request("GET", path, query=query)
            )
        except ClusterError as error:
            problems[kind] = shown_error(error)
            return ()
        return answer.get("items") or ()

    secrets, *vaults = await asyncio.gather(
        listed("Secret", METADATA_LIST), *(listed(kind) for kind in _LISTED)
    )
    return {
        "vaults": [
            row_of(kind, it, now) for kind, items in zip(_LISTED, vaults, strict=True) for it in items
        ],
        "secrets": [_secret(it) for it in secrets],
        "problems": problems,
    }


def _secret(object_: JsonObject) -> dict[str, Any]:
    writes = field_writes(object_["metadata"].get("managedFields"))
    keys = sorted({key for write in writes for key in write.data_keys})
    return {"name": object_["metadata"]["name"], "keys": keys}


async def namespaces_of(client: KubernetesClient) -> list[str]:
    """Return the namespaces to choose from; empty if the user may not list them."""
    try:
        answer = await client.request(
            "GET", paths.NAMESPACES, query=[("limit", str(_MOST))], accept=METADATA_LIST
        )
    except ClusterError:
        return []
    return [str(it["metadata"]["name"]) for it in answer.get("items") or ()]
