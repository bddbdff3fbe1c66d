# SPDX-License-Identifier: Apache-2.0
"""The condition Delivered for each fate of an email, with real mail servers and hostile IMAP servers.

The situations run at the same time, and the run ends with a table of them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from smtp_testkit.mailpeers.imapserver import Fault, ImapServer, dribbles, floods, hang
from smtp_testkit.realpeers.authentication import FORWARDED, SIGNED, UNSIGNED, WRONG_KEY
from smtp_testkit.realpeers.delivery_trial import WRONG_PASSWORD, Outcome, delivery_trial
from smtp_testkit.realpeers.mailboxes import (
    BOUNCED,
    DROPPED,
    FULL,
    HELD,
    MAILBOX_PASSWORD,
    PROBE,
    RealMailboxes,
)

HOSTILE: Mapping[str, Fault] = {"hangs": hang, "dribbles": dribbles(), "floods": floods()}
LIMIT = 5.0
"""Seconds for a look into the mailbox of a hostile server, instead of 45."""
NO_TIME_LEFT = 1.5
"""Seconds for an email that does not arrive."""

IN_INBOX = "The email arrived in the inbox of probe@test.example after TIME"
NOT_SEEN = (
    "localhost accepted the email, but it did not arrive in the inbox or junk folder of {address} within"
    " TIME. Search the mail server's log for Message-ID MESSAGE-ID. Check delivery.address, the filters of"
    " the mailbox, and that it is not full."
)
UNAVAILABLE = "The mailbox of probe@test.example could not be read: "
NO_ANSWER = (
    "ReplyTimeout. localhost did not answer the login within TIME [in Auth]. The server is overloaded, or"
    " delays clients on purpose."
)
TOO_MUCH = (
    "ReplyInvalid. localhost sent data that is not a valid IMAP reply [in Auth]. It sent more than the"
    " operator reads."
)


@dataclass(frozen=True)
class Situation:
    """An email, and what the operator says of it."""

    name: str
    condition: str
    text: str
    port: str = "smtp_port"
    """The mail server, as in ``RealMailboxes``."""
    sender: str = "noreply@test.example"
    settings: Mapping[str, Any] = field(default_factory=dict)
    left: float | None = None
    imap: str = ""
    """The hostile IMAP server, as in ``HOSTILE``; empty: Dovecot."""


CHECK_SIGNATURE = " Check the DKIM key in DNS, and that no server changes the email after it is signed."


def not_authenticated(domain: str, dkim: str, fix: str) -> str:
    """Return the message on an email whose sender could not be authenticated."""
    return (
        f"{IN_INBOX}, but its sender could not be authenticated. mx.test.example says: SPF fail, DKIM {dkim},"
        f" DMARC fail. Publish an SPF record for {domain} that includes localhost.{fix}"
    )


SITUATIONS = [
    Situation(
        "inbox",
        "True InInbox",
        f"{IN_INBOX}. mx.test.example says: SPF pass, DKIM pass, DMARC pass.",
        port="relay_port",
        sender=f"noreply@{SIGNED}",
    ),
    Situation(
        "inbox, SPF of another relay",
        "True InInbox",
        f"{IN_INBOX}. mx.test.example says: SPF fail, DKIM pass, DMARC pass.",
        port="relay_port",
        sender=f"noreply@{FORWARDED}",
    ),
    Situation(
        "junk folder",
        "False InJunk",
        "The email arrived in the junk folder of probe+Junk@test.example after TIME. mx.test.example says:"
        " SPF pass, DKIM pass, DMARC pass. Ask the receiver's admin why the spam filter chose this folder.",
        port="relay_port",
        sender=f"noreply@{SIGNED}",
        settings={"address": "probe+Junk@test.example"},
    ),
    Situation(
        "DKIM broken on the way",
        "True InInbox",
        f"{IN_INBOX}. mx.test.example says: SPF pass, DKIM fail, DMARC pass.{CHECK_SIGNATURE}",
        port="altering_port",
        sender=f"noreply@{SIGNED}",
    ),
    Situation(
        "DKIM broken on the way, SPF of another relay",
        "False SenderAuthenticationFailed",
        not_authenticated(FORWARDED, "fail", CHECK_SIGNATURE),
        port="altering_port",
        sender=f"noreply@{FORWARDED}",
    ),
    Situation(
        "DMARC fail, no signature",
        "False SenderAuthenticationFailed",
        not_authenticated(UNSIGNED, "none", f" Sign the emails of {UNSIGNED} with DKIM."),
        port="relay_port",
        sender=f"noreply@{UNSIGNED}",
    ),
    Situation(
        "DMARC fail, another key in DNS",
        "False SenderAuthenticationFailed",
        not_authenticated(WRONG_KEY, "fail", CHECK_SIGNATURE),
        port="relay_port",
        sender=f"noreply@{WRONG_KEY}",
    ),
    Situation(
        "dropped",
        "False NotSeen",
        NOT_SEEN.format(address=DROPPED),
        settings={"address": DROPPED},
        left=NO_TIME_LEFT,
    ),
    Situation(
        "bounced",
        "False Bounced",
        'The email to bounced@test.example came back: "unknown mail system error 1". Correct what the'
        " receiver's reply names.",
        sender=BOUNCED,
        settings={"address": BOUNCED, "user": BOUNCED},
    ),
    Situation(
        "mailbox full, known to the mail server",
        "False AddressRefused",
        "localhost refused delivery.address full@test.example: the mailbox is full [in RcptTo, server said:"
        ' "552 5.2.2 <full@test.example>: Recipient address rejected: Mailbox is full"]. Empty the mailbox,'
        " or set delivery.address: another address.",
        port="quota_port",
        settings={"address": FULL, "user": FULL},
    ),
    Situation(
        "mailbox full, after acceptance",
        "False NotSeen",
        NOT_SEEN.format(address=FULL),
        settings={"address": FULL, "user": FULL},
        left=NO_TIME_LEFT,
    ),
    Situation(
        "wrong mailbox password",
        "Unknown MailboxUnavailable",
        f'{UNAVAILABLE}AuthenticationFailed. localhost rejected the password of user "{PROBE}" (from Secret'
        ' probe, key wrong) [in Auth, server said: "[AUTHENTICATIONFAILED] Authentication failed."]. Correct'
        " delivery.mailbox.username and delivery.mailbox.password.",
        settings={"mailbox": {"password": WRONG_PASSWORD}},
    ),
    *(
        Situation(
            f"IMAP server that {imap}",
            "Unknown MailboxUnavailable",
            f"{UNAVAILABLE}{text}",
            left=0.0,
            imap=imap,
        )
        for imap, text in (("hangs", NO_ANSWER), ("dribbles", NO_ANSWER), ("floods", TOO_MUCH))
    ),
    Situation(
        "later than within, before it arrives",
        "False NotSeen",
        NOT_SEEN.format(address=PROBE),
        sender=HELD,
        left=NO_TIME_LEFT,
    ),
    Situation(
        "later than within, after it arrived",
        "False NotSeen",
        f"{IN_INBOX}, later than delivery.within (TIME). If this is expected, set delivery.within to a longer"
        " time. Otherwise, check the mail server's queue.",
        sender=HELD,
        left=-NO_TIME_LEFT,
    ),
]


async def observed(mailboxes: RealMailboxes) -> list[Outcome]:
    """Return the outcome of each situation."""
    users = {PROBE: MAILBOX_PASSWORD}
    async with AsyncExitStack() as running:
        hostile = {
            name: await running.enter_async_context(ImapServer(users=users, faults={"AUTHENTICATE": fault}))
            for name, fault in HOSTILE.items()
        }
        ca_pem = "".join(server.ca_pem for server in hostile.values())
        trial = await running.enter_async_context(delivery_trial(mailboxes, ca_pem=ca_pem))

        async def outcome(situation: Situation) -> Outcome:
            settings = dict(situation.settings)
            if situation.imap:
                settings["mailbox"] = {"port": hostile[situation.imap].port}
            port = getattr(mailboxes, situation.port)
            sent = await trial.send(situation.sender, port=port, **settings)
            limit = LIMIT if situation.imap else 45.0
            return await trial.outcome(sent, left=situation.left, limit=limit)

        async def late() -> list[Outcome]:
            sent = await trial.send(HELD, port=mailboxes.smtp_port)
            before = await trial.outcome(sent, left=NO_TIME_LEFT)
            await asyncio.to_thread(mailboxes.release)
            return [before, await trial.outcome(sent, left=-NO_TIME_LEFT)]

        others = asyncio.gather(*(outcome(it) for it in SITUATIONS if it.sender != HELD))
        held = await late()
        return [*await others, *held]


@pytest.fixture(scope="module")
def outcomes(mailboxes: RealMailboxes, table_of_deliveries: list[str]) -> dict[str, Outcome]:
    """The outcome of each situation by its name."""
    found = asyncio.run(observed(mailboxes))
    by_name = {situation.name: outcome for situation, outcome in zip(SITUATIONS, found, strict=True)}
    for name, it in by_name.items():
        table_of_deliveries.append(f"| {name} | {it.condition} | {it.message} | {it.seconds:.1f} |")
    return by_name


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda it: it.name)
def test_each_situation_has_its_condition(situation: Situation, outcomes: dict[str, Outcome]) -> None:
    found = outcomes[situation.name]

    assert (found.condition, found.text) == (situation.condition, situation.text)
