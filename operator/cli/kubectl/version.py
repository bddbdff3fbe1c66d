# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp version``: the versions of the plug-in and of the operators in a cluster."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from smtp_operator.cli.exit_codes import PASSED
from smtp_operator.cli.kubectl.results import as_json, show
from smtp_operator.cluster.client import KubernetesClient

_DEPLOYMENTS: Final = "/apis/apps/v1/deployments"
_SELECTOR: Final = "app.kubernetes.io/name=smtp-operator"
_VERSION: Final = "app.kubernetes.io/version"


def show_client_version(output: str) -> int:
    """Show the version of the plug-in; return the exit code."""
    return _show([], output, client_only=True)


async def show_version(client: KubernetesClient, output: str) -> int:
    """Show all versions; return the exit code.

    Raises:
        ClusterError: the Deployments cannot be listed.
    """
    answer = await client.request("GET", _DEPLOYMENTS, query=[("labelSelector", _SELECTOR)])
    operators = []
    for item in answer.get("items") or ():
        metadata = item["metadata"]
        found = (metadata.get("labels") or {}).get(_VERSION, "unknown")
        operators.append({"namespace": metadata["namespace"], "name": metadata["name"], "version": found})
    return _show(operators, output, client_only=False)


def _show(operators: Sequence[dict[str, Any]], output: str, *, client_only: bool) -> int:
    client = version("smtp-operator")
    if output == "json":
        show(as_json({"client": client, "operators": list(operators)}))
        return PASSED
    lines = [f"client: {client}"]
    lines += [f"operator: {it['version']} ({it['namespace']}/{it['name']})" for it in operators]
    if not operators and not client_only:
        lines.append("operator: no Deployment with the label app.kubernetes.io/name=smtp-operator")
    show("\n".join(lines) + "\n")
    return PASSED
