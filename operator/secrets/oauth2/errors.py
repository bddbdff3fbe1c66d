# SPDX-License-Identifier: Apache-2.0
"""Explain why a token endpoint issued no access token: by error name and AADSTS number, never by its text.

The text may repeat what was sent. Messages show the error's name (RFC 6749 section 5.2) and Entra ID's
number, and for common numbers which field to set to which value.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, VerdictError, cut, failed
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.trust import FULL_NAME
from smtp_operator.secrets.oauth2.token_response import token_error
from smtp_operator.secrets.vaults.errors import http_error, retry_after

OUTLOOK_SCOPE: Final = "https://outlook.office365.com/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequestContext:
    """The client and endpoint of a token request; all values may be shown."""

    host: str
    client_id: str
    credential: str
    """For example, ``Secret mail-app, key client-secret`` or ``ServiceAccount mailer``."""
    refresh_token: str = ""
    """For example, ``Secret mail-app, key refresh-token``, if one was sent."""
    subject: str = ""
    """Subject of the ServiceAccount's token: ``system:serviceaccount:team-a:mailer``."""
    audience: str = ""


_FEDERATED: Final = (
    'The application has no federated credential for subject "{subject}" with audience "{audience}".'
    " Add one in Entra ID with these two and the cluster's issuer. The issuer must be public, not the"
    " default https://kubernetes.default.svc.cluster.local."
)

_BY_NUMBER: Final[dict[str, str]] = {
    "7000215": "The client secret is wrong. Store the secret's value in {credential}, not its ID.",
    "7000222": "The client secret has expired. Create a new one in Entra ID and store its value in"
    " {credential}.",
    "700016": "The tenant has no such application. Set oauth2.clientId to the Application (client) ID, and"
    " oauth2.tokenUrl to https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with its"
    " tenant.",
    "90002": "There is no such tenant. Set oauth2.tokenUrl to"
    " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with the tenant's ID or domain.",
    "900023": "There is no such tenant. Set oauth2.tokenUrl to"
    " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with the tenant's ID or domain.",
    "70021": _FEDERATED,
    "700211": "The application's federated credential is for another issuer. Set it there to the cluster's"
    " issuer, which must be public, not the default https://kubernetes.default.svc.cluster.local.",
    "700212": 'The application\'s federated credential is for another audience than "{audience}". Set'
    " oauth2.serviceAccountRef.audience to the one it lists, usually api://AzureADTokenExchange.",
    "700213": 'The application\'s federated credential is for another subject than "{subject}". Set it there'
    " to this one.",
    "7002138": 'The application\'s federated credential writes the subject "{subject}" in a different case.'
    " Set it there to exactly this subject.",
    "900144": f"A parameter is missing, usually the scope. Set oauth2.scope: {OUTLOOK_SCOPE}",
    "1002012": f"Set oauth2.scope: {OUTLOOK_SCOPE}",
    "70011": f"Set oauth2.scope: {OUTLOOK_SCOPE}",
    "500011": f"The tenant does not know this resource. Set oauth2.scope: {OUTLOOK_SCOPE}",
}

_BY_NAME: Final[dict[str, str]] = {
    "invalid_client": "The client ID and the credential do not match. Set oauth2.clientId to the client's"
    " ID, and correct {credential}.",
    "unauthorized_client": "The client may not use this grant. Ask its administrator to allow the grant and"
    " to consent.",
    "invalid_scope": "The endpoint does not know this scope. For Microsoft 365 set oauth2.scope:"
    f" {OUTLOOK_SCOPE}",
    "invalid_grant": "The credential of the client is no longer valid. Correct {credential}.",
    "unsupported_grant_type": "The endpoint issues no token for this grant. Set oauth2.tokenUrl to the token"
    " endpoint of your provider; Google also requires oauth2.refreshTokenRef.",
    "invalid_request": "A parameter is missing, usually the scope. Set oauth2.scope to the scope that your"
    " provider documents for SMTP.",
}

_GRANT_ENDED: Final = (
    "The refresh token was revoked or has expired. (Google's refresh tokens last 7 days while the app is"
    " in testing, and become invalid when the password changes.) Authorize the app again and store the new"
    " refresh token in {refresh_token}."
)


def bundle_invalid() -> VerdictError:
    """Return the verdict for an invalid bundle in ``oauth2.caRef``."""
    return _failed(
        Reason.CA_BUNDLE_INVALID,
        "The object that oauth2.caRef names has no valid PEM certificate. Store the CA certificate itself"
        " there, with its BEGIN and END lines.",
    )


def unreachable(error: HttpsError) -> VerdictError:
    """Return the verdict for a request without an answer."""
    if error.not_admitted is not None:
        left_out = error.not_admitted
        what = f"{left_out.what(error.place)} [in Token]"
        return _failed(Reason.CA_NOT_ALLOWED, f"{what}. {left_out.why}. {left_out.fix}.")
    what, fix = _unreachable(error)
    lasting = error.kind in (ErrorKind.PORT_NOT_ALLOWED, ErrorKind.ADDRESS_NOT_ALLOWED)
    reason = Reason.DESTINATION_NOT_ALLOWED if lasting else Reason.IDENTITY_PROVIDER_UNREACHABLE
    slow = error.kind is ErrorKind.TLS_FAILED
    return _failed(reason, f"{what} [in Token]. {fix}", retry=Retry.SLOW if slow else None)


