# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp status --vaults``: the vault objects of a cluster, and whether the operator can log in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from smtp_operator.api.objects import JsonObject, ReferenceKind
from smtp_operator.cli.exit_codes import FAILED, PASSED
from smtp_operator.cli.kubectl.results import as_json, show
from smtp_operator.cli.streams import one_line
from smtp_operator.cli.terminal import TerminalStyle
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient

_PAGE_SIZE: Final = 100
_HEAD: Final = ("VAULT", "PROVIDER", "READY", "STATUS")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultRow:
    """The state of a vault object."""

    kind: str
    namespace: str | None
    """None: a ClusterSmtpVault."""
    name: str
    provider: str
    passed: bool | None
    """Whether the login works; None: not tested yet."""
    reason: str | None
    message: str | None
    summary: str
    next_check_time: str | None

    @classmethod
    def of(cls, kind: str, object_: JsonObject) -> "VaultRow":
        """Return the row of an object from the API server."""
        metadata, status = object_["metadata"], object_.get("status") or {}
        current = status.get("observedGeneration") == metadata.get("generation")
        conditions = (status.get("conditions") or []) if current else []
        ready: dict[str, Any] = next((it for it in conditions if it.get("type") == "Ready"), {})
        return cls(
            kind=kind,
            namespace=metadata.get("namespace"),
            name=metadata["name"],
            provider=str(status.get("provider") or ""),
            passed={"True": True, "False": False}.get(str(ready.get("status"))),
            reason=ready.get("reason"),
            message=ready.get("message"),
            summary=str(status.get("summary") or "") if ready else "not tested yet",
            next_check_time=status.get("nextCheckTime"),
        )

    @property
    def shown(self) -> str:
        """The kind and name for the table."""
        return f"{self.kind} {'/'.join(filter(None, (self.namespace, self.name)))}"


async def list_vaults(client: KubernetesClient, namespace: str | None) -> list[VaultRow]:
    """Return the vault objects of a namespace; None: of the cluster, with ClusterSmtpVaults.

    Raises:
        ClusterError: the request failed.
    """
    kinds: tuple[ReferenceKind, ...] = (
        ("SmtpVault", "ClusterSmtpVault") if namespace is None else ("SmtpVault",)
    )
    rows = []
    for kind in kinds:
        path = paths.objects(kind, namespace)
        async for page in client.pages(path, query=(), page_size=_PAGE_SIZE):
            rows += [VaultRow.of(kind, item) for item in page.get("items") or ()]
    return sorted(rows, key=lambda it: (it.kind, it.namespace or "", it.name))


def show_vaults(rows: Sequence[VaultRow], output: str, style: TerminalStyle) -> None:
    """Show a table, or JSON."""
    if output == "json":
        failed = any(it.passed is False for it in rows)
        show(as_json({"exitCode": FAILED if failed else PASSED, "items": [_as_json(it) for it in rows]}))
        return
    ready = {None: "Unknown", True: "True", False: "False"}
    cells = [_HEAD, *((it.shown, it.provider, ready[it.passed], it.summary) for it in rows)]
    lines = [[one_line(cell) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in lines]
    for row, line in zip(rows, padded[1:], strict=True):
        if row.passed is not None:
            line[2] = style.painted(line[2], good=row.passed)
    show("".join("   ".join(line).rstrip() + "\n" for line in padded))


def _as_json(row: VaultRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "namespace": row.namespace,
        "name": row.name,
        "provider": row.provider,
        "passed": row.passed,
        "reason": row.reason,
        "message": row.message,
        "summary": row.summary,
        "nextCheckTime": row.next_check_time,
    }
