# SPDX-License-Identifier: Apache-2.0
"""Logging in to an Azure Key Vault: by whom, how often, and what each credential is given to."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from smtp_operator.api.reasons import Reason
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.secrets.vaults.provider import AllowedHosts
from smtp_testkit.azurepeers.keyvault import TENANT
from smtp_testkit.azurepeers.trial import CLIENT, NAME, PASSWORD, KeyVaultTrial
from smtp_testkit.mailpeers.tokenserver import Federation
from smtp_testkit.openbao.workloads import ISSUER, SUBJECT, Issuer

PRINCIPAL = "azureKeyVault.auth.servicePrincipal"
AUDIENCE = "api://AzureADTokenExchange"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate_of(key: Key) -> tuple[ClientCertificate, x509.Certificate]:
    """As the Secret has it, and as it is uploaded to Entra ID."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smtp-operator")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ClientCertificate.of(certificate.public_bytes(Encoding.PEM), pem), certificate


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def test_a_service_principal_reads_a_secret(trial: KeyVaultTrial) -> None:
    found = await trial.read()

    assert (found.value, found.version) == (PASSWORD, trial.key_vault.secrets["smtp"][0].version)
    assert trial.named.asked == [(f"{PRINCIPAL}.clientSecretRef", trial.block["authorityHost"])]


async def test_the_token_is_for_key_vault_alone(trial: KeyVaultTrial) -> None:
    await trial.read()

    (form,) = trial.entra.forms
    assert form["scope"] == f"{trial.key_vault.own_resource}/.default"
    assert trial.entra.paths == [f"/{TENANT}/oauth2/v2.0/token"]


async def test_a_service_principal_shows_its_certificate(
    trial: KeyVaultTrial, rsa_key: rsa.RSAPrivateKey
) -> None:
    trial.named.certificates["vault-app"], trial.entra.certificates[CLIENT] = certificate_of(rsa_key)
    principal = trial.principal(clientSecretRef=..., certificateRef={"name": "vault-app"})
    trial.change(auth={"servicePrincipal": principal})

    assert (await trial.read()).value == PASSWORD
    assert trial.named.asked == [(f"{PRINCIPAL}.certificateRef", trial.block["authorityHost"])]
    assert "client_secret" not in trial.entra.forms[0]


async def test_a_certificate_that_was_not_uploaded(trial: KeyVaultTrial, rsa_key: rsa.RSAPrivateKey) -> None:
    trial.named.certificates["vault-app"], _ = certificate_of(rsa_key)
    _, trial.entra.certificates[CLIENT] = certificate_of(rsa.generate_private_key(65537, 2048))
    principal = trial.principal(clientSecretRef=..., certificateRef={"name": "vault-app"})
    trial.change(auth={"servicePrincipal": principal})

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.VAULT_AUTH_FAILED,
        f"{NAME}: {trial.authority}:{trial.entra.port} refused the login of client {CLIENT} [HTTP status"
        " 401, error invalid_client, AADSTS700027]. The application does not have this certificate. Upload"
        " the certificate in Secret vault-app to it, under Certificates.",
    )


async def test_a_key_of_another_kind_than_entra_id_takes(trial: KeyVaultTrial) -> None:
    trial.named.certificates["vault-app"], _ = certificate_of(ec.generate_private_key(ec.SECP256R1()))
    principal = trial.principal(clientSecretRef=..., certificateRef={"name": "vault-app"})
    trial.change(auth={"servicePrincipal": principal})

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.CLIENT_CERTIFICATE_INVALID,
        f"{NAME}: the key in Secret vault-app is not an RSA key, but Entra ID accepts only RSA keys. Store"
        " an RSA key and its certificate there.",
    )
    assert trial.entra.forms == []


async def test_a_service_account_logs_in_without_any_secret(trial: KeyVaultTrial) -> None:
    cluster = Issuer()
    trial.entra.federations[CLIENT] = Federation(
        issuer=ISSUER, subject=SUBJECT, audience=AUDIENCE, keys=cluster.jwks
    )
    trial.named.token_for = cluster.token
    trial.use_workload_identity()

    assert (await trial.read()).value == PASSWORD
    assert trial.named.asked == [
        ("azureKeyVault.auth.workloadIdentity.serviceAccountRef", trial.block["authorityHost"])
    ]


