# SPDX-License-Identifier: Apache-2.0
"""Each change of Published or its reason creates one Event; rechecks and restarts create none."""

from dataclasses import replace

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

PUBLISH = {"secretName": "proven"}
REFUSED = fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8")


def events(world: World) -> list[tuple[str, str]]:
    """Return type and reason of the Events on publishing since the last call."""
    found: list[tuple[str, str]] = [
        (it.type, it.reason) for it in world.cluster.notices if it.action == "Publish"
    ]
    world.cluster.notices.clear()
    return found


async def test_a_first_failure_creates_no_event_on_publishing(world: World) -> None:
    world.engine.always(REFUSED)
    await world.start()
    world.put_secret(password="wrong")
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(60)
    assert events(world) == []
    world.engine.always(passes())
    world.put_secret(password="s3cret-1")
    await world.passes(60)
    (notice,) = (it for it in world.cluster.notices if it.action == "Publish")
    condition = mail.condition("Published")
    assert condition is not None
    assert (notice.type, notice.reason, notice.note) == ("Normal", "Published", condition.message)


async def test_each_flip_creates_one_event(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(61)
    assert events(world) == [("Normal", "Published")]
    world.put_secret(password="s3cret-2")
    await world.passes(4 * 3600)
    await world.restart(after=5)
    await world.passes(3600)
    assert events(world) == []
    world.engine.always(REFUSED)
    world.put_secret(password="wrong")
    await world.passes(4 * 3600)
    assert events(world) == [("Normal", "KeptLastProven")]
    world.put_secret("proven", manager="kubectl-edit", password="by hand")
    await world.passes(600)
    assert events(world) == [("Warning", "SecretEdited")]
    world.delete_secret("proven")
    await world.passes(600)
    assert events(world) == [("Warning", "NotProvenYet")]


async def test_a_secret_of_someone_else_creates_one_warning(world: World) -> None:
    await world.start()
    world.put_secret("proven", password="theirs")
    world.put_secret(password="s3cret-1")
    world.smtp_config().create_with_login(publish=PUBLISH)
    for number in range(20):
        await world.passes(600)
        world.put_secret("proven", password=f"theirs-{number}")
    assert events(world) == [("Warning", "SecretNotOwned")]


async def test_an_operator_without_the_flag_says_so_once(world: World) -> None:
    await world.ready(publish=PUBLISH)
    await world.stop()
    world.cluster.notices.clear()
    world.policy = replace(world.policy, publishes=False)
    await world.start()
    await world.passes(3600)
    await world.restart(after=5)
    await world.passes(3600)
    assert events(world) == [("Warning", "PublishNotEnabled")]
