# SPDX-License-Identifier: Apache-2.0
"""Find the owner of an object, and the owners of its fields (server-side apply)."""

from collections.abc import Mapping
from typing import Any, Final

from smtp_operator.api.objects import JsonObject

FIELD_MANAGER: Final = "smtp-operator-ui"

_SIGNS: Final[tuple[tuple[str, str, str, str], ...]] = (
    # product, part of the metadata, key, value (empty: any)
    ("Argo CD", "annotations", "argocd.argoproj.io/tracking-id", ""),
    ("Argo CD", "labels", "argocd.argoproj.io/instance", ""),
    ("Flux", "labels", "kustomize.toolkit.fluxcd.io/name", ""),
    ("Flux", "labels", "helm.toolkit.fluxcd.io/name", ""),
    ("Helm", "annotations", "meta.helm.sh/release-name", ""),
    ("Helm", "labels", "app.kubernetes.io/managed-by", "Helm"),
)
_MANAGERS: Final = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "helm": "Helm",
}


def owner_of(object_: JsonObject) -> str:
    """Return who would revert a change, such as ``Argo CD`` or ``Release team-a-mail``; empty: no one."""
    metadata = object_.get("metadata") or {}
    for product, part, key, value in _SIGNS:
        found = (metadata.get(part) or {}).get(key)
        if found is not None and value in ("", found):
            return product
    for entry in metadata.get("managedFields") or ():
        product = _MANAGERS.get(str(entry.get("manager")), "")
        if product and entry.get("subresource", "") == "" and "f:spec" in (entry.get("fieldsV1") or {}):
            return product
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{reference.get('kind')} {reference.get('name')}"
    return ""


def fields_to_apply(current: JsonObject | None, wanted: Mapping[str, Any]) -> JsonObject:
    """Return the part of the wanted spec to apply: what differs, and what this page already owns.

    A field that is left out stays with its owner, and its owner can still remove it.
    """
    if current is None:
        return dict(wanted)
    owned: dict[str, Any] = {}
    for entry in (current.get("metadata") or {}).get("managedFields") or ():
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            owned = (entry.get("fieldsV1") or {}).get("f:spec") or {}
    return _partly(current.get("spec") or {}, wanted, owned)


def manager_of(object_: JsonObject, path: str) -> str:
    """Return the field manager of a field of the spec, other than this page; empty: none.

    ``path`` is that of the field, such as ``.password.secretRef``.
    """
    for entry in (object_.get("metadata") or {}).get("managedFields") or ():
        owned = (entry.get("fieldsV1") or {}).get("f:spec")
        for name in path.strip(".").split("."):
            owned = owned.get(f"f:{name}") if isinstance(owned, Mapping) else None
        if owned is not None and entry.get("manager") != FIELD_MANAGER:
            return str(entry.get("manager"))
    return ""


def _partly(current: Mapping[str, Any], wanted: Mapping[str, Any], owned: Mapping[str, Any]) -> JsonObject:
    part: JsonObject = {}
    for name, value in wanted.items():
        before, ours = current.get(name), owned.get(f"f:{name}")
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = _partly(before, value, ours or {})
            if inner or ours is not None:
                part[name] = inner
        elif value != before or ours is not None:
            part[name] = value
    return part


def differing_fields(result: Any, wanted: Any, path: str = "") -> list[str]:
    """Return the paths at which two specs differ; a list counts as one field, in any order."""
    if isinstance(result, Mapping) and isinstance(wanted, Mapping):
        names = dict.fromkeys([*wanted, *result])
        return [
            field
            for name in names
            for field in differing_fields(result.get(name), wanted.get(name), f"{path}.{name}")
        ]
    if isinstance(result, list) and isinstance(wanted, list):
        same = sorted(map(str, result)) == sorted(map(str, wanted))
    else:
        same = result == wanted or (not result and not wanted)
    return [] if same else [path]