async def test_the_machine_logs_in(trial: KeyVaultTrial) -> None:
    trial.machine.identities.add("")
    trial.use_managed_identity()

    assert (await trial.read()).value == PASSWORD
    assert len(trial.machine.requests) == 1
    assert trial.named.asked == []
    assert trial.entra.forms == []


async def test_the_machine_logs_in_by_one_of_its_identities(trial: KeyVaultTrial) -> None:
    trial.machine.identities.add(CLIENT)
    trial.use_managed_identity(clientId=CLIENT)

    host = f"{trial.key_vault.host}:{trial.key_vault.port}"
    assert await trial.vault.check() == f"{host} lets the operator's managed identity {CLIENT} in."


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (
            {},
            "does not have a managed identity [HTTP status 400]. Assign it to the node pool's machines.",
        ),
        (
            {"clientId": CLIENT},
            f"does not have the identity {CLIENT} [HTTP status 400]. Assign it to the node"
            " pool's machines, or set azureKeyVault.auth.managedIdentity.clientId to an identity that it"
            " has.",
        ),
    ],
)
async def test_the_machine_has_no_such_identity(
    trial: KeyVaultTrial, identity: dict[str, str], said: str
) -> None:
    trial.use_managed_identity(**identity)

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.IDENTITY_UNAVAILABLE,
        f"{NAME}: the machine that the operator runs on {said}",
    )


async def test_a_metadata_service_that_is_denied_is_not_asked(trial: KeyVaultTrial) -> None:
    """The flags hold for it too, although it is asked for nothing but the operator's own identity."""
    trial.use_managed_identity()
    trial.allowed = AllowedHosts(metadata=False)

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.IDENTITY_UNAVAILABLE,
        f"{NAME}: the operator may not ask the metadata service for its managed identity: its"
        " --deny-network names 169.254.169.254, or its --allow-network does not. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead, or ask the cluster admin to"
        " allow that address in these flags.",
    )
    assert trial.machine.requests == []


async def test_there_is_no_metadata_service(trial: KeyVaultTrial) -> None:
    trial.use_managed_identity()
    trial.metadata_port = 1

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.IDENTITY_UNAVAILABLE,
        f"{NAME}: no metadata service answers at 169.254.169.254, so the operator has no managed identity."
        " It does not run on an Azure machine, or a NetworkPolicy blocks that address. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead.",
    )


