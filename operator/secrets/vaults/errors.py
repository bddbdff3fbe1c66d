# SPDX-License-Identifier: Apache-2.0
"""Verdicts that all vaults share, such as those for a vault without an answer.

Each message starts with the vault object, says what happened, and which of its fields to set to which value.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.https import HttpsRequest, HttpsResponse, HttpsSender
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.tls import CaBundleInvalid, ClientCertificateInvalid
from smtp_operator.network.trust import FULL_NAME
from smtp_operator.secrets.failure_cache import LONGEST_WAIT

_EXPIRED, _NOT_YET_VALID, _OTHER_NAME = (10,), (9,), (62, 64)  # X509_V_ERR_… of OpenSSL
_CERTIFICATE_WANTED: Final = frozenset(
    {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA"}
)

_REASONS: Final[dict[ErrorKind, Reason]] = {
    ErrorKind.PORT_NOT_ALLOWED: Reason.VAULT_URL_NOT_ALLOWED,
    ErrorKind.ADDRESS_NOT_ALLOWED: Reason.VAULT_URL_NOT_ALLOWED,
    ErrorKind.HOST_NOT_FOUND: Reason.VAULT_HOST_UNRESOLVED,
    ErrorKind.DNS_FAILED: Reason.VAULT_HOST_UNRESOLVED,
    ErrorKind.DNS_SILENT: Reason.VAULT_HOST_UNRESOLVED,
    ErrorKind.TLS_FAILED: Reason.VAULT_TLS_FAILED,
    ErrorKind.TOO_LARGE: Reason.VAULT_RESPONSE_INVALID,
    ErrorKind.CA_NOT_ALLOWED: Reason.CA_NOT_ALLOWED,
}
_NOT_ASKED: Final = (ErrorKind.PORT_NOT_ALLOWED, ErrorKind.ADDRESS_NOT_ALLOWED)


class LoginError(VerdictError):
    """The login to a vault failed, so every read would."""


def http_error(status: int, code: str = "") -> str:
    """Return status and error code for messages: ``HTTP status 403, error ForbiddenByRbac``."""
    return f"HTTP status {status}" + (f", error {code}" if code else "")


def vault_changed(vault: str) -> VerdictError:
    """Return the verdict for a vault object that changed during the read."""
    return failed(
        Reason.VAULT_UNAVAILABLE,
        f"{vault} changed or was deleted during the read. No action needed; the operator reads it"
        " again automatically.",
    )


async def ask(sender: HttpsSender, request: HttpsRequest, *, vault: str, field: str) -> HttpsResponse:
    """Send a request and return the answer of any status. ``spec.<field>`` of ``vault`` has the URL.

    Raises:
        VerdictError: there is no answer.
    """
    try:
        return await sender.send(request)
    except HttpsError as error:
        raise unreachable(error, vault=vault, field=field) from None
    except CaBundleInvalid:
        raise bundle_invalid(vault) from None
    except ClientCertificateInvalid as error:
        raise certificate_invalid(error, vault) from None


def unreachable(error: HttpsError, *, vault: str, field: str) -> VerdictError:
    """Return the verdict for a vault without an answer. ``spec.<field>`` has its URL."""
    reason = _REASONS.get(error.kind, Reason.VAULT_UNREACHABLE)
    return failed(reason, f"{vault}: {why_unreachable(error, 'the vault', field)}")


def identity_unreachable(error: HttpsError, *, vault: str, field: str) -> VerdictError:
    """Return the verdict for an identity provider without an answer. ``spec.<field>`` has its URL."""
    if error.kind is ErrorKind.CA_NOT_ALLOWED:
        return unreachable(error, vault=vault, field=field)
    lasting = error.kind in _NOT_ASKED
    return failed(
        Reason.VAULT_URL_NOT_ALLOWED if lasting else Reason.IDENTITY_PROVIDER_UNREACHABLE,
        f"{vault}: {why_unreachable(error, 'the identity provider', field)}",
        retry=Retry.SLOW if error.kind is ErrorKind.TLS_FAILED else None,
    )


def bundle_invalid(vault: str) -> VerdictError:
    """Return the verdict for an invalid bundle in ``spec.caRef``."""
    return failed(
        Reason.CA_BUNDLE_INVALID,
        f"{vault}: the object that caRef names has no valid PEM certificate. Store the CA certificate"
        " itself there, with its BEGIN and END lines.",
    )


def certificate_invalid(error: ClientCertificateInvalid, vault: str) -> VerdictError:
    """Return the verdict for an unusable client certificate; the error's text has no part of it."""
    return failed(
        Reason.CLIENT_CERTIFICATE_INVALID,
        f"{vault}: the client certificate cannot be used: {error}. Store a valid certificate and its key in"
        " the Secret that the vault object names, in the format of type kubernetes.io/tls.",
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds in ``retry-after`` (RFC 9110 section 10.2.3), at most 600; None: not set.

    ``headers`` has lower-case names, ``now`` is in seconds since the epoch.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 9:
        return min(float(text), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError for a year or zone of twenty digits
        return None
    wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.fromtimestamp(now, UTC)
    return min(max(wait.total_seconds(), 0.0), LONGEST_WAIT)


def why_unreachable(error: HttpsError, who: str, field: str) -> str:
    """Return why ``who``, such as "the vault", did not answer, and the fix for ``field``."""
    place, egress = error.place, "check NetworkPolicies and the egress firewall"
    tried = ", ".join(map(str, error.addresses))
    match error.kind:
        case ErrorKind.PORT_NOT_ALLOWED:
            return (
                f"port {error.port} of {field} is not a port that the cluster admin has allowed. Set"
                f" {field} to a URL with port 443, or ask the cluster admin to add this port to the"
                " operator's --allow-vault-port."
            )
        case ErrorKind.ADDRESS_NOT_ALLOWED:
            return (
                f"{field} leads to {tried}, which is in a range that the cluster admin has not allowed. Ask"
                " the cluster admin to add it to the operator's --allow-network."
            )
        case ErrorKind.HOST_NOT_FOUND:
            return (
                f'the host of {field}, "{error.host}", does not exist in the cluster\'s DNS. Correct'
                f" {field}. A private endpoint needs its DNS zone linked to the cluster's"
                f" network{f', and {FULL_NAME}' if error.bound else ''}."
            )
        case ErrorKind.DNS_FAILED | ErrorKind.DNS_SILENT:
            return (
                f'the DNS lookup of "{error.host}", the host of {field}, failed. No action needed; the'
                " operator retries automatically."
            )
        case ErrorKind.REFUSED:
            return (
                f"nothing listens on {place}, where {field} leads (tried {tried})."
                f" Correct host and port of {field}, and {egress}."
            )
        case ErrorKind.NO_ROUTE:
            return (
                f"there is no route to {place}, where {field} leads (tried {tried})."
                f" Correct host and port of {field}, and {egress}."
            )
        case ErrorKind.CONNECT_TIMEOUT:
            return (
                f"no answer from {place}, where {field} leads (tried {tried})."
                f" Correct host and port of {field}, and {egress}."
            )
        case ErrorKind.TLS_FAILED | ErrorKind.CA_NOT_ALLOWED:
            return _tls_failed(error, who, field)
        case ErrorKind.TOO_SLOW:
            return (
                f"{who} at {place} accepts connections but does not answer in time. No action needed; the"
                " operator retries automatically."
            )
        case ErrorKind.DROPPED:
            return (
                f"{who} at {place} closed the connection without an answer. A firewall or proxy in between"
                f" may cause this: {egress}."
            )
        case ErrorKind.PROXY_FAILED:
            return (
                f"the proxy {error.proxy} of the operator (--https-proxy) did not connect to {place}. Allow"
                " this destination in the proxy, or ask the cluster admin to add the host to the"
                " operator's --no-proxy."
            )
        case ErrorKind.TOO_LARGE:
            return (
                f"{who} at {place} answered with more than {error.size // 1024} KiB. Correct {field}: it"
                f" must lead to {who} itself, not to a web page."
            )


def _tls_failed(error: HttpsError, who: str, field: str) -> str:
    place = error.place
    if error.not_admitted is not None:
        return error.not_admitted.sentences(place)
    if error.verify_code in _EXPIRED:
        return f"a certificate of {who} at {place} has expired. Renew it on the server."
    if error.verify_code in _NOT_YET_VALID:
        return (
            f"a certificate of {who} at {place} is not valid yet. Check the clocks of the node and the"
            " server."
        )
    if error.verify_code in _OTHER_NAME:
        return (
            f"the certificate of {who} at {place} is for another name. Set {field} to a URL with a host"
            " name from the certificate."
        )
    if error.verify_code:
        return (
            f"the certificate of {who} at {place} is signed by an unknown authority. Set caRef to the"
            " ConfigMap or Secret with its CA certificate."
        )
    if error.tls_reason in _CERTIFICATE_WANTED:
        return (
            f"{who} at {place} requires a client certificate that it accepts. Name such a certificate in"
            " the vault object."
        )
    return f"TLS with {who} at {place} failed. Correct {field}: the server must support TLS 1.2 or 1.3."
