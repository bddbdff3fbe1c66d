# SPDX-License-Identifier: Apache-2.0
"""The facts that decide what a reply means, in addition to its text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.verdict import SmtpType
from smtp_operator.smtp.quotation import Quotation, Span
from smtp_operator.smtp.replies import Reply

SENDMAIL_REFUSES: Final = frozenset({"ENHANCEDSTATUSCODES"})
"""The only keyword that sendmail offers to a client that its access list refuses."""


def _unredacted(text: str) -> str:
    return text


def _quoted(text: str, decisive: Span) -> Quotation:
    return Quotation(text, decisive)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueContext:
    """Settings and state of the dialogue when a reply arrives. All of it may be shown, except ``banner``."""

    server: str = "the server"
    port: int = 587
    smtp_type: SmtpType = SmtpType.START_TLS
    login: bool = False
    """Whether a username is configured."""
    logged_in: bool = False
    """Whether the server has accepted it in this dialogue."""
    user: str = ""
    """The user as a sentence names it, see ``SmtpLogin.user``; empty if there is no login."""
    origin: str = ""
    """The source of the password, such as ``Secret smtp-password, key password``."""
    by_token: bool = False
    """Whether the login is by an access token."""
    token_error: str = ""
    """The server's words about the token, from before it refused the login; not redacted."""
    client_certificate: bool = False
    """Whether this client has a certificate."""
    certificate_requested: bool = False
    """Whether the server asked for a client certificate in the TLS handshake of this connection."""
    mechanism: str = ""
    auth_mechanism: str = "Auto"
    """The mechanism that the settings force, or ``Auto``."""
    unusual_password: bool = False
    """Whether the form of the password suggests that it was stored wrongly."""
    tls: bool = False
    """Whether TLS is active now."""
    offered: frozenset[str] = frozenset()
    """EHLO keywords that the server offers now, in capitals."""
    mechanisms: tuple[str, ...] = ()
    sender: str = ""
    """Address of spec.from, without the display name."""
    recipient: str = ""
    """The recipient of the RCPT command: ``to[0] ops@example.com``, for a bcc only ``bcc[0]``."""
    helo_name: str = ""
    refusals: tuple[Reply, ...] = ()
    """Permanent refusals of earlier commands of this dialogue, other than RCPT; not redacted."""
    banner: str = ""
    """The whole text of the greeting; never shown."""
    closed: bool = False
    """Whether the server closed the connection after the reply."""
    shown: Callable[[str], str] = _unredacted
    """Redacts and cuts a server's words."""
    quote: Callable[[str, Span], Quotation] = _quoted
    """Redacts a reply whose deciding words are known."""
