# SPDX-License-Identifier: Apache-2.0
"""The sources of the password, which is sent to the mail server only."""

import base64
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from smtp_operator.cli.check import command
from smtp_operator.cli.check.overrides import PasswordInput, SuppliedValues
from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

USER, PASSWORD = "mailer@example.com", "s3cret-pa55"


@pytest.fixture
def reference(write: Write, config: Document, authority: Document) -> str:
    """A manifest that only refers to the password."""
    return write(config, authority)


def read_from(ended: Any) -> str:
    assert ended.code == 0, ended
    return str(ended.out.splitlines()[-1])


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_file_may_end_with_a_newline(ending: str, check: Check, write: Write, reference: str) -> None:
    file = write(f"{PASSWORD}{ending}".encode(), name="password.txt")
    ended = check("-f", reference, "--password-file", file)
    assert read_from(ended) == "  The password was read from file password.txt."


def test_the_environment_supplies_a_missing_password(check: Check, reference: str) -> None:
    ended = check("-f", reference, SMTP_OPERATOR_PASSWORD=PASSWORD)
    assert read_from(ended) == ("  The password was read from environment variable SMTP_OPERATOR_PASSWORD.")


def test_a_leftover_variable_does_not_replace_the_password(check: Check, manifest: str) -> None:
    ended = check("-f", manifest, SMTP_OPERATOR_PASSWORD="wrong")
    assert read_from(ended) == "  The password was read from Secret smtp-password, key password."


def test_password_file_takes_precedence(
    check: Check, write: Write, manifest: str, server: MailServer
) -> None:
    server.users[USER] = "another one"
    file = write(b"another one", name="password.txt")
    ended = check("-f", manifest, "--password-file", file, SMTP_OPERATOR_PASSWORD="wrong")
    assert read_from(ended) == "  The password was read from file password.txt."


def test_password_file_takes_precedence_over_the_spec(
    check: Check, write: Write, config: Document, authority: Document
) -> None:
    config["spec"]["password"] = {"value": "wrong"}
    file = write(PASSWORD.encode(), name="password.txt")
    manifest = write(config, authority)
    assert check("-f", manifest).code == 1
    assert read_from(check("-f", manifest, "--password-file", file)).endswith("file password.txt.")


def test_a_password_from_standard_input(check: Check, reference: str) -> None:
    ended = check("-f", reference, "--password-file", "-", stdin=f"{PASSWORD}\n".encode())
    assert read_from(ended) == "  The password was read from file standard input."


def test_standard_input_cannot_be_both(check: Check) -> None:
    ended = check("-f", "-", "--password-file", "-", stdin=b"x")
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: standard input cannot be both the manifest and the password\n",
    )


def test_a_username_from_the_environment(
    check: Check, write: Write, config: Document, authority: Document
) -> None:
    del config["spec"]["username"]
    config["spec"]["usernameRef"] = {"name": "smtp-password"}
    file = write(config, authority)
    assert check("-f", file, SMTP_OPERATOR_PASSWORD=PASSWORD, SMTP_OPERATOR_USERNAME=USER).code == 0
    ended = check("-f", file, SMTP_OPERATOR_PASSWORD=PASSWORD)
    assert ended.code == 1
    assert ended.out.startswith(
        "✗ SecretNotFound in Password  team-a/corporate-mail\n"
        "  Secret team-a/smtp-password is not in mail.yaml. Add it, or supply the username in\n"
        "  SMTP_OPERATOR_USERNAME.\n"
    )
    ended = check("-f", file)
    assert ended.code == 4
    assert ended.out == (
        "✗ SecretNotFound in Password  team-a/corporate-mail\n"
        "  Secret team-a/smtp-password is not in mail.yaml. Add it, or supply the password with\n"
        "  --password-file FILE or in SMTP_OPERATOR_PASSWORD, or supply the username in\n"
        "  SMTP_OPERATOR_USERNAME.\n"
    )


def test_a_secret_of_another_namespace_is_named(
    check: Check, write: Write, config: Document, authority: Document
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "smtp-password", "namespace": "b"}}
    ended = check("-f", write(config, authority, secret | {"stringData": {"password": PASSWORD}}))
    assert ended.code == 4
    assert ended.out == (
        "✗ SecretNotFound in Password  team-a/corporate-mail\n"
        "  Secret team-a/smtp-password is not in mail.yaml. The one there has the namespace b. Set its\n"
        "  metadata.namespace: team-a, or supply the password with --password-file FILE or in\n"
        "  SMTP_OPERATOR_PASSWORD.\n"
    )


def test_an_empty_variable_is_ignored(check: Check, reference: str) -> None:
    """Pipelines set it to the empty string if the secret is withheld, as from a fork."""
    ended = check("-f", reference, SMTP_OPERATOR_PASSWORD="")
    assert ended.code == 4
    assert "SecretNotFound" in ended.out


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n"])
def test_an_empty_file_is_rejected(content: bytes, check: Check, write: Write, reference: str) -> None:
    ended = check("-f", reference, "--password-file", write(content, name="password.txt"))
    assert ended.code == 4
    assert ended.out == (
        "✗ SecretValueEmpty in Password  team-a/corporate-mail\n"
        "  The file password.txt is empty. Put the password into it.\n"
    )


@pytest.mark.parametrize("content", [b"two\nlines\n", b"nul\0", b"a\n\n", b"\x7f"])
def test_a_file_with_several_lines_is_rejected(
    content: bytes, check: Check, write: Write, reference: str
) -> None:
    ended = check("-f", reference, "--password-file", write(content, name="password.txt"))
    assert ended.code == 4
    assert ended.out == (
        "✗ SecretValueInvalid in Password  team-a/corporate-mail\n"
        "  The file password.txt must contain one line of UTF-8 text without control characters;"
        " one newline\n"
        "  at its end is removed automatically.\n"
    )


