# SPDX-License-Identifier: Apache-2.0
"""Explain why Conjur returned no token or value, by the refused request, the status and the error code.

Conjur deliberately says little: every failed login is an empty 401, and a missing, empty or hidden variable
is the same 404. Only its log has the cause, as CONJ…E.
"""

import re
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.https import HttpsResponse

_CODE: Final = re.compile(rb"\bCONJ\d{5}[EW]\b")
_ADDRESS_REJECTED: Final = b"IP address rejected"
_TEXT: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConjurRequestContext:
    """The identity and server of a Conjur login; all values may be shown."""

    vault: str
    """The vault object as text."""
    url: str
    account: str
    identity: str
    """For example, ``host/smtp-operator``, or ``ServiceAccount smtp-vault`` if its token names the host."""
    fix: str
    """The fix for a refused login, as a sentence."""
    authenticator: str
    """For example, ``authn`` or ``authn-jwt/kubernetes``."""


def login_refused(answer: HttpsResponse, who: ConjurRequestContext) -> VerdictError:
    """Return the verdict for a login without a token."""
    reply = _reply(answer)
    common = _common(answer, who, reply)
    if common is not None:
        return common
    match answer.status:
        case 401:
            return failed(
                Reason.VAULT_AUTH_FAILED,
                f"{who.vault}: Conjur refuses the login of {who.identity} in account {who.account}"
                f" ({reply}) and does not say why. {who.fix} Conjur's log shows the cause to its"
                " administrators.",
                reply=reply,
            )
        case 403:
            return failed(
                Reason.VAULT_AUTH_FAILED,
                f"{who.vault}: Conjur does not let {who.identity} log in with {who.authenticator}"
                f" ({reply}). Ask Conjur's administrators to grant it the privilege authenticate on"
                f" webservice conjur/{who.authenticator}.",
                reply=reply,
            )
        case 404:
            return failed(
                Reason.VAULT_AUTH_FAILED,
                f"{who.vault}: Conjur has no account {who.account}, or no authenticator {who.authenticator}"
                f" ({reply}). Correct cyberArkConjur.account and cyberArkConjur.auth.",
                reply=reply,
            )
    return _invalid_request(answer, who, reply, f"the login of {who.identity}")


def read_refused(
    answer: HttpsResponse, who: ConjurRequestContext, variable: str, version: str | None
) -> VerdictError:
    """Return the verdict for a read without a value."""
    reply = _reply(answer)
    common = _common(answer, who, reply)
    if common is not None:
        return common
    pinned = f" in version {version}" if version else ""
    match answer.status:
        case 401:
            return token_refused(answer, who)
        case 403:
            return failed(
                Reason.VAULT_ACCESS_DENIED,
                f"{who.vault}: {who.identity} may not read variable {variable} ({reply}). Ask Conjur's"
                " administrators to grant it read and execute on this variable.",
                reply=reply,
            )
        case 404:
            other = ", or set password.cyberArk.version to an existing version" if version else ""
            return failed(
                Reason.VAULT_SECRET_NOT_FOUND,
                f"{who.vault}: Conjur has no variable {variable} with a value{pinned} in account"
                f" {who.account}, or does not show it to {who.identity} ({reply}). Correct"
                f" password.cyberArk.variable{other}, or ask Conjur's administrators to grant it read and"
                " execute on this variable.",
                reply=reply,
            )
    return _invalid_request(answer, who, reply, f"variable {variable}{pinned}")


def token_refused(answer: HttpsResponse, who: ConjurRequestContext) -> VerdictError:
    """Return the verdict for a refused new token."""
    reply = _reply(answer)
    return _common(answer, who, reply) or failed(
        Reason.VAULT_AUTH_FAILED,
        f"{who.vault}: Conjur accepted the login of {who.identity}, but refuses the token that it issued"
        f" ({reply}). Look for a proxy in between that drops the Authorization header. Check that Conjur's"
        " followers have the leader's keys and time.",
        reply=reply,
    )


def _common(answer: HttpsResponse, who: ConjurRequestContext, reply: str) -> VerdictError | None:
    """Return the verdict for errors of any request, or None."""
    if _ADDRESS_REJECTED in answer.body[:_TEXT] and answer.status in (401, 403):
        return failed(
            Reason.VAULT_NETWORK_DENIED,
            f"{who.vault}: Conjur refuses {who.identity} from this address ({reply}). Ask Conjur's"
            " administrators to add the cluster's egress address to its restricted_to.",
            reply=reply,
        )
    if answer.status >= 500:
        return failed(
            Reason.VAULT_UNAVAILABLE,
            f"{who.vault}: Conjur returned an internal error ({reply}). No action needed; the operator"
            " retries automatically.",
            reply=reply,
        )
    if "html" in answer.headers.get("content-type", "") or answer.status in (200, 405):
        return _endpoint(answer, who)
    return None


def _invalid_request(answer: HttpsResponse, who: ConjurRequestContext, reply: str, what: str) -> VerdictError:
    return failed(
        Reason.VAULT_REQUEST_INVALID,
        f"{who.vault}: Conjur rejects the request for {what} as invalid ({reply}). Correct cyberArkConjur"
        " of the vault object, and password.cyberArk.",
        reply=reply,
    )


def _endpoint(answer: HttpsResponse, who: ConjurRequestContext) -> VerdictError:
    return failed(
        Reason.VAULT_ENDPOINT_INVALID,
        f"{who.vault}: {who.url} answers {answer.status}, but not as Conjur does. Set cyberArkConjur.url to"
        " the URL of Conjur itself, ending in /api for Secrets Manager SaaS.",
        reply=str(answer.status),
    )


def _reply(answer: HttpsResponse) -> str:
    found = _CODE.search(answer.body[:_TEXT])
    return f"{answer.status} {found[0].decode()}" if found else str(answer.status)
