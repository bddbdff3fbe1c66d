# SPDX-License-Identifier: Apache-2.0
"""Models of ``status`` as stored in the API server.

The schema has only wide bounds: it must not refuse a write, since a verdict that cannot be written is lost.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from smtp_operator.api.validation_rules import ListType

Text32 = Annotated[str, Field(max_length=32)]
Text64 = Annotated[str, Field(max_length=64)]
Text256 = Annotated[str, Field(max_length=256)]
Text1024 = Annotated[str, Field(max_length=1024)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC, in whole seconds unless the field says otherwise."""


class StatusModel(BaseModel):
    """Base of all parts of status. Fields of later releases are ignored, so that a downgrade can read it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Condition(StatusModel):
    """metav1.Condition."""

    type: str = Field(
        max_length=316,
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
        r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        description="Type of the condition.",
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    observed_generation: int = Field(
        0,
        ge=0,
        description="Generation of the spec that the condition describes.",
        json_schema_extra={"format": "int64"},
    )
    last_transition_time: Timestamp = Field(description="When the status last changed.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="One CamelCase word.",
    )
    message: str = Field(
        max_length=32768,
        description="What happened, where, the server's reply, and which field to set to which value.",
    )


class TestedReference(StatusModel):
    """An object that was read for the test."""

    __test__: ClassVar[bool] = False

    kind: Text64 = Field(description="Kind of the object.")
    name: Text1024 = Field(description="Name.")
    version: Text256 | None = Field(
        None, description="uid/resourceVersion; absent if the object did not exist."
    )


class TestedSettings(StatusModel):
    """The settings and objects on which the verdict depends."""

    __test__: ClassVar[bool] = False

    settings: Text64 = Field("", description="SHA-256 of the tested settings, without password.value.")
    references: Annotated[
        list[TestedReference],
        Field(max_length=16, description="Objects that were read."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)


class PhaseTime(StatusModel):
    """Duration of a phase."""

    name: Text32 = Field(description="Phase.")
    duration: Text32 | None = Field(None, description="Duration.")


class CertificateStatus(StatusModel):
    """The server's certificate."""

    subject: Text1024 | None = Field(None, description="Subject.")
    issuer: Text1024 | None = Field(None, description="Issuer.")
    not_before: Timestamp | None = Field(None, description="Start of validity.")
    not_after: Timestamp | None = Field(None, description="Expiry.")


class ServerStatus(StatusModel):
    """The tested server."""

    address: Annotated[str, Field(max_length=128)] | None = Field(None, description="IP address and port.")
    banner: Annotated[str, Field(max_length=512)] | None = Field(
        None, description="Host name in the greeting."
    )
    tls_version: Text32 | None = Field(None, description="TLS version.")
    auth_mechanism: Text32 | None = Field(None, description="AUTH mechanism used.")
    certificate: CertificateStatus | None = None


class RecipientResult(StatusModel):
    """A recipient."""

    role: Annotated[str, Field(max_length=8)] = Field(description="to, cc or bcc.")
    index: int = Field(
        ge=0,
        description="Position in the list of this role in spec.recipients; the first is 0.",
        json_schema_extra={"format": "int32"},
    )
    accepted: bool = Field(description="Whether the server accepted the recipient.")
    response: Text1024 | None = Field(None, description="The server's reply, shortened.")


class LastTest(StatusModel):
    """The last completed test."""

    trigger: Text64 = Field(description="Why the test ran.")
    mode: Text32 | None = Field(None, description="Mode of the test, as in test.mode.")
    start_time: Timestamp = Field(description="When the test started, with microseconds.")
    duration: Text32 | None = Field(None, description="Duration.")
    phase: Text32 | None = Field(None, description="The phase in which the test failed; absent if it passed.")
    phases: Annotated[
        list[PhaseTime],
        Field(max_length=64, description="Duration of each phase, in order; a phase can occur twice."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)
    server: ServerStatus | None = None
    message_id: Text1024 | None = Field(None, description="Message-ID of the sent email.")
    response: Text1024 | None = Field(
        None, description="The server's last reply, shortened and without control characters."
    )
    recipients: Annotated[
        list[RecipientResult], Field(max_length=64, description="Result of each recipient."), ListType.ATOMIC
    ] = Field(default_factory=list)
    dialogue: Annotated[
        list[Annotated[str, Field(max_length=512, description="A line.")]],
        Field(max_length=64, description="Redacted dialogue of a failed test."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)


class CurrentTest(StatusModel):
    """The running test, after its first second. Shown for requested tests and settings without a verdict."""

    trigger: Text64 = Field(description="Why the test runs.")
    mode: Text32 | None = Field(None, description="Mode of the test, as in test.mode.")
    phase: Text32 | None = Field(None, description="The current phase of a requested test.")
    start_time: Timestamp = Field(description="When the test started, with microseconds.")
    message_id: Text1024 | None = Field(
        None, description="Message-ID of a SmtpTest's email; set before the email may be sent."
    )


class PasswordStatus(StatusModel):
    """Where the password came from; never its value, length or digest."""

    source: Text64 = Field(description="Type of the source, such as KubernetesSecret.")
    reference: Text1024 | None = Field(None, description="Where the password was read.")
    version: Text256 | None = Field(None, description="Version of the password, if the source has versions.")
    expires: Timestamp | None = Field(None, description="Expiry of the password, if the source has one.")


class SuggestedSettings(StatusModel):
    """Values of spec that would work."""

    smtp_type: Text32 | None = Field(None, description="Value for smtpType.")
    port: int | None = Field(None, description="Value for port.", json_schema_extra={"format": "int32"})
    helo_name: Annotated[str, Field(max_length=253)] | None = Field(None, description="Value for heloName.")
    auth_mechanism: Text32 | None = Field(None, description="Value for authMechanism.")


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=32,
        description="The conditions Ready, Failed, PasswordResolved, Reconciling and Stalled; those of a"
        " SmtpConfig also include Published, SenderAuthentication and Delivered.",
    ),
    ListType.MAP_BY_TYPE,
]
Summary = Annotated[str, Field(max_length=80)]


