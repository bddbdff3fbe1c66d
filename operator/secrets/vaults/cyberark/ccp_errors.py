# SPDX-License-Identifier: Apache-2.0
"""Explain why a CCP returned no password, by status and error code, never by its text.

The text may repeat the request, and the HTTP status alone is misleading: APPAP007E has status 400, but is
temporary. Codes are from "Central Credential Provider web service: return codes" in CyberArk's documentation.
"""

import re
from enum import Enum, auto
from typing import Any, Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.untrusted_json import json_object
from smtp_operator.secrets.vaults.request_context import RequestContext

CHANGE_TAKES: Final = 30.0
"""Seconds until the next read while a password is being changed."""

_CODE: Final = re.compile(r"\b(?:APPAP|APPBC|AIMWS|CASVL|ITATS)\d{3}[EWI]\b")
_SUBSTATUS: Final = re.compile(rb"\b40[13]\.\d{1,2}\b")
_WORDS: Final = ("ErrorCode", "ErrorMsg", "ErrorMessage", "Details", "Message")
_TEXT: Final = 2000
_ENDPOINT_FIX: Final = (
    "Set cyberArkCCP.url to the host of the CCP, and cyberArkCCP.webService to its web service, usually"
    " AIMWebService."
)


class _Kind(Enum):
    """Meaning of an error code."""

    REQUEST = auto()
    CHARACTERS = auto()
    AMBIGUOUS = auto()
    NO_VAULT = auto()
    APPLICATION_REFUSED = auto()
    APPLICATION_UNKNOWN = auto()
    NOT_FOUND = auto()
    CHANGING = auto()


_KINDS: Final[dict[str, _Kind]] = {
    **dict.fromkeys(("AIMWS030E", "AIMWS031E", "APPAP081E"), _Kind.REQUEST),
    "CASVL010E": _Kind.CHARACTERS,
    **dict.fromkeys(
        ("APPAP005E", "APPAP227E", "APPAP228E", "APPAP229E", "APPAP230E", "APPAP251E"), _Kind.AMBIGUOUS
    ),
    **dict.fromkeys(
        ("APPAP007E", "APPBC007E", "APPAP096W", "APPAP289E", "APPAP291E", "APPAP292E", "APPAP297E"),
        _Kind.NO_VAULT,
    ),
    **dict.fromkeys(("APPAP306E", "APPAP133E", "APPAP132E", "APPAP087E"), _Kind.APPLICATION_REFUSED),
    "APPAP008E": _Kind.APPLICATION_UNKNOWN,
    **dict.fromkeys(("APPAP004E", "APPAP249E", "APPAP324E"), _Kind.NOT_FOUND),
    **dict.fromkeys(("APPAP282E", "APPAP286E"), _Kind.CHANGING),
}
_BY_STATUS: Final = {
    400: _Kind.REQUEST,
    401: _Kind.APPLICATION_REFUSED,
    403: _Kind.APPLICATION_REFUSED,
    404: _Kind.NOT_FOUND,
}


def refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for an answer without a password."""
    body = json_object(answer.body)
    code = _code(body)
    if not code and answer.status < 500:
        return _no_ccp(answer, asked)
    kind = _KINDS.get(code)
    if kind is None and answer.status < 500:
        kind = _BY_STATUS.get(answer.status, _Kind.REQUEST)
    reply = f"{answer.status} {code}".rstrip()
    return _failed(kind, reply, asked)


def no_json(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for status 200 without a JSON object."""
    if "json" in answer.headers.get("content-type", ""):
        return asked.failed(
            Reason.VAULT_RESPONSE_INVALID,
            f"the CCP's answer of {len(answer.body)} bytes is not JSON. The operator retries"
            " automatically. If this persists, look for a proxy in between.",
        )
    return asked.other_server(answer, "a CCP", _ENDPOINT_FIX)


