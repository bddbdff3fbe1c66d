# SPDX-License-Identifier: Apache-2.0
"""The chart renders the Pods and their ServiceAccount as the values say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtp_testkit.testbed import Object
from smtp_testkit.testbed.rendered import of_kind, the

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "smtp-operator"
NOT_ROOT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_trusted_cas_are_mounted_where_the_flag_finds_them(render: Render) -> None:
    settings = ("--set", "trustedCAs.name=corp-ca", "--set", "trustedCAs.key=bundle.pem")
    pod = the(render(*settings), "Deployment")["spec"]["template"]["spec"]
    (mount,) = [it for it in pod["containers"][0]["volumeMounts"] if it["name"] == "trusted-cas"]
    (volume,) = [it for it in pod["volumes"] if it["name"] == "trusted-cas"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/etc/smtp-operator/ca", True)
    assert volume["configMap"] == {
        "name": "corp-ca",
        "items": [{"key": "bundle.pem", "path": "ca.crt"}],
    }


def test_the_pod_is_locked_in(render: Render) -> None:
    pod = the(render(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)


def test_its_token_is_a_projected_one_of_an_hour_and_read_only(render: Render) -> None:
    pod = the(render(), "Deployment")["spec"]["template"]["spec"]
    (volume,) = pod["volumes"]
    (mount,) = pod["containers"][0]["volumeMounts"]

    assert mount == {
        "name": volume["name"],
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    }
    assert volume["projected"]["sources"][0] == {
        "serviceAccountToken": {"path": "token", "expirationSeconds": 3607}
    }


def test_the_platform_may_choose_the_user(render: Render) -> None:
    pod = the(render("--set", "runAsUser=null"), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_on_openshift_an_scc_chooses_the_ids(render: Render) -> None:
    rendered = render("--values", str(CHART / "profiles" / "openshift.yaml"))

    pod = the(rendered, "Deployment")["spec"]["template"]["spec"]
    contexts = [pod["securityContext"], pod["containers"][0]["securityContext"]]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & {field for it in contexts for field in it}
    assert contexts[0]["runAsNonRoot"] is True


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            "podSecurityContext.fsGroup=2000",
            {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 2000, **NOT_ROOT},
        ),
        ("podSecurityContext.runAsUser=1000", {"runAsUser": 1000, **NOT_ROOT}),
        ("runAsUser=1000", {"runAsUser": 1000, "runAsGroup": 1000, **NOT_ROOT}),
        ("runAsUser=null,podSecurityContext.seccompProfile=null", {"runAsNonRoot": True}),
        ("runAsUser=null,podSecurityContext=null", None),
    ],
)
def test_the_security_context_of_the_pod_can_be_changed(
    render: Render, settings: str, expected: Object | None
) -> None:
    pod = the(render("--set", settings), "Deployment")["spec"]["template"]["spec"]
    assert pod.get("securityContext") == expected


def test_the_security_context_of_the_container_can_be_changed(render: Render) -> None:
    rendered = render("--set", "securityContext.capabilities=null,securityContext.privileged=false")

    (container,) = the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
    }


def test_an_existing_service_account_is_used_and_not_created(render: Render) -> None:
    rendered = render(
        "--set=serviceAccount.create=false,serviceAccount.name=mailer,serviceAccountTokens.team-a={a}"
    )

    assert of_kind(rendered, "ServiceAccount") == []
    assert used_service_accounts(rendered) == {"mailer"}


def test_the_service_account_can_have_another_name(render: Render) -> None:
    rendered = render("--set=serviceAccount.name=mailer,serviceAccount.annotations.a=b,allNamespaces=false")

    assert the(rendered, "ServiceAccount", "mailer")["metadata"]["annotations"] == {"a": "b"}
    assert used_service_accounts(rendered) == {"mailer"}


def used_service_accounts(documents: list[Object]) -> set[str]:
    bindings = of_kind(documents, "RoleBinding") + of_kind(documents, "ClusterRoleBinding")
    subjects = {subject["name"] for it in bindings for subject in it["subjects"]}
    return subjects | {the(documents, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]}


def test_volumes_hosts_and_dns_of_the_pod(render: Render, tmp_path: Path) -> None:
    more: Object = {
        "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["mail.example.com"]}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["192.0.2.53"], "options": [{"name": "ndots", "value": "1"}]},
        "revisionHistoryLimit": 0,
    }
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(more))

    spec = the(render("--values", str(values)), "Deployment")["spec"]
    pod = spec["template"]["spec"]

    assert pod["volumes"][1:] == more["extraVolumes"]
    assert pod["containers"][0]["volumeMounts"][1:] == more["extraVolumeMounts"]
    assert {name: pod[name] for name in ("hostAliases", "dnsPolicy", "dnsConfig")} == {
        name: more[name] for name in ("hostAliases", "dnsPolicy", "dnsConfig")
    }
    assert spec["revisionHistoryLimit"] == 0


def test_by_default_kubernetes_decides_about_dns_and_revisions(render: Render) -> None:
    spec = the(render(), "Deployment")["spec"]
    assert "revisionHistoryLimit" not in spec
    assert not {"hostAliases", "dnsPolicy", "dnsConfig"} & spec["template"]["spec"].keys()
