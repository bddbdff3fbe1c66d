# SPDX-License-Identifier: Apache-2.0
"""A look into a mailbox finds one email by its Message-ID, and touches no other one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smtp_operator.imap.request import Folder, SenderResults
from smtp_testkit.mailpeers.imapserver import ImapFolder, ImapServer, says

from .conftest import MESSAGE_ID, Look, email

OTHER = "<other@example.com>"


@pytest.mark.parametrize("implicit", [True, False])
async def test_the_email_is_found_in_the_inbox(look: Look, implicit: bool) -> None:
    async with ImapServer(implicit=implicit) as server:
        await server.deliver(email(OTHER))
        await server.deliver(email())
        report = await look(server)

    assert report.failure is None
    assert report.found is not None
    assert report.found.folder is Folder.INBOX


async def test_the_junk_folder_is_found_by_its_attribute(look: Look) -> None:
    async with ImapServer() as server:
        server.folders['[Mail]/R&AOk-siduel "x"'] = server.folders.pop("Junk")
        server.folders = {name.replace('"', ""): it for name, it in server.folders.items()}
        await server.deliver(email(), "[Mail]/R&AOk-siduel x")
        report = await look(server)

    assert report.found is not None
    assert report.found.folder is Folder.JUNK


async def test_folders_can_have_other_names(look: Look) -> None:
    async with ImapServer() as server:
        server.folders = {"Eingang & mehr".replace("&", "&-"): ImapFolder(), "Spam": ImapFolder()}
        await server.deliver(email(), "Spam")
        report = await look(server, inbox="Eingang & mehr", junk="Spam")

    assert report.failure is None
    assert report.found is not None
    assert report.found.folder is Folder.JUNK


async def test_a_missing_folder_is_named(look: Look) -> None:
    async with ImapServer() as server:
        report = await look(server, inbox="Posteingang")

    assert report.failure is not None
    assert report.failure.message == (
        'localhost does not open the folder "Posteingang" [server said: "Mailbox doesn\'t exist:'
        ' Posteingang"]. Set delivery.mailbox.inbox: the name of an existing folder.'
    )


async def test_only_exactly_the_message_id_counts(look: Look) -> None:
    """SEARCH HEADER also finds a part of a header."""
    async with ImapServer() as server:
        near = await server.deliver(email(f"<prefix{MESSAGE_ID}suffix>"))
        none = await server.deliver(email(MESSAGE_ID.upper()))
        report = await look(server)

        assert report.found is None
        assert near.reads == none.reads == 0


async def test_no_other_email_is_read_marked_or_deleted(look: Look) -> None:
    async with ImapServer() as server:
        others = [await server.deliver(email(OTHER, f"X-Number: {it}")) for it in range(5)]
        others[0].flags.add("\\Deleted")
        await server.deliver(email())
        await look(server)
        assert "SELECT" not in server.verbs
        report = await look(server, delete=True)

        assert report.found is None
        assert server.folders["INBOX"].emails == others
        assert [it.reads for it in others] == [0] * 5
        assert [it.flags for it in others] == [{"\\Deleted"}, set(), set(), set(), set()]


async def test_of_several_copies_the_oldest_counts_and_all_are_deleted(look: Look) -> None:
    now = datetime.now(UTC)
    async with ImapServer() as server:
        await server.deliver(email(), arrived=now)
        await server.deliver(email(), "Junk", arrived=now - timedelta(seconds=20))
        await server.deliver(email(), arrived=now + timedelta(seconds=5))
        report = await look(server)
        assert report.found is not None
        assert report.found.folder is Folder.JUNK

        await look(server, delete=True)

        assert [len(it.emails) for it in server.folders.values()] == [0, 0]


async def test_without_uidplus_copies_are_flagged_and_never_expunged(look: Look) -> None:
    async with ImapServer(capabilities="IMAP4rev1 SPECIAL-USE") as server:
        mine = await server.deliver(email())
        await look(server, delete=True)

        assert mine.flags == {"\\Deleted"}
        assert "EXPUNGE" not in " ".join(server.commands)


async def test_a_full_or_read_only_mailbox_is_read_and_says_what_remains(look: Look) -> None:
    async with ImapServer(faults={"STORE": says("{tag} NO [OVERQUOTA] Quota exceeded")}) as server:
        await server.deliver(email())
        report = await look(server)
        assert report.found is not None

        left = await look(server, delete=True)

    assert left.found is not None
    assert left.found.left == "[OVERQUOTA] Quota exceeded"


async def test_idle_reports_an_email_that_arrives_during_the_look(look: Look) -> None:
    async with ImapServer() as server:
        looking = asyncio.create_task(look(server, wait=30.0))
        await server.asked("IDLE")
        await server.deliver(email())
        report = await looking

    assert report.waited
    assert report.found is not None
    assert report.found.live


async def test_without_idle_a_look_does_not_wait(look: Look) -> None:
    async with ImapServer(capabilities="IMAP4rev1") as server:
        report = await look(server, wait=30.0)

    assert (report.failure, report.found, report.waited) == (None, None, False)


RECEIVED = (
    "Received: from relay.example.com by mx.example.org with ESMTP id 1; Mon, 30 Nov 2026 12:00:00 +0000"
)
LMTP = "Received: from mx.example.org by imap.example.org with LMTP id 1; Mon, 30 Nov 2026 12:00:00 +0000"
PASS = (
    "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=example.com;\r\n"
    " dkim=pass header.d=example.com; dmarc=pass header.from=example.com"
)
FORGED = PASS.replace("mx.example.org", "forged.example.net")
FAIL = "Authentication-Results: mx.example.org; dmarc=fail (p=none) header.from=example.com"
OF_MILTERS = (
    "DMARC-Filter: OpenDMARC Filter v1.4.2 mx.example.org 53037BBE2BA",
    "Authentication-Results: mx.example.org; dmarc=pass (p=reject dis=none) header.from=example.com",
    "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=example.com",
    "DKIM-Filter: OpenDKIM Filter v2.11.0 mx.example.org 53037BBE2BA",
    "Authentication-Results: mx.example.org;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=example.com"
    " header.i=@example.com header.a=rsa-sha256 header.s=mail header.b=e5Gt6Qxb;\r\n\tdkim-atps=neutral",
)
"""Headers of OpenDKIM and OpenDMARC, which Postfix writes above its own Received."""
ALL = SenderResults(authserv_id="mx.example.org", spf="pass", dkim="pass", dmarc="pass")


@pytest.mark.parametrize(
    ("headers", "changes", "expected"),
    [
        ((PASS, RECEIVED), {}, ALL),
        ((RECEIVED, PASS), {}, SenderResults()),
        ((LMTP, PASS, RECEIVED), {}, ALL),
        ((LMTP, RECEIVED, PASS), {}, SenderResults()),
        ((PASS, FORGED, RECEIVED), {}, ALL),
        ((LMTP, *OF_MILTERS, RECEIVED, PASS), {}, ALL),
        ((FORGED, PASS, RECEIVED), {"authserv_id": "MX.example.org"}, ALL),
        ((RECEIVED, FORGED, PASS), {"authserv_id": "mx.example.org"}, SenderResults()),
        ((FORGED, RECEIVED), {"authserv_id": "mx.example.org"}, SenderResults()),
        (
            (FAIL, PASS.replace("; dmarc=pass header.from=example.com", ""), RECEIVED),
            {},
            SenderResults(authserv_id="mx.example.org", spf="pass", dkim="pass", dmarc="fail"),
        ),
        (("Authentication-Results: ;;=(", RECEIVED), {}, SenderResults()),
        (
            ("Authentication-Results: mx.example.org; none", RECEIVED),
            {},
            SenderResults(authserv_id="mx.example.org"),
        ),
        (
            (
                "Authentication-Results: mx.example.org; dkim=fail header.d=list.example;"
                " dkim=pass header.d=example.com",
                RECEIVED,
            ),
            {},
            SenderResults(authserv_id="mx.example.org", dkim="pass"),
        ),
    ],
)
async def test_only_the_receivers_results_above_the_first_received_count(
    look: Look, headers: tuple[str, ...], changes: dict[str, Any], expected: SenderResults
) -> None:
    async with ImapServer() as server:
        await server.deliver(email(MESSAGE_ID, *headers))
        report = await look(server, **changes)

    assert report.found is not None
    assert report.found.results == expected


def bounce(message_id: str = MESSAGE_ID, *, action: str = "failed", to: str = "probe@example.org") -> bytes:
    return f"""\