@pytest.mark.parametrize("status", [429, 500, 503, 410])
async def test_the_metadata_service_has_a_trouble(trial: KeyVaultTrial, status: int) -> None:
    trial.use_managed_identity()
    trial.machine.answers.append((status, b"c4nary", {"Retry-After": "120"}))

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.retry_after, verdict.message) == (
        Reason.IDENTITY_PROVIDER_UNREACHABLE,
        120,
        f"{NAME}: the machine's metadata service returned an error ({status}). No action needed; the"
        " operator retries automatically.",
    )
    assert len(trial.machine.requests) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"},
        {"IDENTITY_ENDPOINT": "http://127.0.0.1:9", "IDENTITY_HEADER": "c4nary"},
        {"MSI_ENDPOINT": "http://127.0.0.1:9"},
    ],
)
async def test_no_other_place_is_asked_without_tls(
    trial: KeyVaultTrial, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    trial.machine.identities.add("")
    trial.use_managed_identity()

    assert (await trial.verdict()).reason == Reason.IDENTITY_UNAVAILABLE
    assert trial.machine.requests == []


async def test_many_reads_log_in_once(trial: KeyVaultTrial) -> None:
    found = await asyncio.gather(*(trial.read() for _ in range(20)))

    assert {it.value for it in found} == {PASSWORD}
    assert len(trial.entra.forms) == 1
    assert len(trial.key_vault.requests) == 2 + 20


async def test_many_reads_that_fail_log_in_once(trial: KeyVaultTrial) -> None:
    trial.named.secrets["vault-app/client-secret"] = "wrong"

    found = await asyncio.gather(*(trial.verdict() for _ in range(20)))

    assert {it.reason for it in found} == {Reason.VAULT_AUTH_FAILED}
    assert len(trial.entra.forms) == 1
    assert len(trial.key_vault.requests) == 1


async def test_each_check_logs_in_again(trial: KeyVaultTrial) -> None:
    host = f"{trial.key_vault.host}:{trial.key_vault.port}"

    assert await trial.vault.check() == f"{host} lets client {CLIENT} in."
    await trial.vault.check()

    assert len(trial.entra.forms) == 2
    assert len(trial.named.asked) == 2


async def test_a_check_reads_nothing(trial: KeyVaultTrial) -> None:
    await trial.vault.check()

    targets = {target.partition("?")[0] for _, target in trial.key_vault.requests}
    assert targets == {f"/secrets/smtp-operator-login-check/{'0' * 32}"}


async def test_the_login_of_a_check_serves_those_who_read(trial: KeyVaultTrial) -> None:
    await trial.vault.check()
    await trial.read()

    assert len(trial.entra.forms) == 1


async def test_a_check_lets_an_identity_pass_that_may_read_other_secrets(trial: KeyVaultTrial) -> None:
    trial.key_vault.permitted = {"smtp"}

    assert await trial.vault.check()


async def test_a_login_is_used_until_shortly_before_its_end(trial: KeyVaultTrial) -> None:
    await trial.read()
    trial.time += 3599 - 330 - 10
    await trial.read()
    assert len(trial.entra.forms) == 1

    trial.time += 20
    await trial.read()
    assert len(trial.entra.forms) == 2


async def test_a_token_that_ends_at_once_is_used_once(trial: KeyVaultTrial) -> None:
    trial.entra.lifetime = 60

    assert [(await trial.read()).value for _ in range(2)] == [PASSWORD, PASSWORD]
    assert len(trial.entra.forms) == 2


async def test_a_login_that_the_vault_no_longer_accepts_is_renewed(trial: KeyVaultTrial) -> None:
    await trial.read()
    trial.key_vault.revoked.update(trial.entra.issued)

    found = await asyncio.gather(*(trial.read() for _ in range(10)))

    assert {it.value for it in found} == {PASSWORD}
    assert len(trial.entra.forms) == 2


async def test_the_vault_may_want_a_token_with_claims(trial: KeyVaultTrial) -> None:
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    trial.key_vault.claims_wanted.append(base64.urlsafe_b64encode(claims.encode()).decode())

    assert (await trial.read()).value == PASSWORD
    assert ["nbf" in form.get("claims", "") for form in trial.entra.forms] == [False, True]


async def test_the_vault_may_want_another_token_in_between(trial: KeyVaultTrial) -> None:
    await trial.read()
    claims = base64.urlsafe_b64encode(b'{"access_token":{"nbf":{"essential":true}}}').decode()
    trial.key_vault.claims_wanted.append(claims)

    assert (await trial.read()).value == PASSWORD
    assert len(trial.entra.forms) == 2


async def test_a_vault_that_moved_to_another_tenant_is_found_there(trial: KeyVaultTrial) -> None:
    await trial.read()
    trial.entra.tenant = "0b9e0b8c-0000-4000-8000-000000000001"
    trial.change(auth={"servicePrincipal": trial.principal()})

    assert (await trial.read()).value == PASSWORD


async def test_two_vault_objects_of_one_vault_log_in_separately(trial: KeyVaultTrial) -> None:
    await trial.read()
    trial.entra.secrets["another"] = "c4nary-other"
    trial.named.secrets["vault-app/client-secret"] = "c4nary-other"
    first = trial.vault
    trial.change(auth={"servicePrincipal": trial.principal(clientId="another")})

    await trial.read()

    assert first is not trial.vault
    assert [form["client_id"] for form in trial.entra.forms] == [CLIENT, "another"]
    assert len({token for token in trial.key_vault.tokens if token}) == 2


async def test_what_a_login_was_made_of_is_not_kept(trial: KeyVaultTrial) -> None:
    await trial.read()

    login, _ = await trial.vault._logins.current()
    assert login.session.identity._source is None


async def test_what_is_closed_keeps_no_login(trial: KeyVaultTrial) -> None:
    await trial.read()
    await trial.vault.close()

    assert trial.vault._logins._cached is None


async def test_a_missing_secret_causes_no_request(trial: KeyVaultTrial) -> None:
    trial.named.fails_with = KeyError("as VerdictError or ApiUnavailable")

    with pytest.raises(KeyError):
        await trial.read()

    assert trial.key_vault.requests == []
    assert trial.entra.forms == []
