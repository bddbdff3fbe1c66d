# SPDX-License-Identifier: Apache-2.0
"""Credentials: one username and one password, or neither."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]

INPUT_TEXT = {"value": "s3cret"}
SECRET = {"secretRef": {"name": "smtp-password"}}
USERNAME_SECRET = {"name": "smtp-user"}

ACCEPTED: dict[str, dict[str, Any]] = {
    "neither": {},
    "Input Text": {"username": "mailer", "password": INPUT_TEXT},
    "Secret": {"username": "mailer", "password": SECRET},
    "Secret and key": {
        "username": "mailer",
        "password": {"secretRef": {"name": "mail.example.com", "key": "SMTP_Password-1.txt"}},
    },
    "username of a Secret": {"usernameRef": USERNAME_SECRET, "password": SECRET},
    "username of a Secret and key": {"usernameRef": {"name": "smtp", "key": "user"}, "password": INPUT_TEXT},
    "username with blanks": {"username": "Domain Users\\mail er", "password": SECRET},
    "username beyond ASCII": {"username": "почта@example.com", "password": SECRET},
    "longest username": {"username": "é" * 320, "password": SECRET},
    "password with blanks and quotes": {"username": "mailer", "password": {"value": " a\"b' c\t"}},
    "password that ends with a newline": {"username": "mailer", "password": {"value": "s3cret\n"}},
    "longest password": {"username": "mailer", "password": {"value": "é" * 4096}},
    "unverified TLS without username": {"tls": {"insecureSkipVerify": True}},
    "unverified TLS with username, allowed": {
        "username": "mailer",
        "password": SECRET,
        "tls": {"insecureSkipVerify": True},
        "allowInsecureAuth": True,
    },
    "verified TLS, said so": {
        "username": "mailer",
        "password": SECRET,
        "tls": {"insecureSkipVerify": False},
    },
    "insecure AUTH allowed for nobody": {"allowInsecureAuth": True},
}

TWO_PASSWORDS = "spec.password: set exactly one of value, secretRef, azureKeyVault, cyberArk, hashiCorpVault"
TWO_USERNAMES = "spec: set username or usernameRef, not both"
ONLY_ONE_OF_THE_TWO = "spec: username (or usernameRef) and password (or oauth2) must be set together"
UNVERIFIED = (
    "spec: insecureSkipVerify with a username requires allowInsecureAuth: true: an unverified server"
    " can read the password"
)

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two inputs": ({"username": "mailer", "password": INPUT_TEXT | SECRET}, TWO_PASSWORDS),
    "no input": ({"username": "mailer", "password": {}}, TWO_PASSWORDS),
    "input of null": ({"username": "mailer", "password": {"value": None}}, TWO_PASSWORDS),
    "username alone": ({"username": "mailer"}, ONLY_ONE_OF_THE_TWO),
    "username of a Secret alone": ({"usernameRef": USERNAME_SECRET}, ONLY_ONE_OF_THE_TWO),
    "password alone": ({"password": SECRET}, ONLY_ONE_OF_THE_TWO),
    "Input Text alone": ({"password": INPUT_TEXT}, ONLY_ONE_OF_THE_TWO),
    "password and username of null": ({"username": None, "password": SECRET}, ONLY_ONE_OF_THE_TWO),
    "two usernames": (
        {"username": "mailer", "usernameRef": USERNAME_SECRET, "password": SECRET},
        TWO_USERNAMES,
    ),
    "unverified TLS": (
        {"username": "mailer", "password": SECRET, "tls": {"insecureSkipVerify": True}},
        UNVERIFIED,
    ),
    "unverified TLS, username of a Secret": (
        {"usernameRef": USERNAME_SECRET, "password": SECRET, "tls": {"insecureSkipVerify": True}},
        UNVERIFIED,
    ),
}

MORE_THAN_ONE_LINE = {
    "LF": "mail\ner",
    "LF behind": "mailer\n",
    "CR": "mail\rer",
    "CRLF": "mailer\r\nQUIT",
    "NUL": "mailer\x00",
    "tab": "mail\ter",
    "escape": "\x1b[31mmailer",
    "DEL": "mailer\x7f",
    "next line (C1)": "mailer\x85",
    "line separator": "mailer\u2028",
    "paragraph separator": "mailer\u2029",
    "bidi override": "mail\u202eer",
    "bidi isolate": "mail\u2066er",
    "zero-width space": "mail\u200ber",
    "soft hyphen": "mail\xader",
    "byte order mark": "\ufeffmailer",
    "Arabic number sign": "mail\u0600er",
    "tag": "mailer\U000e0041",
    "hieroglyph control of Unicode 15": "mailer\U0001343f",
    "musical control": "mailer\U0001d17a",
}

SECRET_TEXT = "correct-horse-battery"

REFUSED_WITH_PASSWORD: dict[str, dict[str, Any]] = {
    "two inputs": {"password": {"value": SECRET_TEXT, **SECRET}},
    "no username": {"username": ..., "password": {"value": SECRET_TEXT}},
    "two usernames": {"usernameRef": USERNAME_SECRET, "password": {"value": SECRET_TEXT}},
    "unverified TLS": {"password": {"value": SECRET_TEXT}, "tls": {"insecureSkipVerify": True}},
    "too long": {"password": {"value": SECRET_TEXT * 200}},
    "a list": {"password": {"value": [SECRET_TEXT]}},
    "a map": {"password": {"value": {"password": SECRET_TEXT}}},
    "in the place of its parent": {"password": SECRET_TEXT},
    "in a list in the place of its parent": {"password": [SECRET_TEXT]},
    "under an unknown name": {"password": {"text": SECRET_TEXT}},
    "beside an unknown field": {"password": {"value": SECRET_TEXT, "valueFrom": {}}},
    "beside a Secret without name": {"password": {"value": SECRET_TEXT, "secretRef": {}}},
    "beside another error": {"password": {"value": SECRET_TEXT}, "server": "smtp://", "port": 0},
}


@pytest.mark.parametrize("fragment", ACCEPTED.values(), ids=ACCEPTED)
def test_credentials_are_accepted(judge: Judge, fragment: dict[str, Any]) -> None:
    assert judge(fragment) == ""


@pytest.mark.parametrize(("fragment", "refusal"), REFUSED.values(), ids=REFUSED)
def test_credentials_that_contradict_each_other_are_refused(
    judge: Judge, fragment: dict[str, Any], refusal: str
) -> None:
    assert judge(fragment) == refusal


@pytest.mark.parametrize("username", MORE_THAN_ONE_LINE.values(), ids=MORE_THAN_ONE_LINE)
def test_username_is_one_line(judge: Judge, username: str) -> None:
    refusal = "spec.username: must be one line without control or invisible characters"
    assert judge({"username": username, "password": SECRET}) == refusal


@pytest.mark.parametrize("fragment", REFUSED_WITH_PASSWORD.values(), ids=REFUSED_WITH_PASSWORD)
def test_refusal_never_repeats_the_password(
    refusal_text: Callable[[dict[str, Any]], str], fragment: dict[str, Any]
) -> None:
    assert SECRET_TEXT not in refusal_text({"username": "mailer"} | fragment)


def test_refusal_never_repeats_a_password_that_is_a_number(
    refusal_text: Callable[[dict[str, Any]], str],
) -> None:
    assert "8472619350" not in refusal_text({"username": "mailer", "password": {"value": 8472619350}})