From: MAILER-DAEMON@mail.example.com
To: probe@example.org
Message-ID: <bounce@mail.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

It did not work.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; {to}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <probe@example.org>: user unknown

--x
Content-Type: text/rfc822-headers

From: noreply@example.com
Message-ID: {message_id}

--x--
""".replace("\n", "\r\n").encode()


async def test_a_bounce_of_our_email_is_read(look: Look) -> None:
    async with ImapServer() as server:
        await server.deliver(bounce())
        report = await look(server, bounces_to="probe@example.org")

        assert report.bounce == "550 5.1.1 <probe@example.org>: user unknown"
        assert len(server.folders["INBOX"].emails) == 1
        assert server.folders["INBOX"].emails[0].flags == set()


@pytest.mark.parametrize(
    "raw", [bounce(OTHER), bounce(action="delayed"), bounce(to="other@example.org"), email(OTHER)]
)
async def test_other_notices_are_no_bounce_of_it(look: Look, raw: bytes) -> None:
    async with ImapServer() as server:
        await server.deliver(raw)
        report = await look(server, bounces_to="probe@example.org")

    assert report.bounce == ""


async def test_old_bounces_and_other_mailboxes_are_not_read(look: Look) -> None:
    async with ImapServer() as server:
        old = await server.deliver(bounce(), arrived=datetime.now(UTC) - timedelta(hours=2))
        assert (await look(server, bounces_to="probe@example.org")).bounce == ""
        new = await server.deliver(bounce())
        assert (await look(server)).bounce == ""

        assert (old.reads, new.reads) == (0, 0)
