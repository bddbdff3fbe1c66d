# SPDX-License-Identifier: Apache-2.0
"""Each recipient has its own verdict; a common cause is the verdict of the test."""

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Mode, Phase, RecipientVerdict
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial, recipients

UNKNOWN = "550 5.1.1 no such user"
LATER = "450 4.7.1 greylisted, try again in 5 minutes"


async def test_accepted_recipients_get_the_email_if_others_are_refused(
    trial: Trial, mailserver: MailServer
) -> None:
    mailserver.refused_recipients = {"dev@example.com": UNKNOWN}

    report = await trial(
        mailserver.plain_port, recipients=recipients(to=["ops@example.com"], cc=["dev@example.com"])
    )

    assert report.verdict.reason is Reason.RECIPIENTS_PARTIALLY_REFUSED
    assert report.verdict.phase is Phase.RCPT_TO
    assert report.verdict.reply == "550 5.1.1"
    assert not report.verdict.passed
    assert report.verdict.message == (
        "The server refused 1 of 2 recipients; the others received the email [in RcptTo]. "
        'recipients.cc[0] dev@example.com: "550 5.1.1 no such user". '
        "Correct or remove these addresses under recipients."
    )
    assert mailserver.mails[0].recipients == ("ops@example.com",)
    assert report.recipients == (
        RecipientVerdict(role="to", index=0, accepted=True, response="250 2.1.5 ok"),
        RecipientVerdict(role="cc", index=0, accepted=False, response=UNKNOWN),
    )


async def test_mode_envelope_sends_no_email(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients = {"dev@example.com": UNKNOWN}

    report = await trial(
        mailserver.plain_port,
        recipients=recipients(to=["ops@example.com"], cc=["dev@example.com"]),
        mode=Mode.ENVELOPE,
    )

    assert report.verdict.reason is Reason.RECIPIENTS_PARTIALLY_REFUSED
    assert "got the mail" not in report.verdict.message


async def test_all_refused(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients = {"a@example.com": UNKNOWN, "b@example.com": UNKNOWN}

    report = await trial(mailserver.plain_port, recipients=recipients(to=["a@example.com", "b@example.com"]))

    assert report.verdict.reason is Reason.RECIPIENTS_REFUSED
    assert report.verdict.message == (
        "The server refused all 2 recipients [in RcptTo]. recipients.to[0] a@example.com: "
        '"550 5.1.1 no such user"; '
        'recipients.to[1] b@example.com: "550 5.1.1 no such user". '
        "Correct or remove these addresses under recipients."
    )
    assert mailserver.mails == []


async def test_one_refused_recipient_needs_one_sentence(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients = {"dev@example.com": UNKNOWN}

    report = await trial(mailserver.plain_port)

    assert report.verdict.message == (
        "localhost refused recipients.to[0] dev@example.com "
        '[in RcptTo, server said: "550 5.1.1 no such user"]. Correct or remove the address under recipients.'
    )


async def test_greylisting_of_all_waits_as_long_as_the_server_asks(
    trial: Trial, mailserver: MailServer
) -> None:
    mailserver.refused_recipients = {"dev@example.com": LATER}

    report = await trial(mailserver.plain_port)

    assert report.verdict.reason is Reason.GREYLISTED
    assert report.verdict.retry is Retry.GREYLISTED
    assert report.verdict.retry_after == 300


async def test_a_permanent_refusal_takes_precedence_over_a_deferral(
    trial: Trial, mailserver: MailServer
) -> None:
    mailserver.refused_recipients = {"a@example.com": LATER, "b@example.com": UNKNOWN}

    report = await trial(mailserver.plain_port, recipients=recipients(to=["a@example.com", "b@example.com"]))

    assert report.verdict.reason is Reason.RECIPIENTS_REFUSED


async def test_a_refusal_of_the_client_takes_precedence_over_a_refused_recipient(
    trial: Trial, mailserver: MailServer
) -> None:
    """Postfix rejects HELO, From and client at RCPT."""
    mailserver.refused_recipients = {
        "a@example.com": UNKNOWN,
        "b@example.com": "553 5.7.1 <ops@example.com>: Sender address rejected: not owned by user bob",
    }

    report = await trial(mailserver.plain_port, recipients=recipients(to=["a@example.com", "b@example.com"]))

    assert report.verdict.reason is Reason.FROM_ADDRESS_REJECTED


async def test_a_refused_sender(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_senders = {"ops@example.com": "553 5.7.1 sender address not owned by you"}

    report = await trial(mailserver.plain_port)

    assert report.verdict.reason is Reason.FROM_ADDRESS_REJECTED
    assert report.verdict.phase is Phase.MAIL_FROM


async def test_a_non_ascii_local_part_needs_smtputf8(trial: Trial, mailserver: MailServer) -> None:
    mailserver.extensions = ()

    report = await trial(mailserver.plain_port, recipients=recipients(cc=["jürgen@example.com"]))

    assert report.verdict.reason is Reason.ADDRESS_NEEDS_SMTP_UTF8
    assert report.verdict.message == (
        "recipients.cc[0] jürgen@example.com needs SMTPUTF8, which localhost does not offer [in MailFrom]. "
        "Use an address with only ASCII characters before the @."
    )


async def test_an_international_domain_needs_nothing(trial: Trial, mailserver: MailServer) -> None:
    mailserver.extensions = ()

    report = await trial(mailserver.plain_port, recipients=recipients(to=["info@bücher.example"]))

    assert report.verdict.passed
    assert mailserver.mails[0].recipients == ("info@xn--bcher-kva.example",)


async def test_an_address_in_two_lists_gets_one_email(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(
        mailserver.plain_port, recipients=recipients(to=["ops@example.com"], bcc=["ops@example.com"])
    )

    assert mailserver.mails[0].recipients == ("ops@example.com",)
    assert [(one.role, one.accepted) for one in report.recipients] == [("to", True), ("bcc", True)]


async def test_a_421_at_a_recipient_ends_the_dialogue(trial: Trial, mailserver: MailServer) -> None:
    mailserver.refused_recipients = {"a@example.com": "421 4.3.2 closing"}
    mailserver.extensions = ("8BITMIME",)  # no PIPELINING

    report = await trial(mailserver.plain_port, recipients=recipients(to=["a@example.com", "b@example.com"]))

    assert report.verdict.reason is Reason.SERVICE_CLOSING
    assert not any("b@example.com" in line for line in mailserver.transcript)


async def test_a_bcc_with_an_international_domain_is_hidden_in_both_spellings(
    trial: Trial, mailserver: MailServer
) -> None:
    refusal = "550 5.1.1 neither audit@bücher.example nor audit@xn--bcher-kva.example is known"
    mailserver.refused_recipients = {"audit@xn--bcher-kva.example": refusal}

    report = await trial(mailserver.plain_port, recipients=recipients(bcc=["audit@bücher.example"]))

    assert 'server said: "550 5.1.1 neither bcc[0] nor bcc[0] is known"' in report.verdict.message
    assert "audit" not in repr(report)


async def test_many_refusals_fit_into_one_message(trial: Trial, mailserver: MailServer) -> None:
    people = [f"person-{number}@example.com" for number in range(10)]
    mailserver.refused_recipients = dict.fromkeys(people, "550 5.1.1 " + "x" * 400)

    report = await trial(mailserver.plain_port, recipients=recipients(to=people))

    assert len(report.verdict.message.encode()) <= 1024
    assert report.verdict.message.endswith("and 4 more. Correct or remove these addresses under recipients.")
    assert len(report.dialogue) <= 20
