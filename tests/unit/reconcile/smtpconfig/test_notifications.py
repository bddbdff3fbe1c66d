# SPDX-License-Identifier: Apache-2.0
"""`preferredNotifications`: each kind is reported once, in the test email or in a separate one."""

from dataclasses import replace

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Certificate, DialogueReport, Mode, ServerFacts, Verdict
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import Answer, SmtpConfig, World, fails, passes
from smtp_testkit.simulation.engine import Mail
from smtp_testkit.simulation.world import EPOCH

HOUR = 3600.0
DAY = 24 * HOUR
CC = "team@example.com"
BCC = "audit@example.com"
TO = "ops@example.com"
EVERYBODY = {"to": [TO], "cc": [CC], "bcc": [BCC]}
REFUSED = fails(Reason.CLIENT_BLOCKED, message="Blocked.", reply="554 5.7.1")


def subjects(world: World) -> list[str]:
    return [mail.settings.subject for mail in world.mails]


def last(world: World) -> Mail:
    return world.mails[-1]


async def an_outage(
    world: World, *, recipients: dict[str, list[str]] = EVERYBODY, **spec: object
) -> SmtpConfig:
    """Settings that had worked, and fail since an hour."""
    mail = await world.ready(recipients=recipients, recheck={"mode": "SendEmail"}, **spec)
    world.engine.always(REFUSED)
    await world.passes(1.2 * HOUR)
    assert mail.ready == "False"
    world.forget()
    world.engine.always(passes())
    return mail


async def test_the_test_that_ends_an_outage_reports_it(world: World) -> None:
    mail = await an_outage(world, preferredNotifications=["Recovered"])
    failed = mail.condition("Failed")
    assert failed is not None

    mail.request_test()
    await world.passes(30)

    assert last(world).to == [TO, CC, BCC]
    assert last(world).settings.subject == "Email works again: SmtpConfig team-a/corporate-mail"
    assert last(world).settings.body == (
        f"""\
The mail server accepts email with these settings again.
This email proves that these SMTP settings work.

SmtpConfig: team-a/corporate-mail
Server:     smtp.example.com, port 587, smtpType StartTLS
From:       noreply@example.com
Failed:     since {failed.last_transition_time} (ClientBlocked in Banner: 554 5.7.1)
Tested:     because a user requested a test

Senders must resend the email that was rejected during the outage.
To stop these emails, ask the admins of namespace
team-a to remove your address from spec.recipients
or to change spec.preferredNotifications.
"""
    )


async def test_an_outage_that_ends_with_other_settings_is_reported_too(world: World) -> None:
    mail = await an_outage(world, preferredNotifications=["Recovered"])

    mail.edit(port=465, smtpType="TLS")
    await world.passes(60)

    assert subjects(world) == ["Email works again: SmtpConfig team-a/corporate-mail"]


async def test_settings_that_never_worked_do_not_recover(world: World) -> None:
    world.engine.always(REFUSED)
    await world.start()
    mail = world.smtp_config().create(preferredNotifications=["Recovered"], recipients=EVERYBODY)
    await world.passes(60)
    world.engine.always(passes())

    mail.request_test()
    await world.passes(30)

    assert subjects(world) == ["Test email: SmtpConfig team-a/corporate-mail"]
    assert last(world).to == [TO]


async def test_a_failure_that_was_borne_was_no_outage(world: World) -> None:
    mail = await world.ready(recheck={"mode": "SendEmail"}, recipients=EVERYBODY)
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(1.2 * HOUR)

    assert mail.ready == "True"
    assert {subject.partition(":")[0] for subject in subjects(world)} == {"Test email"}


async def test_a_separate_email_reports_the_recovery_if_tests_send_none(world: World) -> None:
    mail = await an_outage(world, test={"mode": "Login"}, preferredNotifications=["Recovered"])

    mail.request_test()
    await world.passes(30)

    assert subjects(world) == ["Email works again: SmtpConfig team-a/corporate-mail"]
    assert last(world).to == [TO, CC, BCC]
    assert "This email proves" not in last(world).settings.body
    assert mail.reason == "LoginSucceeded"


async def test_without_recipients_there_is_no_separate_email(world: World) -> None:
    mail = await an_outage(
        world, test={"mode": "Login"}, preferredNotifications=["TestEmail"], recipients={"cc": [CC]}
    )

    mail.request_test()
    await world.passes(HOUR)

    assert world.mails == []


async def test_the_test_email_reports_a_changed_password(world: World) -> None:
    await world.ready(recipients=EVERYBODY, preferredNotifications=["PasswordRotated"])

    world.put_secret(password="s3cret-2")
    await world.passes(60)

    assert subjects(world) == ["The new password works: SmtpConfig team-a/corporate-mail"]
    assert last(world).to == [TO, CC, BCC]
    assert last(world).settings.body.startswith(
        "The password has changed, and the mail server accepts the new one.\n"
    )


async def test_a_copy_that_chose_tests_alone_hears_of_the_test(world: World) -> None:
    await world.ready(recipients=EVERYBODY, preferredNotifications=["TestEmail"])

    world.put_secret(password="s3cret-2")
    await world.passes(60)

    assert last(world).to == [TO, CC, BCC]


async def test_a_copy_that_chose_another_kind_does_not(world: World) -> None:
    await world.ready(recipients=EVERYBODY, preferredNotifications=["CertificateExpiring"])

    world.put_secret(password="s3cret-2")
    await world.passes(60)

    assert last(world).to == [TO]


