# SPDX-License-Identifier: Apache-2.0
"""The facts beside a reply that its meaning depends on."""

from collections.abc import Callable
from dataclasses import dataclass

from smtp_operator.api.verdict import SmtpType
from smtp_operator.smtp.quotation import Quotation, Span


def _unredacted(text: str) -> str:
    return text


def _quoted(text: str, decisive: Span) -> Quotation:
    return Quotation(text, decisive)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueContext:
    """What is known of settings and dialogue when a reply comes. But for ``banner`` it may all be shown."""

    server: str = "the server"
    port: int = 587
    smtp_type: SmtpType = SmtpType.START_TLS
    login: bool = False
    """Whether a user name is configured."""
    logged_in: bool = False
    """Whether the server has accepted it in this dialogue."""
    user: str = ""
    """Names the user in a sentence, see ``Login.user``; empty where there is no login."""
    origin: str = ""
    """Where the password comes from, such as ``Secret smtp-password, key password``."""
    by_token: bool = False
    """Whether the login is by an access token."""
    token_error: str = ""
    """What the server said of the token before it refused the login; its own words, not redacted."""
    client_certificate: bool = False
    """Whether this client has a certificate to show."""
    mechanism: str = ""
    tls: bool = False
    """Whether TLS is active now."""
    offered: frozenset[str] = frozenset()
    """EHLO keywords that the server offers now, in capitals."""
    mechanisms: tuple[str, ...] = ()
    sender: str = ""
    """Address of spec.from, without the display name."""
    recipient: str = ""
    """The recipient that a reply to RCPT is about: ``to[0] ops@example.com``, of a bcc only ``bcc[0]``."""
    helo_name: str = ""
    banner: str = ""
    """All the words of the greeting; not for showing."""
    closed: bool = False
    """Whether the server closed the connection after the reply."""
    shown: Callable[[str], str] = _unredacted
    """Redacts and cuts a server's words."""
    quote: Callable[[str, Span], Quotation] = _quoted
    """Redacts a reply whose deciding words are known."""
