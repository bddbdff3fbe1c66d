# SPDX-License-Identifier: Apache-2.0
"""Access tokens in place of a password, the mechanism of the login, and a certificate of the client."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]
Words = Callable[[str, str], str]

CLIENT_SECRET = {"name": "mail-app", "key": "client-secret"}
REFRESH_TOKEN = {"name": "mail-app", "key": "refresh-token"}
SERVICE_ACCOUNT = {"name": "mailer"}
TOKEN_URL = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
PASSWORD = {"secretRef": {"name": "smtp-password"}}
LOGIN = {"username": "mailer", "password": PASSWORD}


def oauth2(**fields: Any) -> dict[str, Any]:
    """Return a username and a valid oauth2 block with these fields replaced; ``...`` removes one."""
    sound = {"tokenUrl": TOKEN_URL, "clientId": "6731de76", "clientSecretRef": CLIENT_SECRET} | fields
    return {
        "username": "mailer@example.com",
        "oauth2": {name: value for name, value in sound.items() if value is not ...},
    }


ACCEPTED: dict[str, dict[str, Any]] = {
    "client secret": oauth2(),
    "client secret and scope": oauth2(scope="https://outlook.office365.com/.default"),
    "longest scope": oauth2(scope="s" * 1024),
    "ServiceAccount": oauth2(clientSecretRef=..., serviceAccountRef=SERVICE_ACCOUNT),
    "ServiceAccount and audience": oauth2(
        clientSecretRef=..., serviceAccountRef=SERVICE_ACCOUNT | {"audience": "a" * 253}
    ),
    "refresh token": oauth2(refreshTokenRef=REFRESH_TOKEN),
    "CA of a ConfigMap": oauth2(caRef={"name": "corp-ca"}),
    "CA of a Secret": oauth2(caRef={"kind": "Secret", "name": "corp-ca", "key": "tls.crt"}),
    "username of a Secret": oauth2() | {"username": ..., "usernameRef": {"name": "smtp-user"}},
    "token endpoint with a port": oauth2(tokenUrl="https://login.example.com:8443/token"),
    "token endpoint of an IPv4 address": oauth2(tokenUrl="https://192.0.2.7/token"),
    "token endpoint of an IPv6 address": oauth2(tokenUrl="https://[2001:db8::7]:8443/token"),
    "token endpoint without a path": oauth2(tokenUrl="https://login.example.com"),
    "token endpoint with an escape": oauth2(tokenUrl="https://login.example.com/a%20b/token"),
    "longest token endpoint": oauth2(tokenUrl="https://login.example.com/" + "t" * 2022),
    "token by XOAUTH2": oauth2() | {"authMechanism": "XOAUTH2"},
    "token by OAUTHBEARER": oauth2() | {"authMechanism": "OAUTHBEARER"},
    "token by whatever is offered": oauth2() | {"authMechanism": "Auto"},
    "password by PLAIN": LOGIN | {"authMechanism": "PLAIN"},
    "password by LOGIN": LOGIN | {"authMechanism": "LOGIN"},
    "password by CRAM-MD5": LOGIN | {"authMechanism": "CRAM-MD5"},
    "password by whatever is offered": LOGIN | {"authMechanism": "Auto"},
    "no login by whatever is offered": {"authMechanism": "Auto"},
    "client certificate": {"tls": {"clientCertificateRef": {"name": "smtp-client"}}},
    "client certificate and login": LOGIN | {"tls": {"clientCertificateRef": {"name": "smtp-client"}}},
    "null": {"authMechanism": None, "oauth2": None, "tls": {"clientCertificateRef": None}},
}

ONE_CREDENTIAL = "spec.oauth2: set exactly one of clientSecretRef, serviceAccountRef"
TOGETHER = "spec: username (or usernameRef) and password (or oauth2) must be set together"
NEEDS_TOKEN = "spec: authMechanism XOAUTH2 and OAUTHBEARER require oauth2"
NEEDS_PASSWORD = "spec: authMechanism PLAIN, LOGIN and CRAM-MD5 require a username and password"
NO_URL = "spec.oauth2.tokenUrl: must be an https:// URL"
NOT_PLAIN = "spec.oauth2.tokenUrl: must be an https:// URL without user, query or fragment"
ONE_LINE = "must be one line without control or invisible characters"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "password and token": (oauth2() | {"password": PASSWORD}, "spec: set password or oauth2, not both"),
    "token without username": (oauth2() | {"username": ...}, TOGETHER),
    "username without either": ({"username": "mailer"}, TOGETHER),
    "neither credential of the client": (oauth2(clientSecretRef=...), ONE_CREDENTIAL),
    "both credentials of the client": (oauth2(serviceAccountRef=SERVICE_ACCOUNT), ONE_CREDENTIAL),
    "refresh token of a ServiceAccount": (
        oauth2(clientSecretRef=..., serviceAccountRef=SERVICE_ACCOUNT, refreshTokenRef=REFRESH_TOKEN),
        "spec.oauth2: refreshTokenRef requires clientSecretRef",
    ),
    "XOAUTH2 with a password": (LOGIN | {"authMechanism": "XOAUTH2"}, NEEDS_TOKEN),
    "OAUTHBEARER without a login": ({"authMechanism": "OAUTHBEARER"}, NEEDS_TOKEN),
    "PLAIN with a token": (oauth2() | {"authMechanism": "PLAIN"}, NEEDS_PASSWORD),
    "LOGIN with a token": (oauth2() | {"authMechanism": "LOGIN"}, NEEDS_PASSWORD),
    "CRAM-MD5 without a login": ({"authMechanism": "CRAM-MD5"}, NEEDS_PASSWORD),
    "token endpoint in clear": (oauth2(tokenUrl="http://login.example.com/token"), NO_URL),
    "token endpoint without scheme": (oauth2(tokenUrl="login.example.com/token"), NO_URL),
    "token endpoint without host": (oauth2(tokenUrl="https:///token"), NO_URL),
    "token endpoint with a blank": (oauth2(tokenUrl="https://login.example.com/a b"), NO_URL),
    "token endpoint with a line end": (oauth2(tokenUrl="https://login.example.com/\n"), NO_URL),
    "token endpoint with a backslash": (oauth2(tokenUrl="https://login.example.com\\.evil.example/"), NO_URL),
    "token endpoint with half an escape": (oauth2(tokenUrl="https://login.example.com/%2"), NO_URL),
    "token endpoint with a user": (oauth2(tokenUrl="https://me@login.example.com/"), NOT_PLAIN),
    "token endpoint with a query": (oauth2(tokenUrl="https://login.example.com/?a=b"), NOT_PLAIN),
    "token endpoint with a fragment": (oauth2(tokenUrl="https://login.example.com/#a"), NOT_PLAIN),
    "client id of two lines": (oauth2(clientId="a\nb"), f"spec.oauth2.clientId: {ONE_LINE}"),
    "scope with NUL": (oauth2(scope="a\0b"), f"spec.oauth2.scope: {ONE_LINE}"),
    "audience with a line end": (
        oauth2(clientSecretRef=..., serviceAccountRef=SERVICE_ACCOUNT | {"audience": "vault\r\n"}),
        f"spec.oauth2.serviceAccountRef.audience: {ONE_LINE}",
    ),
}

REFUSED_BY_SCHEMA: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown mechanism": (
        LOGIN | {"authMechanism": "NTLM"},
        "spec.authMechanism: Input should be 'Auto', 'PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2' or"
        " 'OAUTHBEARER'",
        'spec.authMechanism: Unsupported value: "NTLM": supported values: "Auto", "PLAIN", "LOGIN",'
        ' "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"',
    ),
    "no token endpoint": (
        oauth2(tokenUrl=...),
        "spec.oauth2.tokenUrl: Field required",
        "spec.oauth2.tokenUrl: Required value",
    ),
    "no client id": (
        oauth2(clientId=...),
        "spec.oauth2.clientId: Field required",
        "spec.oauth2.clientId: Required value",
    ),
    "client secret without key": (
        oauth2(clientSecretRef={"name": "mail-app"}),
        "spec.oauth2.clientSecretRef.key: Field required",
        "spec.oauth2.clientSecretRef.key: Required value",
    ),
    "refresh token without name": (
        oauth2(refreshTokenRef={"key": "refresh-token"}),
        "spec.oauth2.refreshTokenRef.name: Field required",
        "spec.oauth2.refreshTokenRef.name: Required value",
    ),
    "ServiceAccount without name": (
        oauth2(clientSecretRef=..., serviceAccountRef={}),
        "spec.oauth2.serviceAccountRef.name: Field required",
        "spec.oauth2.serviceAccountRef.name: Required value",
    ),
    "client certificate without name": (
        {"tls": {"clientCertificateRef": {}}},
        "spec.tls.clientCertificateRef.name: Field required",
        "spec.tls.clientCertificateRef.name: Required value",
    ),
    "token endpoint too long": (
        oauth2(tokenUrl="https://login.example.com/" + "t" * 2023),
        "spec.oauth2.tokenUrl: String should have at most 2048 characters",
        "spec.oauth2.tokenUrl: Too long: may not be more than 2048 bytes",
    ),
    "client id too long": (
        oauth2(clientId="c" * 257),
        "spec.oauth2.clientId: String should have at most 256 characters",
        "spec.oauth2.clientId: Too long: may not be more than 256 bytes",
    ),
    "scope too long": (
        oauth2(scope="s" * 1025),
        "spec.oauth2.scope: String should have at most 1024 characters",
        "spec.oauth2.scope: Too long: may not be more than 1024 bytes",
    ),
    "empty scope": (
        oauth2(scope=""),
        "spec.oauth2.scope: String should have at least 1 character",
        "spec.oauth2.scope: spec.oauth2.scope in body should be at least 1 chars long",
    ),
}


@pytest.mark.parametrize("fragment", ACCEPTED.values(), ids=ACCEPTED)
def test_login_is_accepted(judge: Judge, fragment: dict[str, Any]) -> None:
    assert judge(fragment) == ""


@pytest.mark.parametrize(("fragment", "refusal"), REFUSED.values(), ids=REFUSED)
def test_login_that_cannot_work_is_refused(judge: Judge, fragment: dict[str, Any], refusal: str) -> None:
    assert judge(fragment) == refusal


@pytest.mark.parametrize(
    ("fragment", "models", "apiserver"), REFUSED_BY_SCHEMA.values(), ids=REFUSED_BY_SCHEMA
)
def test_login_against_the_schema_is_refused(
    judge: Judge, in_words_of: Words, fragment: dict[str, Any], models: str, apiserver: str
) -> None:
    assert judge(fragment) == in_words_of(models, apiserver)


def test_a_client_secret_never_stands_in_the_spec(judge: Judge) -> None:
    assert "clientSecret" in judge(oauth2(clientSecret="s3cret"))
