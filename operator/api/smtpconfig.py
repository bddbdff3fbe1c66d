# SPDX-License-Identifier: Apache-2.0
"""``SmtpConfig``: the spec that a team writes. CRD and JSON Schema are generated from these models."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.rules import (
    FROM_ADDRESS,
    HTTPS_URL,
    MAIL_ADDRESS,
    NOTHING_BUT_A_PLACE,
    ONE_LINE,
    RECHECK_INTERVAL,
    TEST_TIMEOUT,
    ListType,
    Rule,
    host_rule,
)
from smtp_operator.api.verdict import Mode, SmtpType


class ApiModel(BaseModel):
    """A part of an object. ``rules`` are checked by the API server (CEL) and here alike.

    So is the rest: types are not converted, fields have no second name, and a null is a field left out.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # an error must never show password.value
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _leave_out_null(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if None not in data.values():
            return data
        fields = {field.alias for field in cls.model_fields.values()}
        return {name: value for name, value in data.items() if value is not None or name not in fields}

    @model_validator(mode="after")
    def _obey_rules(self) -> "ApiModel":
        for rule in self.rules:
            rule.obey(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        json_schema = handler.resolve_ref_schema(handler(schema))
        for rule in cls.rules:
            rule.added_to(json_schema)
        return json_schema


_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_DATA_KEY = r"^[-._a-zA-Z0-9]+$"


def _whole_number(value: Any) -> Any:
    # JSON has one kind of number: to the API server 587.0 is 587.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Switch = Annotated[bool, Strict()]
Port = Annotated[int, Field(ge=1, le=65535), Strict(), BeforeValidator(_whole_number)]

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=_OBJECT_NAME)]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=_DATA_KEY)]

_server, _server_name, _helo_name = (host_rule(name) for name in ("server", "serverName", "heloName"))
Server = Annotated[str, Field(min_length=1, max_length=253), _server]
ServerName = Annotated[str, Field(min_length=1, max_length=253), _server_name]
HeloName = Annotated[str, Field(min_length=1, max_length=253), _helo_name]
UserName = Annotated[str, Field(min_length=1, max_length=320), ONE_LINE]
MailAddress = Annotated[
    str,
    Field(min_length=3, max_length=254, description="One mail address."),
    MAIL_ADDRESS,
]
FromAddress = Annotated[str, Field(min_length=3, max_length=384), FROM_ADDRESS]
TestTimeout = Annotated[str, Field(min_length=1, max_length=16), TEST_TIMEOUT]
RecheckInterval = Annotated[str, Field(min_length=1, max_length=16), RECHECK_INTERVAL]


HttpsUrl = Annotated[str, Field(min_length=1, max_length=2048), HTTPS_URL, NOTHING_BUT_A_PLACE]
ClientId = Annotated[str, Field(min_length=1, max_length=256), ONE_LINE]
Scope = Annotated[str, Field(min_length=1, max_length=1024), ONE_LINE]
Audience = Annotated[str, Field(min_length=1, max_length=253), ONE_LINE]
AddressList = Annotated[list[MailAddress], Field(max_length=10), ListType.SET]


class UserNameReference(ApiModel):
    """A Secret of this namespace that holds the user name."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field("username", description="Key in the Secret; default `username`.")


class PasswordReference(ApiModel):
    """Internal Secret manager: a Secret of this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field("password", description="Key in the Secret; default `password`.")


class Password(ApiModel):
    """Where the password is; exactly one input type."""

    rules = (
        Rule(
            "[has(self.value), has(self.secretRef)].exists_one(x, x)",
            "set exactly one of value, secretRef",
            lambda it: (it.value is None) != (it.secret_ref is None),
        ),
    )

    # No pattern and no rule on it: their errors would echo the value.
    value: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        repr=False,
        json_schema_extra={"format": "password"},
        description="Input Text: the password in clear. Prefer secretRef: whoever may get the SmtpConfig"
        " reads it here.",
    )
    secret_ref: PasswordReference | None = None


class CaReference(ApiModel):
    """The only CA trusted: a PEM bundle in a ConfigMap or Secret of this namespace."""

    kind: Literal["Secret", "ConfigMap"] = Field("ConfigMap", description="Secret or ConfigMap.")
    name: ObjectName = Field(description="Name of the object.")
    key: DataKey = Field("ca.crt", description="Key that holds the PEM bundle.")


