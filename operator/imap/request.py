# SPDX-License-Identifier: Apache-2.0
"""Input and result of one look into a mailbox."""

from dataclasses import dataclass, field
from enum import StrEnum

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.verdict import Verdict
from smtp_operator.smtp.request import SmtpLogin, TlsSettings


class Folder(StrEnum):
    """The folder in which the email arrived, as in ``status.delivery.folder``."""

    INBOX = "Inbox"
    JUNK = "Junk"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRequest:
    """A look: where, as which user, and for which email. Built for each look and dropped after it."""

    server: str
    port: int
    imap_type: ImapType
    login: SmtpLogin
    tls: TlsSettings = field(default_factory=TlsSettings)
    absolute_name: bool = False
    """Whether ``server`` is looked up without search domains, because a value is bound to it."""
    inbox: str = "INBOX"
    junk: str | None = None
    """Name of the folder for spam; None: the folder with the attribute \\Junk."""
    delete: bool = False
    """Whether to delete all copies of the email, instead of reading it."""
    message_id: str
    """Message-ID of the email, with angle brackets."""
    sent: float
    """When the email was sent, in seconds since the epoch."""
    bounces_to: str = ""
    """The address of the mailbox, if it is the From address: bounces arrive there. Else empty."""
    authserv_id: str | None = None
    wait: float = 0.0
    """Seconds for which a look waits for the email, if the server offers IDLE."""
    timeout: float = 45.0
    """Time limit of the look in seconds, in addition to ``wait``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderResults:
    """Results of a receiver about the sender (RFC 8601); empty: none."""

    authserv_id: str = ""
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEmail:
    """The email, of several copies the oldest one."""

    folder: Folder
    arrived: float
    """When the receiver stored it, in seconds since the epoch by the receiver's clock."""
    results: SenderResults = SenderResults()
    live: bool = False
    """Whether the look saw it arrive."""
    left: str = ""
    """Why copies remain after a deletion; empty: none remain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxReport:
    """Result of one look."""

    failure: Verdict | None = None
    """Why the mailbox could not be read; None: it was read."""
    found: FoundEmail | None = None
    bounce: str = ""
    """The receiver's reply in a delivery status notification, redacted and cut; empty: there is none."""
    waited: bool = False
    """Whether the server offered IDLE, so that the look lasted until the email arrived."""
