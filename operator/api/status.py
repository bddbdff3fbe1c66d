# SPDX-License-Identifier: Apache-2.0
"""``status`` of a SmtpConfig: what the operator found, as stored in the API server.

Bounds only, and wide: nothing here may refuse a write, since a verdict that cannot be written is lost.
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
"""RFC 3339 in UTC, whole seconds unless said otherwise."""


class StatusModel(BaseModel):
    """A part of status. What a later release added is ignored, so that a downgrade still reads it."""

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
        0, ge=0, description="Generation judged.", json_schema_extra={"format": "int64"}
    )
    last_transition_time: Timestamp = Field(description="When status last flipped.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="One CamelCase word.",
    )
    message: str = Field(
        max_length=32768,
        description="What happened, where, what the server said, which field to set to which value.",
    )


class TestedReference(StatusModel):
    """An object that was read for the test."""

    __test__: ClassVar[bool] = False

    kind: Text64 = Field(description="Kind of the object.")
    name: Text1024 = Field(description="Name.")
    version: Text256 | None = Field(None, description="uid/resourceVersion; absent: it did not exist.")


class TestedSettings(StatusModel):
    """What the verdict stands on."""

    __test__: ClassVar[bool] = False

    settings: Text64 = Field(
        "", description="SHA-256 of the settings of the dialogue, without password.value."
    )
    references: Annotated[
        list[TestedReference],
        Field(max_length=16, description="The objects that were read."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)


class PhaseTime(StatusModel):
    """A phase."""

    name: Text32 = Field(description="Phase.")
    duration: Text32 | None = Field(None, description="How long it took.")


class CertificateStatus(StatusModel):
    """The server's certificate."""

    subject: Text1024 | None = Field(None, description="Subject.")
    issuer: Text1024 | None = Field(None, description="Issuer.")
    not_before: Timestamp | None = Field(None, description="Valid from.")
    not_after: Timestamp | None = Field(None, description="Expiry.")


class ServerStatus(StatusModel):
    """The server met."""

    address: Annotated[str, Field(max_length=128)] | None = Field(None, description="IP address and port.")
    banner: Annotated[str, Field(max_length=512)] | None = Field(None, description="Name in the banner.")
    tls_version: Text32 | None = Field(None, description="TLS version.")
    auth_mechanism: Text32 | None = Field(None, description="Mechanism used.")
    certificate: CertificateStatus | None = None


class RecipientResult(StatusModel):
    """A recipient."""

    role: Annotated[str, Field(max_length=8)] = Field(description="to, cc or bcc.")
    index: int = Field(ge=0, description="Index in the spec's list.", json_schema_extra={"format": "int32"})
    accepted: bool = Field(description="RCPT accepted.")
    response: Text1024 | None = Field(None, description="Server text.")


class LastTest(StatusModel):
    """The last test that ended."""

    trigger: Text64 = Field(description="Why it was made.")
    mode: Text32 | None = Field(None, description="What it ran.")
    start_time: Timestamp = Field(description="When it started, to the microsecond.")
    duration: Text32 | None = Field(None, description="How long it took.")
    phases: Annotated[
        list[PhaseTime],
        Field(max_length=64, description="Time per phase, in order; a phase may come twice."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)
    server: ServerStatus | None = None
    message_id: Text1024 | None = Field(None, description="Message-ID sent.")
    response: Text1024 | None = Field(None, description="Cleaned and cut server text.")
    recipients: Annotated[
        list[RecipientResult], Field(max_length=64, description="Verdict per recipient."), ListType.ATOMIC
    ] = Field(default_factory=list)
    dialogue: Annotated[
        list[Annotated[str, Field(max_length=512, description="A line.")]],
        Field(max_length=64, description="The redacted dialogue of a failed test."),
        ListType.ATOMIC,
    ] = Field(default_factory=list)


class PasswordStatus(StatusModel):
    """Which password was used; never anything that a guess could be checked against."""

    source: Text64 = Field(description="Input type.")
    reference: Text1024 | None = Field(None, description="Where it was read.")
    version: Text256 | None = Field(None, description="Its version, where the source has one.")
    expires: Timestamp | None = Field(None, description="When it ends, where the source says so.")


class SuggestedSettings(StatusModel):
    """Fields of spec that would work."""

    smtp_type: Text32 | None = Field(None, description="smtpType to set.")
    port: int | None = Field(None, description="Port to set.", json_schema_extra={"format": "int32"})
    helo_name: Annotated[str, Field(max_length=253)] | None = Field(None, description="heloName to set.")
    auth_mechanism: Text32 | None = Field(None, description="authMechanism to set.")


Conditions = Annotated[
    list[Condition],
    Field(max_length=32, description="Ready, Failed, PasswordResolved, Reconciling, Stalled."),
    ListType.MAP_BY_TYPE,
]
Summary = Annotated[str, Field(max_length=80)]


class ObjectStatus(StatusModel):
    """What the status of each kind begins with."""

    observed_generation: int = Field(
        -1,
        ge=-1,
        description="Generation of the spec that status speaks of; -1: never seen.",
        json_schema_extra={"format": "int64"},
    )
    conditions: Conditions = Field(default_factory=list)
    summary: Summary | None = Field(None, description="The verdict in at most 80 characters.")

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if there is one."""
        for it in self.conditions:
            if it.type == kind:
                return it
        return None


class NotificationSent(StatusModel):
    """The last mail of one kind."""

    kind: Text32 = Field(description="Kind, as in spec.preferredNotifications.")
    time: Timestamp = Field(description="When a server accepted it.")
    about: Text64 | None = Field(None, description="What it told of: the expiry of a certificate.")


class SmtpConfigStatus(ObjectStatus):
    """What the operator found."""

    tested: TestedSettings | None = None
    last_test: LastTest | None = None
    last_success_time: Timestamp | None = Field(None, description="When a test last passed.")
    next_test_time: Timestamp | None = Field(None, description="When the next test is due.")
    password: PasswordStatus | None = None
    suggestion: SuggestedSettings | None = None
    certificate_expiring: Timestamp | None = Field(
        None, description="Expiry of the server's certificate, from 14 days before on."
    )
    notifications: (
        Annotated[
            list[NotificationSent],
            Field(max_length=8, description="The last mail of each kind beside TestEmail."),
            ListType.ATOMIC,
        ]
        | None
    ) = None
    last_handled_test_request: Text256 | None = Field(
        None, description="Last smtp-operator.io/test-requested-at that was handled."
    )


class VaultStatus(ObjectStatus):
    """What the operator found when it logged in to the vault."""

    provider: Text64 | None = Field(None, description="Which vault it is.")
    tested: TestedSettings | None = None
    last_check_time: Timestamp | None = Field(None, description="When the operator last tried to log in.")
    next_check_time: Timestamp | None = Field(None, description="When it tries again.")
