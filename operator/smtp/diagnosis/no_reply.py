# SPDX-License-Identifier: Apache-2.0
"""What it means when there is no reply to judge: no address, no connection, silence, an abrupt end."""

import errno
from collections.abc import Iterable, Mapping
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, SmtpType, Verdict
from smtp_operator.network.destination import Address, PortRange
from smtp_operator.network.trust import FULL_NAME
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.providers import did_you_mean
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.quotation import Quotation

_NO_ROUTE: Final = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
}
_MAY_ARRIVE: Final = "The mail may have been accepted, so it is not sent again before the next recheck"
_MAIL_READING: Final = {110: "POP3", 143: "IMAP", 993: "IMAP over TLS", 995: "POP3 over TLS"}


def host_not_found(server: str, *, bound: bool = False) -> Verdict:
    """The name does not exist. ``bound``: it was looked up without search domains."""
    near = did_you_mean(server)
    hint = f" (did you mean {near}?)" if near else ""
    why = ""
    if bound:
        why = f"{FULL_NAME[0].upper()}{FULL_NAME[1:]}"
    elif "." not in server.rstrip("."):
        why = "A name without a dot is searched in the cluster's own domains only"
    return verdict(
        Reason.HOST_NOT_FOUND,
        f'"{server}" does not exist in DNS{hint}',
        phase=Phase.RESOLVE,
        why=why,
        fix=f"Set server: {near}" if near else "Set server: a name that exists, or create it in DNS",
    )


def dns_failed(server: str) -> Verdict:
    """The name servers have a trouble of their own."""
    return verdict(
        Reason.DNS_UNAVAILABLE,
        f'DNS could not say what "{server}" is',
        phase=Phase.RESOLVE,
        why="That is a trouble of DNS, in the cluster or of that domain; no mail server was asked yet",
    )


def dns_silent(server: str, seconds: float) -> Verdict:
    """The name servers do not answer."""
    return verdict(
        Reason.DNS_TIMEOUT,
        f'DNS did not answer within {_seconds(seconds)} what "{server}" is',
        phase=Phase.RESOLVE,
        why="That is a trouble of DNS, in the cluster or of that domain; no mail server was asked yet",
    )


def address_not_allowed(address: Address) -> Verdict:
    """The policy forbids the address. Says nothing of what is there."""
    return verdict(
        Reason.DESTINATION_NOT_ALLOWED,
        f"{address} is in a range the cluster admin has not allowed",
        phase=Phase.RESOLVE,
        fix="Ask for it to be named in the operator's --allow-network",
    )


def port_not_allowed(port: int, allowed: Iterable[PortRange]) -> Verdict:
    """The policy forbids the port."""
    return verdict(
        Reason.DESTINATION_NOT_ALLOWED,
        f"Port {port} is not among those the cluster admin has allowed ({', '.join(map(str, allowed))})",
        fix="Set port: 587 or another allowed one, or ask for this one in the operator's --allow-smtp-port",
    )


def unreachable(context: DialogueContext, errors: Mapping[Address, OSError], seconds: float) -> Verdict:
    """No address could be connected to. ``seconds`` is what each was given."""
    tried = ", ".join(map(str, errors))
    where = f"{context.server}:{context.port}"
    numbers = {error.errno for error in errors.values()}
    if any(isinstance(error, TimeoutError) for error in errors.values()):
        return verdict(
            Reason.CONNECT_TIMEOUT,
            f"No answer from {where} within {_seconds(seconds)} (tried {tried})",
            phase=Phase.CONNECT,
            why="Port 25 outbound is blocked by default at AWS, among others"
            if context.port == 25
            else "A firewall or a NetworkPolicy on the way drops the packets, or the host is down",
            fix="Set port: 587, 465 or 2525; or check NetworkPolicy and egress firewall"
            if context.port == 25
            else "Check NetworkPolicy and egress firewall, and that server and port are right",
        )
    if errno.ECONNREFUSED in numbers:
        return verdict(
            Reason.CONNECTION_REFUSED,
            f"Nothing listens on {where} (tried {tried})",
            phase=Phase.CONNECT,
            why="Submission ports are 587 (StartTLS) and 465 (TLS), relays listen on 25",
            fix="Set port: the one the server listens on",
        )
    if numbers & _NO_ROUTE and all(address.version == 6 for address in errors):
        return verdict(
            Reason.NO_USABLE_ADDRESS,
            f"{context.server} has IPv6 addresses alone ({tried}), and no IPv6 route leads there",
            phase=Phase.CONNECT,
            fix="Give the cluster IPv6 egress, or set server: a name that has an IPv4 address",
        )
    return verdict(
        Reason.NETWORK_UNREACHABLE,
        f"There is no route to {where} (tried {tried})",
        phase=Phase.CONNECT,
        why="The network says so, or a firewall does in its stead",
        fix="Check routes, NetworkPolicy and egress firewall",
    )


