# SPDX-License-Identifier: Apache-2.0
"""An object stored with a link in its display name stays writable, except for that name (ratcheting)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.validation_rules import FROM_DISPLAY_NAME
from smtp_tools.localcluster import KubectlError, LocalCluster

Manifest = dict[str, Any]

CRD = Path(__file__).parents[3] / "deploy" / "crds" / "smtpconfigs.yaml"
# Group and names are not ours, so that `kubectl get smtpconfig` of other tests still means our kind.
GROUP = "ratcheting.example.com"
KIND, PLURAL, SINGULAR = "StoredConfig", "storedconfigs", "storedconfig"
RESOURCE = f"{PLURAL}.{GROUP}"
LINK = "Log in at evil.example <noreply@example.com>"


def crd(*, with_rule: bool) -> str:
    """Return our CRD in another group, with or without the rule for display names."""
    manifest = yaml.safe_load(CRD.read_text())
    manifest["metadata"] = {"name": RESOURCE}
    manifest["spec"]["group"] = GROUP
    manifest["spec"]["names"] = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": SINGULAR,
    }
    for version in manifest["spec"]["versions"]:
        from_ = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["from"]
        rules = from_["x-kubernetes-validations"]
        kept = [it for it in rules if it["rule"] != FROM_DISPLAY_NAME.expression]
        assert len(kept) == len(rules) - 1
        from_["x-kubernetes-validations"] = rules if with_rule else kept
    return json.dumps(manifest)


def mail(name: str) -> str:
    spec = {"server": "smtp.example.com", "port": 587, "from": LINK}
    metadata = {"name": name, "namespace": "default"}
    api = {"apiVersion": f"{GROUP}/v1alpha1", "kind": KIND}
    return json.dumps(api | {"metadata": metadata, "spec": spec})


@pytest.fixture
def stored(cluster: LocalCluster) -> Iterator[str]:
    """Return an object that was stored before the rule existed."""
    cluster.kubectl("apply", "--server-side", "-f", "-", input=crd(with_rule=False))
    cluster.kubectl("wait", "--for=condition=Established", "crd", RESOURCE, "--timeout=60s")
    cluster.kubectl("create", "-f", "-", input=mail("stored"))
    cluster.kubectl("apply", "--server-side", "-f", "-", input=crd(with_rule=True))
    for _ in range(200):
        words = ("create", "--dry-run=server", "-f", "-")
        if cluster.kubectl(*words, input=mail("new"), check=False).returncode:
            break
    else:
        pytest.fail("the new rule never took effect")
    yield f"{RESOURCE}/stored"
    cluster.kubectl("delete", "crd", RESOURCE)


def test_status_and_other_fields_can_be_written(cluster: LocalCluster, stored: str) -> None:
    status = {"status": {"summary": "InvalidSpec"}}
    cluster.kubectl("patch", stored, "--subresource=status", "--type=merge", "-p", json.dumps(status))
    cluster.kubectl("patch", stored, "--type=merge", "-p", json.dumps({"spec": {"suspend": True}}))
    cluster.kubectl("annotate", stored, "smtp-operator.io/test-requested-at=now")

    other = {"spec": {"from": f"Now {LINK}"}}
    with pytest.raises(KubectlError, match="from must have a display name of at most 64 characters"):
        cluster.kubectl("patch", stored, "--type=merge", "-p", json.dumps(other))
