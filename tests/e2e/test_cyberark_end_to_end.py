# SPDX-License-Identifier: Apache-2.0
"""SmtpConfigs with a password in CyberArk, on the real API server, from vault object to email."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtp_testkit.cyberark.ccp import Account, Application, CcpServer, CertificateRequest, serial_number
from smtp_testkit.cyberark.conjur import ConjurServer, JwtAuthenticator
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.told import told

PASSWORD = "c4nary-Pa55w0rd"
ROTATED = "c4nary-R0tated"
VARIABLE = "prod/smtp/password"
HOST = "host/mail/operator"
FLAGS = (*LOOPBACK, "--allow-vault-port=1-65535", "--log-level=debug")


@pytest.fixture(scope="module")
def operator(service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that may connect to vaults on this machine."""
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with OperatorProcess(service_account, log, FLAGS, metrics=True) as process:
        yield process.start()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer.in_thread(users={"mailer": PASSWORD}) as running:
        yield running


def vault(bed: Bed, ca_pem: str, **block: Any) -> None:
    """Create the SmtpVault corp, which trusts this CA."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vault-ca"}}
    bed.api.apply(f"{bed.core('configmaps')}/vault-ca", {**body, "data": {"ca.crt": ca_pem}})
    spec = {"caRef": {"name": "vault-ca"}, "allowedServers": ["*:*"], **block}
    bed.api.create(
        vaults(bed),
        {
            "apiVersion": "smtp-operator.io/v1alpha1",
            "kind": "SmtpVault",
            "metadata": {"name": "corp"},
            "spec": spec,
        },
    )


def vaults(bed: Bed) -> str:
    return f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}/smtpvaults"


def vault_ready(bed: Bed, status: str) -> dict[str, Any]:
    """Wait until the SmtpVault's Ready has this status; return the condition."""

    def ready(found: Any) -> dict[str, Any]:
        conditions = found.get("status", {}).get("conditions", [])
        return next((dict(it) for it in conditions if it["type"] == "Ready"), {})

    return ready(bed.api.wait(vaults(bed), "corp", lambda it: ready(it).get("status") == status, seconds=30))


def login(bed: Bed, server: MailServer, **item: str) -> dict[str, Any]:
    """Return the fields of a spec for a login with the password, over TLS."""
    password = {"cyberArk": {"vaultRef": {"name": "corp"}, **item}}
    return {"username": "mailer", "password": password, "tls": bed.trust(server)}


def rotate(server: MailServer) -> None:
    server.users["mailer"] = ROTATED


# CCP


def show_certificate(bed: Bed, ccp: CcpServer) -> trustme.LeafCert:
    """Store a new client certificate in the Secret ccp-client."""
    leaf = ccp.client_ca.issue_cert("smtp-operator@example.com")
    pair = {"tls.crt": leaf.cert_chain_pems[0].bytes(), "tls.key": leaf.private_key_pem.bytes()}
    bed.secret("ccp-client", **pair)
    return leaf


@pytest.fixture
def ccp(bed: Bed) -> Iterator[CcpServer]:
    """A CCP that identifies the application by its certificate, requested late; and its SmtpVault."""
    with CcpServer.running(asks=CertificateRequest.LATE) as running:
        leaf = show_certificate(bed, running)
        running.applications["smtp-operator"] = Application(
            safes=frozenset({"Mail"}), serial_numbers=frozenset({serial_number(leaf)})
        )
        running.accounts.append(Account(safe="Mail", object="smtp-relay", content=PASSWORD))
        block = {"url": running.url, "appId": "smtp-operator", "clientCertificateRef": {"name": "ccp-client"}}
        vault(bed, running.ca_pem, cyberArkCCP=block)
        yield running


