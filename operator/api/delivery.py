# SPDX-License-Identifier: Apache-2.0
"""``spec.delivery`` of a SmtpConfig: the mailbox in which the operator looks for its email."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from smtp_operator.api.fields import ApiModel, CaReference, Port, Switch
from smtp_operator.api.password import Password, UserNameReference
from smtp_operator.api.server_fields import MailAddress, OAuth2, Server, ServerName, UserName
from smtp_operator.api.validation_rules import (
    DELIVERY_INTERVAL,
    DELIVERY_WITHIN,
    ONE_LINE,
    FieldRule,
    exactly_one,
)

FolderName = Annotated[str, Field(min_length=1, max_length=256), ONE_LINE]
AuthservId = Annotated[str, Field(min_length=1, max_length=253), ONE_LINE]
Within = Annotated[str, Field(min_length=1, max_length=16), DELIVERY_WITHIN]
DeliveryInterval = Annotated[str, Field(min_length=1, max_length=16), DELIVERY_INTERVAL]


class ImapType(StrEnum):
    """How the connection to a mailbox is encrypted."""

    TLS = "TLS"
    START_TLS = "StartTLS"


class MailboxTls(ApiModel):
    """Verification of the IMAP server's certificate; it cannot be turned off."""

    ca_ref: CaReference | None = None
    server_name: ServerName | None = Field(
        None, description="Host name expected in the certificate; default: server."
    )


class Mailbox(ApiModel):
    """The mailbox, read over IMAP (RFC 9051, 3501)."""

    rules = (
        exactly_one("username", "usernameRef"),
        FieldRule(
            "has(self.password) != has(self.oauth2)",
            "set exactly one of password, oauth2",
            lambda it: (it.password is None) != (it.oauth2 is None),
        ),
    )

    server: Server = Field(description="IMAP server: host name or IP address.")
    port: Port = Field(993, description="IMAP port.")
    imap_type: ImapType = Field(
        ImapType.TLS,
        description="TLS: TLS from the first byte. StartTLS: TLS after STARTTLS, mandatory.",
    )
    username: UserName | None = Field(None, description="Username of the mailbox.")
    username_ref: UserNameReference | None = None
    password: Password | None = None
    oauth2: OAuth2 | None = None
    tls: MailboxTls | None = None
    inbox: FolderName = Field("INBOX", description="Folder in which the email should arrive.")
    junk: FolderName | None = Field(
        None, description="Folder for spam; default: the folder with the attribute \\Junk (RFC 6154)."
    )
    keep: Switch = Field(
        False, description="Leave the operator's email in the mailbox. By default, it is deleted once seen."
    )


class Delivery(ApiModel):
    """Check in the recipient's mailbox that an email arrives. Ready is not affected."""

    address: MailAddress = Field(
        description="Address that receives the email. If recipients do not have it, the operator adds it to"
        " the envelope of test emails."
    )
    mailbox: Mailbox
    within: Within = Field("10m", description="Time within which the email must arrive, 1m to 24h.")
    interval: DeliveryInterval = Field(
        "24h",
        description="Time between two emails to address alone, at least 1h. Each test that sends an email"
        ' restarts the time. "0s": only tests send emails.',
    )
    authserv_id: AuthservId | None = Field(
        None,
        description="Receiver whose Authentication-Results (RFC 8601) count, such as mx.example.com; default:"
        " the topmost one. Only headers above the first Received count.",
    )
