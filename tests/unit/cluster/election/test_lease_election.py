# SPDX-License-Identifier: Apache-2.0
"""The holder of the Lease works: never two at a time, and soon another one after the first has gone."""

import asyncio
import logging
from datetime import datetime

import pytest

from smtp_operator.api.errors import AccessDenied, ObjectNotFound, RequestRefused
from smtp_operator.cluster.leader_election import LeaderLease, LeaseLost, LeaseTiming
from smtp_testkit.simulation.election import PATH, Replicas, now
from smtp_testkit.simulation.leases import LeaseServer

pytestmark = pytest.mark.looptime(noop_cycles=0)


async def test_the_first_one_works_at_once(stage: Replicas) -> None:
    leader = await stage.leader()
    assert now() < 0.1
    assert leader.lease.held
    assert stage.spec["holderIdentity"] == leader.name
    assert stage.spec["leaseDurationSeconds"] == 15
    assert stage.spec["leaseTransitions"] == 0


async def test_the_times_in_it_are_micro_times(stage: Replicas) -> None:
    await stage.leader()
    for field in ("acquireTime", "renewTime"):
        text = str(stage.spec[field])
        assert len(text) == len("2026-01-31T12:00:00.000000Z")
        assert datetime.fromisoformat(text).tzinfo is not None


async def test_another_one_stands_by_for_as_long_as_it_is_renewed(stage: Replicas) -> None:
    await stage.leader()
    standby = stage.start()
    await asyncio.sleep(3600)
    assert standby.worked_from is None
    assert not standby.lease.held
    with pytest.raises(LeaseLost):
        standby.lease.check()


async def test_it_is_renewed_every_two_seconds(stage: Replicas) -> None:
    await stage.leader()
    stage.server.asked.clear()
    await asyncio.sleep(60)
    assert 28 <= stage.server.asked.count(f"PUT {PATH}") <= 30


