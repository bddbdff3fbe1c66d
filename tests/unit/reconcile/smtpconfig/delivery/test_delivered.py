# SPDX-License-Identifier: Apache-2.0
"""The condition Delivered: what it says of each fate of an email, and that it changes nothing else."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.imap.request import Folder, SenderResults
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import SmtpConfig, World, fails
from smtp_testkit.simulation.engine import Answer
from smtp_testkit.simulation.mailboxes import Arrival, unavailable

HOUR = 3600.0
DAY = 24 * HOUR
PROBE = "probe@example.org"
DELIVERY: dict[str, Any] = {
    "address": PROBE,
    "mailbox": {
        "server": "imap.example.org",
        "username": PROBE,
        "password": {"secretRef": {"name": "probe"}},
    },
}


def delivery(**changes: Any) -> dict[str, Any]:
    return {**DELIVERY, **changes}


async def started(world: World, **spec: Any) -> SmtpConfig:
    await world.start()
    world.put_secret("probe", password="mailbox-1")
    world.put_secret(password="s3cret-1")
    await world.passes(60)
    mail = world.smtp_config().create_with_login(**{"delivery": DELIVERY, **spec})
    await world.passes(1)
    return mail


def delivered(mail: SmtpConfig) -> tuple[str, str]:
    condition = mail.condition("Delivered")
    assert condition is not None
    return condition.status, condition.reason


def message(mail: SmtpConfig) -> str:
    condition = mail.condition("Delivered")
    assert condition is not None
    return condition.message


async def test_the_email_of_a_test_is_looked_for_in_the_mailbox(world: World) -> None:
    mail = await started(world)

    assert mail.ready == "True"
    assert delivered(mail) == ("Unknown", "Waiting")
    await world.passes(10)

    assert delivered(mail) == ("True", "InInbox")
    assert message(mail) == (
        "The email arrived in the inbox of probe@example.org after 4.2s. mx.example.org says: SPF pass, DKIM"
        " pass, DMARC pass."
    )
    found = mail.status.delivery
    assert found is not None
    assert (found.folder, found.latency, found.spf, found.dkim, found.dmarc, found.authserv_id) == (
        "Inbox",
        "4.2s",
        "pass",
        "pass",
        "pass",
        "mx.example.org",
    )
    assert found.message_id == world.mails[0].message_id
    assert world.mails[0].to == ["ops@example.com", PROBE]


async def test_the_email_is_deleted_after_its_result_is_written(world: World) -> None:
    mail = await started(world)
    await world.passes(10)

    assert mail.status.delivery is not None
    assert world.mailboxes.deleted == {mail.status.delivery.message_id}


async def test_a_kept_email_stays(world: World) -> None:
    mailbox = {**DELIVERY["mailbox"], "keep": True}
    await started(world, delivery=delivery(mailbox=mailbox))
    await world.passes(HOUR)

    assert world.mailboxes.deleted == set()


FAILED = SenderResults(authserv_id="mx.example.org", spf="softfail", dkim="none", dmarc="fail")
BROKEN = SenderResults(authserv_id="mx.example.org", spf="fail", dkim="fail", dmarc="none")
BROKEN_ON_THE_WAY = SenderResults(authserv_id="mx.example.org", spf="pass", dkim="fail", dmarc="pass")
NOT_ALIGNED = SenderResults(authserv_id="mx.example.org", spf="pass", dkim="pass", dmarc="fail")
SPF = "Publish an SPF record for example.com that includes smtp.example.com."
DKIM = "Sign the emails of example.com with DKIM."
SIGNATURE = "Check the DKIM key in DNS, and that no server changes the email after it is signed."


@pytest.mark.parametrize(
    ("arrival", "expected", "words"),
    [
        (Arrival(folder=Folder.JUNK), ("False", "InJunk"), "arrived in the junk folder of"),
        (Arrival(folder=Folder.JUNK, results=FAILED), ("False", "InJunk"), f"DMARC fail. {SPF} {DKIM}"),
        (
            Arrival(folder=Folder.JUNK, results=SenderResults()),
            ("False", "InJunk"),
            "after 4.2s. Publish SPF and DMARC records for example.com that include smtp.example.com, and"
            " sign its emails with DKIM.",
        ),
        (
            Arrival(results=FAILED),
            ("False", "SenderAuthenticationFailed"),
            f"after 4.2s, but its sender could not be authenticated. mx.example.org says: SPF softfail, DKIM"
            f" none, DMARC fail. {SPF} {DKIM}",
        ),
        (
            Arrival(results=BROKEN),
            ("False", "SenderAuthenticationFailed"),
            f"SPF fail, DKIM fail, DMARC none. {SPF} {SIGNATURE} Publish a DMARC record for example.com.",
        ),
        (
            Arrival(results=NOT_ALIGNED),
            ("False", "SenderAuthenticationFailed"),
            "DMARC fail. DMARC passes only if SPF or DKIM passes for example.com itself.",
        ),
        (Arrival(results=BROKEN_ON_THE_WAY), ("True", "InInbox"), f"DKIM fail, DMARC pass. {SIGNATURE}"),
        (Arrival(results=SenderResults()), ("True", "InInbox"), "after 4.2s."),
        (
            Arrival(after=None),
            ("False", "NotSeen"),
            "example.com>. Check delivery.address, the filters of the mailbox, and that it is not full.",
        ),
        (Arrival(after=590.0), ("True", "InInbox"), "after 9m50s"),
        (Arrival(after=650.0), ("False", "NotSeen"), "within 10m"),
    ],
)
async def test_each_fate_has_its_reason(
    world: World, arrival: Arrival, expected: tuple[str, str], words: str
) -> None:
    world.mailboxes.arrival = arrival
    mail = await started(world)
    await world.passes(11 * 60)

    assert delivered(mail) == expected
    assert words in message(mail)
    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert "Reconciling" not in mail.conditions


async def test_an_email_with_another_message_id_cannot_be_found(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=None)
    mail = await started(world, server="email-smtp.eu-west-1.amazonaws.com")
    await world.passes(11 * 60)

    assert delivered(mail) == ("False", "NotSeen")
    assert message(mail) == (
        "email-smtp.eu-west-1.amazonaws.com accepted the email, but the operator cannot find it in the"
        f" mailbox of {PROBE}: Amazon SES replaces the Message-ID of each email. Send through another mail"
        " server, or remove delivery."
    )


async def test_a_bounce_is_found_if_the_mailbox_is_that_of_the_from_address(world: World) -> None:
    world.mailboxes.arrival = Arrival(bounce="550 5.1.1 user unknown")
    mail = await started(world, **{"from": f"Probe <{PROBE}>"})
    await world.passes(20)

    assert delivered(mail) == ("False", "Bounced")
    assert mail.status.delivery is not None
    assert mail.status.delivery.bounce == "550 5.1.1 user unknown"


async def test_a_bounce_is_not_seen_elsewhere(world: World) -> None:
    world.mailboxes.arrival = Arrival(bounce="550 5.1.1 user unknown")
    mail = await started(world)
    await world.passes(11 * 60)

    assert delivered(mail) == ("False", "NotSeen")


def refusal(reason: Reason) -> Verdict:
    return Verdict(reason=reason, message="Refused.", retry=REASONS[reason].retry, phase=Phase.RCPT_TO)


async def test_a_refused_address_is_not_a_matter_of_ready(world: World) -> None:
    world.engine.always(Answer(address_refused=refusal(Reason.RECIPIENTS_REFUSED)))
    mail = await started(world)

    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert delivered(mail) == ("False", "AddressRefused")
    assert mail.status.last_test is not None
    assert mail.status.last_test.recipients == []
    await world.passes(20 * HOUR)
    assert world.mailboxes.looks == []
    assert len(world.mails) == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "smtp.example.com refused delivery.address. Correct or remove the address under recipients.",
            "smtp.example.com refused delivery.address. Correct delivery.address.",
        ),
        (
            "smtp.example.com refused recipients.to[0] a@b.c.",
            "The mail server refused delivery.address: smtp.example.com refused recipients.to[0] a@b.c.",
        ),
    ],
)
async def test_the_fix_of_a_refused_address_names_its_field(world: World, said: str, shown: str) -> None:
    refused = replace(refusal(Reason.RECIPIENTS_REFUSED), message=said)
    world.engine.always(Answer(address_refused=refused))

    assert message(await started(world)) == shown


async def test_greylisting_of_the_address_is_tried_again(world: World) -> None:
    world.engine.script(Answer(address_refused=refusal(Reason.GREYLISTED)))
    mail = await started(world)
    assert delivered(mail) == ("Unknown", "NotSent")

    await world.passes(20 * 60)

    assert delivered(mail) == ("True", "InInbox")
    assert world.mails[-1].to == [PROBE]


async def test_an_email_is_sent_after_the_interval_to_the_address_alone(world: World) -> None:
    mail = await started(world, test={"mode": "Login"})
    await world.passes(10)
    assert [it.to for it in world.mails] == [[PROBE]]
    assert delivered(mail) == ("True", "InInbox")
    last_test = mail.status.last_test

    await world.passes(27 * HOUR)

    assert [it.to for it in world.mails] == [[PROBE], [PROBE]]
    assert world.mails[0].message_id != world.mails[1].message_id
    assert delivered(mail) == ("True", "InInbox")
    assert mail.status.last_test is not None
    assert last_test is not None
    assert mail.status.last_test.mode == "Login"


async def test_with_interval_0s_only_tests_send_emails(world: World) -> None:
    mail = await started(world, test={"mode": "Login"}, delivery=delivery(interval="0s"))
    await world.passes(3 * DAY)

    assert world.mails == []
    assert delivered(mail) == ("Unknown", "NotSent")


async def test_a_failed_email_is_not_a_matter_of_ready(world: World) -> None:
    mail = await started(world, test={"mode": "Login"}, recheck={"interval": "0s"})
    await world.passes(60)
    world.engine.always(fails(Reason.MESSAGE_REJECTED, message="Spam."))
    await world.passes(27 * HOUR)

    assert mail.ready == "True"
    assert delivered(mail) == ("Unknown", "NotSent")
    assert "MessageRejected. Spam." in message(mail)


async def test_no_email_is_sent_while_ready_is_false(world: World) -> None:
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    mail = await started(world)
    await world.passes(HOUR)

    assert world.mails == []
    assert delivered(mail) == ("Unknown", "NotSent")
    assert message(mail) == "No email was sent to probe@example.org: it is sent as soon as Ready is True."


async def test_the_address_obeys_the_allowed_recipient_domains() -> None:
    world = World(ReconcilePolicy(recipient_domains=("example.com",)))
    mail = await started(world)
    await world.passes(60)

    assert mail.ready == "True"
    assert [it.to for it in world.mails] == [["ops@example.com"]]
    assert delivered(mail) == ("Unknown", "NotSent")
    assert "RecipientNotAllowed" in message(mail)
    await world.stop()


async def test_an_unavailable_mailbox_has_the_cause_and_is_read_again(world: World) -> None:
    world.mailboxes.failure = unavailable(Reason.CONNECT_TIMEOUT)
    mail = await started(world)
    await world.passes(20)
    assert delivered(mail) == ("Unknown", "MailboxUnavailable")
    assert "ConnectTimeout. ConnectTimeout, said the script." in message(mail)
    assert mail.status.delivery is not None
    assert mail.status.delivery.mailbox_reason == "ConnectTimeout"

    world.mailboxes.failure = None
    await world.passes(300)

    assert delivered(mail) == ("True", "InInbox")
    assert mail.status.delivery is not None
    assert mail.status.delivery.mailbox_reason is None


async def test_a_refused_login_ends_the_delivery_test(world: World) -> None:
    world.mailboxes.failure = unavailable(Reason.AUTHENTICATION_FAILED)
    mail = await started(world, delivery=delivery(interval="1h"))
    await world.passes(23 * HOUR)

    assert delivered(mail) == ("Unknown", "MailboxUnavailable")
    assert len(world.mailboxes.looks) == 1
    assert len(world.mails) == 1
    await world.passes(3 * HOUR)
    assert len(world.mailboxes.looks) == 2


async def test_another_password_of_the_mailbox_is_tried_at_once(world: World) -> None:
    world.mailboxes.failure = unavailable(Reason.AUTHENTICATION_FAILED)
    mail = await started(world)
    await world.passes(60)

    world.mailboxes.failure = None
    world.put_secret("probe", password="mailbox-2")
    await world.passes(60)

    assert delivered(mail) == ("True", "InInbox")
    assert [it.to for it in world.mails[1:]] == [[PROBE]]
    assert world.mailboxes.looks[1][1].login.password == "mailbox-2"
    assert mail.triggers == ["SpecChanged"]


async def test_a_missing_secret_of_the_mailbox_names_the_field(world: World) -> None:
    mailbox = {**DELIVERY["mailbox"], "password": {"secretRef": {"name": "missing"}}}
    mail = await started(world, delivery=delivery(mailbox=mailbox))
    await world.passes(60)

    assert mail.ready == "True"
    assert delivered(mail) == ("Unknown", "MailboxUnavailable")
    assert (
        "SecretNotFound. Secret team-a/missing does not exist (named by delivery.mailbox.password"
        in message(mail)
    )


async def test_a_mailbox_without_idle_is_polled_with_backoff(world: World) -> None:
    world.mailboxes.offers_idle = False
    world.mailboxes.arrival = Arrival(after=None)
    await started(world)
    await world.passes(11 * 60)

    times = [at for at, _ in world.mailboxes.looks]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] < 5
    assert max(gaps) > 60
    assert len(times) < 20
