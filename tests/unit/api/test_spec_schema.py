# SPDX-License-Identifier: Apache-2.0
"""Types, ranges, lengths, choices and names of fields: both judges refuse, each in its own words."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]
Words = Callable[[str, str], str]

SECRET = {"secretRef": {"name": "smtp-password"}}
LOGIN = {"username": "mailer", "password": SECRET}

OBJECT_NAME = r"'^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
DATA_KEY = r"'^[-._a-zA-Z0-9]+$'"
HOST = "must be a host name or an IP address, without scheme, port, brackets or spaces"
ONE_FROM = (
    "from must be one email address, such as noreply@example.com or Platform Team <noreply@example.com>"
)


def recipients(count: int) -> dict[str, Any]:
    return {"to": [f"user{number}@example.com" for number in range(count)]}


ACCEPTED: dict[str, dict[str, Any]] = {
    "lowest port": {"port": 1},
    "highest port": {"port": 65535},
    "port as JSON may write it": {"port": 587.0},
    "no encryption": {"smtpType": "None"},
    "STARTTLS": {"smtpType": "StartTLS"},
    "TLS": {"smtpType": "TLS"},
    "notifications": {"preferredNotifications": ["TestEmail"]},
    "no notifications, said so": {"preferredNotifications": ["None"]},
    "no notifications": {"preferredNotifications": []},
    "suspended": {"suspend": True},
    "longest object name": {"username": "mailer", "password": {"secretRef": {"name": "a" * 253}}},
    "longest key": {"username": "mailer", "password": {"secretRef": {"name": "smtp", "key": "k" * 253}}},
    "CA of a ConfigMap": {"tls": {"caRef": {"kind": "ConfigMap", "name": "corp-ca", "key": "ca.crt"}}},
    "CA of a Secret": {"tls": {"caRef": {"kind": "Secret", "name": "corp-ca"}}},
    "longest from": {"from": f'"{"é" * 62}" <{"a" * 242}@example.com>'},
    "empty objects": {"recipients": {}, "tls": {}, "test": {}, "recheck": {}},
}

NULLS = [
    "smtpType",
    "username",
    "usernameRef",
    "password",
    "recipients",
    "preferredNotifications",
    "tls",
    "heloName",
    "test",
    "recheck",
    "allowInsecureAuth",
    "suspend",
]

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    # missing
    "no server": ({"server": ...}, "spec.server: Field required", "spec.server: Required value"),
    "no port": ({"port": ...}, "spec.port: Field required", "spec.port: Required value"),
    "no from": ({"from": ...}, "spec.from: Field required", "spec.from: Required value"),
    "server of null": ({"server": None}, "spec.server: Field required", "spec.server: Required value"),
    "Secret without name": (
        {"username": "mailer", "password": {"secretRef": {"key": "password"}}},
        "spec.password.secretRef.name: Field required",
        "spec.password.secretRef.name: Required value",
    ),
    "username of a Secret without name": (
        {"usernameRef": {}, "password": SECRET},
        "spec.usernameRef.name: Field required",
        "spec.usernameRef.name: Required value",
    ),
    "CA without name": (
        {"tls": {"caRef": {"kind": "Secret"}}},
        "spec.tls.caRef.name: Field required",
        "spec.tls.caRef.name: Required value",
    ),
    # types: nothing is converted
    "server of a number": (
        {"server": 5},
        "spec.server: Input should be a valid string",
        'spec.server: spec.server in body must be of type string: "integer"',
    ),
    "server of a list": (
        {"server": ["smtp.example.com"]},
        "spec.server: Input should be a valid string",
        'spec.server: spec.server in body must be of type string: "array"',
    ),
    "port of a text": (
        {"port": "587"},
        "spec.port: Input should be a valid integer",
        'spec.port: spec.port in body must be of type integer: "string"',
    ),
    "port of a fraction": (
        {"port": 587.5},
        "spec.port: Input should be a valid integer",
        'spec.port: spec.port in body must be of type int32: "float64"',
    ),
    "port of a switch": (
        {"port": True},
        "spec.port: Input should be a valid integer",
        'spec.port: spec.port in body must be of type int32: ""',
    ),
    "suspend of a text": (
        {"suspend": "true"},
        "spec.suspend: Input should be a valid boolean",
        'spec.suspend: spec.suspend in body must be of type boolean: "string"',
    ),
    "suspend of a number": (
        {"suspend": 1},
        "spec.suspend: Input should be a valid boolean",
        'spec.suspend: spec.suspend in body must be of type boolean: "integer"',
    ),
    "allowInsecureAuth of a text": (
        {"allowInsecureAuth": "yes"},
        "spec.allowInsecureAuth: Input should be a valid boolean",
        'spec.allowInsecureAuth: spec.allowInsecureAuth in body must be of type boolean: "string"',
    ),
    "insecureSkipVerify of a text": (
        {"tls": {"insecureSkipVerify": "false"}},
        "spec.tls.insecureSkipVerify: Input should be a valid boolean",
        'spec.tls.insecureSkipVerify: spec.tls.insecureSkipVerify in body must be of type boolean: "string"',
    ),
    "password in the place of its parent": (
        {"username": "mailer", "password": "s3cret"},
        "spec.password: Input should be a valid dictionary or instance of Password",
        'spec.password: spec.password in body must be of type object: "string"',
    ),
    "password of a number": (
        {"username": "mailer", "password": {"value": 12345678}},
        "spec.password.value: Input should be a valid string",
        'spec.password.value: spec.password.value in body must be of type password: "int64"',
    ),
    "recipients of a list": (
        {"recipients": ["ops@example.com"]},
        "spec.recipients: Input should be a valid dictionary or instance of Recipients",
        'spec.recipients: spec.recipients in body must be of type object: "array"',
    ),
    "recipients by comma": (
        {"recipients": {"to": "ops@example.com,dev@example.com"}},
        "spec.recipients.to: Input should be a valid list",
        'spec.recipients.to: spec.recipients.to in body must be of type array: "string"',
    ),
    "recipient of null": (
        {"recipients": {"to": [None]}},
        "spec.recipients.to[0]: Input should be a valid string",
        'spec.recipients.to[0]: spec.recipients.to[0] in body must be of type string: "null"',
    ),
    "recipient of a list": (
        {"recipients": {"to": [["ops@example.com"]]}},
        "spec.recipients.to[0]: Input should be a valid string",
        'spec.recipients.to[0]: spec.recipients.to[0] in body must be of type string: "array"',
    ),
    "interval of a number": (
        {"recheck": {"interval": 3600}},
        "spec.recheck.interval: Input should be a valid string",
        'spec.recheck.interval: spec.recheck.interval in body must be of type string: "integer"',
    ),
    "test of a text": (
        {"test": "SendEmail"},
        "spec.test: Input should be a valid dictionary or instance of TestSettings",
        'spec.test: spec.test in body must be of type object: "string"',
    ),
    # ranges
    "port 0": (
        {"port": 0},
        "spec.port: Input should be greater than or equal to 1",
        "spec.port: spec.port in body should be greater than or equal to 1",
    ),
    "port below 0": (
        {"port": -25},
        "spec.port: Input should be greater than or equal to 1",
        "spec.port: spec.port in body should be greater than or equal to 1",
    ),
    "port too high": (
        {"port": 65536},
        "spec.port: Input should be less than or equal to 65535",
        "spec.port: spec.port in body should be less than or equal to 65535",
    ),
    # lengths
    "empty server": (
        {"server": ""},
        "spec.server: String should have at least 1 character",
        f"spec.server: spec.server in body should be at least 1 chars long\nspec.server: server {HOST}",
    ),
    "server too long": (
        {"server": "x" * 254},
        "spec.server: String should have at most 253 characters",
        "spec.server: Too long: may not be more than 253 bytes",
    ),
    "serverName too long": (
        {"tls": {"serverName": "x" * 254}},
        "spec.tls.serverName: String should have at most 253 characters",
        "spec.tls.serverName: Too long: may not be more than 253 bytes",
    ),
    "heloName too long": (
        {"heloName": "x" * 254},
        "spec.heloName: String should have at most 253 characters",
        "spec.heloName: Too long: may not be more than 253 bytes",
    ),
    "from too short": (
        {"from": "a@"},
        "spec.from: String should have at least 3 characters",
        f"spec.from: spec.from in body should be at least 3 chars long\nspec.from: {ONE_FROM}",
    ),
    "from too long": (
        {"from": "x" * 373 + "@example.com"},
        "spec.from: String should have at most 384 characters",
        "spec.from: Too long: may not be more than 384 bytes",
    ),
    "recipient too long": (
        {"recipients": {"bcc": ["x" * 243 + "@example.com"]}},
        "spec.recipients.bcc[0]: String should have at most 254 characters",
        "spec.recipients.bcc[0]: Too long: may not be more than 254 bytes",
    ),
    "empty username": (
        {"username": "", "password": SECRET},
        "spec.username: String should have at least 1 character",
        "spec.username: spec.username in body should be at least 1 chars long",
    ),
    "username too long": (
        {"username": "x" * 321, "password": SECRET},
        "spec.username: String should have at most 320 characters",
        "spec.username: Too long: may not be more than 320 bytes",
    ),
    "empty password": (
        {"username": "mailer", "password": {"value": ""}},
        "spec.password.value: String should have at least 1 character",
        "spec.password.value: spec.password.value in body should be at least 1 chars long",
    ),
    "password too long": (
        {"username": "mailer", "password": {"value": "x" * 4097}},
        "spec.password.value: String should have at most 4096 characters",
        "spec.password.value: Too long: may not be more than 4096 bytes",
    ),
    "timeout too long": (
        {"test": {"timeout": "0000010s000001ms1s"}},
        "spec.test.timeout: String should have at most 16 characters",
        "spec.test.timeout: Too long: may not be more than 16 bytes",
    ),
    "eleven recipients": (
        {"recipients": recipients(11)},
        "spec.recipients.to: List should have at most 10 items after validation, not 11",
        "spec.recipients.to: Too many: 11: must have at most 10 items",
    ),
    # choices
    "smtpType in small letters": (
        {"smtpType": "starttls"},
        "spec.smtpType: Input should be 'None', 'StartTLS' or 'TLS'",
        'spec.smtpType: Unsupported value: "starttls": supported values: "None", "StartTLS", "TLS"',
    ),
    "smtpType SSL": (
        {"smtpType": "SSL"},
        "spec.smtpType: Input should be 'None', 'StartTLS' or 'TLS'",
        'spec.smtpType: Unsupported value: "SSL": supported values: "None", "StartTLS", "TLS"',
    ),
    "empty smtpType": (
        {"smtpType": ""},
        "spec.smtpType: Input should be 'None', 'StartTLS' or 'TLS'",
        'spec.smtpType: Unsupported value: "": supported values: "None", "StartTLS", "TLS"',
    ),
    "unknown test mode": (
        {"test": {"mode": "Send"}},
        "spec.test.mode: Input should be 'Connect', 'Login', 'Envelope' or 'SendEmail'",
        'spec.test.mode: Unsupported value: "Send": supported values:'
        ' "Connect", "Login", "Envelope", "SendEmail"',
    ),
    "CA of a Pod": (
        {"tls": {"caRef": {"kind": "Pod", "name": "corp-ca"}}},
        "spec.tls.caRef.kind: Input should be 'Secret' or 'ConfigMap'",
        'spec.tls.caRef.kind: Unsupported value: "Pod": supported values: "Secret", "ConfigMap"',
    ),
    # sets
    "recipient twice": (
        {"recipients": {"cc": ["ops@example.com", "dev@example.com", "ops@example.com"]}},
        "spec.recipients.cc: must not have duplicate items",
        'spec.recipients.cc[2]: Duplicate value: "ops@example.com"',
    ),
    "notification twice": (
        {"preferredNotifications": ["TestEmail", "TestEmail"]},
        "spec.preferredNotifications: must not have duplicate items",
        'spec.preferredNotifications[1]: Duplicate value: "TestEmail"',
    ),
    # names of objects and of their keys
    "Secret in capitals": (
        {"username": "mailer", "password": {"secretRef": {"name": "SMTP"}}},
        f"spec.password.secretRef.name: String should match pattern {OBJECT_NAME}",
        f"spec.password.secretRef.name: spec.password.secretRef.name in body should match {OBJECT_NAME}",
    ),
    "Secret of another namespace": (
        {"username": "mailer", "password": {"secretRef": {"name": "team-b/smtp"}}},
        f"spec.password.secretRef.name: String should match pattern {OBJECT_NAME}",
        f"spec.password.secretRef.name: spec.password.secretRef.name in body should match {OBJECT_NAME}",
    ),
    "Secret with a line end": (
        {"username": "mailer", "password": {"secretRef": {"name": "smtp\n"}}},
        f"spec.password.secretRef.name: String should match pattern {OBJECT_NAME}",
        f"spec.password.secretRef.name: spec.password.secretRef.name in body should match {OBJECT_NAME}",
    ),
    "username's Secret with a blank": (
        {"usernameRef": {"name": "smtp user"}, "password": SECRET},
        f"spec.usernameRef.name: String should match pattern {OBJECT_NAME}",
        f"spec.usernameRef.name: spec.usernameRef.name in body should match {OBJECT_NAME}",
    ),
    "CA with an underscore": (
        {"tls": {"caRef": {"name": "corp_ca"}}},
        f"spec.tls.caRef.name: String should match pattern {OBJECT_NAME}",
        f"spec.tls.caRef.name: spec.tls.caRef.name in body should match {OBJECT_NAME}",
    ),
    "key with a slash": (
        {"username": "mailer", "password": {"secretRef": {"name": "smtp", "key": "../password"}}},
        f"spec.password.secretRef.key: String should match pattern {DATA_KEY}",
        f"spec.password.secretRef.key: spec.password.secretRef.key in body should match {DATA_KEY}",
    ),
    "key with a line end": (
        {"username": "mailer", "password": {"secretRef": {"name": "smtp", "key": "password\r\n"}}},
        f"spec.password.secretRef.key: String should match pattern {DATA_KEY}",
        f"spec.password.secretRef.key: spec.password.secretRef.key in body should match {DATA_KEY}",
    ),
    "object name too long": (
        {"tls": {"caRef": {"name": "a" * 254}}},
        "spec.tls.caRef.name: String should have at most 253 characters",
        "spec.tls.caRef.name: Too long: may not be more than 253 bytes",
    ),
}

UNKNOWN_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "at the top": ({"host": "smtp.example.com"}, "spec.host"),
    "in another case": ({"smtptype": "TLS"}, "spec.smtptype"),
    "as Python has it": ({"smtp_type": "TLS"}, "spec.smtp_type"),
    "from as Python has it": ({"from_": "noreply@example.com"}, "spec.from_"),
    "of null": ({"host": None}, "spec.host"),
    "deep": ({"tls": {"caRef": {"name": "corp-ca", "namespace": "team-b"}}}, "spec.tls.caRef.namespace"),
    "beside a password": (
        {"username": "mailer", "password": SECRET | {"vault": {}}},
        "spec.password.vault",
    ),
    "more recipients": ({"recipients": {"replyTo": ["ops@example.com"]}}, "spec.recipients.replyTo"),
}


@pytest.mark.parametrize("fragment", ACCEPTED.values(), ids=ACCEPTED)
def test_field_is_accepted(judge: Judge, fragment: dict[str, Any]) -> None:
    assert judge(fragment) == ""


@pytest.mark.parametrize(("fragment", "models", "apiserver"), REFUSED.values(), ids=REFUSED)
def test_field_is_refused(
    judge: Judge, in_words_of: Words, fragment: dict[str, Any], models: str, apiserver: str
) -> None:
    assert judge(fragment) == in_words_of(models, apiserver)


@pytest.mark.parametrize(("fragment", "field"), UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS)
def test_unknown_field_is_refused(
    judge: Judge, in_words_of: Words, fragment: dict[str, Any], field: str
) -> None:
    assert judge(fragment) == in_words_of(
        f"{field}: Extra inputs are not permitted",
        'SmtpConfig in version "v1alpha1" cannot be handled as a SmtpConfig:'
        f' strict decoding error: unknown field "{field}"',
    )


@pytest.mark.parametrize("field", NULLS)
def test_null_is_a_field_left_out(judge: Judge, field: str) -> None:
    assert judge({field: None}) == ""


def test_null_deep_inside_is_a_field_left_out(judge: Judge) -> None:
    nothing = {"value": None, "secretRef": {"name": "smtp", "key": None}}
    tls = {"caRef": None, "serverName": None, "insecureSkipVerify": None}
    assert judge({"username": "mailer", "password": nothing, "tls": tls, "recipients": {"to": None}}) == ""


def test_every_wrong_field_is_named_at_once(judge: Judge) -> None:
    refusals = judge({"server": "smtp://", "from": "noreply", "heloName": "a b"}).splitlines()
    assert sorted(line.partition(":")[0] for line in refusals) == [
        "spec.from",
        "spec.heloName",
        "spec.server",
    ]
