# SPDX-License-Identifier: Apache-2.0
"""A password from OpenBao without a secret in the cluster: the ServiceAccount's identity is enough."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, AuditLog, Bed, Object, OperatorProcess
from smtp_testkit.testbed.publishing import permit_publishing
from smtp_testkit.testbed.seen import ObservedObject
from smtp_testkit.testbed.told import spellings, told
from smtp_testkit.testbed.vaults import FLAGS, vaults

OLD, NEW = "c4nary~Old+Pa55w0rd/9f8e7d", "c4nary~New+Pa55w0rd/1a2b3c"
USER = "mailer@example.com"
POLICY = 'path "secret/data/mail/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def bao(api: Api) -> Iterator[OpenBao]:
    """An OpenBao that accepts this cluster's ServiceAccounts."""
    with OpenBao.start() as server:
        server.policy("mail", POLICY)
        issuer = api.get("/.well-known/openid-configuration")["issuer"]
        server.know_cluster(issuer=issuer, jwks=json.dumps(api.get("/openid/v1/jwks")))
        yield server


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    flags = [*FLAGS, "--log-level=debug", "--publish"]
    with OperatorProcess(service_account, logs / "openbao.log", flags, metrics=True) as process:
        yield process.start()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer.in_thread(users={USER: OLD}) as running:
        yield running


@pytest.fixture
def login(bed: Bed, bao: OpenBao, operator: OperatorProcess, operator_user: str) -> dict[str, Any]:
    """Return the login of an SmtpConfig, and permit it: ServiceAccount mailer, vault role, token requests."""
    annotations = {"smtp-operator.io/allowed-audiences": "vault"}
    bed.api.create(bed.core("serviceaccounts"), {"metadata": {"name": "mailer", "annotations": annotations}})
    bed.permit_tokens("mailer", to=operator_user)
    bao.put("mail/smtp", password=OLD)
    bao.jwt_role(bed.namespace, "mail", subject=f"system:serviceaccount:{bed.namespace}:mailer")
    ca: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bao-ca"}}
    bed.api.create(bed.core("configmaps"), {**ca, "data": {"ca.crt": bao.ca_pem}})
    jwt = {"role": bed.namespace, "serviceAccountRef": {"name": "mailer"}}
    block = {"url": bao.url, "auth": {"jwt": jwt}}
    spec = {"hashiCorpVault": block, "caRef": {"name": "bao-ca"}, "allowedServers": ["*:*"]}
    kind: Object = {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpVault"}
    bed.api.create(vaults(bed), {**kind, "metadata": {"name": "bao"}, "spec": spec})
    named = {"vaultRef": {"name": "bao"}, "path": "mail/smtp"}
    return {"username": USER, "password": {"hashiCorpVault": named}}


def test_a_service_accounts_identity_is_enough_for_a_mail(
    bed: Bed, server: MailServer, login: dict[str, Any], operator: OperatorProcess, audit: AuditLog
) -> None:
    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    read = seen.status["password"]
    assert (read["source"], read["reference"]) == ("HashiCorpVault", "bao/mail/smtp")
    assert [mail.username for mail in server.mails] == [USER]
    text = told(bed, audit, operator)
    assert [it for it in spellings(OLD) if it in text] == []


def test_the_vault_object_and_the_bound_service_account_have_to_allow_publishing(
    bed: Bed, bao: OpenBao, server: MailServer, login: dict[str, Any], operator_user: str
) -> None:
    permit_publishing(bed, operator_user)
    account = f"{bed.core('serviceaccounts')}/mailer"
    bound = {
        "smtp-operator.io/allowed-servers": f"127.0.0.1:{server.starttls_port},{bao.url.removeprefix('https://')}",
        "smtp-operator.io/allowed-ca": ",".join(sorted(map(fingerprint, (server.ca_pem, bao.ca_pem)))),
    }
    bed.api.patch(account, {"metadata": {"annotations": bound}})
    bed.create(server, "mail", "StartTLS", tls=bed.trust(server), **login, publish={"secretName": "proven"})

    def refused(by: str) -> None:
        def is_refused(it: ObservedObject) -> bool:
            condition = it.condition("Published")
            return condition.reason == "PublishNotAllowed" and by in condition.message

        bed.wait(lambda it: it.judged and is_refused(it))

    refused("SmtpVault")
    bed.api.patch(f"{vaults(bed)}/bao", {"spec": {"allowPublish": True}})
    refused(f"ServiceAccount {bed.namespace}/mailer")
    bed.api.patch(account, {"metadata": {"annotations": {"smtp-operator.io/allow-publish": "true"}}})
    bed.wait(lambda it: it.judged and it.condition("Published").reason == "Published")
    (secret,) = (it for it in bed.api.items(bed.core("secrets")) if it["metadata"]["name"] == "proven")
    assert base64.b64decode(secret["data"]["password"]).decode() == OLD
    assert secret["metadata"]["annotations"] == bound
    assert len(server.mails) == 2  # a changed spec of a vault object is tested


def test_a_rotated_password_is_used_at_the_next_test(
    bed: Bed, server: MailServer, login: dict[str, Any], bao: OpenBao
) -> None:
    first = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login)

    version = bao.put("mail/smtp", password=NEW)
    server.users[USER] = NEW

    seen = bed.test_again()
    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert seen.status["password"]["version"] == str(version) != first.status["password"]["version"]


def test_a_policy_that_is_taken_away_is_a_failure_that_says_what_to_grant(
    bed: Bed, server: MailServer, login: dict[str, Any], bao: OpenBao
) -> None:
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login)

    bao.policy("mail", 'path "secret/data/elsewhere" { capabilities = ["read"] }')
    try:
        seen = bed.test_again()
    finally:
        bao.policy("mail", POLICY)

    assert seen.conditions["Failed"] == "VaultAccessDenied"
    assert seen.conditions["PasswordResolved"] == "VaultAccessDenied"
    assert 'path "secret/data/mail/smtp" { capabilities = ["read"] }' in seen.message


def test_a_role_that_is_taken_away_is_a_failed_login(
    bed: Bed, api: Api, server: MailServer, login: dict[str, Any], bao: OpenBao
) -> None:
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login)

    bao.call("DELETE", f"auth/kubernetes/role/{bed.namespace}")
    bao.call("PUT", "sys/leases/revoke-prefix/auth/kubernetes/login")

    seen = bed.test_again()
    assert seen.conditions["Failed"] == "VaultAuthFailed"
    assert f'auth/kubernetes has no role "{bed.namespace}".' in seen.message


def test_a_sealed_vault_is_a_trouble_that_passes(
    bed: Bed, server: MailServer, login: dict[str, Any], bao: OpenBao
) -> None:
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **login)

    bao.seal()
    try:
        seen = bed.test_again()
    finally:
        bao.unseal()

    assert seen.conditions["Reconciling"] == "ProgressingWithRetry"
    assert seen.reason == "VaultUnavailable"
    bed.ask("unsealed")
    assert bed.wait(lambda it: it.ready.status == "True").reason == "TestEmailSent"
