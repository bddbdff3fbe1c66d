# SPDX-License-Identifier: Apache-2.0
"""``SmtpConfig``: the models of its spec. CRD and JSON Schema are generated from them."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from smtp_operator.api.delivery import Delivery
from smtp_operator.api.fields import ApiModel, CaReference, ClientCertificateReference, Port, Switch
from smtp_operator.api.password import Password, UserNameReference
from smtp_operator.api.publish import PUBLISH_RULES, Publish
from smtp_operator.api.server_fields import (
    AddressList,
    FromAddress,
    HeloName,
    OAuth2,
    Server,
    ServerName,
    UserName,
)
from smtp_operator.api.validation_rules import RECHECK_INTERVAL, TEST_TIMEOUT, FieldRule, ListType
from smtp_operator.api.verdict import RECHECK_MODES, Mode, SmtpType

TestTimeout = Annotated[str, Field(min_length=1, max_length=16), TEST_TIMEOUT]
RecheckInterval = Annotated[str, Field(min_length=1, max_length=16), RECHECK_INTERVAL]


class Recipients(ApiModel):
    """Recipients of the test email."""

    to: AddressList = Field(default_factory=list, description="To recipients; default: the From address.")
    cc: AddressList = Field(default_factory=list, description="Cc recipients.")
    bcc: AddressList = Field(
        default_factory=list, description="Bcc recipients: only in the envelope, not in the headers."
    )


class Tls(ApiModel):
    """Verification of the server's certificate."""

    ca_ref: CaReference | None = None
    server_name: ServerName | None = Field(
        None, description="Host name expected in the certificate; default: server."
    )
    client_certificate_ref: ClientCertificateReference | None = None
    insecure_skip_verify: Switch = Field(
        False, description="Do not verify the certificate. With a username, allowInsecureAuth is required."
    )


class TestSettings(ApiModel):
    """Settings of a test after a change or a request."""

    __test__: ClassVar[bool] = False

    mode: Mode = Field(
        Mode.SEND_EMAIL,
        description="What a test does: Connect stops after TLS, Login after AUTH, Envelope after RCPT."
        " SendEmail sends an email.",
    )
    timeout: TestTimeout | None = Field(
        None,
        description="Time limit of one test, 5s to 10m. Default: the operator's --default-test-timeout"
        " (45s).",
    )


def _recheck_mode(value: Any) -> Any:
    if value not in RECHECK_MODES:
        raise PydanticCustomError("enum", "Input should be 'SendEmail', 'Login' or 'Connect'")
    return value


RecheckMode = Annotated[
    Mode,
    BeforeValidator(_recheck_mode),
    WithJsonSchema({"type": "string", "enum": [str(mode) for mode in RECHECK_MODES]}),
]


class RecheckSettings(ApiModel):
    """Settings of the regular rechecks."""

    interval: RecheckInterval | None = Field(
        None,
        description='Time between two rechecks, at least 1m; "0s": no rechecks. Default: the operator\'s'
        " --default-recheck-interval (1h).",
    )
    mode: RecheckMode | None = Field(
        None,
        description="What a recheck does: Connect, Login, or SendEmail (at most every 15 minutes). A recheck"
        " never does more than test.mode. Default: the operator's --default-recheck-mode (Login).",
    )


class Notification(StrEnum):
    """A kind of email that Cc and Bcc recipients can choose."""

    TEST_EMAIL = "TestEmail"
    RECOVERED = "Recovered"
    PASSWORD_ROTATED = "PasswordRotated"
    CERTIFICATE_EXPIRING = "CertificateExpiring"
    NONE = "None"


class AuthMechanism(StrEnum):
    """How the client logs in (RFC 4954)."""

    AUTO = "Auto"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    CRAM_MD5 = "CRAM-MD5"
    XOAUTH2 = "XOAUTH2"
    OAUTHBEARER = "OAUTHBEARER"


_TOKEN_MECHANISMS = (AuthMechanism.XOAUTH2, AuthMechanism.OAUTHBEARER)
_PASSWORD_MECHANISMS = (AuthMechanism.PLAIN, AuthMechanism.LOGIN, AuthMechanism.CRAM_MD5)


