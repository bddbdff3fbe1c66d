# SPDX-License-Identifier: Apache-2.0
"""Checks of a SmtpConfig in a cluster, with the user's read access; nothing is written there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.kubeconfig import write_kubeconfig
from smtp_tools.localcluster.ports import free_ports

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

NAME = "corporate-mail"
PASSWORD = "s3cret-pa55"


@pytest.fixture
def stored(
    api: Api, namespace: str, config: Document, secret: Document, authority: Document
) -> Callable[[], Document]:
    """Create all objects in the cluster; return the stored SmtpConfig."""
    del config["metadata"]["namespace"]
    api.create(f"/api/v1/namespaces/{namespace}/secrets", secret)
    api.create(f"/api/v1/namespaces/{namespace}/configmaps", authority)
    collection = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"
    api.create(collection, config)
    return lambda: api.get(f"{collection}/{NAME}")


Reader = Callable[..., str]

SMTP_CONFIGS = "smtpconfigs.smtp-operator.io"


def test_read_access_is_enough_to_check(
    check: Check, reader: Reader, stored: Callable[[], Document], namespace: str, server: MailServer
) -> None:
    before = stored()
    ended = check(NAME, "-n", namespace, "--kubeconfig", reader(SMTP_CONFIGS, "secrets", "configmaps"))
    assert ended.code == 0, ended
    assert ended.text == (
        f"✓ TestEmailSent  {namespace}/{NAME}\n"
        "  Accepted for delivery to 1 recipient by localhost (queue id 1). Accepted does not mean "
        "delivered.\n"
        "  If the email does not arrive, check the spam folder. All recipients are in the From domain, so\n"
        "  this proves nothing about other domains. Set a recipient elsewhere to test them.\n"
        "  The password was read from Secret smtp-password, key password.\n"
    )
    assert [mail.username for mail in server.mails] == ["mailer@example.com"]
    assert stored() == before


def test_it_shows_where_it_sends(
    check: Check, reader: Reader, stored: Callable[[], Document], namespace: str, server: MailServer
) -> None:
    stored()
    ended = check(NAME, "-n", namespace, "--kubeconfig", reader(SMTP_CONFIGS, "secrets", "configmaps"))
    assert ended.progress.startswith(
        f"  Sends the password to localhost:{server.starttls_port}: Secret smtp-password, key password.\n"
        "  ✓ Password TIME\n"
    )


def test_an_unbound_secret_is_rejected_as_by_the_operator(
    check: Check, reader: Reader, stored: Callable[[], Document], namespace: str, server: MailServer
) -> None:
    stored()
    kubeconfig = reader(SMTP_CONFIGS, "secrets", "configmaps")
    ended = check(NAME, "-n", namespace, "--kubeconfig", kubeconfig, "--require-allowed-servers")
    assert (ended.code, server.auth_attempts) == (1, [])
    assert " ".join(ended.out.split()).startswith(
        f"✗ ServerNotAllowed in Password {namespace}/{NAME} Secret {namespace}/smtp-password does not say"
        " where its values may be sent, which the operator requires (--require-allowed-servers)."
    )


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        ("smtp.example.com:587", "ServerNotAllowed in Password"),
        ("localhost:{port}", "CaNotAllowed in Tls"),
    ],
)
def test_a_bound_secret_is_sent_as_by_the_operator(
    cluster: LocalCluster,
    check: Check,
    reader: Reader,
    stored: Callable[[], Document],
    namespace: str,
    server: MailServer,
    servers: str,
    reason: str,
) -> None:
    stored()
    annotation = f"smtp-operator.io/allowed-servers={servers.format(port=server.starttls_port)}"
    cluster.kubectl("-n", namespace, "annotate", "secret", "smtp-password", annotation)
    ended = check(NAME, "-n", namespace, "--kubeconfig", reader(SMTP_CONFIGS, "secrets", "configmaps"))
    assert (ended.code, server.auth_attempts) == (1, [])
    assert ended.out.startswith(f"✗ {reason}  {namespace}/{NAME}\n")


def test_defaults_are_the_contexts_namespace_and_the_environments_kubeconfig(
    check: Check, reader: Reader, stored: object, namespace: str
) -> None:
    kubeconfig = reader(SMTP_CONFIGS, "secrets", "configmaps")
    ended = check(NAME, "--mode", "Login", "--output", "json", KUBECONFIG=kubeconfig)
    assert ended.json["name"] == f"{namespace}/{NAME}"
    assert ended.json["password"]["version"].isdecimal()
    assert (
        check(NAME, "--context", "local", "--timeout", "20s", "--mode", "Connect", KUBECONFIG=kubeconfig).code
        == 0
    )


def test_users_without_access_to_the_secret_supply_the_password(
    check: Check, reader: Reader, stored: object, namespace: str, write: Write
) -> None:
    words = [NAME, "--mode", "Login", "--kubeconfig", reader(SMTP_CONFIGS, "configmaps")]
    ended = check(*words)
    assert ended.code == 4
    assert " ".join(ended.text.split()) == (
        f"✗ SecretAccessDenied in Password {namespace}/{NAME}"
        f" You are not allowed to read Secret {namespace}/smtp-password in the cluster."
        " Ask an admin for access, or supply the password with --password-file FILE"
        " or in SMTP_OPERATOR_PASSWORD."
    )
    assert check(*words, SMTP_OPERATOR_PASSWORD=PASSWORD).code == 0
    assert check(*words, "--password-file", write(PASSWORD, name="password.txt")).code == 0


def test_a_deleted_secret_is_reported(
    check: Check, reader: Reader, stored: object, namespace: str, api: Api
) -> None:
    kubeconfig = reader(SMTP_CONFIGS, "secrets", "configmaps")
    api.delete(f"/api/v1/namespaces/{namespace}/secrets/smtp-password")
    ended = check(NAME, "--kubeconfig", kubeconfig)
    assert ended.code == 4
    assert " ".join(ended.text.split()) == (
        f"✗ SecretNotFound in Password {namespace}/{NAME} Secret {namespace}/smtp-password is not in the"
        " cluster. Add it, or supply the password with --password-file FILE or in SMTP_OPERATOR_PASSWORD."
    )


def test_a_missing_smtpconfig(check: Check, reader: Reader, namespace: str, cluster: LocalCluster) -> None:
    ended = check("other", "--kubeconfig", reader(SMTP_CONFIGS))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"smtp-operator: SmtpConfig {namespace}/other does not exist on {cluster.url}\n"


def test_a_smtpconfig_without_read_access(
    check: Check, reader: Reader, stored: object, namespace: str
) -> None:
    ended = check(NAME, "-n", namespace, "--kubeconfig", reader())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"smtp-operator: GET /apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs/{NAME}:"
        f' 403 Forbidden: {SMTP_CONFIGS} "{NAME}" is forbidden: User'
        f' "system:serviceaccount:{namespace}:reader" cannot get resource "smtpconfigs" in API group'
        f' "smtp-operator.io" in the namespace "{namespace}"\n'
    )


def test_an_api_server_that_is_down(check: Check, folder: Path, cluster: LocalCluster) -> None:
    (port,) = free_ports(1)
    kubeconfig = write_kubeconfig(
        folder / "kubeconfig", url=f"https://127.0.0.1:{port}", ca_file=cluster.ca_file, user="x", token="x"
    )
    ended = check(NAME, "--kubeconfig", str(kubeconfig))
    assert (ended.code, ended.out) == (3, "")
    first, _, rest = ended.err.partition(f"/smtpconfigs/{NAME}: ")
    assert first == (
        "smtp-operator: the API server does not answer: GET"
        " /apis/smtp-operator.io/v1alpha1/namespaces/default"
    )
    assert rest.startswith(f"Cannot connect to host 127.0.0.1:{port} ")
    assert rest.count("\n") == 1


def test_a_missing_kubeconfig(check: Check) -> None:
    ended = check(NAME, "--kubeconfig", "nowhere")
    assert (ended.code, ended.err) == (2, "smtp-operator: kubeconfig nowhere: no such file\n")


def test_a_missing_context(check: Check, cluster: LocalCluster) -> None:
    ended = check(NAME, "--kubeconfig", str(cluster.kubeconfig), "--context", "nowhere")
    assert ended.code == 2
    assert ended.err == (
        f"smtp-operator: kubeconfig {cluster.kubeconfig}: Invalid kube-config file. Expected object with name"
        f" nowhere in {cluster.kubeconfig}/contexts list\n"
    )


def test_without_any_cluster_it_says_what_to_do(check: Check) -> None:
    ended = check(NAME)
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: no cluster to connect to: give --kubeconfig, set KUBECONFIG, or run in a Pod\n",
    )


def test_the_email_differs_from_those_of_the_operator(
    check: Check, reader: Reader, stored: object, server: MailServer
) -> None:
    kubeconfig = reader(SMTP_CONFIGS, "secrets", "configmaps")
    ids = [
        check(NAME, "--kubeconfig", kubeconfig, "--output", "json").json["test"]["messageId"] for _ in "12"
    ]
    assert len(set(ids)) == 2
    assert json.dumps(ids).count("@example.com>") == 2