def _unreachable(error: HttpsError) -> tuple[str, str]:
    place, host = error.place, error.host
    match error.kind:
        case ErrorKind.PORT_NOT_ALLOWED:
            return (
                f"Port {error.port} of oauth2.tokenUrl is not a port that the cluster admin has allowed",
                "Set oauth2.tokenUrl to a URL with port 443, or ask the cluster admin to add this port to"
                " the operator's --allow-vault-port.",
            )
        case ErrorKind.ADDRESS_NOT_ALLOWED:
            return (
                f"oauth2.tokenUrl leads to {error.addresses[0]}, which is in a range that the cluster admin"
                " has not allowed",
                "Ask the cluster admin to add it to the operator's --allow-network.",
            )
        case ErrorKind.HOST_NOT_FOUND:
            return (
                f'The host of oauth2.tokenUrl, "{host}", does not exist in DNS',
                "Set oauth2.tokenUrl to the token endpoint of your provider, such as"
                " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
                f"{f'; {FULL_NAME}.' if error.bound else ''}",
            )
        case ErrorKind.DNS_FAILED | ErrorKind.DNS_SILENT:
            return (
                f'The DNS lookup of "{host}", the host of oauth2.tokenUrl, failed',
                "No action needed; the operator retries automatically.",
            )
        case ErrorKind.TLS_FAILED:
            return _tls_failed(error)
        case ErrorKind.TOO_SLOW:
            return (
                f"The token endpoint {place} accepts connections but does not answer in time",
                "No action needed; the operator retries automatically.",
            )
        case ErrorKind.TOO_LARGE:
            return (
                f"The token endpoint {place} answered with more than {error.size // 1024} KiB",
                "Set oauth2.tokenUrl to the token endpoint itself, not to a web page.",
            )
        case ErrorKind.PROXY_FAILED:
            return (
                f"The proxy {error.proxy} of the operator (--https-proxy) did not connect to {place}",
                "Allow this destination in the proxy, or ask the cluster admin to add the host to"
                " the operator's --no-proxy.",
            )
        case ErrorKind.DROPPED:
            return (
                f"The token endpoint {place} closed the connection without an answer",
                "A firewall or proxy in between may cause this: check NetworkPolicies and the"
                " egress firewall.",
            )
    tried = ", ".join(map(str, error.addresses))
    said = {
        ErrorKind.REFUSED: f"Nothing listens on {place}, where oauth2.tokenUrl leads (tried {tried})",
        ErrorKind.NO_ROUTE: f"There is no route to {place}, where oauth2.tokenUrl leads (tried {tried})",
    }
    what = said.get(error.kind, f"No answer from {place}, where oauth2.tokenUrl leads (tried {tried})")
    return what, "Check NetworkPolicies, the egress firewall and oauth2.tokenUrl."


def _tls_failed(error: HttpsError) -> tuple[str, str]:
    place = error.place
    if error.verify_code == 10:
        return f"A certificate of the token endpoint {place} has expired", "Renew it on the server."
    if error.verify_code == 9:
        return (
            f"A certificate of the token endpoint {place} is not valid yet",
            "Check the clocks of the node and the server.",
        )
    if error.verify_code in (62, 64):
        return (
            f"The certificate of the token endpoint {place} is for another name",
            "Set oauth2.tokenUrl to a URL with a host name from the certificate.",
        )
    if error.verify_code:
        return (
            f"The certificate of the token endpoint {place} is signed by an unknown authority",
            "Set oauth2.caRef to the ConfigMap or Secret with its CA certificate; tls.caRef does not apply"
            " here.",
        )
    return (
        f"TLS with the token endpoint {place} failed",
        "Set oauth2.tokenUrl to a server that supports TLS 1.2 or 1.3.",
    )


def refused(answer: HttpsResponse, asked: TokenRequestContext, now: float) -> VerdictError:
    """Return the verdict for an answer without a token; ``now`` is in seconds since the epoch."""
    error = token_error(answer)
    who = f"{asked.host} issued no access token to client {cut(asked.client_id, limit=80)}"
    if error.temporary:
        code = f" ({error.code})" if error.code else ""
        return _failed(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"{who}: it answered {answer.status}{code} [in Token]. No action needed; the operator retries"
            " automatically.",
            retry_after=retry_after(answer.headers, now),
        )
    if not error.name:
        return _failed(
            Reason.OAUTH_TOKEN_FAILED,
            f"{asked.host} answered {answer.status}, but not as a token endpoint does [in Token]. Set"
            " oauth2.tokenUrl to the token endpoint itself, such as"
            " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token or"
            " https://oauth2.googleapis.com/token",
        )
    hint = _BY_NUMBER.get(error.number) or _BY_NAME.get(error.name, "")
    if error.name == "invalid_grant" and asked.refresh_token:
        hint = _GRANT_ENDED
    facts = {
        "credential": asked.credential,
        "subject": asked.subject,
        "audience": asked.audience,
        "refresh_token": asked.refresh_token,
    }
    return _failed(
        Reason.OAUTH_TOKEN_FAILED,
        f"{who} [in Token, {http_error(answer.status, error.code)}]. {hint.format_map(facts)}".rstrip(),
    )


_failed: Final = partial(failed, phase=Phase.TOKEN)