class ObjectStatus(StatusModel):
    """The common part of the status of all kinds."""

    observed_generation: int = Field(
        -1,
        ge=-1,
        description="Generation of the spec that this status describes; -1: not processed yet.",
        json_schema_extra={"format": "int64"},
    )
    conditions: Conditions = Field(default_factory=list)
    summary: Summary | None = Field(None, description="The verdict in one line.")

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, or None."""
        for it in self.conditions:
            if it.type == kind:
                return it
        return None

    @property
    def ready(self) -> Literal["True", "False", "Unknown"]:
        """Return the status of the Ready condition; Unknown if there is none."""
        condition = self.condition("Ready")
        return condition.status if condition else "Unknown"


class EffectiveSettings(StatusModel):
    """The values that apply: those of spec, or else those of the operator's flags."""

    recheck_interval: Text32 | None = Field(None, description='Time between two rechecks; "0s": no rechecks.')
    recheck_mode: Text32 | None = Field(None, description="Mode of rechecks, as in recheck.mode.")
    timeout: Text32 | None = Field(None, description="Time limit of one test.")


class NotificationSent(StatusModel):
    """The last email of one kind."""

    kind: Text32 = Field(description="Kind, as in spec.preferredNotifications.")
    time: Timestamp = Field(description="When the mail server accepted the email.")
    about: Text64 | None = Field(
        None, description="For CertificateExpiring: the expiry date of the certificate."
    )


class PublishedSettings(StatusModel):
    """The settings in the Secret of spec.publish."""

    proven_time: Timestamp = Field(description="When a test last proved these settings.")
    generation: int = Field(
        description="Generation of the spec that they were published for.",
        json_schema_extra={"format": "int64"},
    )
    secret: Text256 = Field(description="uid/resourceVersion of the Secret, as the operator wrote it.")
    references: Annotated[
        list[TestedReference],
        Field(max_length=17, description="Objects that the settings were read from."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)


class Binding(StatusModel):
    """The published Secret, for Service Binding (Provisioned Service)."""

    name: Annotated[str, Field(max_length=253)] = Field(description="Name of the Secret.")


class DeliveryStatus(StatusModel):
    """The last email that the operator looks for, or has found, in the mailbox of spec.delivery."""

    message_id: Text1024 | None = Field(None, description="Message-ID of the email.")
    sent_time: Timestamp | None = Field(
        None, description="When the email was sent, with microseconds; set before it may be sent."
    )
    accepted: bool | None = Field(
        None, description="True once the mail server has accepted the email for delivery.address."
    )
    seen_time: Timestamp | None = Field(None, description="When the email arrived, with microseconds.")
    latency: Text32 | None = Field(None, description="Time from sending to arrival.")
    folder: Text32 | None = Field(None, description="Inbox or Junk.")
    spf: Text32 | None = Field(None, description="What the receiver says of SPF, such as pass.")
    dkim: Text32 | None = Field(None, description="What the receiver says of DKIM, such as pass.")
    dmarc: Text32 | None = Field(None, description="What the receiver says of DMARC, such as pass.")
    authserv_id: Text256 | None = Field(None, description="The receiver that says so (RFC 8601).")
    bounce: Text1024 | None = Field(
        None, description="Reply of the receiver in a delivery status notification, shortened."
    )
    mailbox_reason: Text64 | None = Field(
        None, description="Reason why the mailbox could not be read, such as AuthenticationFailed."
    )
    tested: TestedSettings | None = None


class SmtpTestStatus(ObjectStatus):
    """The result of the test."""

    last_test: LastTest | None = None
    next_test_time: Timestamp | None = Field(None, description="When the next test is due.")
    current_test: CurrentTest | None = None
    password: PasswordStatus | None = None
    suggestion: SuggestedSettings | None = None


class SmtpConfigStatus(SmtpTestStatus):
    """The result of the last test."""

    tested: TestedSettings | None = None
    last_success_time: Timestamp | None = Field(None, description="When a test last passed.")
    effective: EffectiveSettings | None = None
    certificate_expiring: Timestamp | None = Field(
        None, description="Expiry of the server's certificate, if it is less than 14 days away."
    )
    notifications: (
        Annotated[
            list[NotificationSent],
            Field(max_length=8, description="The last email of each kind except TestEmail."),
            ListType.ATOMIC,
        ]
        | None
    ) = None
    published: PublishedSettings | None = None
    binding: Binding | None = None
    last_handled_test_request: Text256 | None = Field(
        None, description="The last handled value of the annotation smtp-operator.io/test-requested-at."
    )
    delivery: DeliveryStatus | None = None


class VaultStatus(ObjectStatus):
    """The result of the last login to the vault."""

    provider: Text64 | None = Field(None, description="Provider of the vault.")
    tested: TestedSettings | None = None
    last_check_time: Timestamp | None = Field(None, description="When the operator last tried to log in.")
    next_check_time: Timestamp | None = Field(None, description="When the operator logs in next.")
