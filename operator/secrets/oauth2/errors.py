# SPDX-License-Identifier: Apache-2.0
"""Why a token endpoint gave no access token: its error and AADSTS number, never the words of its answer.

Those may repeat what was sent. What is shown is the error's name (RFC 6749 section 5.2) and Entra ID's
number, and for the numbers that people meet, which field to set to which value.
"""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError, cut
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.network.trust import FULL_NAME
from smtp_operator.secrets.oauth2.token_response import token_error
from smtp_operator.secrets.vaults.errors import retry_after

OUTLOOK_SCOPE: Final = "https://outlook.office365.com/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequestContext:
    """For whom a token was asked for, and where; all of it may be shown."""

    host: str
    client_id: str
    credential: str
    """Such as ``Secret mail-app, key client-secret`` or ``ServiceAccount mailer``."""
    refresh_token: str = ""
    """Such as ``Secret mail-app, key refresh-token``, where one was sent."""
    subject: str = ""
    """Of the ServiceAccount's token: ``system:serviceaccount:team-a:mailer``."""
    audience: str = ""


_FEDERATED: Final = (
    'The application has no federated credential for subject "{subject}" with audience "{audience}". Add one'
    " in Entra ID with these two and the cluster's own issuer, which must be public, not the default"
    " https://kubernetes.default.svc.cluster.local."
)

_BY_NUMBER: Final[dict[str, str]] = {
    "7000215": "The client secret is wrong. Store the secret's value in {credential}, not its ID.",
    "7000222": "The client secret has expired. Create a new one in Entra ID and store its value in"
    " {credential}.",
    "700016": "The tenant has no such application. Set oauth2.clientId: the Application (client) ID, and"
    " oauth2.tokenUrl: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with its tenant.",
    "90002": "There is no such tenant. Set oauth2.tokenUrl:"
    " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with the tenant's ID or domain.",
    "900023": "There is no such tenant. Set oauth2.tokenUrl:"
    " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token with the tenant's ID or domain.",
    "70021": _FEDERATED,
    "700211": "The application's federated credential is for another issuer. Set it there to the cluster's"
    " own, which must be public, not the default https://kubernetes.default.svc.cluster.local.",
    "700212": 'The application\'s federated credential is for another audience than "{audience}". Set'
    " oauth2.serviceAccountRef.audience: the one it lists, most often api://AzureADTokenExchange.",
    "700213": 'The application\'s federated credential is for another subject than "{subject}". Set it there'
    " to this one.",
    "7002138": 'The application\'s federated credential names the subject "{subject}" with other capitals.'
    " Set it there to just this one.",
    "900144": f"A parameter is missing, most often the scope. Set oauth2.scope: {OUTLOOK_SCOPE}",
    "1002012": f"Set oauth2.scope: {OUTLOOK_SCOPE}",
    "70011": f"Set oauth2.scope: {OUTLOOK_SCOPE}",
    "500011": f"The tenant does not know that resource. Set oauth2.scope: {OUTLOOK_SCOPE}",
}

_BY_NAME: Final[dict[str, str]] = {
    "invalid_client": "Client and credential do not fit together. Set oauth2.clientId: the client's ID, and"
    " correct {credential}.",
    "unauthorized_client": "The client may not use this grant. Have its administrator allow it and consent.",
    "invalid_scope": f"The endpoint does not know that scope. For Microsoft 365 set oauth2.scope:"
    f" {OUTLOOK_SCOPE}",
    "invalid_grant": "What stands for the client's right is no longer good. Correct {credential}.",
    "unsupported_grant_type": "The endpoint issues no token for this grant. Set oauth2.tokenUrl: the token"
    " endpoint of your provider; Google wants oauth2.refreshTokenRef too.",
    "invalid_request": "Something is missing, most often the scope. Set oauth2.scope: the one your provider"
    " names for SMTP.",
}

_GRANT_ENDED: Final = (
    "The refresh token was revoked or has expired (Google's last 7 days while the app is in testing, and end"
    " with a change of the password). Authorize the app anew and store the new one in {refresh_token}."
)


def bundle_invalid() -> VerdictError:
    """What oauth2.caRef names is no bundle."""
    return _failed(
        Reason.CA_BUNDLE_INVALID,
        "What oauth2.caRef names holds no valid PEM certificate."
        " Store the CA certificate itself there, with its BEGIN and END lines.",
    )


def unreachable(error: HttpsError) -> VerdictError:
    """There was no answer."""
    if error.not_admitted is not None:
        left_out = error.not_admitted
        what = f"{left_out.what(error.place)} [in Token]"
        return _failed(Reason.CA_NOT_ALLOWED, f"{what}. {left_out.why}. {left_out.fix}.")
    what, fix = _unreachable(error)
    lasting = error.kind in (ErrorKind.PORT_NOT_ALLOWED, ErrorKind.ADDRESS_NOT_ALLOWED)
    reason = Reason.DESTINATION_NOT_ALLOWED if lasting else Reason.IDENTITY_PROVIDER_UNREACHABLE
    slow = error.kind is ErrorKind.TLS_FAILED
    return _failed(reason, f"{what} [in Token]. {fix}", Retry.SLOW if slow else None)


