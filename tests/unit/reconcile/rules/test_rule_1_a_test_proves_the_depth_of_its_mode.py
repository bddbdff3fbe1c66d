# SPDX-License-Identifier: Apache-2.0
"""Rule 1: a test proves the depth of its mode.

A recheck may withdraw a verdict, never better it: after a failure only a test of test.mode turns Ready True.
"""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

HOUR = 3600
RECHECKED = 1.2 * HOUR
"""By then an hourly recheck is over, its jitter included."""


@pytest.mark.parametrize(
    ("mode", "reason", "logins", "mails"),
    [
        ("SendEmail", "TestEmailSent", 1, 1),
        ("Envelope", "EnvelopeAccepted", 1, 0),
        ("Login", "LoginSucceeded", 1, 0),
        ("Connect", "Connected", 0, 0),
    ],
)
async def test_each_mode_goes_as_deep_as_its_name_says(
    world: World, mode: str, reason: str, logins: int, mails: int
) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(test={"mode": mode})
    await world.passes(1)
    assert (mail.ready, mail.reason, mail.status.summary) == ("True", reason, reason)
    assert (len(world.logins), len(world.mails)) == (logins, mails)


async def test_a_recheck_that_passes_leaves_the_deeper_verdict_as_it_is(world: World) -> None:
    mail = await world.ready()
    proven = mail.status
    await world.passes(RECHECKED)
    assert (mail.trigger, mail.mode) == ("Recheck", "Login")
    assert mail.status.conditions == proven.conditions
    assert mail.status.summary == proven.summary == "TestEmailSent"
    assert world.mails == []


async def test_a_recheck_as_deep_as_the_test_states_its_own_verdict(world: World) -> None:
    mail = await world.ready(test={"mode": "Login"})
    await world.passes(RECHECKED)
    assert (mail.trigger, mail.reason) == ("Recheck", "LoginSucceeded")


async def test_a_recheck_of_mode_send_email_sends_a_mail(world: World) -> None:
    mail = await world.ready(recheck={"mode": "SendEmail"})
    await world.passes(RECHECKED)
    assert (mail.trigger, mail.mode, mail.reason) == ("Recheck", "SendEmail", "TestEmailSent")
    assert len(world.mails) == 1


@pytest.mark.parametrize(
    ("test_mode", "recheck_mode", "mode"),
    [
        ("Connect", "Login", "Connect"),
        ("Login", "SendEmail", "Login"),
        ("Envelope", "SendEmail", "Envelope"),
        ("SendEmail", "Connect", "Connect"),
    ],
)
async def test_a_recheck_never_goes_deeper_than_test_mode(
    world: World, test_mode: str, recheck_mode: str, mode: str
) -> None:
    mail = await world.ready(test={"mode": test_mode}, recheck={"mode": recheck_mode})
    await world.passes(RECHECKED)
    assert (mail.trigger, mail.mode) == ("Recheck", mode)


async def test_a_recheck_may_withdraw_a_verdict(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.CERTIFICATE_UNTRUSTED))
    await world.passes(RECHECKED)
    assert mail.trigger == "Recheck"
    assert mail.conditions["Ready"] == ("False", "CertificateUntrusted")
    assert mail.status.summary == "CertificateUntrusted in Tls"


async def test_after_a_failure_only_a_test_of_test_mode_turns_ready_true(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.CERTIFICATE_UNTRUSTED))
    await world.passes(RECHECKED)
    await world.passes(RECHECKED)
    assert (mail.trigger, mail.mode) == ("Retry", "SendEmail")
    assert (mail.ready, mail.reason) == ("True", "TestEmailSent")
    assert len(world.mails) == 1


async def test_a_retry_of_the_first_test_is_of_test_mode(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    mail = world.smtp_config().create(test={"mode": "Envelope"})
    await world.passes(60)
    assert (mail.trigger, mail.mode, mail.reason) == ("Retry", "Envelope", "EnvelopeAccepted")


@pytest.mark.parametrize(("before", "after"), [("Login", "SendEmail"), ("SendEmail", "Login")])
async def test_another_test_mode_is_proven_again(world: World, before: str, after: str) -> None:
    mail = await world.ready(test={"mode": before})
    mail.edit(test={"mode": after})
    await world.passes(1)
    assert (mail.trigger, mail.mode, mail.ready) == ("SpecChanged", after, "True")