class SecretKeyReference(ApiModel):
    """A key of a Secret of this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field(description="Key in the Secret.")


class ServiceAccountReference(ApiModel):
    """A ServiceAccount of this namespace whose token is the client's assertion: no secret at all."""

    name: ObjectName = Field(description="Name of the ServiceAccount.")
    audience: Audience = Field(
        "api://AzureADTokenExchange",
        description="Audience of the token asked for. The ServiceAccount must allow it by its annotation"
        " smtp-operator.io/allowed-audiences; the API server's own audiences are refused at run time.",
    )


class OAuth2(ApiModel):
    """XOAUTH2 or OAUTHBEARER with an access token in place of a password."""

    rules = (
        Rule(
            "[has(self.clientSecretRef), has(self.serviceAccountRef)].exists_one(x, x)",
            "set exactly one of clientSecretRef, serviceAccountRef",
            lambda it: (it.client_secret_ref is None) != (it.service_account_ref is None),
        ),
        Rule(
            "!has(self.refreshTokenRef) || has(self.clientSecretRef)",
            "refreshTokenRef needs clientSecretRef",
            lambda it: it.refresh_token_ref is None or it.client_secret_ref is not None,
        ),
    )

    token_url: HttpsUrl = Field(description="Where access tokens are asked for.")
    client_id: ClientId = Field(description="The client's id.")
    scope: Scope | None = Field(None, description="Scopes, separated by blanks.")
    client_secret_ref: Annotated[
        SecretKeyReference | None,
        Field(description="The client's secret: grant client_credentials (Microsoft 365)."),
    ] = None
    service_account_ref: ServiceAccountReference | None = None
    refresh_token_ref: Annotated[
        SecretKeyReference | None,
        Field(description="A refresh token beside clientSecretRef: grant refresh_token (Google)."),
    ] = None
    ca_ref: Annotated[
        CaReference | None,
        Field(description="The only CA trusted for the token endpoint; tls.caRef does not apply to it."),
    ] = None


class Recipients(ApiModel):
    """Who gets the test mail."""

    to: AddressList = Field(default_factory=list, description="To; default: the From address.")
    cc: AddressList = Field(default_factory=list, description="Mailto Cc.")
    bcc: AddressList = Field(default_factory=list, description="Mailto Bcc: in the envelope only.")


class ClientCertificateReference(ApiModel):
    """The client's certificate: a Secret of type kubernetes.io/tls in this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class Tls(ApiModel):
    """How the server's certificate is checked."""

    ca_ref: CaReference | None = None
    server_name: ServerName | None = Field(
        None, description="The name checked in the certificate; default: server."
    )
    client_certificate_ref: ClientCertificateReference | None = None
    insecure_skip_verify: Switch = Field(
        False, description="Do not check the certificate; with a username it needs allowInsecureAuth too."
    )


class TestSettings(ApiModel):
    """What a change or a request runs."""

    __test__: ClassVar[bool] = False

    mode: Mode = Field(
        Mode.SEND_EMAIL,
        description="SendEmail sends a mail; Envelope stops after RCPT; Login after AUTH; Connect after TLS.",
    )
    timeout: TestTimeout = Field("45s", description="Total budget of one test, 5s to 10m.")

    @property
    def timeout_seconds(self) -> float:
        """The budget in seconds."""
        return parse_duration(self.timeout)


_RECHECK_MODES = (Mode.SEND_EMAIL, Mode.LOGIN, Mode.CONNECT)


def _recheck_mode(value: Any) -> Any:
    if value not in _RECHECK_MODES:
        raise PydanticCustomError("enum", "Input should be 'SendEmail', 'Login' or 'Connect'")
    return value


RecheckMode = Annotated[
    Mode,
    BeforeValidator(_recheck_mode),
    WithJsonSchema({"type": "string", "enum": [str(mode) for mode in _RECHECK_MODES]}),
]


class RecheckSettings(ApiModel):
    """What is tested from time to time."""

    interval: RecheckInterval = Field("1h", description='Time between two rechecks, 1m or more; "0s": never.')
    mode: RecheckMode = Field(
        Mode.LOGIN,
        description="How deep a recheck goes, never deeper than test.mode: SendEmail, Login or Connect.",
    )

    @property
    def interval_seconds(self) -> float:
        """The interval in seconds; 0: never."""
        return parse_duration(self.interval)


