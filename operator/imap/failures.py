# SPDX-License-Identifier: Apache-2.0
"""Why a mailbox cannot be read, with the reasons of SMTP tests."""

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType, Verdict
from smtp_operator.imap.request import MailboxRequest
from smtp_operator.network.destination import Address
from smtp_operator.network.trust import FULL_NAME, UNTRUSTED
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.diagnosis import no_reply, tls_failures
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.no_reply import Service
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.quotation import Quotation

_FIELDS: Final = re.compile(
    r"(?<![\w.-])(?:spec\.)?(?=(?:tls\.[a-z]|password\.[a-z]|oauth2\.[a-z]|usernameRef\b"
    r"|(?<=Set )server: |(?<=set )server: ))"
)
MAILBOX: Final = "delivery.mailbox"
_PORTS: Final = "IMAP uses port 993 (TLS) or 143 (StartTLS)"
_IMAP: Final = Service(_PORTS, f"{MAILBOX}.")


def host_not_found(request: MailboxRequest) -> Verdict:
    """Return the verdict on a name that does not exist."""
    return verdict(
        Reason.HOST_NOT_FOUND,
        f'"{request.server}" does not exist in DNS',
        phase=Phase.RESOLVE,
        why=f"{FULL_NAME[0].upper()}{FULL_NAME[1:]}" if request.absolute_name else "",
        fix=f"Set {MAILBOX}.server: a name that exists, or create the name in DNS",
    )


def invalid_server(request: MailboxRequest) -> Verdict:
    """Return the verdict on an invalid host name."""
    return verdict(Reason.INVALID_SPEC, f'{MAILBOX}.server "{request.server}" must be a host name')


def port_not_allowed(port: int, allowed: Iterable[PortRange]) -> Verdict:
    """Return the verdict on a forbidden port."""
    return verdict(
        Reason.DESTINATION_NOT_ALLOWED,
        f"The cluster admin has not allowed IMAP port {port}, only {', '.join(map(str, allowed))}",
        fix=f"Set {MAILBOX}.port: an allowed port, or ask the cluster admin to add this port to the"
        " operator's --allow-imap-port",
    )


def unreachable(request: MailboxRequest, errors: Mapping[Address, OSError], seconds: float) -> Verdict:
    """Return the verdict if no address accepted a connection. ``seconds`` is the limit for each."""
    if no_reply.is_reset(errors):
        return closed(request, Phase.BANNER, Quotation())
    return no_reply.not_connected(request.server, request.port, errors, seconds, service=_IMAP)


def tls_failed(request: MailboxRequest, error: ssl.SSLError, name: str) -> Verdict:
    """Return the verdict on a failed TLS handshake. ``name`` is the name expected in the certificate."""
    context = DialogueContext(
        server=request.server,
        port=request.port,
        smtp_type=SmtpType.TLS if request.imap_type is ImapType.TLS else SmtpType.START_TLS,
    )
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code in UNTRUSTED and request.tls.not_admitted is not None:
        found = tls_failures.not_admitted(context, request.tls.not_admitted)
    elif isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return closed(request, Phase.TLS, Quotation())
    elif (error.reason or "") in tls_failures.NOT_TLS and request.imap_type is ImapType.TLS:
        return verdict(
            Reason.PLAINTEXT_SERVER,
            f"{request.server}:{request.port} does not start with TLS",
            phase=Phase.TLS,
            fix=f"Set {MAILBOX}.imapType: StartTLS, or {MAILBOX}.port: 993",
        )
    else:
        found = tls_failures.failed(context, error.reason or "", code, name=name)
    return of_mailbox(found)


def of_mailbox(found: Verdict) -> Verdict:
    """Return a verdict of a SMTP test with the fields of ``delivery.mailbox`` in its message."""
    return replace(found, message=_FIELDS.sub(f"{MAILBOX}.", found.message), suggestion=None)


