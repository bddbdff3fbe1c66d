# SPDX-License-Identifier: Apache-2.0
"""Vault objects of earlier CRDs: readable, with writable status, unusable until corrected."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from smtp_operator.api.crd import KINDS, SMTP_VAULT
from smtp_testkit.testbed import Api, ApiError, Manifests, Object, OperatorProcess
from smtp_testkit.testbed.users import object_of, path_of
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[3]
CRDS = ROOT / "deploy" / "crds"
NAMESPACE = "stored-before"
VAULTS = path_of("SmtpVault", NAMESPACE)

CCP: Object = {"url": "https://ccp.example.com", "appId": "mail"}
TOKEN: Object = {"tokenRef": {"name": "login", "key": "token"}}
STORED: dict[str, Object] = {
    "no-servers": {"hashiCorpVault": {"url": "https://bao.example.com", "auth": TOKEN}},
    "by-address": {"cyberArkCCP": CCP, "allowedServers": ["smtp.example.com:587"]},
    "sound": {"hashiCorpVault": {"url": "https://bao.example.com", "auth": TOKEN}, "allowedServers": []},
}
SENTENCES = {
    "no-servers": (
        "set allowedServers to the mail servers that may receive passwords from this vault,"
        ' such as ["smtp.example.com:587"]; ["*:*"] allows all'
    ),
    "by-address": (
        "set clientCertificateRef: without it the operator's IP address is the credential,"
        " which only a ClusterSmtpVault can use"
    ),
}
CORRECTIONS: dict[str, Object] = {
    "no-servers": {"allowedServers": ["*:*"]},
    "by-address": {"cyberArkCCP": {"clientCertificateRef": {"name": "ccp-client"}}},
}


def earlier_crds() -> list[Object]:
    """Return this release's CRDs without the rules that require fields."""
    crds = [kind.crd() for kind in KINDS if kind is not SMTP_VAULT]
    vault = SMTP_VAULT.crd()
    spec = vault["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for node in (spec, spec["properties"]["cyberArkCCP"]):
        rules = node.pop("x-kubernetes-validations")
        if kept := [rule for rule in rules if not rule["rule"].startswith("has(self.")]:
            node["x-kubernetes-validations"] = kept
    return [*crds, vault]


def served(api: Api) -> bool:
    try:
        return api.items(VAULTS) == []
    except ApiError:
        return False


each_one = pytest.mark.parametrize("name", SENTENCES)


@pytest.fixture(scope="module", autouse=True)
def stored(cluster: LocalCluster, api: Api) -> Iterator[None]:
    """The objects of earlier CRDs, with the CRDs of this release."""
    cluster.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump_all(earlier_crds()))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    until(lambda: served(api), "SmtpVaults are never served")
    cluster.kubectl("create", "namespace", NAMESPACE)
    for name, spec in STORED.items():
        api.create(VAULTS, object_of("SmtpVault", spec, name))
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    yield
    cluster.kubectl("delete", "-f", str(CRDS))
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@each_one
def test_it_can_be_read_and_labeled(api: Api, name: str) -> None:
    edited = api.patch(f"{VAULTS}/{name}", {"metadata": {"labels": {"team": "a"}}})
    assert edited["metadata"]["labels"] == {"team": "a"}
    assert edited["spec"].keys() == {*STORED[name], "allowPublish"}  # the CRD adds the default: false
    assert edited["spec"]["allowPublish"] is False


@each_one
def test_a_change_of_its_spec_has_to_set_the_field(api: Api, name: str) -> None:
    (block,) = STORED[name].keys() - {"allowedServers"}
    with pytest.raises(ApiError) as refused:
        api.patch(f"{VAULTS}/{name}?dryRun=All", {"spec": {block: {"url": "https://evil.example.com"}}})
    assert SENTENCES[name] in str(refused.value)
    assert api.patch(f"{VAULTS}/{name}?dryRun=All", {"spec": CORRECTIONS[name]})


@each_one
def test_nor_can_another_one_be_created(api: Api, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        api.create(f"{VAULTS}?dryRun=All", object_of("SmtpVault", STORED[name], "another"))
    assert SENTENCES[name] in str(refused.value)


def test_the_operator_writes_into_its_status_which_field_to_set(
    cluster: LocalCluster, api: Api, tmp_path: Path
) -> None:
    manifests = Manifests.read().for_namespace(f"{NAMESPACE}-system").permissions()
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    account = cluster.kubeconfig_for_service_account(*manifests.service_account)
    with OperatorProcess(account, tmp_path / "operator.log") as operator:
        operator.start()
        for name, words in SENTENCES.items():
            ready = _ready(api.wait(VAULTS, name, lambda it: _ready(it) is not None))
            assert ready is not None
            assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
            assert words in ready["message"]
    cluster.kubectl("delete", "-f", "-", "--wait=false", input=str(manifests))


def test_the_command_of_the_upgrade_page_lists_these_and_no_others(cluster: LocalCluster) -> None:
    page = (ROOT / "docs" / "how-to" / "upgrade.md").read_text()
    (command,) = (it for it in page.split("```sh\n")[1:] if it.startswith("kubectl get smtpvaults"))
    listed = subprocess.run(
        ["sh", "-c", command.partition("```")[0]],
        env={"KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{cluster.kubectl_path.parent}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert sorted(listed.stdout.splitlines()) == [
        "stored-before/by-address: set spec.cyberArkCCP.clientCertificateRef",
        "stored-before/no-servers: set spec.allowedServers",
    ]


def _ready(it: Object) -> Object | None:
    conditions = it.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == "Ready"), None)