class Notification(StrEnum):
    """A kind of mail that cc and bcc may choose to hear of."""

    TEST_EMAIL = "TestEmail"
    NONE = "None"


class AuthMechanism(StrEnum):
    """How the client logs in (RFC 4954)."""

    AUTO = "Auto"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    CRAM_MD5 = "CRAM-MD5"
    XOAUTH2 = "XOAUTH2"
    OAUTHBEARER = "OAUTHBEARER"


_OF_A_TOKEN = (AuthMechanism.XOAUTH2, AuthMechanism.OAUTHBEARER)
_OF_A_PASSWORD = (AuthMechanism.PLAIN, AuthMechanism.LOGIN, AuthMechanism.CRAM_MD5)


def _has_username(it: "SmtpConfigSpec") -> bool:
    return it.username is not None or it.username_ref is not None


class SmtpConfigSpec(ApiModel):
    """The mail settings to prove."""

    rules = (
        Rule(
            "!(has(self.password) && has(self.oauth2))",
            "set password or oauth2, not both",
            lambda it: it.password is None or it.oauth2 is None,
        ),
        Rule(
            "!(has(self.username) && has(self.usernameRef))",
            "set username or usernameRef, not both",
            lambda it: it.username is None or it.username_ref is None,
        ),
        Rule(
            "(has(self.username) || has(self.usernameRef)) == (has(self.password) || has(self.oauth2))",
            "username and password (or oauth2) go together: set both or neither",
            lambda it: _has_username(it) == (it.password is not None or it.oauth2 is not None),
        ),
        Rule(
            "!(self.authMechanism in ['XOAUTH2', 'OAUTHBEARER']) || has(self.oauth2)",
            "authMechanism XOAUTH2 and OAUTHBEARER need oauth2",
            lambda it: it.auth_mechanism not in _OF_A_TOKEN or it.oauth2 is not None,
        ),
        Rule(
            "!(self.authMechanism in ['PLAIN', 'LOGIN', 'CRAM-MD5']) || has(self.password)",
            "authMechanism PLAIN, LOGIN and CRAM-MD5 need a username and password",
            lambda it: it.auth_mechanism not in _OF_A_PASSWORD or it.password is not None,
        ),
        Rule(
            "!(has(self.tls) && self.tls.insecureSkipVerify"
            " && (has(self.username) || has(self.usernameRef))) || self.allowInsecureAuth",
            "insecureSkipVerify with a username needs allowInsecureAuth: true,"
            " since the password could reach anyone",
            lambda it: (
                not (it.tls and it.tls.insecure_skip_verify and _has_username(it)) or it.allow_insecure_auth
            ),
        ),
    )

    server: Server = Field(description="SMTP server: host name or IP address.")
    port: Port = Field(description="SMTP port.")
    smtp_type: SmtpType = Field(
        SmtpType.START_TLS,
        description="None: in clear; StartTLS: TLS after STARTTLS, mandatory; TLS: TLS from the first byte.",
    )
    username: UserName | None = Field(None, description="User name for AUTH.")
    username_ref: UserNameReference | None = None
    password: Password | None = None
    oauth2: OAuth2 | None = None
    from_: FromAddress = Field(
        alias="from", description="From Email: one address, a display name is allowed."
    )
    recipients: Recipients = Field(default_factory=Recipients)
    preferred_notifications: Annotated[
        list[Notification],
        Field(max_length=4, description="The kinds of mail that cc and bcc are notified of."),
        ListType.SET,
    ] = Field([Notification.TEST_EMAIL])
    tls: Tls | None = None
    helo_name: HeloName | None = Field(
        None,
        description="The name given with EHLO; default: the operator's --helo-name, else the domain of from.",
    )
    auth_mechanism: AuthMechanism = Field(
        AuthMechanism.AUTO,
        description="SASL mechanism; Auto takes the first offered of PLAIN, LOGIN, CRAM-MD5"
        " (with oauth2: XOAUTH2, OAUTHBEARER).",
    )
    test: TestSettings = Field(TestSettings(), json_schema_extra={"default": {}})
    recheck: RecheckSettings = Field(RecheckSettings(), json_schema_extra={"default": {}})
    allow_insecure_auth: Switch = Field(False, description="Send the password without verified TLS.")
    suspend: Switch = Field(False, description="Test nothing; a standing verdict stays.")
