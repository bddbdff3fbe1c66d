# SPDX-License-Identifier: Apache-2.0
"""``SmtpTest``: the models of its spec."""

from typing import Annotated, ClassVar

from pydantic import Field

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.fields import ApiModel, ObjectName
from smtp_operator.api.server_fields import AddressList, MailAddress
from smtp_operator.api.smtpconfig import Recipients, SmtpSettings
from smtp_operator.api.validation_rules import TTL, FieldRule, ListType, exactly_one
from smtp_operator.api.verdict import Mode

Ttl = Annotated[str, Field(min_length=1, max_length=16), TTL]


class ConfigReference(ApiModel):
    """The SmtpConfig of this namespace to test."""

    name: ObjectName = Field(description="Name of the SmtpConfig.")


class SettingsToTest(SmtpSettings):
    """The settings to test: the spec of a SmtpConfig without what concerns later tests."""

    rules: ClassVar[tuple[FieldRule, ...]] = (
        *SmtpSettings.rules,
        FieldRule(
            "!has(self.password) || !has(self.password.value)",
            "a SmtpTest must not have password.value, which stays readable: store the password in a Secret,"
            " and set password.secretRef.name",
            lambda it: it.password is None or it.password.value is None,
        ),
    )


class TestRecipients(Recipients):
    """Recipients of this test, which replace all recipients of the SmtpConfig."""

    to: Annotated[list[MailAddress], Field(min_length=1, max_length=10), ListType.SET] = Field(
        description="To recipients."
    )
    cc: AddressList = Field(default_factory=list, description="Cc recipients.")
    bcc: AddressList = Field(
        default_factory=list, description="Bcc recipients: only in the envelope, not in the headers."
    )


class SmtpTestSpec(ApiModel):
    """A single test; it cannot be changed."""

    rules = (
        exactly_one("configRef", "settings"),
        FieldRule(
            "!has(self.recipients) || has(self.configRef)",
            "recipients requires configRef; with settings, set settings.recipients",
            lambda it: it.recipients is None or it.config_ref is not None,
        ),
        FieldRule(
            "self == oldSelf",
            "the spec of a SmtpTest cannot be changed: create another SmtpTest",
            lambda it: True,
        ),
    )

    config_ref: ConfigReference | None = None
    settings: SettingsToTest | None = None
    recipients: TestRecipients | None = None
    mode: Mode | None = Field(None, description="How deep the test goes; default: test.mode of the settings.")
    ttl_after_finished: Ttl | None = Field(
        None,
        description="Time after which the operator deletes the finished SmtpTest, 1m-168h; default: never.",
    )

    @property
    def ttl(self) -> float | None:
        """Return ``ttlAfterFinished`` in seconds; None: keep the object."""
        return None if self.ttl_after_finished is None else parse_duration(self.ttl_after_finished)