async def test_of_a_killed_one_it_is_taken_once_it_has_ended(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(30)
    await leader.kill()
    killed = now()
    await standby.works.wait()
    assert 13 <= now() - killed <= 15.1
    assert stage.spec["leaseTransitions"] == 1


async def test_a_later_replica_waits_a_whole_term_since_times_in_the_lease_are_not_trusted(
    stage: Replicas,
) -> None:
    leader = await stage.leader()
    await leader.kill()
    await asyncio.sleep(3600)
    started = now()
    late = stage.start()
    await late.works.wait()
    assert 15 <= now() - started <= 15.1


async def test_one_that_is_stopped_gives_it_back_and_the_next_works_at_once(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(30)
    stopped = now()
    await leader.stop()
    await standby.works.wait()
    assert now() - stopped < 0.2
    assert standby.lease.held
    assert not leader.lease.held


async def test_without_its_watch_the_next_works_within_two_seconds(
    stage: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = await stage.leader()
    monkeypatch.setattr(stage.server, "_tell", lambda *_: None)
    standby = stage.start()
    await asyncio.sleep(30)
    stopped = now()
    await leader.stop()
    await standby.works.wait()
    assert now() - stopped <= 2.1


async def test_of_ten_that_stand_by_one_works(stage: Replicas) -> None:
    leader = await stage.leader()
    others = [stage.start() for _ in range(10)]
    await asyncio.sleep(10)
    await leader.stop()
    await asyncio.sleep(60)
    assert sum(it.worked_from is not None for it in others) == 1
    assert sum(it.lease.held for it in others) == 1


async def test_of_ten_that_start_at_the_same_time_one_works(stage: Replicas) -> None:
    replicas = [stage.start() for _ in range(10)]
    await asyncio.sleep(60)
    assert sum(it.worked_from is not None for it in replicas) == 1


@pytest.mark.parametrize("seconds", [1.0, 5.0, 7.4])
async def test_an_api_server_that_is_away_for_some_seconds_is_borne(stage: Replicas, seconds: float) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(30)
    stage.server.down = True
    await asyncio.sleep(seconds)  # the last renewal was up to 2 s before
    stage.server.down = False
    await asyncio.sleep(60)
    assert leader.lease.held
    assert standby.worked_from is None


async def test_one_that_cannot_renew_gives_up_before_anybody_takes_it(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(30)
    leader_alone = leader.lease
    stage.server.latency = 100.0  # for requests; but the watch of the standby saw the last renewal
    error = await leader.ends()
    gave_up = now()
    stage.server.latency = 0.01
    await standby.works.wait()
    assert str(error) == (
        "the lease ops/smtp-operator is lost: it was not renewed for 10 s; this replica stops, so that no"
        " email is sent twice"
    )
    assert not leader_alone.held
    assert standby.worked_from is not None
    assert standby.worked_from - gave_up > 3


async def test_a_request_that_hangs_does_not_use_up_the_term(stage: Replicas) -> None:
    leader = await stage.leader()
    await asyncio.sleep(3)
    stage.server.latency = 100.0
    await asyncio.sleep(4)
    stage.server.latency = 0.01
    await asyncio.sleep(60)
    assert leader.lease.held


async def test_another_holder_ends_it_at_the_next_renewal(stage: Replicas) -> None:
    leader = await stage.leader()
    stage.server.edit(PATH, {"holderIdentity": "somebody-else"})
    error = await leader.ends()
    assert "lost: somebody-else holds it now; " in str(error)
    with pytest.raises(LeaseLost):
        leader.lease.check()


async def test_an_edit_of_somebody_elses_is_no_loss(stage: Replicas) -> None:
    leader = await stage.leader()
    stage.server.edit(PATH, {"acquireTime": None})
    await asyncio.sleep(60)
    assert leader.lease.held


@pytest.mark.parametrize("field", ["holderIdentity", "leaseDurationSeconds"])
async def test_what_somebody_took_out_of_it_is_written_again(stage: Replicas, field: str) -> None:
    leader = await stage.leader()
    before = stage.spec[field]
    stage.server.edit(PATH, {field: None})
    await asyncio.sleep(10)
    assert stage.spec[field] == before
    assert leader.lease.held


async def test_a_lease_that_was_deleted_is_made_again_by_its_holder(stage: Replicas) -> None:
    leader = await stage.leader()
    stage.server.delete(PATH)
    await asyncio.sleep(10)
    assert stage.spec["holderIdentity"] == leader.name


async def test_a_lease_that_was_deleted_and_taken_by_another_is_lost(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(5)
    stage.server.delete(PATH)
    await asyncio.sleep(10)
    assert [leader.lease.held, standby.lease.held].count(True) == 1
    assert stage.spec["holderIdentity"] == (leader if leader.lease.held else standby).name


async def test_labels_and_fields_of_others_stay(stage: Replicas) -> None:
    leader = await stage.leader()
    stage.server.leases[PATH]["metadata"]["labels"] = {"team": "mail"}
    stage.server.edit(PATH, {"strategy": "OldestEmulationVersion"})
    await asyncio.sleep(30)
    assert leader.lease.held
    assert stage.server.leases[PATH]["metadata"]["labels"] == {"team": "mail"}
    assert stage.spec["strategy"] == "OldestEmulationVersion"


@pytest.mark.parametrize("drift", [0.9, 1.1])
async def test_clocks_that_do_not_agree_do_no_harm(stage: Replicas, drift: float) -> None:
    leader = await stage.leader()
    standby = stage.start(clock=lambda: 1e6 + drift * now())
    await asyncio.sleep(600)
    assert leader.lease.held
    assert standby.worked_from is None


async def test_a_lost_lease_is_not_given_back(stage: Replicas) -> None:
    leader = await stage.leader()
    stage.server.edit(PATH, {"holderIdentity": "somebody-else"})
    await leader.ends()
    stage.server.asked.clear()
    await leader.lease.release()
    assert stage.server.asked == []


async def test_a_standby_gives_nothing_back(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(10)
    await standby.stop()
    assert stage.spec["holderIdentity"] == leader.name


async def test_an_api_server_that_is_away_does_not_keep_it_from_ending(
    stage: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    leader = await stage.leader()
    stage.server.latency = 100.0
    stopped = now()
    await leader.stop()
    assert now() - stopped <= 2.1
    assert caplog.messages[-1] == (
        f"the lease ops/smtp-operator was not released; others wait 15 s: GET {PATH}: no response in time"
    )


async def test_one_that_stands_by_bears_an_api_server_that_is_away(stage: Replicas) -> None:
    leader = await stage.leader()
    standby = stage.start()
    await asyncio.sleep(10)
    await leader.kill()
    stage.server.down = True
    await asyncio.sleep(600)
    assert not standby.task.done()
    stage.server.down = False
    back = now()
    await standby.works.wait()
    assert now() - back <= 2.1


class Refusing(LeaseServer):
    """Answers every request with one error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def _answer(self, method: str, path: str, body: dict[str, object]) -> dict[str, object]:
        raise self.error


@pytest.mark.parametrize("error", [AccessDenied("GET x: 403 Forbidden"), RequestRefused("GET x: 422")])
async def test_a_permanent_error_ends_the_standby(error: Exception) -> None:
    lease = LeaderLease(Refusing(error), namespace="ops", name="smtp-operator", identity="a", clock=now)
    with pytest.raises(type(error)) as caught:
        await lease.acquire()
    assert caught.value is error


async def test_a_namespace_that_does_not_exist_is_told() -> None:
    missing = ObjectNotFound('POST x: 404 NotFound: namespaces "ops" not found')
    lease = LeaderLease(Refusing(missing), namespace="ops", name="smtp-operator", identity="a", clock=now)
    with pytest.raises(ObjectNotFound) as caught:
        await lease.acquire()
    assert caught.value is missing


async def test_each_state_is_logged_once(stage: Replicas, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "smtp_operator.cluster.leader_election"):
        leader = await stage.leader()
        stage.start()
        await asyncio.sleep(60)
        stage.server.down = True
        await asyncio.sleep(4)
        stage.server.down = False
        await asyncio.sleep(60)
        await leader.stop()
        await asyncio.sleep(5)
    assert sorted(caplog.messages) == sorted(
        [
            "works: holds the lease ops/smtp-operator as replica-1",
            "stands by: replica-1 holds the lease ops/smtp-operator",
            f"the lease ops/smtp-operator was not renewed: PUT {PATH}: connection refused",
            f"stands by: the lease ops/smtp-operator was not acquired: GET {PATH}: connection refused",
            "works: holds the lease ops/smtp-operator as replica-1",
            "stands by: replica-1 holds the lease ops/smtp-operator",
            "released the lease ops/smtp-operator",
            "works: holds the lease ops/smtp-operator as replica-2",
        ]
    )


def test_it_gives_up_before_anybody_may_take_it() -> None:
    timing = LeaseTiming()
    assert (timing.duration, timing.renew_deadline, timing.retry_period) == (15, 10, 2)