def _has_username(it: "SmtpSettings") -> bool:
    return it.username is not None or it.username_ref is not None


class SmtpSettings(ApiModel):
    """SMTP settings of one test."""

    rules: ClassVar[tuple[FieldRule, ...]] = (
        FieldRule(
            "!(has(self.password) && has(self.oauth2))",
            "set password or oauth2, not both",
            lambda it: it.password is None or it.oauth2 is None,
        ),
        FieldRule(
            "!(has(self.username) && has(self.usernameRef))",
            "set username or usernameRef, not both",
            lambda it: it.username is None or it.username_ref is None,
        ),
        FieldRule(
            "(has(self.username) || has(self.usernameRef)) == (has(self.password) || has(self.oauth2))",
            "username (or usernameRef) and password (or oauth2) must be set together",
            lambda it: _has_username(it) == (it.password is not None or it.oauth2 is not None),
        ),
        FieldRule(
            "!(self.authMechanism in ['XOAUTH2', 'OAUTHBEARER']) || has(self.oauth2)",
            "authMechanism XOAUTH2 and OAUTHBEARER require oauth2",
            lambda it: it.auth_mechanism not in _TOKEN_MECHANISMS or it.oauth2 is not None,
        ),
        FieldRule(
            "!(self.authMechanism in ['PLAIN', 'LOGIN', 'CRAM-MD5']) || has(self.password)",
            "authMechanism PLAIN, LOGIN and CRAM-MD5 require a username and password",
            lambda it: it.auth_mechanism not in _PASSWORD_MECHANISMS or it.password is not None,
        ),
        FieldRule(
            "!(has(self.tls) && self.tls.insecureSkipVerify"
            " && (has(self.username) || has(self.usernameRef))) || self.allowInsecureAuth",
            "insecureSkipVerify with a username requires allowInsecureAuth: true:"
            " an unverified server can read the password",
            lambda it: (
                not (it.tls and it.tls.insecure_skip_verify and _has_username(it)) or it.allow_insecure_auth
            ),
        ),
    )

    server: Server = Field(description="SMTP server: host name or IP address.")
    port: Port = Field(description="SMTP port.")
    smtp_type: SmtpType = Field(
        SmtpType.START_TLS,
        description="None: plaintext. StartTLS: TLS after STARTTLS, mandatory. TLS: TLS from the first byte.",
    )
    username: UserName | None = Field(None, description="Username for AUTH.")
    username_ref: UserNameReference | None = None
    password: Password | None = None
    oauth2: OAuth2 | None = None
    from_: FromAddress = Field(
        alias="from",
        description="From address of all emails. A display name is allowed: at most 64 characters, no URL.",
    )
    recipients: Recipients = Field(default_factory=Recipients)
    tls: Tls | None = None
    helo_name: HeloName | None = Field(
        None,
        description="Host name sent with EHLO; default: the operator's --helo-name, else the domain of from.",
    )
    auth_mechanism: AuthMechanism = Field(
        AuthMechanism.AUTO,
        description="SASL mechanism. Auto uses the first one that the server offers of PLAIN, LOGIN, CRAM-MD5"
        " (with oauth2: XOAUTH2, OAUTHBEARER).",
    )
    test: TestSettings = Field(TestSettings(), json_schema_extra={"default": {}})
    allow_insecure_auth: Switch = Field(False, description="Allow sending the password without verified TLS.")


class SmtpConfigSpec(SmtpSettings):
    """SMTP settings to test."""

    rules: ClassVar[tuple[FieldRule, ...]] = (*SmtpSettings.rules, *PUBLISH_RULES)

    preferred_notifications: Annotated[
        list[Notification],
        Field(
            max_length=4,
            description="Kinds of email for Cc and Bcc recipients; [None]: no emails. To recipients receive"
            " every kind. If recipients.to is not set, the From address receives TestEmail only.",
        ),
        ListType.SET,
    ] = Field([Notification.TEST_EMAIL])
    recheck: RecheckSettings = Field(default_factory=RecheckSettings)
    suspend: Switch = Field(False, description="Pause all tests; the last verdict is kept.")
    publish: Publish | None = None
    delivery: Delivery | None = None
