# SPDX-License-Identifier: Apache-2.0
"""`check --delivery` sends an email and waits until it arrives in the mailbox."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.imapserver import ImapServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

PROBE = "probe@example.org"


@pytest.fixture
def mailbox() -> Iterator[ImapServer]:
    with in_thread(ImapServer()) as running:
        yield running


@pytest.fixture
def delivers(server: MailServer, mailbox: ImapServer) -> None:
    """The mail server delivers into the mailbox."""
    server.on_mail = lambda mail: mailbox.store(mail.content)


@pytest.fixture
def documents(config: Document, secret: Document, authority: Document, mailbox: ImapServer) -> list[Document]:
    config["spec"]["delivery"] = {
        "address": PROBE,
        "mailbox": {
            "server": "localhost",
            "port": mailbox.port,
            "username": PROBE,
            "password": {"secretRef": {"name": "probe"}},
            "tls": {"caRef": {"name": "imap-ca"}},
        },
    }
    probe = {**secret, "metadata": {"name": "probe"}, "stringData": {"password": "mailbox-pw"}}
    imap_ca = {**authority, "metadata": {"name": "imap-ca"}, "data": {"ca.crt": mailbox.ca_pem}}
    return [config, secret, authority, probe, imap_ca]


def test_it_waits_until_the_email_arrived(
    check: Check, write: Write, documents: list[Document], delivers: None, mailbox: ImapServer
) -> None:
    ended = check("-f", write(*documents), "--delivery")

    assert ended.code == 0
    assert (
        "  Delivery (InInbox): The email arrived in the inbox of probe@example.org after TIME." in ended.text
    )
    assert f"Looks for the email in the mailbox at localhost:{mailbox.port}, for at most 10m." in ended.err
    assert mailbox.folders["INBOX"].emails == []


def test_the_json_has_the_facts(
    check: Check, write: Write, documents: list[Document], delivers: None
) -> None:
    ended = check("-f", write(*documents), "--delivery", "--output", "json")

    assert ended.json["delivered"]["reason"] == "InInbox"
    assert ended.json["delivery"]["folder"] == "Inbox"
    assert ended.json["exitCode"] == 0


def test_a_rejected_login_is_a_temporary_failure(
    check: Check, write: Write, documents: list[Document], delivers: None, mailbox: ImapServer
) -> None:
    mailbox.users[PROBE] = "another one"
    ended = check("-f", write(*documents), "--delivery")

    assert ended.code == 3
    assert "Delivery (MailboxUnavailable)" in ended.out
    assert "AuthenticationFailed" in ended.out


def test_the_password_of_the_mail_server_is_never_sent_to_the_mailbox(
    check: Check, write: Write, documents: list[Document], delivers: None, mailbox: ImapServer
) -> None:
    documents = [it for it in documents if it["metadata"]["name"] != "probe"]
    ended = check("-f", write(*documents), "--delivery", SMTP_OPERATOR_CHECK_PASSWORD="s3cret-pa55")

    assert ended.code == 3
    assert "AUTHENTICATE" not in mailbox.verbs


def test_without_the_flag_nothing_concerns_the_mailbox(
    check: Check, write: Write, documents: list[Document], server: MailServer, mailbox: ImapServer
) -> None:
    ended = check("-f", write(*documents))

    assert ended.code == 0
    assert "Delivery" not in ended.out
    assert mailbox.connections == 0
    assert PROBE not in server.mails[0].recipients


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("--mode", "Login"), "use it with --mode SendEmail"), ((), "requires spec.delivery")],
)
def test_it_needs_a_mailbox_and_an_email(
    check: Check, write: Write, documents: list[Document], words: tuple[str, ...], expected: str
) -> None:
    if not words:
        del documents[0]["spec"]["delivery"]
    ended = check("-f", write(*documents), "--delivery", *words)

    assert ended.code == 2
    assert expected in ended.err
