# SPDX-License-Identifier: Apache-2.0
"""Rule 4: some recipients refused: Ready=False, RecipientsPartiallyRefused; the others got the mail."""

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, RecipientVerdict, Verdict
from smtp_testkit.simulation import Answer, World

PARTLY = Answer(
    report=DialogueReport(
        verdict=Verdict(
            reason=Reason.RECIPIENTS_PARTIALLY_REFUSED,
            message="The server refused bcc[0]: 550 5.1.1 user unknown. The other 2 got the mail."
            " Correct recipients.bcc[0].",
            retry=Retry.CONFIGURATION,
            phase=Phase.RCPT_TO,
            reply="550 5.1.1",
        ),
        mode=Mode.SEND_EMAIL,
        duration=0.2,
        recipients=(
            RecipientVerdict(role="to", index=0, accepted=True, response="250 2.1.5 Ok"),
            RecipientVerdict(role="cc", index=0, accepted=True),
            RecipientVerdict(role="bcc", index=0, accepted=False, response="550 5.1.1 bcc[0]: user unknown"),
        ),
    )
)


async def test_ready_is_false_and_the_others_got_the_mail(world: World) -> None:
    await world.start()
    world.engine.script(PARTLY)
    recipients = {"to": ["ops@example.com"], "cc": ["team@example.com"], "bcc": ["audit@example.com"]}
    mail = world.smtp_config().create(recipients=recipients)
    await world.passes(1)
    assert mail.conditions == {
        "Ready": ("False", "RecipientsPartiallyRefused"),
        "Failed": ("True", "RecipientsPartiallyRefused"),
        "Stalled": ("True", "RecipientsPartiallyRefused"),
    }
    assert mail.status.summary == "RecipientsPartiallyRefused in RcptTo: 550 5.1.1"
    assert len(world.mails) == 1


async def test_status_tells_who_was_refused_by_role_and_index(world: World) -> None:
    await world.start()
    world.engine.script(PARTLY)
    mail = world.smtp_config().create()
    await world.passes(1)
    last_test = mail.object_["status"]["lastTest"]
    assert last_test["recipients"] == [
        {"role": "to", "index": 0, "accepted": True, "response": "250 2.1.5 Ok"},
        {"role": "cc", "index": 0, "accepted": True},
        {"role": "bcc", "index": 0, "accepted": False, "response": "550 5.1.1 bcc[0]: user unknown"},
    ]


async def test_the_others_get_no_further_email_automatically(world: World) -> None:
    await world.start()
    world.engine.script(PARTLY)
    mail = world.smtp_config().create()
    await world.passes(7 * 86400)
    assert len(world.mails) == 1
    assert mail.status.next_test_time is None


async def test_corrected_recipients_are_tested_at_once(world: World) -> None:
    await world.start()
    world.engine.script(PARTLY)
    mail = world.smtp_config().create()
    await world.passes(60)
    mail.edit(recipients={"to": ["other@example.com"]})
    await world.passes(1)
    assert mail.ready == "True"
