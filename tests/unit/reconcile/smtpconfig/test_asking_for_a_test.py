# SPDX-License-Identifier: Apache-2.0
"""``kubectl annotate smtpconfig NAME smtp-operator.io/test-requested-at=…`` runs one test at once, whatever
the state; one that comes within 10 s of the last test runs when they are over; none is dropped.
status.lastHandledTestRequest takes the annotation's value when that test has ended.
"""

from itertools import pairwise

import pytest

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

HOUR = 3600


async def test_it_runs_one_test_at_once(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    mail.request_test()
    await world.passes(HOUR / 2)
    assert (mail.trigger, mail.mode) == ("Requested", "SendEmail")
    assert len(mail.runs) == len(world.mails) == 1
    assert mail.runs[0].started - mail.writes[0].at < 1


@pytest.mark.parametrize("mode", ["SendEmail", "Envelope", "Login", "Connect"])
async def test_it_is_of_test_mode(world: World, mode: str) -> None:
    mail = await world.ready(test={"mode": mode})
    await world.passes(60)
    mail.request_test()
    await world.passes(1)
    assert (mail.trigger, mail.mode) == ("Requested", mode)


async def test_within_ten_seconds_of_the_last_test_it_waits_until_they_are_over(world: World) -> None:
    mail = await world.ready()
    ended = world.time() - 0.8
    mail.request_test()
    await world.passes(20)
    assert len(mail.runs) == 1
    assert 10 <= mail.runs[0].started - ended < 10.3


async def test_none_of_many_is_dropped(world: World) -> None:
    mail = await world.ready()
    for number in range(30):
        mail.request_test(f"request {number}")
        await world.passes(1)
    await world.passes(20)
    assert mail.status.last_handled_test_request == "request 29"
    pauses = [later.started - earlier.started for earlier, later in pairwise(mail.runs)]
    assert len(pauses) >= 2
    assert all(10 <= pause <= 11 for pause in pauses)


async def test_one_that_comes_during_a_test_runs_after_it(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=5))
    mail.request_test("first")
    await world.passes(2)
    mail.request_test("second")
    await world.passes(4)
    assert mail.status.last_handled_test_request == "first"
    await world.passes(10)
    assert mail.status.last_handled_test_request == "second"
    assert len(mail.runs) == 2


async def test_the_value_is_taken_when_the_test_has_ended(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=5))
    mail.request_test("now")
    await world.passes(4)
    assert mail.status.last_handled_test_request is None
    await world.passes(2)
    assert mail.status.last_handled_test_request == "now"


async def test_a_value_that_was_handled_asks_for_nothing(world: World) -> None:
    mail = await world.ready()
    mail.request_test("now")
    await world.passes(60)
    world.forget()
    mail.request_test("now")
    await world.restart()
    await world.passes(60)
    assert mail.runs == []


async def test_an_empty_value_asks_for_nothing(world: World) -> None:
    mail = await world.ready()
    mail.request_test("")
    await world.passes(60)
    assert mail.runs == []


async def test_a_value_longer_than_status_takes_is_cut(world: World) -> None:
    mail = await world.ready()
    mail.request_test("x" * 1000)
    await world.passes(60)
    assert mail.status.last_handled_test_request == "x" * 256
    assert len(mail.runs) == 1


