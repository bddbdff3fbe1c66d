# SPDX-License-Identifier: Apache-2.0
"""An expiring server certificate is reported 14 days before: in status, and once as an Event."""

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Certificate, DialogueReport, Mode, ServerFacts, Verdict
from smtp_testkit.simulation import Answer, SmtpConfig, World, fails, passes
from smtp_testkit.simulation.world import EPOCH

HOUR = 3600.0
DAY = 24 * HOUR
PASSED = Verdict(reason=Reason.TEST_EMAIL_SENT, message="Sent.", retry=Retry.PASSED)


def meets(*, expires_in: float, life: float = 90 * DAY, verdict: Verdict = PASSED) -> Answer:
    """A test that meets a certificate which expires so long after the world's beginning."""
    ends = EPOCH + expires_in
    certificate = Certificate(subject="CN=mx", issuer="CN=corp-ca", not_before=ends - life, not_after=ends)
    server = ServerFacts(address="192.0.2.10:587", tls_version="TLSv1.3", certificate=certificate)
    report = DialogueReport(verdict=verdict, mode=Mode.SEND_EMAIL, duration=0.2, server=server)
    return Answer(report=report)


async def a_mail_that_meets(world: World, answer: Answer, **spec: object) -> SmtpConfig:
    world.engine.always(answer)
    await world.start()
    mail = world.smtp_config().create(**spec)
    await world.passes(1)
    return mail


def warnings(world: World) -> list[str]:
    return [it.note for it in world.cluster.notices if it.reason == "CertificateExpiring"]


async def test_the_first_test_that_finds_it_reports_it(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))

    assert mail.status.certificate_expiring == "2026-12-01T11:06:40Z"
    (notice,) = [it for it in world.cluster.notices if it.reason == "CertificateExpiring"]
    assert (notice.type, notice.action, notice.key) == ("Warning", "LookAtCertificate", mail.key)
    assert notice.note == (
        "The certificate of smtp.example.com:587 (subject CN=mx, issuer CN=corp-ca, seen at 192.0.2.10:587)"
        " expires on 2026-12-01, in 13 days. Have it renewed before then, and have the server restarted"
        " so that it loads the new one. After that date, tests fail with CertificateExpired. This SmtpConfig"
        " needs no change."
    )


async def test_the_last_two_days_are_counted_in_hours(world: World) -> None:
    await a_mail_that_meets(world, meets(expires_in=30 * HOUR))
    (note,) = warnings(world)
    assert " expires on 2026-11-19, in 30 hours. " in note


async def test_the_verdict_stays_what_it_is(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    assert mail.ready == "True"
    assert {it.reason for it in world.cluster.notices} == {"TestEmailSent", "CertificateExpiring"}


async def test_a_certificate_valid_for_longer_is_not_reported(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=15 * DAY))
    assert mail.status.certificate_expiring is None
    assert warnings(world) == []


async def test_it_is_told_once(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=20 * DAY), recheck={"interval": "6h"})
    await world.passes(19 * DAY)
    assert mail.status.certificate_expiring is not None
    assert len(warnings(world)) == 1


async def test_it_is_told_fourteen_days_before(world: World) -> None:
    await a_mail_that_meets(world, meets(expires_in=20 * DAY), recheck={"interval": "6h"})
    await world.passes(6 * DAY - HOUR)
    assert warnings(world) == []
    await world.passes(2 * HOUR)
    (note,) = warnings(world)
    assert " in 14 days. " in note


@pytest.mark.parametrize("interval", ["0s", "720h"])
async def test_it_is_told_in_time_though_no_test_is_due_before(world: World, interval: str) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=20 * DAY), recheck={"interval": interval})
    world.forget()
    await world.passes(6 * DAY + 1)
    assert len(warnings(world)) == 1
    assert mail.status.certificate_expiring == "2026-12-08T11:06:40Z"
    assert [run.settings.subject for run in world.runs] == [
        "A certificate expires soon: SmtpConfig team-a/corporate-mail"
    ]
    assert len(mail.writes) == 2  # the second keeps that this mail was sent


