# SPDX-License-Identifier: Apache-2.0
"""Check that the API server knows every field that this release writes or reads.

The API server rejects server-side apply of a field that the CRD lacks. An operator newer than its CRDs would
send emails and could not report the results.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from smtp_operator.api.errors import ClusterError, ObjectNotFound
from smtp_operator.api.names import GROUP, VERSION
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient

Schema = Mapping[str, Any]

_ATTEMPTS: Final = 5
_PAUSE: Final = 1.0
_NAMED: Final = 5

HINT: Final = (
    "apply the CRDs of this release first: kubectl apply --server-side -f deploy/crds/"
    " (or: smtp-operator crds | kubectl apply --server-side -f -)"
)


class SchemaTooOld(ClusterError):
    """A CRD in the cluster is missing or lacks fields; the text says what to do."""


async def check_schema(client: KubernetesClient, crds: Sequence[Schema]) -> None:
    """Return when the API server's schema has every field of the CRDs.

    The API server publishes a newly applied CRD after a second or two, so the check is tried five times.

    Raises:
        SchemaTooOld: the schema lacks fields.
        ClusterError: the API server did not return its schema.
    """
    for _ in range(_ATTEMPTS - 1):
        if not _verdicts(await _published(client), crds):
            return
        await asyncio.sleep(_PAUSE)
    verdicts = _verdicts(await _published(client), crds)
    if verdicts:
        raise SchemaTooOld("; ".join([*verdicts, HINT]))


def missing_fields(wanted: Schema, present: Schema, path: str = "") -> Iterator[str]:
    """Yield the paths, such as ``status.lastTest.server``, of the fields that are wanted and not present."""
    if present.get("x-kubernetes-preserve-unknown-fields"):
        return
    if "items" in wanted:
        yield from missing_fields(wanted["items"], present.get("items", {}), f"{path}[]")
    for name, child in wanted.get("properties", {}).items():
        child_path = f"{path}.{name}" if path else name
        known = present.get("properties", {}).get(name)
        if known is None:
            yield child_path
        else:
            yield from missing_fields(child, known, child_path)


def _verdicts(present: Mapping[str, Schema], crds: Sequence[Schema]) -> list[str]:
    found = (_verdict(present.get(crd["spec"]["names"]["kind"]), crd) for crd in crds)
    return [verdict for verdict in found if verdict is not None]


def _verdict(present: Schema | None, crd: Schema) -> str | None:
    name = f"{crd['spec']['names']['plural']}.{GROUP}"
    if present is None:
        return f"the cluster has no CRD {name} with version {VERSION}"
    (served,) = (it for it in crd["spec"]["versions"] if it["name"] == VERSION)
    wanted = served["schema"]["openAPIV3Schema"]["properties"]
    lacking = [
        field
        for part in ("spec", "status")
        for field in missing_fields(
            {"properties": {part: wanted[part]}},
            {"properties": {part: present.get("properties", {}).get(part, {})}},
        )
    ]
    if not lacking:
        return None
    more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    return (
        f"the cluster's CRD {name} is older than this operator and lacks {', '.join(lacking[:_NAMED])}{more}"
    )


async def _published(client: KubernetesClient) -> Mapping[str, Schema]:
    """Return the API server's schema of each of our kinds."""
    try:
        document = await client.request("GET", paths.schema())
    except ObjectNotFound:
        return {}
    return {
        str(kind["kind"]): schema
        for schema in document.get("components", {}).get("schemas", {}).values()
        for kind in schema.get("x-kubernetes-group-version-kind", ())
        if (kind.get("group"), kind.get("version")) == (GROUP, VERSION)
    }
