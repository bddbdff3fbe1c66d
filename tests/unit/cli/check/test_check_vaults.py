# SPDX-License-Identifier: Apache-2.0
"""Checks with a password in a vault, with the user's read access."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, Bed
from smtp_testkit.testbed.vaults import login, vault, vaults

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

NAME = "corporate-mail"
IN_BAO = {"hashiCorpVault": {"vaultRef": {"name": "bao"}, "path": "mail/smtp"}}
GIVE = "supply the password with --password-file FILE or in SMTP_OPERATOR_PASSWORD"


def words_of(text: str) -> str:
    return " ".join(text.split())


# A manifest.


@pytest.fixture
def file(write: Write, config: Document, authority: Document) -> str:
    config["spec"]["password"] = IN_BAO
    return write(authority, config)


def test_a_file_names_the_vault_and_the_alternatives(check: Check, file: str) -> None:
    ended = check("-f", file)
    assert ended.code == 4
    assert words_of(ended.text) == (
        "✗ VaultNotFound in Password team-a/corporate-mail The password is in SmtpVault team-a/bao,"
        " which exists only in a cluster. Supply the password with --password-file FILE"
        " or in SMTP_OPERATOR_PASSWORD, or check the SmtpConfig in the cluster by its NAME."
    )


def test_a_supplied_password_replaces_that_of_a_vault(check: Check, file: str, write: Write) -> None:
    assert check("-f", file, "--mode", "Login", SMTP_OPERATOR_PASSWORD="s3cret-pa55").code == 0
    password = write("s3cret-pa55", name="password.txt")
    assert check("-f", file, "--mode", "Login", "--password-file", password).code == 0


def test_a_wrong_supplied_password_is_a_failed_login(check: Check, file: str) -> None:
    ended = check("-f", file, "--mode", "Login", "--output", "json", SMTP_OPERATOR_PASSWORD="other")
    assert (ended.code, ended.json["reason"]) == (1, "AuthenticationFailed")


@pytest.mark.parametrize(
    "flag",
    [
        ["--allow-authority-host", "login.example.com"],
        ["--allow-key-vault-host", "kv.example.com"],
        ["--require-allowed-servers"],
    ],
)
def test_cluster_flags_are_rejected_with_a_file(check: Check, file: str, flag: list[str]) -> None:
    ended = check("-f", file, *flag)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (f"smtp-operator: {flag[0]} requires the NAME of a SmtpConfig in a cluster\n")


def test_an_invalid_flag_is_named(check: Check) -> None:
    ended = check(NAME, "--allow-key-vault-host", "https://kv.example.com")
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: --allow-key-vault-host: 'https://kv.example.com' is not a host such as"
        " login.example.com, without scheme, port or path\n",
    )


# A cluster.


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as running:
        running.put("mail/smtp", password="s3cret-pa55")
        yield running


@pytest.fixture
def bed(api: Api, namespace: str) -> Bed:
    return Bed(api, namespace)


@pytest.fixture
def stored(bed: Bed, bao: OpenBao, config: Document, authority: Document) -> Callable[..., None]:
    """Creates a SmtpConfig with a password in OpenBao, and a vault object with this spec."""

    def create(**spec: Any) -> None:
        del config["metadata"]["namespace"]
        config["spec"] |= {**login(), "username": "mailer@example.com"}
        bed.api.create(bed.core("configmaps"), authority)
        collection = f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}/smtpconfigs"
        bed.api.create(collection, config)
        bed.api.create(vaults(bed), vault(bed, bao, **spec))

    return create


Reader = Callable[..., str]

EVERYTHING = ("smtpconfigs.smtp-operator.io", "smtpvaults.smtp-operator.io", "secrets", "configmaps")


def test_full_read_access_uses_the_password_of_the_vault(
    check: Check, reader: Reader, stored: Callable[..., None], bed: Bed, server: MailServer
) -> None:
    stored()
    before = bed.api.get(f"{vaults(bed)}/bao")

    ended = check(NAME, "-n", bed.namespace, "--kubeconfig", reader(*EVERYTHING))

    assert ended.code == 0, ended
    assert words_of(ended.text).endswith('The password was read from "mail/smtp" of SmtpVault bao.')
    assert [mail.username for mail in server.mails] == ["mailer@example.com"]
    assert bed.api.get(f"{vaults(bed)}/bao") == before


def test_the_reference_and_version_are_shown_and_the_password_is_not(
    check: Check, reader: Reader, stored: Callable[..., None], bed: Bed
) -> None:
    stored()
    ended = check(NAME, "--mode", "Login", "--output", "json", "--kubeconfig", reader(*EVERYTHING))
    found = ended.json["password"]
    assert (found["source"], found["reference"], found["version"]) == ("HashiCorpVault", "bao/mail/smtp", "1")
    assert "s3cret-pa55" not in ended.out + ended.err


def test_a_vault_object_without_read_access(
    check: Check, reader: Reader, stored: Callable[..., None], bed: Bed
) -> None:
    stored()
    kubeconfig = reader("smtpconfigs.smtp-operator.io", "configmaps")
    ended = check(NAME, "--mode", "Login", "--kubeconfig", kubeconfig)
    assert ended.code == 4
    assert words_of(ended.text) == (
        f"✗ SecretAccessDenied in Password {bed.namespace}/{NAME}"
        f" You are not allowed to read SmtpVault {bed.namespace}/bao in the cluster. Ask an admin for access,"
        f" or {GIVE}."
    )
    given = check(NAME, "--mode", "Login", "--kubeconfig", kubeconfig, SMTP_OPERATOR_PASSWORD="s3cret-pa55")
    assert given.code == 0


def test_a_vault_credential_without_read_access(
    check: Check, reader: Reader, stored: Callable[..., None], bed: Bed
) -> None:
    stored(caRef=None)
    ended = check(NAME, "--mode", "Login", "--kubeconfig", reader(*(set(EVERYTHING) - {"secrets"})))
    assert ended.code == 4
    assert words_of(ended.text) == (
        f"✗ SecretAccessDenied in Password {bed.namespace}/{NAME}"
        f" You are not allowed to read Secret {bed.namespace}/bao-login in the cluster."
        f" Ask an admin for access, or {GIVE}."
    )


def test_a_missing_vault_object(check: Check, reader: Reader, stored: Callable[..., None], bed: Bed) -> None:
    stored()
    bed.api.delete(f"{vaults(bed)}/bao")
    ended = check(NAME, "--mode", "Login", "--kubeconfig", reader(*EVERYTHING))
    assert ended.code == 4
    assert words_of(ended.text) == (
        f"✗ VaultNotFound in Password {bed.namespace}/{NAME}"
        f" SmtpVault {bed.namespace}/bao is not in the cluster. Add it, or {GIVE}."
    )


def test_required_allowed_servers_are_enforced_with_the_flag(
    check: Check, reader: Reader, stored: Callable[..., None], bed: Bed, config: Document
) -> None:
    stored()
    kubeconfig = reader(*EVERYTHING)
    words = [NAME, "--mode", "Login", "--kubeconfig", kubeconfig, "--require-allowed-servers"]
    ended = check(*words)
    assert ended.code == 4
    login = f"Secret {bed.namespace}/bao-login, which SmtpVault {bed.namespace}/bao uses to log in,"
    assert f"{login} does not say where" in words_of(ended.text)
    assert words_of(ended.text).endswith(f",localhost:{config['spec']['port']}")


def test_a_leftover_variable_does_not_hide_a_vault_error(
    check: Check, reader: Reader, stored: Callable[..., None]
) -> None:
    stored(allowedServers=["smtp.example.com:587"])
    ended = check(
        NAME, "--mode", "Login", "--kubeconfig", reader(*EVERYTHING), SMTP_OPERATOR_PASSWORD="s3cret-pa55"
    )
    assert (ended.code, "ServerNotAllowed" in ended.text) == (4, True)


def test_a_vault_is_reached_through_its_proxy(
    check: Check, reader: Reader, stored: Callable[..., None]
) -> None:
    stored()
    words = [
        NAME,
        "--mode",
        "Login",
        "--kubeconfig",
        reader(*EVERYTHING),
        "--https-proxy",
        "http://127.0.0.1:1",
    ]
    ended = check(*words, "--output", "json")
    assert (ended.code, ended.json["reason"]) == (4, "VaultUnreachable")
    assert "http://127.0.0.1:1" in ended.json["message"]
    assert check(*words, "--no-proxy", "127.0.0.1,localhost").code == 0


def test_other_azure_hosts_are_allowed_by_the_operators_flags(
    check: Check, reader: Reader, bed: Bed, config: Document, authority: Document
) -> None:
    """Without the flags, no request is sent; with them, the connection is refused."""
    del config["metadata"]["namespace"]
    config["spec"]["password"] = {"azureKeyVault": {"vaultRef": {"name": "kv"}, "secretName": "smtp"}}
    bed.api.create(bed.core("configmaps"), authority)
    bed.api.create(f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}/smtpconfigs", config)
    bed.secret("app", secret="c4nary")
    principal = {"tenantId": "t", "clientId": "c", "clientSecretRef": {"name": "app", "key": "secret"}}
    block = {
        "vaultUrl": "https://localhost:1",
        "authorityHost": "https://127.0.0.1:1",
        "auth": {"servicePrincipal": principal},
    }
    kind = {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpVault", "metadata": {"name": "kv"}}
    bed.api.create(vaults(bed), {**kind, "spec": {"azureKeyVault": block, "allowedServers": ["*:*"]}})
    words = [NAME, "--mode", "Login", "--kubeconfig", reader(*EVERYTHING), "--output", "json"]

    assert check(*words).json["reason"] == "VaultURLNotAllowed"
    one = [*words, "--allow-key-vault-host", "localhost"]
    assert check(*one).json["reason"] == "VaultURLNotAllowed"
    assert check(*one, "--allow-authority-host", "127.0.0.1").json["reason"] == "VaultUnreachable"