def _unreachable(error: HttpsError) -> tuple[str, str]:
    place, host = error.place, error.host
    match error.kind:
        case ErrorKind.PORT_NOT_ALLOWED:
            return (
                f"Port {error.port} of oauth2.tokenUrl is not among those the cluster admin has allowed",
                "Set oauth2.tokenUrl: one with port 443, or ask for this one in the operator's"
                " --allow-vault-port.",
            )
        case ErrorKind.ADDRESS_NOT_ALLOWED:
            return (
                f"{error.addresses[0]}, where oauth2.tokenUrl leads, is in a range the cluster admin has not"
                " allowed",
                "Ask for it to be named in the operator's --allow-network.",
            )
        case ErrorKind.HOST_NOT_FOUND:
            return (
                f'The host of oauth2.tokenUrl, "{host}", does not exist in DNS',
                "Set oauth2.tokenUrl: the token endpoint of your provider, such as"
                " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
                f"{f'; {FULL_NAME}.' if error.bound else ''}",
            )
        case ErrorKind.DNS_FAILED | ErrorKind.DNS_SILENT:
            return (
                f'DNS could not say what the host of oauth2.tokenUrl, "{host}", is',
                "That is a trouble of DNS; it is tried again by itself.",
            )
        case ErrorKind.TLS_FAILED:
            return _tls_failed(error)
        case ErrorKind.TOO_SLOW:
            return (
                f"The token endpoint {place} accepts connections but does not answer in time",
                "It is tried again by itself.",
            )
        case ErrorKind.TOO_LARGE:
            return (
                f"The token endpoint {place} answers with more than {error.size // 1024} KiB",
                "Set oauth2.tokenUrl: the token endpoint itself, not a page for people.",
            )
        case ErrorKind.PROXY_FAILED:
            return (
                f"The proxy {error.proxy} of the operator (--https-proxy) gives no connection to {place}",
                "Have it let that through, or ask for the host to be named in the operator's --no-proxy.",
            )
        case ErrorKind.DROPPED:
            return (
                f"The token endpoint {place} closed the connection without an answer",
                "A firewall or proxy in between may do so; check NetworkPolicy and egress firewall.",
            )
    tried = ", ".join(map(str, error.addresses))
    said = {
        ErrorKind.REFUSED: f"Nothing listens on {place}, where oauth2.tokenUrl leads (tried {tried})",
        ErrorKind.NO_ROUTE: f"There is no route to {place}, where oauth2.tokenUrl leads (tried {tried})",
    }
    what = said.get(error.kind, f"No answer from {place}, where oauth2.tokenUrl leads (tried {tried})")
    return what, "Check NetworkPolicy and egress firewall, and that oauth2.tokenUrl is right."


def _tls_failed(error: HttpsError) -> tuple[str, str]:
    place = error.place
    if error.verify_code == 10:
        return f"A certificate of the token endpoint {place} has expired", "Have it renewed."
    if error.verify_code == 9:
        return (
            f"A certificate of the token endpoint {place} is not valid yet",
            "Check the clocks of node and server.",
        )
    if error.verify_code in (62, 64):
        return (
            f"The certificate of the token endpoint {place} is for another name",
            "Set oauth2.tokenUrl: one with a host that the certificate is for.",
        )
    if error.verify_code:
        return (
            f"The certificate of the token endpoint {place} is signed by an unknown authority",
            "Set oauth2.caRef: the ConfigMap or Secret that holds its CA certificate; tls.caRef does not"
            " apply to it.",
        )
    return (
        f"TLS with the token endpoint {place} failed",
        "Set oauth2.tokenUrl: a server that speaks TLS 1.2 or 1.3 there.",
    )


def refused(answer: HttpsResponse, asked: TokenRequestContext, now: float) -> VerdictError:
    """The endpoint's answer holds no token; ``now`` is in seconds since the epoch."""
    error = token_error(answer)
    who = f"{asked.host} issued no access token to client {cut(asked.client_id, limit=80)}"
    if error.temporary:
        code = f" ({error.code})" if error.code else ""
        return _failed(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"{who}: it answered {answer.status}{code} [in Token]. That is a trouble of"
            " its own; it is tried again by itself.",
            retry_after=retry_after(answer.headers, now),
        )
    if not error.name:
        return _failed(
            Reason.OAUTH_TOKEN_FAILED,
            f"{asked.host} answered {answer.status} and nothing that a token endpoint says [in Token]."
            " Set oauth2.tokenUrl: the token endpoint itself, such as"
            " https://login.microsoftonline.com/TENANT/oauth2/v2.0/token or https://oauth2.googleapis.com/token",
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
        f'{who} [in Token, server said: "{answer.status} {error.code}"]. {hint.format_map(facts)}'.rstrip(),
    )


def _failed(
    reason: Reason, message: str, retry: Retry | None = None, *, retry_after: float | None = None
) -> VerdictError:
    return VerdictError(
        Verdict(
            reason=reason,
            message=cut(message),
            retry=retry or REASONS[reason].retry,
            phase=Phase.TOKEN,
            retry_after=retry_after,
        )
    )