def test_an_account_of_a_ccp_is_enough_for_a_mail(
    bed: Bed, ccp: CcpServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    seen = bed.verdict_of(server, "TLS", **login(bed, server, safe="Mail", object="smtp-relay"))

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.status["password"] == {"source": "CyberArkCCP", "reference": "corp/Mail/smtp-relay"}
    assert [mail.username for mail in server.mails] == ["mailer"]
    assert "c4nary" not in told(bed, audit, operator)


def test_a_password_rotated_in_a_ccp_is_used_at_the_next_test(
    bed: Bed, ccp: CcpServer, server: MailServer, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, "TLS", **login(bed, server, safe="Mail", object="smtp-relay"))
    rotate(server)
    ccp.accounts = [replace(ccp.accounts[0], content=ROTATED)]

    assert bed.test_again().conditions["Ready"] == "TestEmailSent"


def test_a_right_revoked_in_cyberark_fails_the_smtpconfig(
    bed: Bed, ccp: CcpServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, "TLS", **login(bed, server, safe="Mail", object="smtp-relay"))
    ccp.applications["smtp-operator"] = replace(ccp.applications["smtp-operator"], safes=frozenset())

    seen = bed.test_again()

    assert (seen.ready.status, seen.reason) == ("False", "VaultSecretNotFound")
    assert f"SmtpVault {bed.namespace}/corp: CyberArk has no account" in seen.message
    assert "c4nary" not in told(bed, audit, operator)


def test_a_smtpvault_of_a_ccp_is_ready_until_its_certificate_is_one_that_cyberark_has_not_allowed(
    bed: Bed, ccp: CcpServer, operator: OperatorProcess
) -> None:
    ready = vault_ready(bed, "True")
    assert ready["reason"] == "VaultLoginSucceeded"
    assert ready["message"] == (
        f"The CCP at localhost:{ccp.port} accepts AppID smtp-operator with the certificate in Secret"
        " ccp-client."
    )

    show_certificate(bed, ccp)

    failed = vault_ready(bed, "False")
    assert failed["reason"] == "VaultAuthFailed"
    assert "CyberArk does not accept AppID smtp-operator from here (403 APPAP306E)" in failed["message"]


# Conjur


@pytest.fixture
def conjur(bed: Bed, operator_user: str) -> Iterator[ConjurServer]:
    """A Conjur that accepts this cluster's tokens of one ServiceAccount; and its SmtpVault."""
    annotations = {"smtp-operator.io/allowed-audiences": "conjur"}
    bed.api.create(
        bed.core("serviceaccounts"), {"metadata": {"name": "smtp-vault", "annotations": annotations}}
    )
    bed.permit_tokens("smtp-vault", to=operator_user)
    known = JwtAuthenticator(
        issuer=bed.api.get("/.well-known/openid-configuration")["issuer"],
        audience="conjur",
        keys=bed.api.get("/openid/v1/jwks"),
        hosts={f"system:serviceaccount:{bed.namespace}:smtp-vault": HOST},
    )
    with ConjurServer.running(
        prefix="/api",
        authenticators={"kubernetes": known},
        variables={VARIABLE: [PASSWORD.encode()]},
        readers={VARIABLE: {HOST}},
    ) as running:
        jwt = {"serviceId": "kubernetes", "serviceAccountRef": {"name": "smtp-vault"}}
        block = {"url": running.url, "account": "corp", "auth": {"jwt": jwt}}
        vault(bed, running.ca_pem, cyberArkConjur=block)
        yield running


def test_a_serviceaccounts_token_is_enough_for_a_variable_and_a_mail(
    bed: Bed, conjur: ConjurServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    seen = bed.verdict_of(server, "TLS", **login(bed, server, variable=VARIABLE))

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.status["password"] == {"source": "CyberArkConjur", "reference": f"corp/{VARIABLE}"}
    assert [mail.username for mail in server.mails] == ["mailer"]
    text = told(bed, audit, operator)
    sent = conjur.calls[0].body.decode().removeprefix("jwt=")
    assert [it for it in ("c4nary", sent, *conjur.issued) if it in text] == []


def test_a_smtpvault_of_conjur_is_ready_until_it_names_a_host_that_is_not_the_tokens(
    bed: Bed, conjur: ConjurServer, operator: OperatorProcess
) -> None:
    ready = vault_ready(bed, "True")
    assert ready["reason"] == "VaultLoginSucceeded"
    assert ready["message"] == (
        f"Logged in to Conjur at localhost:{conjur.port}, account corp, as ServiceAccount smtp-vault."
    )

    auth = {"jwt": {"hostId": "host/other"}}
    bed.api.patch(f"{vaults(bed)}/corp", {"spec": {"cyberArkConjur": {"auth": auth}}})

    failed = vault_ready(bed, "False")
    assert failed["reason"] == "VaultAuthFailed"
    assert "Conjur refuses the login of host/other in account corp (401)" in failed["message"]


def test_a_value_rotated_in_conjur_is_used_at_the_next_test(
    bed: Bed, conjur: ConjurServer, server: MailServer, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, "TLS", **login(bed, server, variable=VARIABLE))
    rotate(server)
    conjur.variables[VARIABLE].append(ROTATED.encode())

    assert bed.test_again().conditions["Ready"] == "TestEmailSent"


def test_a_right_revoked_in_conjur_fails_the_smtpconfig(
    bed: Bed, conjur: ConjurServer, server: MailServer, operator: OperatorProcess
) -> None:
    bed.verdict_of(server, "TLS", **login(bed, server, variable=VARIABLE))
    conjur.viewers[VARIABLE] = conjur.readers.pop(VARIABLE)

    seen = bed.test_again()

    assert (seen.ready.status, seen.reason) == ("False", "VaultAccessDenied")
    assert "ServiceAccount smtp-vault may not read variable prod/smtp/password (403)" in seen.message


def test_conjur_refuses_the_token_of_another_serviceaccount(
    bed: Bed, conjur: ConjurServer, server: MailServer, operator: OperatorProcess
) -> None:
    conjur.authenticators["kubernetes"] = replace(
        conjur.authenticators["kubernetes"], hosts={"system:serviceaccount:team-b:smtp-vault": HOST}
    )

    seen = bed.verdict_of(server, "TLS", **login(bed, server, variable=VARIABLE))

    assert seen.reason == "VaultAuthFailed"
    assert "Conjur refuses the login of ServiceAccount smtp-vault in account corp (401)" in seen.message
