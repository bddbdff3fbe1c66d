# SPDX-License-Identifier: Apache-2.0
"""``check`` reads a username from a Secret, and does not show it, as the operator."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

USERNAME = "c4nary-Value.of@another-Secret"


@pytest.fixture
def by_reference(write: Write, config: Document, secret: Document, authority: Document) -> str:
    """A file with a SmtpConfig that refers to its username."""
    del config["spec"]["username"]
    config["spec"]["usernameRef"] = {"name": "another", "key": "value"}
    another = {**secret, "metadata": {"name": "another"}, "stringData": {"value": USERNAME}}
    return write(config, authority, secret, another)


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    "said", ["535 5.7.8 authentication failed", f"535 5.7.8 no {USERNAME}", f"535 no {USERNAME[:12].upper()}"]
)
def test_a_rejected_username_from_a_secret_is_named_by_origin(
    check: Check, by_reference: str, server: MailServer, output: str, said: str
) -> None:
    server.replies["AUTH"] = said

    ended = check("-f", by_reference, "--output", output)

    assert ended.code == 1
    assert "rejected the user from Secret another, key value via PLAIN" in " ".join(ended.out.split())
    assert "c4nary" not in (ended.out + ended.err).casefold()


@pytest.mark.parametrize("output", ["text", "json"])
def test_an_accepted_username_from_a_secret_is_named_by_origin(
    check: Check, by_reference: str, server: MailServer, output: str
) -> None:
    server.users[USERNAME] = "s3cret-pa55"

    ended = check("-f", by_reference, "--mode", "Login", "--output", output)

    assert ended.code == 0
    assert "localhost accepted the user from Secret another, key value via PLAIN." in " ".join(
        ended.out.split()
    )
    assert "c4nary" not in (ended.out + ended.err).casefold()


def test_a_username_from_the_environment_is_not_shown(
    check: Check, by_reference: str, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    file = write(config, authority, secret)

    ended = check("-f", file, SMTP_OPERATOR_USERNAME=USERNAME)

    assert ended.code == 1
    assert "the user from Secret another, key value" in " ".join(ended.out.split())
    assert "c4nary" not in (ended.out + ended.err).casefold()