async def test_a_short_lived_certificate_is_reported_in_the_last_third_of_its_life(world: World) -> None:
    await a_mail_that_meets(world, meets(expires_in=6 * DAY, life=6 * DAY), recheck={"interval": "6h"})
    await world.passes(4 * DAY - HOUR)
    assert warnings(world) == []
    await world.passes(2 * HOUR)
    assert len(warnings(world)) == 1


async def test_a_restart_reports_nothing_again(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    world.forget()
    await world.restart()
    await world.passes(3 * HOUR)
    assert world.runs, "a recheck was due"
    assert warnings(world) == []
    assert mail.status.certificate_expiring is not None


async def test_a_failure_in_between_makes_no_news_of_it(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(2 * HOUR)
    await world.restart()
    await world.passes(2 * HOUR)
    assert mail.status.certificate_expiring is not None
    assert len(warnings(world)) == 1


async def test_it_is_reported_for_failing_settings_too(world: World) -> None:
    failed = Verdict(reason=Reason.RELAY_DENIED, message="No.", retry=Retry.POLICY)
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY, verdict=failed))
    assert mail.ready == "False"
    assert len(warnings(world)) == 1


async def test_a_renewed_one_takes_it_back(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    world.engine.always(meets(expires_in=89 * DAY))
    await world.passes(2 * HOUR)
    assert mail.status.certificate_expiring is None


async def test_another_one_that_expires_is_news(world: World) -> None:
    await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    world.engine.always(meets(expires_in=12 * DAY))
    await world.passes(2 * HOUR)
    assert len(warnings(world)) == 2


async def test_two_servers_behind_one_name_are_reported_once_each(world: World) -> None:
    await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    for _ in range(5):
        world.engine.script(meets(expires_in=89 * DAY), meets(expires_in=12 * DAY))
        await world.passes(3 * HOUR)
    assert len(warnings(world)) == 2


async def test_other_settings_without_tls_take_it_back(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=13 * DAY))
    world.engine.always(passes())
    mail.edit(smtpType="None")
    await world.passes(60)
    assert mail.status.certificate_expiring is None


async def test_one_that_has_expired_is_the_verdicts_affair(world: World) -> None:
    expired = Verdict(reason=Reason.CERTIFICATE_EXPIRED, message="Expired.", retry=Retry.SLOW)
    mail = await a_mail_that_meets(world, meets(expires_in=-DAY, verdict=expired))
    assert mail.status.certificate_expiring is not None
    assert warnings(world) == []


async def test_a_suspended_object_is_left_alone(world: World) -> None:
    mail = await a_mail_that_meets(world, meets(expires_in=20 * DAY))
    mail.edit(suspend=True)
    await world.passes(60)
    world.forget()
    await world.passes(10 * DAY)
    assert warnings(world) == []
    assert mail.writes == []


async def test_a_certificate_in_a_status_of_an_older_release_is_reported(world: World) -> None:
    """Statuses of older releases lack notBefore."""
    mail = await a_mail_that_meets(world, meets(expires_in=20 * DAY), recheck={"interval": "0s"})
    await world.stop()
    del mail.object_["status"]["lastTest"]["server"]["certificate"]["notBefore"]
    await world.start()
    await world.passes(7 * DAY)
    assert len(warnings(world)) == 1


async def test_a_result_that_is_dropped_leaves_it_to_the_next_test(world: World) -> None:
    """The result of a test that is dropped tells nothing, so the next one does."""
    world.engine.always(meets(expires_in=13 * DAY))
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(0.1)
    mail.edit(port=465)
    await world.passes(60)
    assert mail.triggers == ["SpecChanged"]
    (note,) = warnings(world)
    assert "smtp.example.com:465" in note
