# SPDX-License-Identifier: Apache-2.0
"""Decide whether values may be published, and how the published copy is bound. Fails closed.

A holder is an object that holds a published value, or that the operator used to get it: a Secret, a
ServiceAccount or a vault object.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.names import ALLOW_PUBLISH, ALLOWED_CA, ALLOWED_SERVERS
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpvault import ClusterSmtpVaultSpec
from smtp_operator.api.vaultobject import vault_object
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.secrets.allowed_servers import entry_matches
from smtp_operator.secrets.bindings import binding_of
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.vaults.access import matches_namespace

_EVERYWHERE: Final = "*:*"
_VAULT_KINDS: Final = ("SmtpVault", "ClusterSmtpVault")


async def check_consent(holders: Iterable[JsonObject], namespace: str, get_object: GetObject) -> None:
    """Check that the owners of all holders allow their values in a Secret of this namespace.

    Raises:
        VerdictError: one of them does not; reason PublishNotAllowed.
        ApiUnavailable
    """
    for holder in holders:
        if holder.get("kind") in _VAULT_KINDS:
            await _check_vault(holder, namespace, get_object)
        else:
            _check_annotation(holder)


def reference_of(holder: JsonObject) -> Reference:
    """Return the reference to a holder."""
    metadata = holder["metadata"]
    return Reference(holder.get("kind", "Secret"), metadata.get("namespace", ""), metadata["name"])


async def with_current(holders: Iterable[JsonObject], get_object: GetObject) -> tuple[JsonObject, ...]:
    """Return the holders as a test read them and as they are now; consent may be withdrawn meanwhile.

    Raises:
        VerdictError: one of them can no longer be read; reason PublishNotAllowed.
        ApiUnavailable
    """
    found = list(holders)
    for reference in dict.fromkeys(map(reference_of, found)):
        try:
            found.append(await get_object(reference))
        except (ObjectNotFound, AccessDenied):
            raise _not_allowed(
                f"{reference} can no longer be read, so its owner's consent cannot be checked. Restore it, or"
                " correct the settings."
            ) from None
    return tuple(found)


def _check_annotation(holder: JsonObject) -> None:
    annotations = holder["metadata"].get("annotations") or {}
    if ALLOWED_SERVERS in annotations and annotations.get(ALLOW_PUBLISH) != "true":
        raise _not_allowed(
            f"{_name_of(holder)} is bound to its servers, so only its owner can allow spec.publish to copy"
            f' its values. Ask the owner to add the annotation {ALLOW_PUBLISH}: "true".'
        )


async def _check_vault(holder: JsonObject, namespace: str, get_object: GetObject) -> None:
    try:
        vault = vault_object(holder["kind"], holder)
    except ValidationError:
        raise _not_allowed(
            f"The spec of {_name_of(holder)} is invalid, so nothing read through it is published. Correct the"
            " spec."
        ) from None
    if not isinstance(vault.spec, ClusterSmtpVaultSpec):
        if not vault.spec.allow_publish:
            raise _not_allowed(
                f"{vault.reference} does not allow its passwords to be published. Ask its owner to set"
                " allowPublish: true in its spec."
            )
        return
    try:
        allowed = await matches_namespace(
            vault, vault.spec.publish_namespaces, namespace, get_object, field="publishNamespaces"
        )
    except VerdictError as error:
        raise _not_allowed(error.verdict.message) from None
    if not allowed:
        raise _not_allowed(
            f"{vault.reference} does not allow its passwords to be published in namespace {namespace}. Ask"
            " the cluster admin to add it to spec.publishNamespaces.matchNames there."
        )


def carried_annotations(holders: Iterable[JsonObject], *, server: str, port: int) -> dict[str, str]:
    """Return the annotations that bind the published copy at least as strictly as each of its holders.

    They are the intersections of ``allowed-servers``, and of ``allowed-ca``; without bound holders there are
    none. What the annotation cannot express of a vault object's ``allowedServers`` is narrowed to ``server``
    and ``port``.
    """
    holders = tuple(holders)
    found = [it for it in (_servers(holder, server, port) for holder in holders) if it is not None]
    if not found:
        return {}
    bound = [it for it in found if _EVERYWHERE not in it]
    if not bound:
        return {ALLOWED_SERVERS: _EVERYWHERE}
    servers = bound[0]
    for other in bound[1:]:
        servers = _common(servers, other)
    carried = {ALLOWED_SERVERS: ",".join(dict.fromkeys(servers))}
    admitted = [it.admitted for it in map(binding_of, holders) if it is not None]
    common = admitted[0].intersection(*admitted[1:]) - {""} if admitted else frozenset[str]()
    if common:
        carried[ALLOWED_CA] = ",".join(sorted(common))
    return carried


def _servers(holder: JsonObject, server: str, port: int) -> list[str] | None:
    """Return the entries of a holder; None if it is not bound."""
    if holder.get("kind") in _VAULT_KINDS:
        allowed = holder["spec"].get("allowedServers") or ()
        return None if _EVERYWHERE in allowed else [_expressible(it, server, port) for it in allowed]
    annotation = _annotations(holder).get(ALLOWED_SERVERS)
    return None if annotation is None else [it.strip() for it in str(annotation).split(",") if it.strip()]


def _expressible(entry: str, server: str, port: int) -> str:
    host, _, entry_port = entry.rpartition(":")
    if host == "*":
        host = f"[{server}]" if ":" in server else server
    return f"{host}:{port if entry_port == '*' else entry_port}"


def _common(one: list[str], other: list[str]) -> list[str]:
    """Return the entries of either list that the other one allows too; an entry can be a pattern."""
    return [
        entry
        for entries, others in ((one, other), (other, one))
        for entry in entries
        if any(_covers(it, entry) for it in others)
    ]


def _covers(pattern: str, entry: str) -> bool:
    host, _, port = entry.rpartition(":")
    return port.isdecimal() and entry_matches(pattern, host.removeprefix("[").removesuffix("]"), int(port))


def _annotations(holder: JsonObject) -> Mapping[str, Any]:
    return holder["metadata"].get("annotations") or {}


def _name_of(holder: JsonObject) -> str:
    return str(reference_of(holder))


def _not_allowed(message: str) -> VerdictError:
    return failed(Reason.PUBLISH_NOT_ALLOWED, message)
