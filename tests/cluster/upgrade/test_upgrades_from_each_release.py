# SPDX-License-Identifier: Apache-2.0
"""Objects of each release stay valid under this release: nothing is written, and no email is sent.

`python -m smtp_tools.release VERSION` records a release in the folder of its version.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.crd import KINDS
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.releases import Release, releases
from smtp_testkit.testbed import Api, AuditLog, Bed, Manifests, Object, OperatorProcess
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.once import verdict
from smtp_tools.localcluster import LocalCluster

CRDS = Path(__file__).parents[3] / "deploy" / "crds"

Schema = dict[str, Any]

each_release = pytest.mark.parametrize("release", releases(), ids=str)


@dataclass(frozen=True)
class UpgradedObjects:
    """A release's objects as recorded, and after this release ran for a while."""

    release: Release
    namespace: str
    before: dict[str, Object]
    after: dict[str, Object]
    writes: set[str]
    """Names of SmtpConfigs whose status this release wrote."""
    mails: int
    smtp_test: str
    """The reason of a SmtpTest that is created after the upgrade."""


@pytest.fixture(scope="module", params=releases(), ids=str)
def upgraded(
    request: pytest.FixtureRequest, cluster: LocalCluster, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UpgradedObjects]:
    """Create old CRDs, objects and statuses; then apply the new CRDs and run the new operator."""
    release: Release = request.param
    namespace = f"from-{str(release).replace('.', '-')}"
    cluster.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump_all(release.crds))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    cluster.kubectl("create", "namespace", namespace)
    before = release.restore(api, namespace)
    manifests = Manifests.read().for_namespace(f"{namespace}-system").permissions()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    account = cluster.kubeconfig_for_service_account(*manifests.service_account)
    audit = AuditLog(cluster.audit_log)
    audit.mark()
    with (
        MailServer.in_thread() as server,
        OperatorProcess(account, tmp_path_factory.mktemp("upgrade") / "operator.log") as operator,
    ):
        operator.start()
        bed = Bed(api, namespace)
        # A new object gets its verdict after all objects of the first listing.
        bed.create(server, "later")
        bed.verdict("later")
        asked = audit.until("create", "events", user=manifests.user, namespace=namespace)
        writes = {it.name for it in asked if it.writes and it.resource == "smtpconfigs/status"}
        after = {it["metadata"]["name"]: it for it in api.items(bed.configs)}
        mails = len(server.mails)
        bed.create_test("try", settings=settings(server))
        yield UpgradedObjects(release, namespace, before, after, writes, mails, verdict(bed))
    cluster.kubectl("delete", "-f", str(CRDS))
    # The deletion of a namespace takes at least 5 seconds.
    cluster.kubectl("delete", "-f", "-", "--wait=false", input=str(manifests))
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_every_object_is_left_as_it_was(upgraded: UpgradedObjects) -> None:
    assert len(upgraded.before) >= 8
    kept = {name: upgraded.after[name] for name in upgraded.before}
    assert {name: it["metadata"]["resourceVersion"] for name, it in kept.items()} == {
        name: it["metadata"]["resourceVersion"] for name, it in upgraded.before.items()
    }


def test_only_what_is_new_is_tested_and_gets_a_mail(upgraded: UpgradedObjects) -> None:
    assert upgraded.writes == {"later"}
    assert upgraded.mails == 1


def test_a_smtp_test_works_after_the_upgrade_also_where_the_release_had_none(
    upgraded: UpgradedObjects,
) -> None:
    assert upgraded.smtp_test == "TestEmailSent"


def test_every_object_is_still_valid(upgraded: UpgradedObjects, api: Api) -> None:
    for it in upgraded.release.objects:
        if it["apiVersion"].startswith("smtp-operator.io/"):
            collection = f"/apis/{it['apiVersion']}/namespaces/{upgraded.namespace}/{it['kind'].lower()}s"
            copy = {**it, "metadata": {"name": f"{it['metadata']['name']}-copy"}}
            api.create(f"{collection}?dryRun=All&fieldValidation=Strict", copy)


def test_the_command_of_the_upgrade_page_removes_the_stored_defaults(
    upgraded: UpgradedObjects, cluster: LocalCluster, api: Api
) -> None:
    page = (CRDS.parents[1] / "docs" / "how-to" / "upgrade.md").read_text()
    (command,) = (it for it in page.split("```sh\n")[1:] if it.startswith("kubectl get smtpconfigs"))
    subprocess.run(
        ["sh", "-euc", command.partition("```")[0]],
        env={"KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{cluster.kubectl_path.parent}:/usr/bin:/bin"},
        check=True,
    )
    collection = f"/apis/smtp-operator.io/v1alpha1/namespaces/{upgraded.namespace}/smtpconfigs"
    for name, before in upgraded.before.items():
        after = api.wait(collection, name, lambda it: "effective" in it["status"])
        old = {"recheck": {"interval": "1h", "mode": "Login"}, "test": {"timeout": "45s"}}
        for part, values in old.items():
            stored = before["spec"][part]
            kept = {key: value for key, value in stored.items() if value != values.get(key)}
            assert after["spec"][part] == kept
        shown, stored = after["status"]["effective"], before["spec"]
        assert shown["recheckInterval"] == stored["recheck"]["interval"]
        assert shown["timeout"] == stored["test"]["timeout"]
        if "value" not in stored.get("password", {}):
            assert after["status"].get("lastTest") == before["status"].get("lastTest")


@each_release
def test_every_spec_is_read(release: Release) -> None:
    for it in release.objects:
        if it["kind"] == "SmtpConfig":
            SmtpConfigSpec.model_validate(it["spec"])


@each_release
def test_no_field_of_it_has_gone_or_become_narrower(release: Release) -> None:
    now = {kind.crd()["metadata"]["name"]: kind.crd() for kind in KINDS}
    for crd in release.crds:
        (old,), (new,) = crd["spec"]["versions"], now[crd["metadata"]["name"]]["spec"]["versions"]
        narrowed = list(narrower(old["schema"]["openAPIV3Schema"], new["schema"]["openAPIV3Schema"], ""))
        assert narrowed == []
        assert crd["spec"]["names"].items() <= now[crd["metadata"]["name"]]["spec"]["names"].items()


def narrower(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Return values that were valid before and are no longer."""
    if old.get("type") != new.get("type"):
        yield f"{path}: {old.get('type')} became {new.get('type')}"
    if not set(new.get("required", ())) <= set(old.get("required", ())):
        yield f"{path}: more is required"
    if "enum" in new and not set(old.get("enum", ())) <= set(new["enum"]):
        yield f"{path}: values have gone"
    for word, widest in (
        ("maxLength", max),
        ("maxItems", max),
        ("maximum", max),
        ("minLength", min),
        ("minimum", min),
    ):
        if word in new and (word not in old or widest(old[word], new[word]) != new[word]):
            yield f"{path}: {word} is narrower"
    for name, inner in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{path}.{name}: has gone"
        else:
            yield from narrower(inner, new["properties"][name], f"{path}.{name}")
    if "items" in old:
        yield from narrower(old["items"], new["items"], f"{path}[]")


def test_narrowing_is_seen() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}, "b": {"type": "string"}}}
    new = json.loads(json.dumps(old)) | {"required": ["a"]}
    new["properties"]["a"]["maxLength"] = 4
    del new["properties"]["b"]

    assert list(narrower(old, new, "spec")) == [
        "spec: more is required",
        "spec.a: maxLength is narrower",
        "spec.b: has gone",
    ]


def test_a_release_is_kept_from_the_first_one_on() -> None:
    assert str(releases()[0]) == "0.1.0"
