# SPDX-License-Identifier: Apache-2.0
"""--secret-watch none and label: changes that no watch reports are found by polling."""

from collections.abc import AsyncIterator

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

MINUTE = 60
HOUR = 3600
LABEL = {"smtp-operator.io/watch": "true"}
ELSEWHERE = {"smtp-operator.io/allowed-servers": "mx.example.com:25"}
HERE = {"smtp-operator.io/allowed-servers": "smtp.example.com:587"}


@pytest.fixture(params=["none", "label"])
async def unwatched(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(watch=request.param)
    yield world
    await world.stop()
    assert world.complaints() == []


@pytest.fixture
async def labelled() -> AsyncIterator[World]:
    world = World(watch="label")
    yield world
    await world.stop()
    assert world.complaints() == []


async def test_a_missing_secret_is_asked_for_soon(unwatched: World) -> None:
    await unwatched.start()
    mail = unwatched.smtp_config().create_with_login()
    await unwatched.passes(10)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    unwatched.put_secret(password="s3cret-1")
    await unwatched.passes(30)
    assert mail.ready == "True"


async def test_a_missing_secret_is_asked_for_every_ten_minutes_in_the_end(unwatched: World) -> None:
    await unwatched.start()
    unwatched.smtp_config().create_with_login()
    await unwatched.passes(2 * HOUR)
    assert 12 <= [call for call, _ in unwatched.cluster.calls].count("get_object") <= 20


async def test_a_new_password_is_tested_with_a_mail_at_the_next_interval(unwatched: World) -> None:
    mail = await unwatched.ready()
    await unwatched.passes(10 * MINUTE)
    unwatched.put_secret(password="s3cret-2")
    await unwatched.passes(10 * MINUTE)
    assert mail.runs == []
    await unwatched.passes(HOUR)
    assert mail.triggers == ["PasswordChanged"]
    assert len(unwatched.mails) == 1


async def test_a_new_password_is_found_before_a_recheck_that_is_due_at_once_after_the_interval(
    unwatched: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nextTestTime has no fractions of a second, so that the recheck may come a moment before."""
    monkeypatch.setattr("smtp_operator.reconcile.backoff.fraction", lambda text: 0.0)
    await unwatched.passes(0.7)
    mail = await unwatched.ready()
    unwatched.put_secret(password="s3cret-2")
    await unwatched.passes(HOUR)
    assert mail.triggers == ["PasswordChanged"]


async def test_a_new_password_is_no_recheck_however_long_ago_it_was_asked_for(unwatched: World) -> None:
    mail = await unwatched.ready()
    await unwatched.passes(30 * MINUTE)
    await unwatched.restart()
    await unwatched.passes(15 * MINUTE)
    unwatched.put_secret(password="s3cret-2")
    await unwatched.passes(30 * MINUTE)
    assert mail.triggers == ["PasswordChanged"]
    assert len(unwatched.mails) == 1


async def test_after_a_failed_login_another_password_is_tried_at_the_next_interval(unwatched: World) -> None:
    await unwatched.start()
    unwatched.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    unwatched.put_secret(password="wrong")
    mail = unwatched.smtp_config().create_with_login()
    await unwatched.passes(10 * MINUTE)
    unwatched.put_secret(password="s3cret-1")
    await unwatched.passes(HOUR)
    assert (mail.trigger, mail.ready) == ("PasswordChanged", "True")


async def test_after_a_failed_login_the_same_password_is_not_tried_for_a_day(unwatched: World) -> None:
    await unwatched.start()
    unwatched.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    unwatched.put_secret(password="wrong")
    unwatched.smtp_config().create_with_login()
    await unwatched.passes(23 * HOUR)
    assert len(unwatched.logins) == 1


async def test_an_annotation_that_allows_the_server_is_found_at_the_next_interval(unwatched: World) -> None:
    await unwatched.start()
    unwatched.put_secret(password="s3cret-1", annotations=ELSEWHERE)
    mail = unwatched.smtp_config().create_with_login()
    await unwatched.passes(10 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "ServerNotAllowed")
    unwatched.annotate_secret(**HERE)
    await unwatched.passes(HOUR)
    assert mail.ready == "True"


async def test_a_vaults_login_that_no_longer_lists_the_mail_server_gives_nothing_at_the_next_test(
    unwatched: World,
) -> None:
    """Also where a login is kept from before."""
    bao = unwatched.vault().create()
    mail = await unwatched.ready(password=bao.password())
    unwatched.annotate_secret("bao-login", **{"smtp-operator.io/allowed-servers": "bao.example.com:443"})
    logins = len(unwatched.logins)
    await unwatched.passes(1.1 * HOUR)
    assert (mail.ready, mail.reason) == ("False", "ServerNotAllowed")
    assert len(unwatched.logins) == logins
    allowed = "bao.example.com:443,smtp.example.com:587"
    unwatched.annotate_secret("bao-login", **{"smtp-operator.io/allowed-servers": allowed})
    await unwatched.passes(1.1 * HOUR)
    assert mail.ready == "True"


async def test_a_deleted_secret_is_found_at_the_next_interval(unwatched: World) -> None:
    mail = await unwatched.ready()
    unwatched.delete_secret()
    await unwatched.passes(1.1 * HOUR)
    assert mail.reason == "SecretNotFound"


async def test_with_an_interval_of_zero_nothing_is_polled(unwatched: World) -> None:
    mail = await unwatched.ready(recheck={"interval": "0s"})
    unwatched.put_secret(password="s3cret-2")
    await unwatched.passes(24 * HOUR)
    assert unwatched.cluster.calls == []
    mail.request_test()
    await unwatched.passes(1)
    assert unwatched.logins[-1][1] == "s3cret-2"


async def test_suspended_objects_are_not_asked_for(unwatched: World) -> None:
    mail = await unwatched.ready()
    mail.edit(suspend=True)
    await unwatched.passes(60)
    unwatched.forget()
    await unwatched.passes(24 * HOUR)
    assert unwatched.cluster.calls == []


async def test_asking_is_as_rare_as_rechecking(unwatched: World) -> None:
    mail = await unwatched.ready()
    await unwatched.passes(24 * HOUR)
    assert len(mail.runs) <= 24
    assert [call for call, _ in unwatched.cluster.calls].count("get_object") <= 48


async def test_a_restart_asks_once_and_tests_nothing(unwatched: World) -> None:
    mail = await unwatched.ready()
    await unwatched.restart()
    await unwatched.passes(10 * MINUTE)
    assert mail.runs == []
    assert [call for call, _ in unwatched.cluster.calls].count("get_object") == 1


async def test_a_restart_finds_a_password_that_changed_meanwhile(unwatched: World) -> None:
    mail = await unwatched.ready()
    await unwatched.stop()
    await unwatched.passes(60)
    unwatched.put_secret(password="s3cret-2")
    await unwatched.start()
    await unwatched.passes(1)
    assert (mail.trigger, mail.mode) == ("PasswordChanged", "SendEmail")


async def test_a_secret_that_may_not_be_read_makes_no_loop(unwatched: World) -> None:
    mail = await unwatched.ready()
    unwatched.cluster.faults.denied.add(unwatched.put_secret(password="s3cret-1"))
    await unwatched.passes(1.2 * HOUR)
    assert mail.reason == "SecretAccessDenied"
    assert len(mail.writes) <= 2


async def test_a_labelled_secret_is_followed_at_once(labelled: World) -> None:
    labelled.put_secret(password="s3cret-1", labels=LABEL)
    mail = await labelled.ready()
    labelled.put_secret(password="s3cret-2")
    await labelled.passes(1)
    assert (mail.trigger, mail.mode) == ("PasswordChanged", "SendEmail")


async def test_a_label_taken_away_is_no_test(labelled: World) -> None:
    """The watch reports a deletion, and yet the Secret is there."""
    labelled.put_secret(password="s3cret-1", labels=LABEL)
    await labelled.passes(60)
    mail = await labelled.ready()
    labelled.put_secret(password="s3cret-1", labels={}, manager="kubectl-label")
    await labelled.passes(10 * MINUTE)
    assert mail.ready == "True"
    assert mail.runs == []


async def test_a_label_taken_away_with_a_new_password_is_one_test(labelled: World) -> None:
    labelled.put_secret(password="s3cret-1", labels=LABEL)
    mail = await labelled.ready()
    labelled.put_secret(password="s3cret-2", labels={})
    await labelled.passes(10 * MINUTE)
    assert mail.ready == "True"
    assert len(mail.runs) == 1


async def test_a_labelled_secret_that_is_deleted_fails_at_once(labelled: World) -> None:
    labelled.put_secret(password="s3cret-1", labels=LABEL)
    mail = await labelled.ready()
    labelled.delete_secret()
    await labelled.passes(1)
    assert mail.reason == "SecretNotFound"
