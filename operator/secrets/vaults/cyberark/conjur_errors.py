# SPDX-License-Identifier: Apache-2.0
"""Explain why Conjur returned no token or value, by the refused request, the status and the error code.

Conjur deliberately says little: every failed login is an empty 401, and a missing, empty or hidden variable
is the same 404. Only its log has the cause, as CONJ…E.
"""

import re
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.vaults.request_context import RequestContext

_CODE: Final = re.compile(rb"\bCONJ\d{5}[EW]\b")
_ADDRESS_REJECTED: Final = b"IP address rejected"
_TEXT: Final = 2000
_ENDPOINT_FIX: Final = (
    "Set cyberArkConjur.url to the URL of Conjur itself, ending in /api for Secrets Manager SaaS."
)
API_KEY: Final = "authn"
"""Conjur's name of the login with an API key."""


def login_refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a login without a token."""
    reply = _reply(answer)
    common = _common(answer, asked, reply)
    if common is not None:
        return common
    match answer.status:
        case 401:
            return asked.failed(
                Reason.VAULT_AUTH_FAILED,
                f"Conjur refuses the login of {asked.client} in account {asked.namespace}"
                f" ({reply}) and does not say why. {_fix(asked)} Conjur's log shows the cause to its"
                " administrators.",
                reply=reply,
            )
        case 403:
            return asked.failed(
                Reason.VAULT_AUTH_FAILED,
                f"Conjur does not let {asked.client} log in with {asked.method}"
                f" ({reply}). Ask Conjur's administrators to grant it the privilege authenticate on"
                f" webservice conjur/{asked.method}.",
                reply=reply,
            )
        case 404:
            return asked.failed(
                Reason.VAULT_AUTH_FAILED,
                f"Conjur has no account {asked.namespace}, or no authenticator {asked.method}"
                f" ({reply}). Correct cyberArkConjur.account and cyberArkConjur.auth.",
                reply=reply,
            )
    return _invalid_request(answer, asked, reply, f"the login of {asked.client}")


def read_refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a read without a value."""
    reply = _reply(answer)
    common = _common(answer, asked, reply)
    if common is not None:
        return common
    pinned = f" in version {asked.version}" if asked.version else ""
    match answer.status:
        case 401:
            return token_refused(answer, asked)
        case 403:
            return asked.failed(
                Reason.VAULT_ACCESS_DENIED,
                f"{asked.client} may not read variable {asked.item} ({reply}). Ask Conjur's"
                " administrators to grant it read and execute on this variable.",
                reply=reply,
            )
        case 404:
            other = ", or set password.cyberArk.version to an existing version" if asked.version else ""
            return asked.failed(
                Reason.VAULT_SECRET_NOT_FOUND,
                f"Conjur has no variable {asked.item} with a value{pinned} in account"
                f" {asked.namespace}, or does not show it to {asked.client} ({reply}). Correct"
                f" password.cyberArk.variable{other}, or ask Conjur's administrators to grant it read and"
                " execute on this variable.",
                reply=reply,
            )
    return _invalid_request(answer, asked, reply, f"variable {asked.item}{pinned}")


def token_refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a refused new token."""
    reply = _reply(answer)
    return _common(answer, asked, reply) or asked.failed(
        Reason.VAULT_AUTH_FAILED,
        f"Conjur accepted the login of {asked.client}, but refuses the token that it issued"
        f" ({reply}). Look for a proxy in between that drops the Authorization header. Check that Conjur's"
        " followers have the leader's keys and time.",
        reply=reply,
    )


def _common(answer: HttpsResponse, asked: RequestContext, reply: str) -> VerdictError | None:
    """Return the verdict for errors of any request, or None."""
    if _ADDRESS_REJECTED in answer.body[:_TEXT] and answer.status in (401, 403):
        return asked.failed(
            Reason.VAULT_NETWORK_DENIED,
            f"Conjur refuses {asked.client} from this address ({reply}). Ask Conjur's"
            " administrators to add the cluster's egress address to its restricted_to.",
            reply=reply,
        )
    if answer.status >= 500:
        what = f"Conjur returned an internal error ({reply})"
        return asked.temporary(Reason.VAULT_UNAVAILABLE, what, reply=reply)
    if "html" in answer.headers.get("content-type", "") or answer.status in (200, 405):
        return asked.other_server(answer, "Conjur", _ENDPOINT_FIX)
    return None


def _invalid_request(answer: HttpsResponse, asked: RequestContext, reply: str, what: str) -> VerdictError:
    return asked.failed(
        Reason.VAULT_REQUEST_INVALID,
        f"Conjur rejects the request for {what} as invalid ({reply}). Correct cyberArkConjur"
        " of the vault object, and password.cyberArk.",
        reply=reply,
    )


def _fix(asked: RequestContext) -> str:
    if asked.method == API_KEY:
        return (
            f"Correct {asked.auth}.login (a host's login starts with host/), and the API key in"
            f" {asked.credential}. A rotation makes the old API key invalid."
        )
    return (
        f"Correct {asked.auth}: serviceId must name an enabled authenticator, and its host must be defined"
        f' for the token of {asked.credential} with audience "{asked.claims.audience}".'
    )


def _reply(answer: HttpsResponse) -> str:
    found = _CODE.search(answer.body[:_TEXT])
    return f"{answer.status} {found[0].decode()}" if found else str(answer.status)