def test_a_variable_in_another_encoding_is_rejected(check: Check, reference: str) -> None:
    ended = check("-f", reference, SMTP_OPERATOR_PASSWORD="gr\udcfcn")
    assert (ended.code, ended.out.splitlines()[0]) == (
        4,
        "✗ SecretValueInvalid in Password  team-a/corporate-mail",
    )


def test_unreadable_files_are_usage_errors(check: Check, write: Write, reference: str) -> None:
    write(b"gr\xfcn", name="latin.txt")
    write(b"-----BEGIN NOTHING-----", name="other.pem")
    for flag, file, words in (
        ("--password-file", "nowhere.txt", "nowhere.txt cannot be read: No such file or directory"),
        ("--password-file", "latin.txt", "latin.txt is not UTF-8 text; save it as UTF-8"),
        ("--ca-file", "nowhere.pem", "nowhere.pem cannot be read: No such file or directory"),
        ("--ca-file", "other.pem", "other.pem contains no PEM certificate"),
    ):
        ended = check("-f", reference, flag, file)
        assert (ended.code, ended.out, ended.err) == (2, "", f"smtp-operator: {words}\n")


def test_an_unneeded_password_is_a_usage_error(check: Check, write: Write, anonymous: Document) -> None:
    file = write(b"x", name="password.txt")
    ended = check("-f", write(anonymous), "--password-file", file)
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: --password-file requires a username\n",
    )
    assert check("-f", "mail.yaml", SMTP_OPERATOR_PASSWORD="x").code == 0


@pytest.mark.parametrize(
    "words", [("--password", "s3cret-pa55"), ("--password=s3cret-pa55",), ("--password",)]
)
def test_a_password_is_never_an_argument(words: tuple[str, ...], check: Check, manifest: str) -> None:
    ended = check("-f", manifest, *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == (
        "smtp-operator check: error: others on this machine could read a password in the arguments: use"
        " --password-file FILE or the environment variable SMTP_OPERATOR_PASSWORD"
    )
    assert PASSWORD not in ended.err


CANARY = 'C4n/ry+"ü pa55word~?'


def forms(secret: str) -> set[str]:
    """Return the usual encodings of a secret."""
    raw = secret.encode()
    blobs = [raw, b"\0" + USER.encode() + b"\0" + raw]
    encoded = {base64.b64encode(blob).decode().rstrip("=") for blob in blobs}
    return {secret, quote(secret), quote(secret, safe=""), raw.hex(), *encoded}


def assert_silent(ended: Any) -> None:
    for form, said in itertools.product(forms(CANARY), (ended.out, ended.err)):
        assert form not in said
        assert form not in said.encode().decode("unicode_escape", "replace")


OUTPUTS = [(), ("--output", "json"), ("--debug",)]


@pytest.mark.parametrize("words", OUTPUTS)
@pytest.mark.parametrize("way", ["file", "environment", "secret", "value"])
def test_a_password_in_a_server_reply_is_not_quoted(
    way: str,
    words: tuple[str, ...],
    check: Check,
    write: Write,
    config: Document,
    secret: Document,
    authority: Document,
    server: MailServer,
) -> None:
    server.replies["AUTH"] = "\n".join(f"535 5.7.8 not {form}" for form in sorted(forms(CANARY)))
    environment, more = {}, list(words)
    if way == "file":
        more += ["--password-file", write(CANARY.encode(), name="password.txt")]
    elif way == "environment":
        environment["SMTP_OPERATOR_PASSWORD"] = CANARY
    elif way == "value":
        config["spec"]["password"] = {"value": CANARY}
    secret["stringData"]["password"] = CANARY
    documents = [config, authority, *([secret] if way == "secret" else [])]
    ended = check("-f", write(*documents), *more, **environment)
    assert ended.code == 1
    assert "AuthenticationFailed" in ended.out
    assert "********" in ended.out
    assert_silent(ended)


@pytest.mark.parametrize("words", OUTPUTS)
def test_an_invalid_manifest_is_not_quoted(
    words: tuple[str, ...], check: Check, write: Write, config: Document, secret: Document
) -> None:
    spec = config["spec"]
    for password in (CANARY, {"value": CANARY, "x": 1}, {"value": [CANARY]}, {"secretRef": CANARY}):
        spec["password"] = password
        ended = check("-f", write(config), *words)
        assert ended.code == 2
        assert_silent(ended)
    spec["password"] = {"secretRef": {"name": "smtp-password"}}
    secret |= {"data": {"password": CANARY}, "stringData": [CANARY]}
    ended = check("-f", write(config, secret), *words)
    assert ended.code == 2
    assert_silent(ended)


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_an_unexpected_error_is_shown_without_its_text(
    debug: tuple[str, ...], check: Check, manifest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(CANARY) from LookupError(CANARY)

    monkeypatch.setattr(command, "as_text", fail)
    ended = check("-f", manifest, *debug)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith("smtp-operator: unexpected error (ValueError); use --debug to see where\n")
    assert ("Traceback (most recent call last):\n" in ended.err) == bool(debug)
    assert (f'{Path(command.__file__).name}", line ' in ended.err) == bool(debug)
    assert_silent(ended)


def test_the_password_is_not_in_the_objects_of_a_test() -> None:
    given = PasswordInput(CANARY, "File", "password.txt")
    supplied = SuppliedValues(password_of_file=given, username=CANARY)
    assert CANARY not in repr(supplied)
