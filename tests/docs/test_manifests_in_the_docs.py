# SPDX-License-Identifier: Apache-2.0
"""Every manifest in the documentation is valid for our models and for the API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_testkit.handbook import Block, blocks_of, pages
from smtp_tools.localcluster import KubectlError, LocalCluster

ROOT = Path(__file__).parent.parent.parent

KUSTOMIZATION = "kustomization.yaml"
"""Not an object of the API server; a command of the page builds it."""

MANIFESTS = [
    (f"{block}", block.text)
    for page in pages()
    for block in blocks_of(page)
    if block.language == "yaml" and "kind:" in block.text and block.tags.get("file") != KUSTOMIZATION
] + [("docs/samples.yaml", (ROOT / "docs" / "samples.yaml").read_text(encoding="utf-8"))]

each_manifest = pytest.mark.parametrize(
    "text", [text for _, text in MANIFESTS], ids=[where for where, _ in MANIFESTS]
)


def dry_run(text: str, cluster: LocalCluster, namespace: str) -> str:
    """Let the API server validate objects in `namespace`, also those of others; return its warnings."""
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        if "namespace" in document["metadata"]:
            document["metadata"]["namespace"] = namespace
    named = all("name" in document["metadata"] for document in documents)
    verb = ["apply", "--server-side"] if named else ["create"]
    command = [*verb, "--dry-run=server", "--validate=strict", f"--namespace={namespace}"]
    return cluster.kubectl(*command, "-f", "-", input=yaml.safe_dump_all(documents)).stderr


@each_manifest
def test_a_smtpconfig_in_the_docs_keeps_every_rule(text: str) -> None:
    for document in yaml.safe_load_all(text):
        if document["kind"] == "SmtpConfig":
            SmtpConfigSpec.model_validate(document["spec"])


@pytest.mark.usefixtures("foreign_kinds")
@each_manifest
def test_the_api_server_accepts_a_manifest_in_the_docs_without_a_warning(
    text: str, cluster: LocalCluster, namespace: str
) -> None:
    assert "Warning" not in dry_run(text, cluster, namespace)


@pytest.mark.usefixtures("foreign_kinds")
def test_the_api_server_refuses_a_kustomization_of_flux_with_a_field_that_flux_does_not_know(
    cluster: LocalCluster, namespace: str
) -> None:
    text = next(text for _, text in MANIFESTS if "healthChecks:" in text)
    with pytest.raises(KubectlError, match=r"\.spec\.healthCheck: field not declared in schema"):
        dry_run(text.replace("healthChecks:", "healthCheck:"), cluster, namespace)


def test_every_yaml_block_is_a_whole_manifest(blocks: list[Block]) -> None:
    """Find incomplete manifests, which no test would check."""
    for block in blocks:
        if block.language == "yaml" and block.tags.get("file") != KUSTOMIZATION:
            documents: list[Any] = list(yaml.safe_load_all(block.text))
            assert all({"apiVersion", "kind", "metadata"} <= document.keys() for document in documents), block
