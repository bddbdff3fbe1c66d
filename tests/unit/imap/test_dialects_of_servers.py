# SPDX-License-Identifier: Apache-2.0
"""IMAP servers differ: names of folders, refused IDLE, inexact results, dates, words of a refused login."""

import pytest

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.reasons import Reason
from smtp_operator.imap.failures import login_refused
from smtp_operator.imap.folders import marked_junk, named_junk, opened
from smtp_operator.imap.request import Folder
from smtp_operator.smtp.quotation import Quotation
from smtp_operator.smtp.request import SmtpLogin
from smtp_testkit.mailpeers.imapserver import ImapFolder, ImapServer, ImapTalk, says

from .conftest import MESSAGE_ID, Look, email, login, request_to


def listed(*lines: tuple[str, str | None, str]) -> list[tuple[set[bytes], bytes | None, str]]:
    """Return folders as IMAPClient does, from attributes, delimiter and name."""
    return opened(
        (words.encode().split(), delimiter.encode() if delimiter else None, name)
        for words, delimiter, name in lines
    )


def test_folders_with_the_attribute_are_junk_whatever_their_name() -> None:
    folders = listed(
        ("\\HasNoChildren", "/", "INBOX"),
        ("\\All", "/", "[Gmail]/All Mail"),
        ("\\junk \\HasNoChildren", "/", "[Gmail]/Spam"),
        ("\\Noselect \\Junk", "/", "Old"),
        ("\\Junk", None, "Second"),
    )

    assert marked_junk(folders) == ["[Gmail]/Spam", "Second"]


@pytest.mark.parametrize(
    ("delimiter", "name", "is_junk"),
    [
        ("/", "Junk", True),
        ("/", "Junk Email", True),
        ("/", "Junk E-Mail", True),
        ("/", "SPAM", True),
        ("/", "Bulk Mail", True),
        (None, "Spam", True),
        (".", "INBOX.Junk", True),
        ("/", "INBOX/spam", True),
        ("/", "Other Users/bob/Junk", False),
        ("/", "Junk/2025", False),
        ("/", "INBOX.Junk", False),
        ("/", "Junk letters", False),
    ],
)
def test_without_the_attribute_the_usual_names_of_the_user_count(
    delimiter: str | None, name: str, is_junk: bool
) -> None:
    assert named_junk(listed(("", delimiter, "INBOX"), ("", delimiter, name))) == [name] * is_junk


async def test_the_email_is_found_in_each_junk_folder(look: Look) -> None:
    async with ImapServer() as server:
        server.folders["Spam"] = ImapFolder("\\Junk")
        await server.deliver(email(), "Spam")
        report = await look(server)

    assert report.found is not None
    assert report.found.folder is Folder.JUNK


async def test_junk_that_a_server_marks_only_on_request_is_found(look: Look) -> None:
    """RFC 6154, section 2: a plain LIST may omit the attributes, as Cyrus does by default."""

    async def lists(talk: ImapTalk, tag: str) -> None:
        junk = "\\Junk" if "RETURN (SPECIAL-USE)" in server.commands[-1] else ""
        await talk.say('* LIST () "/" INBOX', f'* LIST ({junk}) "/" Werbung', f"{tag} OK done")

    async with ImapServer(capabilities="IMAP4rev1 SPECIAL-USE LIST-EXTENDED") as server:
        server.faults["LIST"] = lists
        server.folders["Werbung"] = server.folders.pop("Junk")
        await server.deliver(email(), "Werbung")
        report = await look(server)

    assert report.found is not None
    assert report.found.folder is Folder.JUNK


async def test_refused_idle_means_polling(look: Look) -> None:
    async with ImapServer(faults={"IDLE": says("{tag} NO not now")}) as server:
        report = await look(server, wait=30.0)

    assert (report.failure, report.found, report.waited) == (None, None, False)


async def test_of_too_many_results_the_newest_are_compared(look: Look) -> None:
    """Some servers ignore HEADER, and return all emails."""
    async with ImapServer() as server:
        for number in range(120):
            server.store(email(f"<{number}@example.com>"))
        await server.deliver(email())
        everything = " ".join(str(uid) for uid in range(1, 122))
        server.faults["SEARCH"] = says(f"* SEARCH {everything}", "{tag} OK done")
        report = await look(server)

    assert report.found is not None
    assert report.found.folder is Folder.INBOX


