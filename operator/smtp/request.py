# SPDX-License-Identifier: Apache-2.0
"""The input of one test, secrets included. It is built for each test and dropped after it."""

from dataclasses import dataclass, field
from typing import Literal

from smtp_operator.api.verdict import Mode, SmtpType
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import NotAdmitted
from smtp_operator.smtp.replies import clean

Role = Literal["to", "cc", "bcc", "delivery"]
"""The list of a recipient; ``delivery``: the address is ``spec.delivery.address``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An email address as written in the spec, and its place there."""

    role: Role
    index: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLogin:
    """Username and password for AUTH. ``origin`` names the password's source in messages, never its value."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    origin: str
    """For example ``Secret smtp-password, key password`` or ``spec.password.value``."""
    by_token: bool = False
    """Whether ``password`` is an OAuth 2.0 access token, which other mechanisms carry."""
    username_origin: str = ""
    """For example ``Secret smtp-login, key username``; empty: the username is in the spec and is shown."""

    @property
    def user(self) -> str:
        """The user in a sentence: the username of the spec, or the origin of a secret username."""
        if self.username_origin:
            return f"the user from {self.username_origin}"
        return f'user "{clean(self.username)}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The settings for the check of the server's certificate."""

    ca_pem: str | None = None
    """The only trusted CAs, in PEM; None: the system's CAs and those of ``--ca-file``."""
    not_admitted: NotAdmitted | None = None
    """See ``ServerTrust``."""
    server_name: str | None = None
    """The name checked in the certificate; None: ``server``."""
    verify: bool = True
    client_certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """The settings of one test. Times are in seconds."""

    server: str
    port: int
    smtp_type: SmtpType = SmtpType.START_TLS
    login: SmtpLogin | None = None
    auth_mechanism: str = "Auto"
    sender: str
    """spec.from as written: one address, display name allowed."""
    recipients: tuple[Recipient, ...] = ()
    """The recipients of this email, in the order to, cc, bcc. Never empty."""
    helo_name: str | None = None
    """None: the domain of the From address."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    absolute_name: bool = False
    """Whether ``server`` is looked up without search domains, because a value is bound to it."""
    allow_insecure_auth: bool = False
    mode: Mode = Mode.SEND_EMAIL
    timeout: float = 45.0
    """Total budget of the dialogue."""
    subject: str = "Test mail of smtp-operator"
    body: str = ""
    """Plain text; the engine adds nothing to it."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers; names are constants of the code, never user input."""
    message_id: str = ""
    """With angle brackets. The caller derives it, so that a repeated test has the same ID."""