def _failed(kind: _Kind | None, reply: str, asked: RequestContext) -> VerdictError:
    app_id, account = asked.client, asked.item
    match kind:
        case _Kind.REQUEST:
            return asked.failed(
                Reason.VAULT_REQUEST_INVALID,
                f"the CCP rejects the request for {account} with AppID {app_id} as invalid"
                f" ({reply}). Correct password.cyberArk, and cyberArkCCP.appId of the vault object.",
                reply=reply,
            )
        case _Kind.CHARACTERS:
            return asked.failed(
                Reason.VAULT_REQUEST_INVALID,
                f"the request for {account} with AppID {app_id} has a character that CyberArk does"
                f" not accept ({reply}). Correct password.cyberArk, and cyberArkCCP.appId of the vault"
                " object.",
                reply=reply,
            )
        case _Kind.AMBIGUOUS:
            return asked.failed(
                Reason.VAULT_SECRET_AMBIGUOUS,
                f"several accounts match {account} ({reply}). Set password.cyberArk.object to the"
                " name of one account, and password.cyberArk.safe to its Safe.",
                reply=reply,
            )
        case _Kind.APPLICATION_REFUSED:
            return asked.failed(
                Reason.VAULT_AUTH_FAILED,
                f"CyberArk does not accept AppID {app_id} from here ({reply}). {_access_fix(asked)}",
                reply=reply,
            )
        case _Kind.APPLICATION_UNKNOWN:
            return asked.failed(
                Reason.VAULT_ACCESS_DENIED,
                f"CyberArk does not know AppID {app_id}, or it is not a member of any Safe"
                f" ({reply}). Set cyberArkCCP.appId to the application's ID. Or ask CyberArk's"
                " administrators to define this AppID, and to add it and the CCP's provider user to the"
                " Safe.",
                reply=reply,
            )
        case _Kind.NOT_FOUND:
            return asked.failed(
                Reason.VAULT_SECRET_NOT_FOUND,
                f"CyberArk has no {account}, or does not show it to AppID {app_id} ({reply})."
                " Correct password.cyberArk. Or ask CyberArk's administrators to add this AppID and the"
                " CCP's provider user to the Safe, with the right to list and retrieve accounts.",
                reply=reply,
            )
        case _Kind.CHANGING:
            return changing(asked, reply)
        case _Kind.NO_VAULT:
            what = f"the CCP cannot reach its Vault ({reply})"
            return asked.temporary(Reason.VAULT_UNAVAILABLE, what, reply=reply)
        case None:
            what = f"the CCP returned an internal error ({reply})"
            return asked.temporary(Reason.VAULT_UNAVAILABLE, what, reply=reply)


def changing(asked: RequestContext, reply: str) -> VerdictError:
    """Return the verdict for a password that the CPM is changing."""
    return asked.failed(
        Reason.VAULT_SECRET_CHANGING,
        f"CyberArk is changing the password of {asked.item} now ({reply}). No action"
        " needed; the operator reads it again automatically.",
        retry_after=CHANGE_TAKES,
        reply=reply,
    )


def _no_ccp(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a web server without a CCP."""
    if answer.status not in (401, 403):
        return asked.other_server(answer, "a CCP", _ENDPOINT_FIX)
    found = _SUBSTATUS.search(answer.body[:_TEXT])
    reply = found[0].decode() if found else str(answer.status)
    if answer.status == 401:
        return asked.failed(
            Reason.VAULT_AUTH_FAILED,
            f"the web server of the CCP requires a login other than a certificate ({reply}),"
            " usually a Windows login. Set cyberArkCCP.webService to a web service that accepts"
            " certificates.",
            reply=reply,
        )
    if not asked.credential:
        return asked.failed(
            Reason.VAULT_AUTH_FAILED,
            f"the web server of the CCP refuses this client ({reply}), usually because it"
            " requires a client certificate. Set cyberArkCCP.clientCertificateRef to a Secret of type"
            " kubernetes.io/tls with a certificate that CyberArk's administrators have allowed.",
            reply=reply,
        )
    return asked.failed(
        Reason.VAULT_AUTH_FAILED,
        f"the web server of the CCP does not accept the client certificate in"
        f" {asked.credential} ({reply}). Ask CyberArk's administrators to check that IIS trusts the"
        " issuing CA and can reach its certificate revocation list, or store another certificate in that"
        " Secret.",
        reply=reply,
    )


def _access_fix(asked: RequestContext) -> str:
    if not asked.credential:
        return (
            "The operator sent no client certificate. Set cyberArkCCP.clientCertificateRef, or ask"
            " CyberArk's administrators to allow the cluster's egress address."
        )
    return (
        "Ask CyberArk's administrators to allow, for this AppID, the serial number of the certificate in"
        f" {asked.credential}, and the cluster's egress address."
    )


def _code(body: dict[str, Any]) -> str:
    """Return the error's code; gateways in between put it into other members."""
    for name in _WORDS:
        text = body.get(name)
        found = _CODE.search(text[:_TEXT]) if isinstance(text, str) else None
        if found:
            return found[0]
    return ""
