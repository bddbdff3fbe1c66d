# SPDX-License-Identifier: Apache-2.0
"""No answer from a vault: each cause with its reason, in words that say what to do."""

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.tls import CaBundleInvalid, ClientCertificateInvalid
from smtp_operator.network.trust import NotAdmitted
from smtp_operator.secrets.vaults.errors import ask, identity_unreachable, retry_after, unreachable

VAULT = "SmtpVault team-a/corp"
URL = "hashiCorpVault.url"
ADDRESS = (ipaddress.ip_address("192.0.2.7"),)
AT = "vault.example.com:8200"
EGRESS = "check NetworkPolicies and the egress firewall"


def error(trouble: ErrorKind, **more: Any) -> HttpsError:
    return HttpsError(trouble, "vault.example.com", 8200, **more)


@pytest.mark.parametrize(
    ("given", "reason", "retry", "said"),
    [
        (
            error(ErrorKind.PORT_NOT_ALLOWED),
            "VaultURLNotAllowed",
            Retry.CONFIGURATION,
            f"port 8200 of {URL} is not a port that the cluster admin has allowed. Set {URL} to a URL with"
            " port 443, or ask the cluster admin to add this port to the operator's --allow-vault-port.",
        ),
        (
            error(ErrorKind.ADDRESS_NOT_ALLOWED, addresses=ADDRESS),
            "VaultURLNotAllowed",
            Retry.CONFIGURATION,
            f"{URL} leads to 192.0.2.7, which is in a range that the cluster admin has not allowed. Ask the"
            " cluster admin to add it to the operator's --allow-network.",
        ),
        (
            error(ErrorKind.HOST_NOT_FOUND),
            "VaultHostUnresolved",
            Retry.TRANSIENT,
            f'the host of {URL}, "vault.example.com", does not exist in the cluster\'s DNS. Correct {URL}.'
            " A private endpoint needs its DNS zone linked to the cluster's network.",
        ),
        (
            error(ErrorKind.DNS_SILENT, seconds=5.0),
            "VaultHostUnresolved",
            Retry.TRANSIENT,
            f'the DNS lookup of "vault.example.com", the host of {URL}, failed. No action needed; the'
            " operator retries automatically.",
        ),
        (
            error(ErrorKind.REFUSED, addresses=ADDRESS),
            "VaultUnreachable",
            Retry.TRANSIENT,
            f"nothing listens on {AT}, where {URL} leads (tried 192.0.2.7). Correct host and port of {URL},"
            f" and {EGRESS}.",
        ),
        (
            error(ErrorKind.NO_ROUTE, addresses=ADDRESS),
            "VaultUnreachable",
            Retry.TRANSIENT,
            f"there is no route to {AT}, where {URL} leads (tried 192.0.2.7). Correct host and port of {URL},"
            f" and {EGRESS}.",
        ),
        (
            error(ErrorKind.CONNECT_TIMEOUT, addresses=ADDRESS),
            "VaultUnreachable",
            Retry.TRANSIENT,
            f"no answer from {AT}, where {URL} leads (tried 192.0.2.7). Correct host and port of {URL},"
            f" and {EGRESS}.",
        ),
        (
            error(ErrorKind.TOO_SLOW),
            "VaultUnreachable",
            Retry.TRANSIENT,
            f"the vault at {AT} accepts connections but does not answer in time. No action needed; the"
            " operator retries automatically.",
        ),
        (
            error(ErrorKind.DROPPED),
            "VaultUnreachable",
            Retry.TRANSIENT,
            f"the vault at {AT} closed the connection without an answer. A firewall or proxy in between may"
            f" cause this: {EGRESS}.",
        ),
        (
            error(ErrorKind.TOO_LARGE, size=65536),
            "VaultResponseInvalid",
            Retry.TRANSIENT,
            f"the vault at {AT} answered with more than 64 KiB. Correct {URL}: it must lead to the vault"
            " itself, not to a web page.",
        ),
        (
            error(ErrorKind.TLS_FAILED, verify_code=10),
            "VaultTLSFailed",
            Retry.SLOW,
            f"a certificate of the vault at {AT} has expired. Renew it on the server.",
        ),
        (
            error(ErrorKind.TLS_FAILED, verify_code=9),
            "VaultTLSFailed",
            Retry.SLOW,
            f"a certificate of the vault at {AT} is not valid yet. Check the clocks of the node and"
            " the server.",
        ),
        (
            error(ErrorKind.TLS_FAILED, verify_code=62),
            "VaultTLSFailed",
            Retry.SLOW,
            f"the certificate of the vault at {AT} is for another name. Set {URL} to a URL with a host name"
            " from the certificate.",
        ),
        (
            error(ErrorKind.TLS_FAILED, verify_code=20),
            "VaultTLSFailed",
            Retry.SLOW,
            f"the certificate of the vault at {AT} is signed by an unknown authority. Set caRef to the"
            " ConfigMap or Secret with its CA certificate.",
        ),
        (
            error(ErrorKind.TLS_FAILED, tls_reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            "VaultTLSFailed",
            Retry.SLOW,
            f"the vault at {AT} requires a client certificate that it accepts. Name such a certificate in"
            " the vault object.",
        ),
        (
            error(ErrorKind.TLS_FAILED, tls_reason="WRONG_VERSION_NUMBER"),
            "VaultTLSFailed",
            Retry.SLOW,
            f"TLS with the vault at {AT} failed. Correct {URL}: the server must support TLS 1.2 or 1.3.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_no_answer_from_the_vault(given: HttpsError, reason: str, retry: Retry, said: str) -> None:
    assert unreachable(given, vault=VAULT, field=URL).verdict == Verdict(
        reason=Reason(reason), message=f"{VAULT}: {said}", retry=retry, phase=Phase.PASSWORD
    )


def test_every_error_kind_has_its_own_message() -> None:
    said = {unreachable(error(it, **said_of(it)), vault=VAULT, field=URL).verdict.message for it in ErrorKind}

    assert len(said) == len(ErrorKind) - 1  # DNS_FAILED and DNS_SILENT are one to the user


NOT_ADMITTED = NotAdmitted(
    field=f"caRef of {VAULT}",
    owner="Secret team-a/login",
    annotation="smtp-operator.io/allowed-ca",
    fingerprints=("ab" * 32,),
)


def said_of(trouble: ErrorKind) -> dict[str, Any]:
    return {"not_admitted": NOT_ADMITTED} if trouble is ErrorKind.CA_NOT_ALLOWED else {"addresses": ADDRESS}


@pytest.mark.parametrize("said", [unreachable, identity_unreachable])
def test_a_ca_that_the_logins_owner_does_not_admit(said: Callable[..., VerdictError]) -> None:
    verdict = said(error(ErrorKind.CA_NOT_ALLOWED, not_admitted=NOT_ADMITTED), vault=VAULT, field=URL).verdict

    assert (verdict.reason, verdict.retry) == ("CaNotAllowed", Retry.CONFIGURATION)
    assert verdict.message == (
        f"{VAULT}: The certificate of {AT} was not issued by a CA that Secret team-a/login admits. Secret"
        f" team-a/login is bound to its servers, so caRef of {VAULT} alone cannot add a CA. If this CA is"
        f" correct, ask the owner to add it to the annotation smtp-operator.io/allowed-ca: {'ab' * 32}; or"
        " ask the cluster admin to add it to the operator's --ca-file."
    )


@pytest.mark.parametrize(
    ("trouble", "reason", "retry"),
    [
        (ErrorKind.PORT_NOT_ALLOWED, "VaultURLNotAllowed", Retry.CONFIGURATION),
        (ErrorKind.HOST_NOT_FOUND, "IdentityProviderUnreachable", Retry.TRANSIENT),
        (ErrorKind.TLS_FAILED, "IdentityProviderUnreachable", Retry.SLOW),
        (ErrorKind.TOO_SLOW, "IdentityProviderUnreachable", Retry.TRANSIENT),
    ],
)
def test_no_answer_from_the_identity_provider(trouble: ErrorKind, reason: str, retry: Retry) -> None:
    verdict = identity_unreachable(error(trouble), vault=VAULT, field="azureKeyVault.authorityHost").verdict

    assert (verdict.reason, verdict.retry) == (reason, retry)
    assert verdict.message.startswith(f"{VAULT}: ")


class Fails:
    """Sends nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        raise self._error


@pytest.mark.parametrize(
    ("given", "reason", "said"),
    [
        (
            CaBundleInvalid(),
            "CABundleInvalid",
            "the object that caRef names has no valid PEM certificate. Store the CA certificate itself"
            " there, with its BEGIN and END lines.",
        ),
        (
            ClientCertificateInvalid("OpenSSL does not accept the certificate or key"),
            "ClientCertificateInvalid",
            "the client certificate cannot be used: OpenSSL does not accept the certificate or key. Store"
            " a valid certificate and its key in the Secret that the vault object names, in the format of"
            " type kubernetes.io/tls.",
        ),
        (
            error(ErrorKind.DROPPED),
            "VaultUnreachable",
            f"the vault at {AT} closed the connection without an answer. A firewall or proxy in between may"
            f" cause this: {EGRESS}.",
        ),
    ],
)
async def test_what_a_request_may_end_with(given: Exception, reason: str, said: str) -> None:
    with pytest.raises(VerdictError) as failed:
        await ask(Fails(given), HttpsRequest(method="GET", url=f"https://{AT}"), vault=VAULT, field=URL)

    assert failed.value.verdict.reason == reason
    assert failed.value.verdict.message == f"{VAULT}: {said}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 600.0),
        ("Wed, 21 Oct 2026 07:28:05 GMT", 5.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Thu, 22 Oct 2026 07:28:00 GMT", 600.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("99999999999999999999", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:05 GMT", None),
        ("Wed, 21 Oct 2026 07:28:05 +99999999999999999999", None),
    ],
)
def test_how_long_the_vault_asks_to_wait(text: str, seconds: float | None) -> None:
    now = 1792567680.0  # 2026-10-21 07:28:00 UTC

    assert retry_after({"retry-after": text}, now) == seconds


def test_a_vault_need_not_say_how_long_to_wait() -> None:
    assert retry_after({}, 0.0) is None
