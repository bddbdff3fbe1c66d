# SPDX-License-Identifier: Apache-2.0
"""Each object stands in the metrics as its status says, for as long as it is there."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Certificate, DialogueReport, Mode, ServerFacts, Verdict
from smtp_operator.metrics.registry import Metrics
from smtp_testkit.simulation import Answer, World, fails
from smtp_testkit.testbed.exposition import Exposition

pytestmark = pytest.mark.looptime(noop_cycles=0)

Scrape = Callable[[], Exposition]

READY = "smtp_operator_object_ready"
OBJECTS = "smtp_operator_objects"
EXPIRY = "smtp_operator_certificate_expiry_timestamp_seconds"
PROVEN = "smtp_operator_published_proven_timestamp_seconds"
MAIL = ("SmtpConfig", "corporate-mail", "team-a")
ENDS = 1_800_000_000.0

SHOWS_A_CERTIFICATE = Answer(
    report=DialogueReport(
        verdict=Verdict(reason=Reason.TEST_EMAIL_SENT, message="Sent.", retry=Retry.PASSED),
        mode=Mode.SEND_EMAIL,
        duration=0.2,
        server=ServerFacts(
            address="192.0.2.10:587",
            certificate=Certificate(
                subject="CN=mail", issuer="CN=ca", not_before=ENDS - 7776000, not_after=ENDS
            ),
        ),
    )
)


async def test_an_object_that_is_ready_is_1(world: World, scrape: Scrape) -> None:
    world.smtp_config().create()
    await world.passes(1)
    assert scrape().samples(READY) == {MAIL: 1}
    assert scrape().samples(OBJECTS) == {("SmtpConfig", "True"): 1}


async def test_without_object_names_the_metrics_hold_numbers_only(world: World) -> None:
    """A reader without a login learns no name of a tenant, nor of what it has."""
    metrics = Metrics(leads=lambda: True, object_names=False)
    metrics.attach(world.operator)
    world.engine.script(SHOWS_A_CERTIFICATE)
    world.smtp_config().create()
    await world.passes(1)

    text = generate_latest(metrics.registry).decode()

    assert Exposition(text).samples(OBJECTS) == {("SmtpConfig", "True"): 1}
    assert Exposition(text).samples(READY) == {}
    assert Exposition(text).samples(EXPIRY) == {}
    assert "corporate-mail" not in text
    assert "team-a" not in text


async def test_the_age_of_what_is_published(world: World, metrics: Metrics, scrape: Scrape) -> None:
    """The time stays while newer settings fail, so that its age grows."""
    await world.stop()
    world.policy = replace(world.policy, publishes=True)
    await world.start()
    metrics.attach(world.operator)
    mail = world.smtp_config().create(publish={"secretName": "proven"})
    await world.passes(1)
    proven = scrape().samples(PROVEN)
    assert proven == {("corporate-mail", "team-a"): pytest.approx(world.time(), abs=2)}
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    mail.edit(port=2525)
    await world.passes(7200)
    assert mail.conditions["Published"] == ("True", "KeptLastProven")
    assert scrape().samples(PROVEN) == proven
    mail.edit(publish=None)
    await world.passes(600)
    assert scrape().samples(PROVEN) == {}


async def test_one_that_failed_is_0(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.CONNECTION_REFUSED))
    world.smtp_config().create()
    await world.passes(1)
    assert scrape().samples(READY) == {MAIL: 0}
    assert scrape().samples(OBJECTS) == {("SmtpConfig", "False"): 1}


async def test_one_of_which_nothing_is_known_has_no_readiness(world: World, scrape: Scrape) -> None:
    world.smtp_config().create(suspend=True)
    await world.passes(1)
    assert scrape().samples(READY) == {}
    assert scrape().samples(OBJECTS) == {("SmtpConfig", "Unknown"): 1}


async def test_it_follows_the_verdict(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.CONNECTION_REFUSED))
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.edit(port=465)
    await world.passes(1)
    assert scrape().samples(READY) == {MAIL: 1}


async def test_a_deleted_object_leaves_nothing(world: World, scrape: Scrape) -> None:
    world.engine.script(SHOWS_A_CERTIFICATE)
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.delete()
    await world.passes(1)
    assert "corporate-mail" not in scrape().text
    assert scrape().samples(OBJECTS) == {}


async def test_after_a_restart_it_stands_as_status_says(
    world: World, metrics: Metrics, scrape: Scrape
) -> None:
    world.smtp_config().create()
    await world.passes(1)
    await world.stop()
    restarted = Metrics(leads=lambda: True)
    await world.start()
    restarted.attach(world.operator)
    assert [it.ready for it in world.operator.healths()] == ["True"]


async def test_the_end_of_the_certificate_is_told(world: World, scrape: Scrape) -> None:
    world.engine.script(SHOWS_A_CERTIFICATE)
    world.smtp_config().create()
    await world.passes(1)
    assert scrape().samples(EXPIRY) == {("corporate-mail", "team-a"): ENDS}


async def test_it_outlives_a_test_that_met_no_certificate(world: World, scrape: Scrape) -> None:
    soon = world.time() + 86400
    certificate = Certificate(subject="CN=mail", issuer="CN=ca", not_before=soon - 7776000, not_after=soon)
    server = ServerFacts(address="192.0.2.10:587", certificate=certificate)
    assert SHOWS_A_CERTIFICATE.report is not None
    world.engine.script(
        Answer(report=replace(SHOWS_A_CERTIFICATE.report, server=server)), fails(Reason.CONNECTION_REFUSED)
    )
    world.smtp_config().create(recheck={"interval": "1h", "mode": "Connect"})
    await world.passes(2 * 3600)
    assert scrape().samples(EXPIRY) == {("corporate-mail", "team-a"): pytest.approx(soon, abs=1)}


async def test_without_tls_there_is_no_certificate_to_report(world: World, scrape: Scrape) -> None:
    world.smtp_config().create(smtpType="None")
    await world.passes(1)
    assert scrape().samples(EXPIRY) == {}


class TwoKinds:
    """An operator with objects of two kinds."""

    def healths(self) -> list[ObjectHealth]:
        return [
            ObjectHealth("SmtpConfig", "team-a", "corporate-mail", "True"),
            ObjectHealth("ClusterSmtpVault", "", "corp", "False"),
        ]

    def backlog(self) -> tuple[int, float, int]:
        return 0, 0.0, 0


async def test_objects_of_both_kinds_are_shown() -> None:
    metrics = Metrics(leads=lambda: True)
    metrics.attach(TwoKinds())
    shown = Exposition(generate_latest(metrics.registry).decode())
    assert shown.samples(READY) == {MAIL: 1, ("ClusterSmtpVault", "corp", ""): 0}