async def test_a_second_rotation_within_the_hour_is_a_test_like_any_other(world: World) -> None:
    await world.ready(recipients=EVERYBODY, preferredNotifications=["PasswordRotated"])
    world.put_secret(password="s3cret-2")
    await world.passes(10 * 60)

    world.put_secret(password="s3cret-3")
    await world.passes(60)
    assert (subjects(world)[-1], last(world).to) == ("Test email: SmtpConfig team-a/corporate-mail", [TO])

    await world.passes(HOUR)
    world.put_secret(password="s3cret-4")
    await world.passes(60)
    assert subjects(world)[-1] == "The new password works: SmtpConfig team-a/corporate-mail"


async def test_the_hour_outlasts_a_restart(world: World) -> None:
    await world.ready(recipients=EVERYBODY, preferredNotifications=["PasswordRotated"])
    world.put_secret(password="s3cret-2")
    await world.passes(10 * 60)

    await world.restart()
    world.put_secret(password="s3cret-3")
    await world.passes(60)

    assert subjects(world)[-1] == "Test email: SmtpConfig team-a/corporate-mail"


# Certificates


def meets(expires_in: float) -> Answer:
    ends = EPOCH + expires_in
    certificate = Certificate(subject="CN=mx", issuer="CN=ca", not_before=ends - 90 * DAY, not_after=ends)
    server = ServerFacts(address="192.0.2.10:587", tls_version="TLSv1.3", certificate=certificate)
    passed = Verdict(reason=Reason.TEST_EMAIL_SENT, message="Sent.", retry=Retry.PASSED)
    return Answer(report=DialogueReport(verdict=passed, mode=Mode.SEND_EMAIL, duration=0.2, server=server))


async def a_certificate(world: World, *, expires_in: float, **spec: object) -> SmtpConfig:
    world.engine.always(meets(expires_in))
    await world.start()
    mail = world.smtp_config().create(**{"recipients": EVERYBODY, **spec})
    await world.passes(30)
    return mail


def about_certificates(world: World) -> list[Mail]:
    title = "A certificate expires soon: SmtpConfig team-a/corporate-mail"
    return [mail for mail in world.mails if mail.settings.subject.startswith(title)]


async def test_a_separate_email_reports_a_certificate_that_expires_soon(world: World) -> None:
    await a_certificate(world, expires_in=13 * DAY, preferredNotifications=["CertificateExpiring"])

    (told,) = about_certificates(world)
    assert told.to == [TO, CC, BCC]
    assert told.settings.body == (
        """\
The certificate of smtp.example.com:587 (subject CN=mx, issuer CN=ca, seen at
192.0.2.10:587) expires on 2026-12-01, in 13 days. Have it renewed before then, and have
the server restarted so that it loads the new one. After that date, tests fail with
CertificateExpired. This SmtpConfig needs no change.

SmtpConfig: team-a/corporate-mail
Server:     smtp.example.com, port 587, smtpType StartTLS
From:       noreply@example.com

To stop these emails, ask the admins of namespace
team-a to remove your address from spec.recipients
or to change spec.preferredNotifications.
"""
    )


async def test_it_is_reported_once_across_restarts_and_rechecks(world: World) -> None:
    await a_certificate(world, expires_in=13 * DAY)
    for _ in range(3):
        await world.passes(DAY)
        await world.restart()
    await world.passes(DAY)

    assert len(about_certificates(world)) == 1


async def test_the_certificate_after_it_is_another_one(world: World) -> None:
    await a_certificate(world, expires_in=13 * DAY)
    world.engine.always(meets(16 * DAY))
    await world.passes(3 * DAY)

    assert len(about_certificates(world)) == 2


async def test_recipients_that_did_not_choose_it_do_not_get_it(world: World) -> None:
    await a_certificate(world, expires_in=13 * DAY, recipients={"cc": [CC], "bcc": [BCC]})
    await world.passes(DAY)

    assert about_certificates(world) == []


async def test_a_suspended_object_tells_nothing(world: World) -> None:
    mail = await a_certificate(world, expires_in=15 * DAY)
    mail.edit(suspend=True)
    await world.passes(3 * DAY)

    assert about_certificates(world) == []


async def test_a_mail_that_is_not_accepted_changes_no_verdict_and_is_tried_at_the_next_recheck(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.engine.script(meets(13 * DAY), fails(Reason.GREYLISTED, reply="450 4.7.1"))
    await world.start()
    mail = world.smtp_config().create(recipients=EVERYBODY)
    await world.passes(60)

    assert mail.ready == "True"
    assert [it.message for it in caplog.records if it.levelname == "WARNING"] == [
        "team-a/corporate-mail: the email about CertificateExpiring was not sent:"
        " Greylisted in RcptTo: 450 4.7.1"
    ]
    world.engine.always(meets(13 * DAY))
    await world.passes(1.2 * HOUR)
    assert mail.status.notifications is not None
    assert [it.kind for it in mail.status.notifications] == ["CertificateExpiring"]


async def test_the_cluster_is_named(world: World) -> None:
    world.policy = replace(world.policy, cluster_name="prod-1")
    await a_certificate(world, expires_in=13 * DAY)

    (told,) = about_certificates(world)
    assert told.settings.subject.endswith(" in cluster prod-1")


async def test_domains_that_may_not_be_sent_to_hear_of_nothing() -> None:
    world = World(ReconcilePolicy(recipient_domains=("example.org",)))
    await a_certificate(world, expires_in=13 * DAY)

    assert world.mails == []
    await world.stop()