def too_slow(phase: Phase, seconds: float, replies: int) -> Verdict:
    """The total budget is used up although nothing hung."""
    answers = "reply" if replies == 1 else "replies"
    return verdict(
        Reason.TOTAL_BUDGET_EXCEEDED,
        f"The server answers, but slowly: {_seconds(seconds)} for {replies} {answers}",
        phase=phase,
        why="The test took longer than test.timeout; the phases show where the time went",
        fix="Set test.timeout: a longer time, if the server is meant to be that slow",
    )


def silent(context: DialogueContext, phase: Phase, seconds: float, *, content_sent: bool) -> Verdict:
    """No reply within ``seconds``."""
    where = f"{context.server}:{context.port}"
    if content_sent:
        return verdict(
            Reason.DATA_TIMEOUT,
            f"{context.server} took the mail but did not accept or refuse it within {_seconds(seconds)}",
            phase=phase,
            why=_MAY_ARRIVE,
        )
    if phase is Phase.BANNER:
        return verdict(
            Reason.BANNER_TIMEOUT,
            f"{where} accepts connections but sends no greeting within {_seconds(seconds)}",
            phase=phase,
            why="A proxy or firewall in between, a server that makes clients wait, or one that expects the "
            "PROXY protocol",
            fix=_other_port(context),
        )
    if phase is Phase.TLS:
        return verdict(
            Reason.TLS_HANDSHAKE_TIMEOUT,
            f"{where} did not end the TLS handshake within {_seconds(seconds)}",
            phase=phase,
            why="A middlebox in between may swallow it, or the server is overloaded",
        )
    if phase is Phase.AUTH:
        return verdict(
            Reason.REPLY_TIMEOUT,
            f"{context.server} did not say within {_seconds(seconds)} whether it accepts the login",
            phase=phase,
            why="Its directory of users may be down; nothing is known about the password yet",
            retry=Retry.SLOW,
        )
    return verdict(
        Reason.REPLY_TIMEOUT,
        f"{context.server} did not answer within {_seconds(seconds)}",
        phase=phase,
        why="RFC 5321 lets a server take minutes, but most that do are overloaded or slow clients down",
    )


def closed(context: DialogueContext, phase: Phase, last: Quotation, *, content_sent: bool) -> Verdict:
    """The server ended the connection. ``last`` is its last reply, redacted."""
    where = f"{context.server}:{context.port}"
    if content_sent:
        return verdict(
            Reason.DISCONNECTED_IN_DATA,
            f"{context.server} closed the connection after the mail, without a word on whether it accepts it",
            phase=phase,
            why=_MAY_ARRIVE,
        )
    if phase is Phase.BANNER:
        return verdict(
            Reason.CONNECTION_CLOSED_BY_SERVER,
            f"{where} closes the connection at once, without a greeting",
            phase=phase,
            why="It may not know this cluster's address, or be a load balancer with no server behind it",
            fix=_other_port(context),
        )
    if phase is Phase.TLS:
        return verdict(
            Reason.TLS_HANDSHAKE_DROPPED,
            f"{where} closed the connection during the TLS handshake",
            phase=phase,
            why="A middlebox in between may forbid it, or the server has no usable certificate",
        )
    if phase is Phase.AUTH:
        return verdict(
            Reason.AUTH_CONNECTION_DROPPED,
            f"{context.server} closed the connection right after the login",
            phase=phase,
            said=last,
            why=f"Some servers do so on a wrong password of {context.user} (from {context.origin})",
            fix="Correct the user name or the password",
        )
    return verdict(
        Reason.CONNECTION_LOST,
        f"{context.server} closed the connection in the middle of the dialogue",
        phase=phase,
        said=last,
        why="A time limit of the server, a restart, or a firewall in between",
    )


def not_smtp(context: DialogueContext, phase: Phase, kind: str) -> Verdict:
    """Another protocol answers; ``kind`` names it. The bytes themselves are not shown."""
    what = f"is {_article(kind)} {kind} server" if kind else "answers with something that is no SMTP"
    kind_of_port = _MAIL_READING.get(context.port)
    why = f"Port {context.port} is for {kind_of_port}, which reads mail; " if kind_of_port else ""
    return verdict(
        Reason.NOT_AN_SMTP_SERVER,
        f"{context.server}:{context.port} {what}",
        phase=phase,
        why=f"{why}SMTP submission is port 587 or 465",
        fix="Set port: 587 with smtpType: StartTLS, or port: 465 with smtpType: TLS",
    )


def garbled(context: DialogueContext, phase: Phase) -> Verdict:
    """In the middle of a dialogue comes something that is no SMTP reply."""
    return verdict(
        Reason.REPLY_INVALID,
        f"{context.server} answered with something that is no SMTP reply",
        phase=phase,
        why="Something between here and the server may change the dialogue",
    )


def _other_port(context: DialogueContext) -> str:
    if context.port in _MAIL_READING:
        return f"Port {context.port} is for {_MAIL_READING[context.port]}: set port: 587"
    if context.port in {465, 2465} and context.smtp_type is not SmtpType.TLS:
        return f"Port {context.port} is for TLS from the first byte: set smtpType: TLS"
    return ""


def _article(kind: str) -> str:
    return "an" if kind[0] in "AEFHIMNSX" else "a"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s".replace(".0 s", " s")
