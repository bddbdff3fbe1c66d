# SPDX-License-Identifier: Apache-2.0
"""The chart renders its values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smtp_operator.settings import FLAGS
from smtp_testkit.testbed import Object
from smtp_testkit.testbed.rendered import arguments, of_kind, the
from smtp_tools.localcluster import KubectlError

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "smtp-operator"
PROFILES = sorted((CHART / "profiles").glob("*.yaml"))


def test_by_default_no_flag_repeats_a_default(render: Render) -> None:
    assert arguments(render()) == [
        "run",
        "--health-address=:8081",
        "--metrics-address=:8080",
        "--leader-elect",
        "--smtp-tests",
    ]


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ("policies.references=deny", True),
        ("policies.references=warn", False),
        ("policies.references=off", False),
        ("policies.references=off,smtpTests=enabled", True),
        ("smtpTests=disabled", False),
    ],
)
def test_smtp_tests_name_smtp_configs_only_with_the_policies(render: Render, values: str, runs: bool) -> None:
    rendered = render("--set", values)
    assert ("--smtp-tests" in arguments(rendered)) == runs
    names = {it["metadata"]["name"] for it in of_kind(rendered, "ValidatingAdmissionPolicy")}
    assert ("smtp-operator-deletions.smtp-operator.io" in names) == runs


@pytest.mark.parametrize(
    ("setting", "argument"),
    [
        ("secretWatch=none", "--secret-watch=none"),
        ("secretWatch=label", "--secret-watch=label"),
        ("excludedNamespaces={team-a,canary-*}", "--exclude-namespace=team-a,canary-*"),
        ("requireAllowedServers=true", "--require-allowed-servers"),
        ("allowedNetworks={192.0.2.0/24,2001:db8::/32}", "--allow-network=192.0.2.0/24,2001:db8::/32"),
        ("deniedNetworks={192.0.2.0/24}", "--deny-network=192.0.2.0/24"),
        ("allowedSmtpPorts={587,2525-2587}", "--allow-smtp-port=587,2525-2587"),
        ("allowedVaultPorts={8200}", "--allow-vault-port=8200"),
        ("delivery.allowedImapPorts={1993}", "--allow-imap-port=1993"),
        (
            "allowedRecipientDomains={example.com,example.org}",
            "--allow-recipient-domain=example.com,example.org",
        ),
        ("maxConnectionsPerDestination=2", "--max-connections-per-destination=2"),
        ("trustedCAs.name=corp-ca", "--ca-file=/etc/smtp-operator/ca/ca.crt"),
        ("defaults.recheckInterval=6h", "--default-recheck-interval=6h"),
        ("defaults.recheckMode=Connect", "--default-recheck-mode=Connect"),
        ("defaults.testTimeout=2m", "--default-test-timeout=2m"),
        ("maxTests=200", "--max-tests=200"),
        ("maxTestsPerNamespace=50", "--max-tests-per-namespace=50"),
        ("maxEmailsPerNamespace=0", "--max-emails-per-namespace=0"),
        ("maxEmailsPerMailbox=10", "--max-emails-per-mailbox=10"),
        ("maxRejectedLogins=3", "--max-rejected-logins=3"),
        ("httpsProxy=http://proxy.example.com:3128", "--https-proxy=http://proxy.example.com:3128"),
        ("noProxy={vault.example.com}", "--no-proxy=vault.example.com"),
        ("clusterName=east 1", "--cluster-name=east 1"),
        ("docsURL=https://docs.example.com", "--docs-url=https://docs.example.com"),
        ("heloName=mail.example.com", "--helo-name=mail.example.com"),
        ("allowedAuthorityHosts={login.example.com}", "--allow-authority-host=login.example.com"),
        ("allowedKeyVaultHosts={vault.example.com}", "--allow-key-vault-host=vault.example.com"),
        ("fullnameOverride=mail", "--lease-name=mail"),
        ("logFormat=text", "--log-format=text"),
        ("logLevel=debug", "--log-level=debug"),
        ("extraArgs={--debug}", "--debug"),
        ("metrics.port=9090", "--metrics-address=:9090"),
        ("metrics.objectNames=false", "--metrics-object-names=false"),
        ("maxTests=0", "--max-tests=0"),
        ("clusterName=east: 1 # a", "--cluster-name=east: 1 # a"),
    ],
)
def test_a_value_is_a_flag_of_the_program(render: Render, setting: str, argument: str) -> None:
    assert argument in arguments(render("--set", setting))
    assert argument.partition("=")[0] in {it.option for it in FLAGS}


@pytest.mark.parametrize("setting", ["maxTests=400", "metrics.objectNames=true", "logLevel=info"])
def test_a_value_equal_to_the_program_s_default_is_no_flag(render: Render, setting: str) -> None:
    assert arguments(render("--set", setting)) == arguments(render())


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ([], "smtp-operator:0.1.0"),
        (
            ["image.repository=registry.example.com/mail/smtp-operator"],
            "registry.example.com/mail/smtp-operator:0.1.0",
        ),
        (["image.tag=next"], "smtp-operator:next"),
        (["image.tag=next", "image.digest=sha256:" + "a" * 64], "smtp-operator@sha256:" + "a" * 64),
    ],
)
def test_the_image(render: Render, settings: list[str], image: str) -> None:
    pod = the(render(*(word for it in settings for word in ("--set", it))), "Deployment")["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == image


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            "replicas=2,leaderElect=false",
            "replicas is more than 1 without leaderElect: every replica would send every email;"
            " set leaderElect=true",
        ),
        (
            "namespaces={team-a}",
            "namespaces is set, but allNamespaces is true: set allNamespaces=false to serve only"
            " these namespaces",
        ),
        (
            "allNamespaces=false,excludedNamespaces={team-a}",
            "excludedNamespaces is set, but allNamespaces is false: remove it, since only the namespaces in"
            " namespaces are served",
        ),
        ("excludedNamespaces={Team-A}", "'Team-A' does not match pattern"),
        ("replica=2", "additional properties 'replica' not allowed"),
        ("image.name=x", "additional properties 'name' not allowed"),
        ("secretWatch=all", "value must be one of 'metadata', 'label', 'none', ''"),
        ("policies.references=maybe", "value must be one of 'off', 'warn', 'deny'"),
        ("runAsUser=0", "minimum: got 0, want 1"),
        (
            "serviceAccount.create=false",
            "serviceAccount.create is false, but serviceAccount.name is empty: set it to the name of an"
            " existing ServiceAccount",
        ),
        ("serviceAccount.name=Mail", "'Mail' does not match pattern"),
        ("extraVolumes[0].emptyDir.medium=Memory", "missing property 'name'"),
        ("extraVolumeMounts[0].name=a", "missing property 'mountPath'"),
        (
            "dnsPolicy=Never",
            "value must be one of 'ClusterFirst', 'ClusterFirstWithHostNet',",
        ),
        ("revisionHistoryLimit=-1", "minimum: got -1, want 0"),
        ("allowedNetworks={mail.example.com}", "'mail.example.com' does not match pattern"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(render: Render, settings: str, sentence: str) -> None:
    with pytest.raises(KubectlError) as failure:
        render("--set", settings)

    assert sentence in str(failure.value)


def secret_verbs(documents: list[Object], kind: str) -> list[str]:
    (verbs,) = (rule["verbs"] for rule in the(documents, kind)["rules"] if "secrets" in rule["resources"])
    found: list[str] = verbs
    return found


@pytest.mark.parametrize(
    ("mode", "verbs"),
    [("metadata", ["get", "list", "watch"]), ("label", ["get", "list", "watch"]), ("none", ["get"])],
)
def test_the_watch_of_secrets_has_the_rights_that_it_needs(
    render: Render, mode: str, verbs: list[str]
) -> None:
    plain = ["--set", f"secretWatch={mode}", "--set", "userRoles.enabled=false"]
    assert secret_verbs(render(*plain), "ClusterRole") == verbs
    assert secret_verbs(render(*plain, "--set", "allNamespaces=false"), "Role") == verbs


def test_namespaces_have_a_role_each_and_the_cluster_none(render: Render) -> None:
    rendered = render("--set", "allNamespaces=false,userRoles.enabled=false,namespaces={team-a,team-b}")

    roles = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in of_kind(rendered, "Role")}
    assert roles == {
        ("team-a", "smtp-operator"),
        ("team-b", "smtp-operator"),
        ("mail", "smtp-operator-lease"),
    }
    assert of_kind(rendered, "ClusterRole") == of_kind(rendered, "ClusterRoleBinding") == []
    assert arguments(rendered)[-3:-1] == ["--namespace=team-a", "--namespace=team-b"]


def test_tokens_are_for_named_service_accounts_only(render: Render) -> None:
    rendered = render("--set", "serviceAccountTokens.team-a={mailer,vault-reader}")

    role = the(rendered, "Role", "smtp-operator-tokens")
    assert role["metadata"]["namespace"] == "team-a"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["serviceaccounts/token"],
            "resourceNames": ["mailer", "vault-reader"],
            "verbs": ["create"],
        }
    ]
    assert the(rendered, "RoleBinding", "smtp-operator-tokens")["subjects"] == [
        {"kind": "ServiceAccount", "name": "smtp-operator", "namespace": "mail"}
    ]


def test_no_tokens_are_allowed_by_default(render: Render) -> None:
    assert not [
        it for it in render() for rule in it.get("rules", ()) if "serviceaccounts/token" in rule["resources"]
    ]


@pytest.mark.parametrize("action", ["warn", "deny", "off"])
@pytest.mark.parametrize(
    ("value", "names"),
    [
        (
            "references",
            {"smtpconfig-references", "smtpvault-references", "clustersmtpvault-references"},
        ),
        ("plaintextPassword", {"smtpconfig-plaintext-password"}),
    ],
)
def test_policies_are_off_or_warn_or_deny(render: Render, value: str, names: set[str], action: str) -> None:
    rendered = render("--set", f"policies.{value}={action}")

    actions = {
        it["spec"]["policyName"].removesuffix(".smtp-operator.io"): it["spec"]["validationActions"]
        for it in of_kind(rendered, "ValidatingAdmissionPolicyBinding")
    }
    wanted = [] if action == "off" else [action.title()]
    assert {name: actions.get(name, []) for name in names} == dict.fromkeys(names, wanted)
    bound = {it["metadata"]["name"] for it in of_kind(rendered, "ValidatingAdmissionPolicy")}
    assert {name.removesuffix(".smtp-operator.io") for name in bound} == actions.keys()


@pytest.mark.parametrize(("action", "joined"), [("deny", True), ("warn", False), ("off", False)])
def test_viewers_see_smtpconfigs_only_if_plaintext_passwords_are_forbidden(
    render: Render, action: str, joined: bool
) -> None:
    rendered = render("--set", f"policies.plaintextPassword={action}")
    (view,) = (
        it for it in of_kind(rendered, "ClusterRole") if it["metadata"]["name"] == "smtp-operator-view"
    )
    assert ("rbac.authorization.k8s.io/aggregate-to-view" in view["metadata"]["labels"]) is joined


def test_crds_are_kept_unless_that_is_unwanted(render: Render) -> None:
    def kept(*words: str) -> set[Any]:
        crds = of_kind(render(*words), "CustomResourceDefinition")
        return {it["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for it in crds}

    assert kept() == {"keep"}
    assert kept("--set", "crds.keep=false") == {None}
    assert kept("--set", "crds.enabled=false") == set()


def egress(documents: list[Object]) -> list[Object]:
    rules: list[Object] = the(documents, "NetworkPolicy")["spec"]["egress"]
    return rules


def test_the_network_policy_says_what_the_flags_say(render: Render) -> None:
    rendered = render(
        "--set", "networkPolicy.enabled=true,allowedSmtpPorts={587,2525-2587},allowedVaultPorts={8200}",
        "--set", "allowedNetworks={192.0.2.0/24,2001:db8::/32}",
    )  # fmt: skip

    _, _, servers = egress(rendered)
    assert servers == {
        "ports": [
            {"protocol": "TCP", "port": 587},
            {"protocol": "TCP", "port": 2525, "endPort": 2587},
            {"protocol": "TCP", "port": 8200},
        ],
        "to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}, {"ipBlock": {"cidr": "2001:db8::/32"}}],
    }


def test_without_ports_it_allows_those_that_the_program_allows(render: Render) -> None:
    ports = {it["port"] for it in egress(render("--set", "networkPolicy.enabled=true"))[2]["ports"]}

    wanted = [it.default for it in FLAGS if it.option in ("--allow-smtp-port", "--allow-vault-port")]
    assert ports == {int(port) for text in wanted for port in text.split(",")}


def test_without_allowed_networks_it_leaves_out_what_is_denied(render: Render) -> None:
    rendered = render("--set", "networkPolicy.enabled=true,deniedNetworks={10.0.0.0/8,fd00::/8}")

    assert egress(rendered)[2]["to"] == [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.0.0.0/8"]}},
        {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10", "fd00::/8"]}},
    ]


def test_it_reaches_names_and_the_api_server(render: Render) -> None:
    names, server, _ = egress(
        render("--set", "networkPolicy.enabled=true,networkPolicy.apiServerNetworks={10.0.0.1/32}")
    )

    assert names == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
    assert server == {
        "ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}],
        "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
    }


def test_two_replicas_wait_for_each_other_and_are_spread(render: Render) -> None:
    rendered = render("--values", str(CHART / "profiles" / "high-availability.yaml"))

    spec = the(rendered, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
    assert [it["topologyKey"] for it in spec["template"]["spec"]["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert the(rendered, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_without_a_lease_one_ends_before_the_next_one_starts(render: Render) -> None:
    rendered = render("--set", "leaderElect=false")

    assert the(rendered, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert of_kind(rendered, "Role") == []
    assert "--leader-elect" not in arguments(rendered)


def test_the_lease_is_the_only_one_that_it_may_write(render: Render) -> None:
    create, keep = the(render(), "Role", "smtp-operator-lease")["rules"]

    assert create["verbs"] == ["create"]
    assert (keep["resourceNames"], keep["verbs"]) == (["smtp-operator"], ["get", "update", "watch"])


def test_monitoring_carries_the_labels_by_which_it_is_selected(render: Render) -> None:
    rendered = render(
        "--set=metrics.podMonitor=true,metrics.prometheusRule=true,metrics.dashboard=true",
        "--set=metrics.serviceMonitor=true",
        "--set=metrics.labels.prometheus=main",
    )
    kinds = ("PodMonitor", "ServiceMonitor", "PrometheusRule", "ConfigMap")
    found = [it["metadata"] for kind in kinds for it in of_kind(rendered, kind)]

    assert [(it["namespace"], it["labels"]["prometheus"]) for it in found] == [("mail", "main")] * 4


@pytest.mark.parametrize("wanted", [False, True])
def test_a_service_for_metrics_is_there_where_it_is_wanted(render: Render, wanted: bool) -> None:
    rendered = render("--set", f"metrics.service={str(wanted).lower()}")
    assert [it["spec"]["clusterIP"] for it in of_kind(rendered, "Service")] == ["None"] * wanted


def test_a_service_monitor_finds_the_service_that_comes_with_it(render: Render) -> None:
    rendered = render("--set=metrics.serviceMonitor=true,fullnameOverride=mailer")

    (service,) = of_kind(rendered, "Service")
    monitor = the(rendered, "ServiceMonitor", "mailer")
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [it["port"] for it in monitor["spec"]["endpoints"]] == [
        it["name"] for it in service["spec"]["ports"]
    ]


@pytest.mark.parametrize("profile", [None, *PROFILES], ids=lambda it: it.stem if it else "default")
def test_everything_carries_the_labels_by_which_it_is_found(render: Render, profile: Path | None) -> None:
    rendered = render("--values", str(profile)) if profile else render()
    for it in rendered:
        labels = it["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "smtp-operator", it
        assert labels["app.kubernetes.io/managed-by"] == "Helm", it
        assert labels["helm.sh/chart"] == "smtp-operator-0.1.0", it


def test_two_releases_have_separate_objects(render: Render) -> None:
    ours = {(it["kind"], it["metadata"]["name"]) for it in render("--set", "fullnameOverride=other")}
    theirs = {(it["kind"], it["metadata"]["name"]) for it in render()}
    shared = {kind for kind, _ in ours & theirs}
    assert shared == {
        "CustomResourceDefinition",
        "ClusterRole",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