def silent(request: MailboxRequest, phase: Phase | None, seconds: float) -> Verdict:
    """Return the verdict on a server that did not answer in time."""
    where = f"{request.server}:{request.port}"
    if phase is Phase.BANNER:
        return verdict(
            Reason.BANNER_TIMEOUT,
            f"{where} accepts connections but sent no IMAP greeting within {seconds:.0f} s",
            phase=phase,
            fix="" if request.imap_type is ImapType.TLS else f"On port 993, set {MAILBOX}.imapType: TLS",
        )
    if phase is Phase.TLS:
        return verdict(
            Reason.TLS_HANDSHAKE_TIMEOUT,
            f"{where} did not complete the TLS handshake within {seconds:.0f} s",
            phase=phase,
            why="A middlebox may drop the handshake, or the server is overloaded",
        )
    return verdict(
        Reason.REPLY_TIMEOUT,
        f"{request.server} did not answer {_step(phase)} within {seconds:.0f} s",
        phase=phase,
        why="The server is overloaded, or delays clients on purpose",
    )


def closed(request: MailboxRequest, phase: Phase | None, said: Quotation) -> Verdict:
    """Return the verdict on a closed connection. ``said`` is the server's last reply."""
    where = f"{request.server}:{request.port}"
    known: dict[Phase | None, tuple[Reason, str]] = {
        Phase.BANNER: (
            Reason.CONNECTION_CLOSED_BY_SERVER,
            f"{where} closes the connection immediately, without a greeting",
        ),
        Phase.TLS: (
            Reason.TLS_HANDSHAKE_DROPPED,
            f"{where} closed the connection during the TLS handshake",
        ),
        Phase.AUTH: (
            Reason.AUTH_CONNECTION_DROPPED,
            f"{request.server} closed the connection right after the login",
        ),
    }
    lost = (Reason.CONNECTION_LOST, f"{request.server} closed the connection during the session")
    reason, what = known.get(phase, lost)
    return verdict(reason, what, phase=phase, said=said)


def _step(phase: Phase | None) -> str:
    return "the login" if phase is Phase.AUTH else "a command"


def not_imap(request: MailboxRequest) -> Verdict:
    """Return the verdict on a greeting of another protocol; its bytes are not shown."""
    return verdict(
        Reason.REPLY_INVALID,
        f"{request.server}:{request.port} does not answer with IMAP",
        phase=Phase.BANNER,
        why=_PORTS,
        fix=f"Set {MAILBOX}.server and {MAILBOX}.port: those of the IMAP server",
    )


def invalid_reply(request: MailboxRequest, phase: Phase | None, why: str) -> Verdict:
    """Return the verdict on data that is not an IMAP reply, or too much of it."""
    return verdict(
        Reason.REPLY_INVALID,
        f"{request.server} sent data that is not a valid IMAP reply",
        phase=phase,
        why=why,
    )


def start_tls_not_offered(request: MailboxRequest) -> Verdict:
    """Return the verdict on a server without STARTTLS."""
    return verdict(
        Reason.START_TLS_NOT_OFFERED,
        f"{request.server}:{request.port} does not offer STARTTLS",
        phase=Phase.START_TLS,
        fix=f"Set {MAILBOX}.imapType: TLS, and {MAILBOX}.port: 993",
    )


def start_tls_refused(request: MailboxRequest, said: Quotation) -> Verdict:
    """Return the verdict on a server that offers STARTTLS and refuses it."""
    return verdict(
        Reason.START_TLS_UNAVAILABLE, f"{request.server} refused STARTTLS", phase=Phase.START_TLS, said=said
    )


def login_not_offered(request: MailboxRequest, wanted: str) -> Verdict:
    """Return the verdict on a server without a suitable mechanism."""
    return verdict(
        Reason.AUTH_MECHANISM_UNSUPPORTED,
        f"{request.server} does not offer a login by {wanted}",
        phase=Phase.AUTH,
    )