async def test_results_may_arrive_in_several_responses_and_in_small_letters(look: Look) -> None:
    async with ImapServer(faults={"greeting": says("* ok hello")}) as server:
        server.faults["SEARCH"] = says("* search", "* SEARCH 7", "* search 1", "{tag} ok done")
        await server.deliver(email())
        report = await look(server)

    assert report.found is not None
    assert report.found.folder is Folder.INBOX


@pytest.mark.parametrize("date", ["01-Dec-2026 04:00:00 +9999", "99-Foo-2026 00:00:00 +0000", ""])
async def test_a_date_that_does_not_exist_hides_no_email(look: Look, date: str) -> None:
    header = f"Message-ID: {MESSAGE_ID}\r\n\r\n"
    fetched = (
        f'* 1 FETCH (UID 1 INTERNALDATE "{date}" BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {{{len(header)}}}\r\n'
        f"{header})"
    )
    async with ImapServer(faults={"FETCH": says(fetched, "{tag} OK done")}) as server:
        await server.deliver(email())
        report = await look(server)

    assert report.found is not None
    assert report.found.arrived == 0.0


@pytest.mark.parametrize(
    ("user", "password", "sent"),
    [
        ("EXAMPLE\\probe", 'p"w\\x y', r'"EXAMPLE\\probe" "p\"w\\x y"'),
        ("probe user", "(x){5}*%", '"probe user" "(x){5}*%"'),
    ],
)
async def test_login_quotes_username_and_password(look: Look, user: str, password: str, sent: str) -> None:
    async with ImapServer(users={user: password}, faults={"greeting": says("* OK hello")}) as server:
        server.faults["CAPABILITY"] = says("* CAPABILITY IMAP4rev1", "{tag} OK done")
        await server.deliver(email())
        report = await look(server, login=SmtpLogin(username=user, password=password, origin="Secret probe"))

    assert report.found is not None
    assert f"LOGIN {sent}" in server.commands


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("[ALERT] Invalid credentials (Failure)", Reason.AUTHENTICATION_FAILED),
        ("[EXPIRED] Your password has expired", Reason.AUTHENTICATION_FAILED),
        ("Command Argument Error. 12", Reason.AUTHENTICATION_FAILED),
        ("[AUTHENTICATIONFAILED] Temporarily locked, try again later", Reason.AUTHENTICATION_FAILED),
        ("[ALERT] Temporary system error, try again", Reason.AUTH_TEMPORARY_FAILURE),
        ("Server Unavailable. 15", Reason.AUTH_TEMPORARY_FAILURE),
        ("[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", Reason.TOO_MANY_LOGINS),
        ("Account exceeded command or bandwidth limits. (Failure)", Reason.TOO_MANY_LOGINS),
        (
            "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            Reason.TOO_MANY_LOGINS,
        ),
        ("[INUSE] Mailbox in use", Reason.TOO_MANY_LOGINS),
        (
            "[ALERT] Please log in via your web browser: https://support.google.com/answer/78754 (Failure)",
            Reason.APP_PASSWORD_REQUIRED,
        ),
        ("Please log in with your web browser and then try again", Reason.APP_PASSWORD_REQUIRED),
        ("[WEBALERT https://accounts.google.com/x] Web login required.", Reason.APP_PASSWORD_REQUIRED),
        ("User is authenticated but not connected.", Reason.AUTH_DISABLED_BY_PROVIDER),
    ],
)
def test_the_words_of_a_refused_login_decide(said: str, reason: Reason) -> None:
    request = request_to(993)

    assert request.imap_type is ImapType.TLS
    assert login_refused(request, said, Quotation()).reason is reason


async def test_no_result_of_the_receiver_shows_the_password(look: Look) -> None:
    results = "Authentication-Results: mailbox; spf=pass smtp.mailfrom=example.com; dmarc=mailbox"
    received = "Received: from a by b; Mon, 30 Nov 2026 12:00:00 +0000"
    async with ImapServer(users={"probe@example.org": "mailbox"}) as server:
        await server.deliver(email(MESSAGE_ID, results, received))
        report = await look(server, login=login("mailbox"))

    assert report.found is not None
    assert "mailbox" not in repr(report)
    assert report.found.results.authserv_id
    assert report.found.results.spf == "pass"
