# SPDX-License-Identifier: Apache-2.0
"""Verdicts without a reply: no address, no connection, a timeout, a closed connection."""

import errno
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, SmtpType, Verdict
from smtp_operator.network.destination import Address
from smtp_operator.network.trust import FULL_NAME
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.diagnosis import ports
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.login_advice import login_hint
from smtp_operator.smtp.diagnosis.providers import did_you_mean
from smtp_operator.smtp.diagnosis.verdicts import sentences, verdict
from smtp_operator.smtp.quotation import Quotation

_NO_ROUTE: Final = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
}
_RESET: Final = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN}
_COMMANDS: Final = {
    Phase.EHLO: "EHLO",
    Phase.START_TLS: "STARTTLS",
    Phase.MAIL_FROM: "MAIL FROM",
    Phase.RCPT_TO: "RCPT TO",
    Phase.DATA: "DATA",
}
_GRANTED: Final = 300
"""Seconds that RFC 5321 section 4.5.3.2 grants a server for most replies."""
_GRANTED_AFTER_CONTENT: Final = 600
_LONGEST_TEST: Final = 600
_PROXY_IN_FRONT: Final = (
    "A load balancer on the way sends a PROXY protocol header, which the mail server takes for a command"
)
_MAY_ARRIVE: Final = "The server may have accepted the email, so it is not sent again before the next recheck"
_MAIL_READING: Final = {110: "POP3", 143: "IMAP", 993: "IMAP over TLS", 995: "POP3 over TLS"}


def host_not_found(server: str, *, bound: bool = False) -> Verdict:
    """Return the verdict on a name that does not exist. ``bound``: looked up without search domains."""
    near = did_you_mean(server)
    hint = f" (did you mean {near}?)" if near else ""
    why = ""
    if bound:
        why = f"{FULL_NAME[0].upper()}{FULL_NAME[1:]}"
    elif "." not in server.rstrip("."):
        why = "A name without a dot is looked up in the cluster's search domains only"
    return verdict(
        Reason.HOST_NOT_FOUND,
        f'"{server}" does not exist in DNS{hint}',
        phase=Phase.RESOLVE,
        why=why,
        fix=f"Set server: {near}" if near else "Set server: a name that exists, or create the name in DNS",
    )


def dns_failed(server: str) -> Verdict:
    """Return the verdict on an error of the name servers."""
    return verdict(
        Reason.DNS_UNAVAILABLE,
        f'DNS could not resolve "{server}"',
        phase=Phase.RESOLVE,
        why="DNS has an error, in the cluster or in that domain. No mail server was contacted yet",
    )


def dns_silent(server: str, seconds: float) -> Verdict:
    """Return the verdict on name servers that do not answer."""
    return verdict(
        Reason.DNS_TIMEOUT,
        f'DNS did not resolve "{server}" within {_seconds(seconds)}',
        phase=Phase.RESOLVE,
        why="DNS has an error, in the cluster or in that domain. No mail server was contacted yet",
    )


def address_not_allowed(address: Address) -> Verdict:
    """Return the verdict on a forbidden address, without any information about its host."""
    return verdict(
        Reason.DESTINATION_NOT_ALLOWED,
        f"{address} is in a range that the cluster admin has not allowed",
        phase=Phase.RESOLVE,
        fix="Ask the cluster admin to add the range to the operator's --allow-network",
    )


def port_not_allowed(port: int, allowed: Iterable[PortRange]) -> Verdict:
    """Return the verdict on a forbidden port."""
    return verdict(
        Reason.DESTINATION_NOT_ALLOWED,
        f"The cluster admin has not allowed port {port}, only {', '.join(map(str, allowed))}",
        fix=f"Set port: {'' if port == 587 else '587 or '}another allowed port, or ask the cluster admin to "
        "add this port to the operator's --allow-smtp-port",
    )


@dataclass(frozen=True, slots=True)
class Service:
    """How a verdict speaks of a kind of server."""

    ports: str
    """A sentence on its usual ports."""
    prefix: str = ""
    """Path of the object with the fields ``server`` and ``port``, with a dot at its end."""


_SUBMISSION: Final = Service("Submission ports are 587 (StartTLS) and 465 (TLS). Relays listen on port 25")


def unreachable(context: DialogueContext, errors: Mapping[Address, OSError], seconds: float) -> Verdict:
    """Return the verdict if no address accepted a connection. ``seconds`` is the limit for each."""
    if is_reset(errors):
        return closed(context, Phase.BANNER, Quotation(), content_sent=False)
    return not_connected(context.server, context.port, errors, seconds, service=_SUBMISSION)


def is_reset(errors: Mapping[Address, OSError]) -> bool:
    """Return whether a connection was reset, and none was refused or timed out."""
    numbers = {error.errno for error in errors.values()}
    timed_out = any(isinstance(error, TimeoutError) for error in errors.values())
    return bool(numbers & _RESET) and errno.ECONNREFUSED not in numbers and not timed_out


