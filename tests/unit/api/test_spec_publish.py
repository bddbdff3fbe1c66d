# SPDX-License-Identifier: Apache-2.0
"""``spec.publish``: what the API server and the models accept and refuse, with the same words."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from smtp_operator.api.fields import CaReference, ClientCertificateReference, SecretKeyReference
from smtp_operator.api.password import PasswordReference, UserNameReference
from smtp_operator.api.publish import DEFAULT_KEYS, SECRET_PATHS, PublishedField
from smtp_operator.api.smtpconfig import SmtpConfigSpec

Judge = Callable[[dict[str, Any]], str]

LOGIN = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
PROVEN = {"secretName": "proven"}


def keys(*keys: dict[str, str]) -> dict[str, Any]:
    return {"publish": {**PROVEN, "keys": list(keys)}}


ACCEPTED: dict[str, dict[str, Any]] = {
    "a name alone": {"publish": PROVEN},
    "no keys": keys(),
    "Opaque": {"publish": {**PROVEN, "type": "Opaque"}},
    "another type of Service Binding": {"publish": {**PROVEN, "type": "servicebinding.io/grafana"}},
    "every field": keys(*({"name": f"K_{it}", "field": str(it)} for it in PublishedField)),
    "a literal": keys({"name": "GF_SMTP_ENABLED", "value": "true"}),
    "an empty literal": keys({"name": "SMTP_AUTH", "value": ""}),
    "the longest literal": keys({"name": "a", "value": "é" * 1024}),
    "32 keys": keys(*({"name": f"key-{number}", "value": "x"} for number in range(32))),
    "a login": {**LOGIN, "publish": PROVEN},
    "mode Connect without a username": {"test": {"mode": "Connect"}, "publish": PROVEN},
    "mode Login with one": {**LOGIN, "test": {"mode": "Login"}, "publish": PROVEN},
    "a ConfigMap of that name": {
        "tls": {"caRef": {"kind": "ConfigMap", "name": "proven"}},
        "publish": PROVEN,
    },
    "names that contain those of loaders": keys(
        *({"name": it, "value": "x"} for it in ("MAIL_PATH", "GIT_SMTP_HOST", "OPENSSL_CIPHERS", "path"))
    ),
    "a name with dots": keys(*({"name": it, "value": "x"} for it in (".netrc", "a..b", "a.", "-"))),
}

OAUTH2 = {
    "tokenUrl": "https://login.example.com/token",
    "clientId": "mailer",
    "clientSecretRef": {"name": "client", "key": "secret"},
}
NAMED = "spec: publish.secretName must not be a Secret that another field names"
ONE = "spec.publish.keys[0]: set exactly one of field, value"
CODE = (
    "spec.publish.keys[0]: name must not be an environment variable with which programs load code, such as"
    " LD_PRELOAD"
)
CODE_NAMES = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "NODE_OPTIONS",
    "BASH_ENV",
    "PERLLIB",
    "PERL5OPT",
    "PHPRC",
    "LUA_INIT_5_4",
    "CORECLR_PROFILER",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_COUNT",
    "OPENSSL_CONF",
    "ERL_FLAGS",
    "LOADER_PATH",
    "GEM_PATH",
    "PROMPT_COMMAND",
    "npm_config_node_options",
    "JAVA_OPTS",
]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an access token": (
        {"username": "mailer", "oauth2": OAUTH2, "publish": PROVEN},
        "spec: publish cannot be used with oauth2: access tokens expire before applications could use them",
    ),
    "the Secret of the password": ({**LOGIN, "publish": {"secretName": "smtp-password"}}, NAMED),
    "the Secret of the username": (
        {**LOGIN, "username": ..., "usernameRef": {"name": "proven"}, "publish": PROVEN},
        NAMED,
    ),
    "the Secret of the CA": (
        {"tls": {"caRef": {"kind": "Secret", "name": "proven"}}, "publish": PROVEN},
        NAMED,
    ),
    "the Secret of the client certificate": (
        {"tls": {"clientCertificateRef": {"name": "proven"}}, "publish": PROVEN},
        NAMED,
    ),
    "the Secret of the mailbox": (
        {
            "delivery": {
                "address": "probe@example.com",
                "mailbox": {
                    "server": "imap.example.com",
                    "port": 993,
                    "username": "probe",
                    "password": {"secretRef": {"name": "proven"}},
                },
            },
            "publish": PROVEN,
        },
        NAMED,
    ),
    "field and value": (keys({"name": "a", "field": "Host", "value": "x"}), ONE),
    "neither": (keys({"name": "a"}), ONE),
    "a password that no test proves": (
        {**LOGIN, "test": {"mode": "Connect"}, "publish": PROVEN},
        "spec: publish with a username requires test.mode Login, Envelope or SendEmail, which prove the"
        " password",
    ),
    **{f"the variable {name}": (keys({"name": name, "value": "/tmp/evil.so"}), CODE) for name in CODE_NAMES},
    **{
        f"the key {name}": (
            keys({"name": name, "value": "x"}),
            "spec.publish.keys[0]: name must not be . or start with .., which no key of a Secret does",
        )
        for name in (".", "..", "..data", "...")
    },
    "a field under such a name": (keys({"name": "LD_PRELOAD", "field": "Password"}), CODE),
}
REFUSED_SOMEHOW: dict[str, dict[str, Any]] = {
    "no name": {"publish": {}},
    "a token Secret": {"publish": {**PROVEN, "type": "kubernetes.io/service-account-token"}},
    "a bootstrap token": {"publish": {**PROVEN, "type": "bootstrap.kubernetes.io/token"}},
    "no type of Service Binding": {"publish": {**PROVEN, "type": "servicebinding.io/"}},
    "a name of another namespace": {"publish": {"secretName": "team-b/proven"}},
    "33 keys": keys(*({"name": f"key-{number}", "value": "x"} for number in range(33))),
    "one key twice": keys({"name": "a", "value": "x"}, {"name": "a", "field": "Host"}),
    "an unknown field": keys({"name": "a", "field": "ClientKey"}),
    "a literal that is too long": keys({"name": "a", "value": "x" * 1025}),
    "no key of a Secret": keys({"name": "a/b", "value": "x"}),
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_accepted(judge: Judge, fields: dict[str, Any]) -> None:
    assert judge(fields) == ""


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(judge: Judge, fields: dict[str, Any], sentence: str) -> None:
    assert judge(fields) == sentence


@pytest.mark.parametrize("fields", REFUSED_SOMEHOW.values(), ids=REFUSED_SOMEHOW.keys())
def test_what_is_refused_by_the_schema(judge: Judge, fields: dict[str, Any]) -> None:
    assert "publish" in judge(fields)


def secret_fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        for kind in (it for it in kinds if isinstance(it, type) and issubclass(it, BaseModel)):
            here = (*path, name)
            secrets = (SecretKeyReference, PasswordReference, UserNameReference)
            if issubclass(kind, (*secrets, ClientCertificateReference, CaReference)):
                found.append(here)
            else:
                found += secret_fields(kind, here)
    return found


def test_the_rule_knows_every_field_that_names_a_secret() -> None:
    """Check it for fields to come; ``oauth2`` excludes ``publish``."""
    named = {it for it in secret_fields(SmtpConfigSpec) if it[0] != "oauth2"}
    assert named == set(SECRET_PATHS)


def test_the_default_keys_are_those_of_service_binding() -> None:
    names = [it.name for it in DEFAULT_KEYS]
    assert names[:8] == ["type", "provider", "host", "port", "username", "password", "uri", "certificates"]
