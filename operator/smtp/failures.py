# SPDX-License-Identifier: Apache-2.0
"""What a broken wire means, by phase: silence, a closed connection, garbage, a failed handshake."""

from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.smtp.context import Context
from smtp_operator.smtp.verdicts import verdict

_SILENT: Final = {Phase.BANNER: Reason.BANNER_TIMEOUT, Phase.TLS: Reason.TLS_HANDSHAKE_TIMEOUT}
_CLOSED: Final = {
    Phase.BANNER: Reason.CONNECTION_CLOSED_BY_SERVER,
    Phase.TLS: Reason.TLS_HANDSHAKE_DROPPED,
    Phase.AUTH: Reason.AUTH_CONNECTION_DROPPED,
}


def silent(context: Context, phase: Phase, *, content_sent: bool) -> Verdict:
    """No reply in time."""
    if content_sent:
        return verdict(
            Reason.DATA_TIMEOUT,
            f"{context.server} took the mail but did not say in time whether it accepts it",
            phase=phase,
            why="the mail may arrive; it is not sent again before the next recheck",
        )
    reason = _SILENT.get(phase, Reason.REPLY_TIMEOUT)
    retry = Retry.SLOW if phase is Phase.AUTH else None
    return verdict(reason, f"{context.server}:{context.port} does not answer", phase=phase, retry=retry)


def closed(context: Context, phase: Phase, *, content_sent: bool) -> Verdict:
    """The server ended the connection without a word."""
    if content_sent:
        return verdict(
            Reason.DISCONNECTED_IN_DATA,
            f"{context.server} closed the connection after the mail, before it said whether it accepts it",
            phase=phase,
            why="the mail may arrive; it is not sent again before the next recheck",
        )
    reason = _CLOSED.get(phase, Reason.CONNECTION_LOST)
    return verdict(reason, f"{context.server}:{context.port} closed the connection", phase=phase)


def garbled(context: Context, phase: Phase) -> Verdict:
    """Something that is no SMTP."""
    reason = Reason.NOT_AN_SMTP_SERVER if phase is Phase.BANNER else Reason.REPLY_INVALID
    return verdict(
        reason, f"{context.server}:{context.port} answers with something that is no SMTP", phase=phase
    )


def tls(context: Context, reason: str, verify_code: int) -> Verdict:
    """The handshake failed."""
    return verdict(
        Reason.CERTIFICATE_UNTRUSTED if verify_code else Reason.TLS_PROTOCOL_MISMATCH,
        f"TLS with {context.server}:{context.port} failed",
        phase=Phase.TLS,
    )
