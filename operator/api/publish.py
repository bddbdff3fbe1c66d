# SPDX-License-Identifier: Apache-2.0
"""``spec.publish`` of a SmtpConfig: the Secret for applications that the operator writes."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic.alias_generators import to_camel

from smtp_operator.api.fields import ApiModel, DataKey, ObjectName
from smtp_operator.api.validation_rules import FieldRule, ListType, exactly_one


class PublishedField(StrEnum):
    """A part of the proven settings."""

    HOST = "Host"
    PORT = "Port"
    HOST_PORT = "HostPort"
    USERNAME = "Username"
    PASSWORD = "Password"
    URI = "Uri"
    FROM = "From"
    FROM_ADDRESS = "FromAddress"
    FROM_NAME = "FromName"
    FROM_LOCAL_PART = "FromLocalPart"
    FROM_DOMAIN = "FromDomain"
    SMTP_TYPE = "SmtpType"
    START_TLS = "StartTls"
    IMPLICIT_TLS = "ImplicitTls"
    INSECURE_SKIP_VERIFY = "InsecureSkipVerify"
    HELO_NAME = "HeloName"
    AUTH_MECHANISM = "AuthMechanism"
    CA_BUNDLE = "CaBundle"


_CODE: Final = (
    "^(LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|PATH|SHELL|EDITOR|VISUAL|PAGER|ENV|BASH_ENV|BASH_FUNC_.*"
    "|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|ZDOTDIR|FPATH|IFS|PYTHON.*|PERL.*|RUBY.*|GEM_.*|BUNDLE_.*"
    "|NODE_OPTIONS|NODE_PATH|NPM_CONFIG_.*|npm_config_.*|PHPRC|PHP_INI_SCAN_DIR|LUA_.*|JAVA_TOOL_OPTIONS"
    "|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|JAVA_OPTS|CATALINA_OPTS|CLASSPATH|LOADER_(PATH|MAIN|HOME|CONFIG_.*)"
    "|DOTNET_.*|CORECLR_.*|COMPLUS_.*|COMPlus_.*|COR_.*|ERL_.*|ELIXIR_ERL_OPTIONS"
    "|OPENSSL_(CONF|CONF_INCLUDE|ENGINES|MODULES)|GIT_(SSH.*|EXEC_PATH|EXTERNAL_DIFF|PAGER|EDITOR|CONFIG.*"
    "|ASKPASS|PROXY_COMMAND|TEMPLATE_DIR))$"
)
"""Environment variables with which a program loads other code."""
_CODE_PATTERN: Final = re.compile(_CODE, re.DOTALL)


class PublishedKey(ApiModel):
    """A key of the Secret."""

    rules = (
        exactly_one("field", "value"),
        FieldRule(
            f"!self.name.matches('{_CODE}')",
            "name must not be an environment variable with which programs load code, such as LD_PRELOAD",
            lambda it: _CODE_PATTERN.search(it.name) is None,
        ),
        FieldRule(
            "self.name != '.' && !self.name.startsWith('..')",
            "name must not be . or start with .., which no key of a Secret does",
            lambda it: it.name != "." and not it.name.startswith(".."),
        ),
    )

    name: DataKey = Field(description="Key in the Secret.")
    field: PublishedField | None = Field(
        None,
        description="The part of the proven settings that is its value. StartTls, ImplicitTls and"
        " InsecureSkipVerify are `true` or `false`. The key is left out if the settings lack the part, such"
        " as CaBundle without tls.caRef.",
    )
    value: Annotated[str, Field(max_length=1024)] | None = Field(None, description="A fixed value.")


DEFAULT_KEYS: Final = (
    PublishedKey(name="type", value="smtp"),
    PublishedKey(name="provider", value="smtp-operator"),
    PublishedKey(name="host", field=PublishedField.HOST),
    PublishedKey(name="port", field=PublishedField.PORT),
    PublishedKey(name="username", field=PublishedField.USERNAME),
    PublishedKey(name="password", field=PublishedField.PASSWORD),
    PublishedKey(name="uri", field=PublishedField.URI),
    PublishedKey(name="certificates", field=PublishedField.CA_BUNDLE),
    PublishedKey(name="from", field=PublishedField.FROM),
    PublishedKey(name="security", field=PublishedField.SMTP_TYPE),
)
"""The keys without ``publish.keys``, as in the Service Binding specification for Kubernetes."""

_SECRET_TYPE: Final = r"^(Opaque|servicebinding\.io/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$"


class Publish(ApiModel):
    """A Secret with the settings that have just been proven, for applications."""

    secret_name: ObjectName = Field(
        description="Name of a Secret of this namespace, which the operator creates and owns."
    )
    type: Annotated[str, Field(min_length=1, max_length=128, pattern=_SECRET_TYPE)] = Field(
        "servicebinding.io/smtp", description="Type of the Secret: Opaque or servicebinding.io/NAME."
    )
    keys: (
        Annotated[
            list[PublishedKey],
            Field(
                max_length=32,
                description="Keys of the Secret. Default: type, provider, host, port, username, password,"
                " uri, certificates (Service Binding), from and security.",
            ),
            ListType.MAP_BY_NAME,
        ]
        | None
    ) = None

    @property
    def all_keys(self) -> tuple[PublishedKey, ...]:
        """Return the keys of the Secret, in order."""
        return tuple(self.keys or DEFAULT_KEYS)

    @property
    def needs_chain(self) -> bool:
        """Return whether a key holds the certificates that verified the server."""
        return any(it.field is PublishedField.CA_BUNDLE for it in self.all_keys)


SECRET_PATHS: Final = (
    ("username_ref",),
    ("password", "secret_ref"),
    ("tls", "client_certificate_ref"),
    ("tls", "ca_ref"),
    ("delivery", "mailbox", "username_ref"),
    ("delivery", "mailbox", "password", "secret_ref"),
    ("delivery", "mailbox", "tls", "ca_ref"),
    ("delivery", "mailbox", "oauth2", "client_secret_ref"),
    ("delivery", "mailbox", "oauth2", "refresh_token_ref"),
    ("delivery", "mailbox", "oauth2", "ca_ref"),
)
"""The fields of a SmtpConfig that name a Secret; those of ``spec.oauth2`` exclude ``publish``."""


def _named_secrets(spec: Any) -> Iterator[str]:
    for path in SECRET_PATHS:
        found = spec
        for field in path:
            found = None if found is None else getattr(found, field)
        if found is not None and getattr(found, "kind", "Secret") == "Secret":
            yield found.name


def _cel_names_another(path: tuple[str, ...]) -> str:
    parts = [to_camel(part) for part in path]
    paths = ["self." + ".".join(parts[: number + 1]) for number in range(len(parts))]
    is_secret = [f"{paths[-1]}.kind != 'Secret'"] if parts[-1] == "caRef" else []
    unset = [f"!has({it})" for it in paths]
    return f"({' || '.join([*unset, *is_secret, f'{paths[-1]}.name != self.publish.secretName'])})"


PUBLISH_RULES: Final = (
    FieldRule(
        "!has(self.publish) || !has(self.oauth2)",
        "publish cannot be used with oauth2: access tokens expire before applications could use them",
        lambda it: it.publish is None or it.oauth2 is None,
    ),
    FieldRule(
        f"!has(self.publish) || ({' && '.join(map(_cel_names_another, SECRET_PATHS))})",
        "publish.secretName must not be a Secret that another field names",
        lambda it: it.publish is None or it.publish.secret_name not in _named_secrets(it),
    ),
    FieldRule(
        "!has(self.publish) || self.test.mode != 'Connect' || !(has(self.username) || has(self.usernameRef))",
        "publish with a username requires test.mode Login, Envelope or SendEmail, which prove the password",
        lambda it: (
            it.publish is None
            or it.test.mode != "Connect"
            or (it.username is None and it.username_ref is None)
        ),
    ),
)
"""The rules between ``publish`` and the other fields of a SmtpConfig."""