def not_connected(
    server: str, port: int, errors: Mapping[Address, OSError], seconds: float, *, service: Service
) -> Verdict:
    """Return the verdict if no address of a server accepted a connection or reset it."""
    tried = ", ".join(map(str, errors))
    where = f"{server}:{port}"
    server_field, port_field = f"{service.prefix}server", f"{service.prefix}port"
    numbers = {error.errno for error in errors.values()}
    if any(isinstance(error, TimeoutError) for error in errors.values()):
        return verdict(
            Reason.CONNECT_TIMEOUT,
            f"No answer from {where} within {_seconds(seconds)} (tried {tried})",
            phase=Phase.CONNECT,
            why="Some clouds, such as AWS, block outbound port 25 by default"
            if port == 25
            else "A firewall or a NetworkPolicy drops the packets, or the host is down",
            fix="Set port: 587, 465 or 2525, or check the NetworkPolicy and the egress firewall"
            if port == 25
            else f"Check {server_field}, {port_field}, the NetworkPolicy and the egress firewall",
        )
    if errno.ECONNREFUSED in numbers:
        return verdict(
            Reason.CONNECTION_REFUSED,
            f"Nothing listens on {where} (tried {tried})",
            phase=Phase.CONNECT,
            why=service.ports,
            fix=f"Set {port_field}: the port that the server listens on",
        )
    if numbers & _NO_ROUTE and all(address.version == 6 for address in errors):
        return verdict(
            Reason.NO_USABLE_ADDRESS,
            f"{server} has only IPv6 addresses ({tried}), and there is no IPv6 route to them",
            phase=Phase.CONNECT,
            fix=f"Give the cluster IPv6 egress, or set {server_field}: a name that has an IPv4 address",
        )
    return verdict(
        Reason.NETWORK_UNREACHABLE,
        f"There is no route to {where} (tried {tried})",
        phase=Phase.CONNECT,
        why="A router or a firewall reported this",
        fix="Check the routes, the NetworkPolicy and the egress firewall",
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait for a reply that ended with the time of the test. Times are in seconds."""

    phase: Phase
    waited: float
    test: float
    """The time of the test so far."""
    timeout: float
    """test.timeout"""
    content_sent: bool = False

    @property
    def longer(self) -> str:
        """Return the fix: the timeout with which a server passes that keeps to RFC 5321; or an empty text."""
        granted = _GRANTED_AFTER_CONTENT if self.content_sent else _GRANTED
        minutes = math.ceil(min(self.test - self.waited + granted, _LONGEST_TEST) / 60)
        if minutes * 60 <= self.timeout:
            return ""
        return f"Set test.timeout: {minutes}m if this server is expected to be slow"


def too_slow(wait: Waiting, replies: int) -> Verdict:
    """Return the verdict on a server that uses up the total time with slow replies."""
    answers = "reply" if replies == 1 else "replies"
    return verdict(
        Reason.TOTAL_BUDGET_EXCEEDED,
        f"The server answers slowly: {_seconds(wait.test - wait.waited)} for {replies} {answers}, then "
        f"{_seconds(wait.waited)} without {_awaited(wait.phase)}",
        phase=wait.phase,
        why="The test took longer than test.timeout. The phases in the status show where",
        fix=wait.longer,
    )


def _awaited(phase: Phase) -> str:
    if phase is Phase.TLS:
        return "completing the TLS handshake"
    if phase is Phase.AUTH:
        return "an answer to the login"
    return f"an answer to {_COMMANDS[phase]}" if phase in _COMMANDS else "a greeting"


def silent(context: DialogueContext, wait: Waiting) -> Verdict:
    """Return the verdict if no reply came before the end of the test."""
    where = f"{context.server}:{context.port}"
    phase, seconds = wait.phase, _seconds(wait.waited)
    if wait.content_sent:
        return verdict(
            Reason.DATA_TIMEOUT,
            f"{context.server} received the email but did not accept or refuse it within {seconds}",
            phase=phase,
            why=_MAY_ARRIVE,
            fix=wait.longer,
        )
    if phase is Phase.BANNER:
        return verdict(
            Reason.BANNER_TIMEOUT,
            f"{where} accepts connections but sent no greeting within {seconds}",
            phase=phase,
            why="A proxy or firewall blocks the greeting, the server delays clients, or it expects the PROXY "
            "protocol",
            fix=_other_port(context) or wait.longer,
        )
    if phase is Phase.TLS:
        return verdict(
            Reason.TLS_HANDSHAKE_TIMEOUT,
            f"{where} did not complete the TLS handshake within {seconds}",
            phase=phase,
            why="A middlebox may drop the handshake, or the server is overloaded",
            fix=wait.longer,
        )
    if phase is Phase.AUTH:
        return verdict(
            Reason.REPLY_TIMEOUT,
            f"{context.server} did not accept or refuse the login within {seconds}",
            phase=phase,
            why="Its user directory may be down. Whether the password is correct is not known yet",
            fix=wait.longer,
            retry=Retry.SLOW,
        )
    return verdict(
        Reason.REPLY_TIMEOUT,
        f"{context.server} did not answer {_COMMANDS[phase]} within {seconds}",
        phase=phase,
        why="RFC 5321 allows minutes, but most servers this slow are overloaded or delay clients on purpose",
        fix=wait.longer,
    )


def closed(context: DialogueContext, phase: Phase, last: Quotation, *, content_sent: bool) -> Verdict:
    """Return the verdict on a closed connection. ``last`` is the server's last reply, redacted."""
    where = f"{context.server}:{context.port}"
    if content_sent:
        return verdict(
            Reason.DISCONNECTED_IN_DATA,
            f"{context.server} closed the connection after the email, without accepting or refusing it",
            phase=phase,
            why=_MAY_ARRIVE,
        )
    if phase is Phase.BANNER:
        return verdict(
            Reason.CONNECTION_CLOSED_BY_SERVER,
            f"{where} closes the connection immediately, without a greeting",
            phase=phase,
            why="The server may not allow this cluster's address, or a load balancer has no healthy backend",
            fix=_other_port(context),
        )
    if phase is Phase.TLS:
        return verdict(
            Reason.TLS_HANDSHAKE_DROPPED,
            f"{where} closed the connection during the TLS handshake",
            phase=phase,
            why="A middlebox may block TLS, or the server has no usable certificate",
        )
    if phase is Phase.AUTH:
        hint = login_hint(context, phase, Reason.AUTH_CONNECTION_DROPPED)
        return verdict(
            Reason.AUTH_CONNECTION_DROPPED,
            f"{context.server} closed the connection right after the login",
            phase=phase,
            said=last,
            why=sentences(
                f"Some servers do this if the password of {context.user} is wrong (from {context.origin})",
                hint.why,
            ),
            fix=hint.fix or "Check the username and password",
            suggestion=hint.suggestion,
        )
    return verdict(
        Reason.CONNECTION_LOST,
        f"{context.server} closed the connection during the session",
        phase=phase,
        said=last,
        why="Possible causes are a time limit of the server, a restart, or a firewall",
    )


def not_smtp(context: DialogueContext, phase: Phase, kind: str) -> Verdict:
    """Return the verdict on another protocol, named ``kind``. The received bytes are not shown."""
    what = f"is {_article(kind)} {kind} server" if kind else "does not answer with SMTP"
    kind_of_port = _MAIL_READING.get(context.port)
    why = f"Port {context.port} is for {kind_of_port}, which reads email. " if kind_of_port else ""
    return verdict(
        Reason.NOT_AN_SMTP_SERVER,
        f"{context.server}:{context.port} {what}",
        phase=phase,
        why=f"{why}SMTP submission uses port 587 or 465",
        fix=ports.submission(context),
    )


def invalid_reply(context: DialogueContext, phase: Phase) -> Verdict:
    """Return the verdict on data during a dialogue that is not an SMTP reply."""
    return verdict(
        Reason.REPLY_INVALID,
        f"{context.server} sent data that is not an SMTP reply",
        phase=phase,
        why="A proxy or firewall on the way may change the session",
    )


def proxy_header(context: DialogueContext, phase: Phase) -> Verdict:
    """Return the verdict on a server that answers a command which this client did not send."""
    return verdict(
        Reason.REPLY_INVALID,
        f"{context.server}:{context.port} answered before this client sent a command",
        phase=phase,
        why=_PROXY_IN_FRONT,
        fix="Turn on the PROXY protocol in the mail server, or turn it off in the load balancer",
    )


def proxy_expected(context: DialogueContext, phase: Phase, *, silent: bool) -> Verdict:
    """Return the verdict on a server that greets only after a header of the PROXY protocol."""
    return verdict(
        Reason.BANNER_TIMEOUT if silent else Reason.CONNECTION_CLOSED_BY_SERVER,
        f"{context.server}:{context.port} greets only after a header of the PROXY protocol",
        phase=phase,
        why="A second connection, without the password, found this. The port is for a load balancer",
        fix="Set server and port: those of the load balancer, or turn off the PROXY protocol on this port",
    )


def _other_port(context: DialogueContext) -> str:
    if context.port in _MAIL_READING:
        return f"Set port: 587, because port {context.port} is for {_MAIL_READING[context.port]}"
    if context.port in {465, 2465} and context.smtp_type is not SmtpType.TLS:
        return f"Set smtpType: TLS, because port {context.port} is for TLS from the first byte"
    return ""


def _article(kind: str) -> str:
    return "an" if kind[0] in "AEFHIMNSX" else "a"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s".replace(".0 s", " s")