_CODE: Final = re.compile(r"^\[([A-Z-]+)[^\]]*\]", re.IGNORECASE)
_TEMPORARY: Final = re.compile(
    r"\btemporar|try (?:again|later)|\bunavailable\b|internal error", re.IGNORECASE
)
_TOO_MANY: Final = re.compile(
    r"\btoo many\b|\brate limit|\bconnection limit|\bmaximum number of connections|\bthrottl"
    r"|\bexceed(?:s|ed|ing)? (?:\w{1,20} ){0,4}(?:limits?|connections)\b"
    r"|\b(?:limits?|connections) (?:is |was |has been )?exceeded\b",
    re.IGNORECASE,
)
_APP_PASSWORD: Final = re.compile(
    r"application-specific password|app(?:lication)? password"
    r"|log ?in (?:with|via) your (?:web )?browser|web ?login",
    re.IGNORECASE,
)
_PROTOCOL: Final = re.compile(r"\b(?:basic auth|imap|legacy auth)", re.IGNORECASE)
_OFF: Final = re.compile(r"\b(?:disabled|blocked|not enabled)\b", re.IGNORECASE)
_NOT_CONNECTED: Final = re.compile(r"user is authenticated but not connected", re.IGNORECASE)


def _is_turned_off(text: str) -> bool:
    return bool(_NOT_CONNECTED.search(text) or (_PROTOCOL.search(text) and _OFF.search(text)))


def login_refused(request: MailboxRequest, text: str, said: Quotation) -> Verdict:
    """Return the verdict on a refused login. ``text`` is the server's reply, ``said`` its quotation."""
    found = _CODE.match(text)
    code = found[1].upper() if found else ""
    login = request.login
    what = f"{request.server} rejected the {'access token' if login.by_token else 'password'} of {login.user}"
    what += f" (from {login.origin})"
    fix = f"Correct {MAILBOX}.username and {MAILBOX}.password"
    reason = Reason.OAUTH_TOKEN_REJECTED if login.by_token else Reason.AUTHENTICATION_FAILED
    if _APP_PASSWORD.search(text):
        reason, fix = (
            Reason.APP_PASSWORD_REQUIRED,
            f"Create an app password, and set {MAILBOX}.password to it",
        )
    elif code in ("UNAVAILABLE", "SERVERBUG") or (code in ("", "ALERT") and _TEMPORARY.search(text)):
        reason, fix = Reason.AUTH_TEMPORARY_FAILURE, ""
        what = f"{request.server} could not check the login of {login.user}"
    elif code in ("LIMIT", "INUSE", "OVERQUOTA", "THROTTLED") or _TOO_MANY.search(text):
        reason, fix = Reason.TOO_MANY_LOGINS, ""
        what = f"{request.server} allows no more logins of {login.user} now"
    elif code == "CONTACTADMIN" or _is_turned_off(text):
        reason = Reason.AUTH_DISABLED_BY_PROVIDER
        fix = f"Have IMAP and this login enabled for the mailbox, or set {MAILBOX}.oauth2"
    elif login.by_token:
        fix = f"Check {MAILBOX}.oauth2.scope, and that the mailbox permits this client"
    return verdict(reason, what, phase=Phase.AUTH, said=said, fix=fix)


def folder_not_opened(request: MailboxRequest, field: str, name: str, said: Quotation) -> Verdict:
    """Return the verdict on a folder that the server does not open."""
    return verdict(
        Reason.COMMAND_REJECTED,
        f'{request.server} does not open the folder "{name}"',
        phase=None,
        said=said,
        fix=f"Set {MAILBOX}.{field}: the name of an existing folder",
    )


def refused(request: MailboxRequest, said: Quotation) -> Verdict:
    """Return the verdict on a refused command."""
    return verdict(
        Reason.COMMAND_REJECTED, f"{request.server} refused a command after the login", phase=None, said=said
    )