async def test_a_failure_is_an_answer(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    mail.request_test("now")
    await world.passes(1)
    assert (mail.ready, mail.status.last_handled_test_request) == ("False", "now")


async def test_a_missing_secret_is_an_answer(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    mail.request_test("now")
    await world.passes(1)
    assert (mail.reason, mail.status.last_handled_test_request) == ("SecretNotFound", "now")


async def test_it_runs_although_suspended(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    mail.request_test("now")
    await world.passes(1)
    assert (mail.trigger, mail.status.last_handled_test_request) == ("Requested", "now")


async def test_it_runs_although_stalled(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED))
    mail = world.smtp_config().create()
    await world.passes(60)
    assert "Stalled" in mail.conditions
    mail.request_test("now")
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("Requested", "True")


async def test_it_runs_although_a_retry_is_due_later(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.TOO_MANY_LOGINS, phase=None))
    mail = world.smtp_config().create(test={"mode": "Connect"})
    await world.passes(60)
    mail.request_test("now")
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("Requested", "True")


async def test_together_with_a_changed_spec_it_is_one_test(world: World) -> None:
    mail = await world.ready()
    mail.edit(port=465)
    mail.request_test("now")
    await world.passes(60)
    assert len(mail.runs) == 1
    assert (mail.trigger, mail.judged, mail.status.last_handled_test_request) == ("Requested", True, "now")


async def test_a_spec_that_cannot_be_tested_is_an_answer(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(60)
    mail.request_test("now")
    await world.passes(1)
    assert (mail.reason, mail.status.last_handled_test_request) == ("InvalidSpec", "now")


async def test_one_made_while_no_operator_runs_is_handled_at_its_start(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    await world.stop()
    mail.request_test("now")
    await world.start()
    await world.passes(1)
    assert mail.status.last_handled_test_request == "now"


async def test_one_amid_a_restart_is_handled_again(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=30))
    mail.request_test("now")
    await world.passes(5)
    await world.restart()
    await world.passes(1)
    assert mail.status.last_handled_test_request == "now"
    assert len({message.message_id for message in world.mails}) == 1


async def test_it_survives_an_api_server_that_is_down(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.faults.down = True
    mail.request_test("now")
    await world.passes(120)
    world.cluster.faults.down = False
    await world.passes(10)
    assert mail.status.last_handled_test_request == "now"
    assert len(world.mails) == 1


async def test_it_survives_a_secret_that_cannot_be_read_for_now(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.fail_next("get_object", ApiUnavailable("GET: 503"), ApiUnavailable("GET: 503"))
    mail.request_test("now")
    await world.passes(60)
    assert mail.status.last_handled_test_request == "now"
    assert len(mail.runs) == 1


async def test_the_testing_message_names_the_phase_once_a_second(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=4.3))
    mail.request_test()
    await world.passes(10)
    told = [it["message"] for write in mail.writes for it in write.status["conditions"] if _testing(it)]
    assert told == ["A test of these settings is under way: phase Data."]


async def test_each_phase_it_comes_to_is_named(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.slow_phases = 1.5
    mail.request_test()
    await world.passes(30)
    told = [it["message"] for write in mail.writes for it in write.status["conditions"] if _testing(it)]
    assert told == [
        f"A test of these settings is under way: phase {phase}."
        for phase in (
            "Resolve",
            "Connect",
            "Banner",
            "Ehlo",
            "StartTls",
            "Tls",
            "Auth",
            "MailFrom",
            "RcptTo",
            "Data",
        )
    ]


async def test_a_phase_is_reported_once_a_second_at_most(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.slow_phases = 0.4
    asked = world.time()
    mail.request_test()
    await world.passes(30)
    announcements = [write.at for write in mail.writes[:-1]]
    assert announcements[0] - asked >= 1
    assert len(announcements) == 3
    assert all(later - earlier >= 1 for earlier, later in pairwise(announcements))


async def test_an_unrequested_test_reports_no_phase(world: World) -> None:
    await world.start()
    world.engine.slow_phases = 0.8
    mail = world.smtp_config().create()
    await world.passes(20)
    told = [it["message"] for write in mail.writes for it in write.status["conditions"] if _testing(it)]
    assert told == ["A test of these settings is under way."] * 2  # Ready and Reconciling, of one write
    assert len(mail.writes) == 2


async def test_a_slow_requested_test_is_the_current_test(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.slow_phases = 0.8
    mail.request_test()
    await world.passes(20)
    running = [write.status["currentTest"] for write in mail.writes if "currentTest" in write.status]
    assert {(it["trigger"], it["mode"]) for it in running} == {("Requested", "SendEmail")}
    assert len({it["startTime"] for it in running}) == 1
    assert len({it["phase"] for it in running}) == len(running) > 1
    assert mail.status.current_test is None
    assert mail.status.last_test is not None
    assert mail.status.last_test.start_time == running[0]["startTime"]


async def test_a_slow_first_test_is_the_current_test_without_a_phase(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=5))
    mail = world.smtp_config().create()
    await world.passes(3)
    running = mail.status.current_test
    assert running is not None
    assert (running.trigger, running.mode, running.phase) == ("SpecChanged", "SendEmail", None)
    await world.passes(20)
    assert mail.status.current_test is None


async def test_a_test_that_died_with_its_operator_is_not_the_current_test(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=50))
    mail.request_test()
    await world.passes(3)
    assert mail.status.current_test is not None
    await world.stop()
    mail.request_test("")
    await world.start()
    await world.passes(5)
    assert mail.status.current_test is None
    assert len(world.runs) == 1


async def test_a_request_that_is_over_within_a_second_announces_nothing(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    mail.request_test()
    await world.passes(10)
    assert len(mail.writes) == 1


async def test_a_standing_verdict_stays_ready_while_it_runs(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=4))
    mail.request_test()
    await world.passes(2)
    assert mail.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "Reconciling": ("True", "Testing"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


async def test_an_outdated_announcement_is_removed(world: World) -> None:
    """The operator was killed amid the test, and the request withdrawn before the next one started."""
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=30))
    mail.request_test()
    await world.passes(5)
    await world.stop()
    mail.withdraw_request()
    await world.start()
    await world.passes(1)
    assert mail.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


def _testing(condition: dict[str, str]) -> bool:
    return condition["reason"] == "Testing"
