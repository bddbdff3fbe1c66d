# SPDX-License-Identifier: Apache-2.0
"""Of two operators with default settings only one works; only emails in progress can be sent twice."""

import http.client
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, Bed, Manifests, OperatorProcess, StartOperator
from smtp_testkit.testbed.api import ApiError
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.exposition import Exposition
from smtp_testkit.testbed.once import verdict
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.recording_proxy import recorded
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.ports import free_ports

MANY = 100
CONNECTIONS = 5
"""Default of --max-connections-per-destination."""
PATIENCE = 120.0

Pair = tuple[OperatorProcess, OperatorProcess]


@pytest.fixture
def lease(api: Api, manifests: Manifests) -> Iterator[str]:
    """The path of the Lease, which has no holder."""
    namespace, _ = manifests.service_account
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/smtp-operator"
    _delete(api, path)
    yield path
    _delete(api, path)


def _delete(api: Api, path: str) -> None:
    try:
        api.delete(path)
    except ApiError as error:
        if error.code != http.client.NOT_FOUND:
            raise


@pytest.fixture
def pair(bed: Bed, start_operator: StartOperator, lease: str) -> Pair:
    """The leader and the standby."""
    flags = (*LOOPBACK, f"--namespace={bed.namespace}", "--leader-elect")
    leader = start_operator(*flags)
    soon(lambda: "works: holds the lease" in leader.output())
    standby = start_operator(*flags)
    soon(lambda: "stands by: " in standby.output())
    return leader, standby


def soon(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def works(operator: OperatorProcess) -> bool:
    return "works: holds the lease" in operator.output()


@pytest.fixture
def servers() -> Iterator[list[MailServer]]:
    """Several mail servers, so that many dialogues run at the same time."""
    with ExitStack() as stack:
        yield [stack.enter_context(MailServer.in_thread()) for _ in range(3)]


def mails_of(*servers: MailServer) -> Counter[str]:
    """Return the number of emails of each SmtpConfig."""
    mails = [mail for server in servers for mail in server.mails]
    names = (re.findall(rb"(?mi)^X-Smtp-Operator: (\S+)", mail.content)[0] for mail in mails)
    return Counter(name.decode() for name in names)


def assert_few_repeated(wanted: Counter[str], servers: list[MailServer]) -> None:
    """Assert that each SmtpConfig got its email, and that few got it twice, with the same Message-ID."""
    assert mails_of(*servers).keys() == wanted.keys()
    for server in servers:
        mails = mails_of(server)
        assert mails.total() - len(mails) <= CONNECTIONS
    assert len(message_ids(*servers)) == len(wanted)


def message_ids(*servers: MailServer) -> set[bytes]:
    """Return the Message-IDs of all emails."""
    mails = [mail for server in servers for mail in server.mails]
    return {re.findall(rb"(?mi)^Message-ID: (\S+)", mail.content)[0] for mail in mails}


def create_many(bed: Bed, servers: list[MailServer]) -> Counter[str]:
    """Create SmtpConfigs; return the expected result of `mails_of`."""
    names = [f"mail-{number:03}" for number in range(MANY)]
    for name, server in zip(names, cycle(servers)):
        bed.create(server, name)
    return Counter(f"{bed.namespace}/{name}" for name in names)


def all_judged(bed: Bed) -> Callable[[], bool]:
    def judged() -> bool:
        items = bed.api.items(bed.configs)
        return all(it.get("status", {}).get("observedGeneration") == 1 for it in items)

    return judged


def test_a_hundred_smtpconfigs_get_a_hundred_mails(pair: Pair, bed: Bed, servers: list[MailServer]) -> None:
    leader, standby = pair
    wanted = create_many(bed, servers)
    soon(all_judged(bed))
    assert mails_of(*servers) == wanted
    assert works(leader)
    assert not works(standby)


def test_a_leader_that_is_told_to_end_hands_over_in_the_middle_of_its_work(
    pair: Pair, bed: Bed, servers: list[MailServer]
) -> None:
    leader, standby = pair
    wanted = create_many(bed, servers)
    soon(lambda: mails_of(*servers).total() >= MANY // 4)

    assert leader.stop() == 0
    # Sooner than after the 15 s in which a Lease expires.
    soon(lambda: works(standby), seconds=10)
    soon(all_judged(bed))

    assert "released the lease" in leader.output()
    assert mails_of(*servers) == wanted


def test_a_mail_under_way_when_it_is_told_to_end_is_not_sent_again(
    pair: Pair, bed: Bed, server: MailServer
) -> None:
    leader, standby = pair

    def told_to_end(said: str) -> None:
        if said == ".":
            server.on_command = lambda _: None
            os.kill(leader.pid, signal.SIGTERM)
            time.sleep(0.3)  # that of a slow answer

    server.on_command = told_to_end
    bed.create(server)

    assert bed.verdict(seconds=PATIENCE).reason == "TestEmailSent"
    assert leader.ended() == 0
    soon(lambda: works(standby))
    bed.create(server, "later")
    bed.verdict("later")
    assert sorted(mails_of(server).values()) == [1, 1]


def test_a_killed_leader_is_replaced_and_repeats_at_most_the_emails_in_progress(
    pair: Pair, bed: Bed, servers: list[MailServer]
) -> None:
    leader, standby = pair
    wanted = create_many(bed, servers)
    soon(lambda: mails_of(*servers).total() >= MANY // 4)

    leader.kill()
    soon(all_judged(bed))

    assert works(standby)
    assert_few_repeated(wanted, servers)


def test_a_leader_that_is_cut_off_repeats_at_most_the_emails_in_progress(
    cluster: LocalCluster,
    service_account: Path,
    tmp_path: Path,
    bed: Bed,
    servers: list[MailServer],
    start_operator: StartOperator,
    lease: str,
) -> None:
    flags = (*LOOPBACK, f"--namespace={bed.namespace}", "--leader-elect")
    with recorded(service_account, cluster.url, cluster.ca_file, tmp_path) as (proxy, kubeconfig):
        leader = start_operator(*flags, kubeconfig=kubeconfig)
        soon(lambda: works(leader))
        standby = start_operator(*flags)
        wanted = create_many(bed, servers)
        soon(lambda: mails_of(*servers).total() >= MANY // 4)

        proxy.partitioned = True
        soon(lambda: works(standby))
        soon(all_judged(bed))

        assert leader.ended() == 1
    assert " is lost: it was not renewed for " in leader.output()
    assert_few_repeated(wanted, servers)


@pytest.mark.parametrize(
    ("verb", "mails", "reason"),
    [
        ("banner", 1, "TestEmailSent"),
        ("RCPT", 1, "TestEmailSent"),
        ("DATA", 0, "Interrupted"),
        (".", 1, "Interrupted"),
    ],
)
def test_a_leader_killed_in_a_smtp_test_is_replaced_and_no_email_is_repeated(
    pair: Pair, bed: Bed, server: MailServer, verb: str, mails: int, reason: str
) -> None:
    leader, standby = pair

    def killed(said: str) -> None:
        if said == verb:
            server.on_command = lambda _: None
            leader.kill()

    server.on_command = killed
    bed.create_test("try", settings=settings(server))

    assert leader.ended() == -signal.SIGKILL
    assert verdict(bed) == reason
    assert works(standby)
    assert len(server.mails) == mails


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "."])
def test_a_leader_frozen_in_a_smtp_test_sends_nothing_when_it_wakes_up(
    pair: Pair, bed: Bed, server: MailServer, verb: str
) -> None:
    leader, standby = pair

    def frozen(said: str) -> None:
        if said == verb:
            server.on_command = lambda _: None
            leader.freeze()

    server.on_command = frozen
    bed.create_test("try", settings=settings(server))
    found = verdict(bed)
    assert works(standby)

    leader.thaw()

    assert leader.ended() == 1
    assert verdict(bed) == found
    assert len(server.mails) <= 1


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "."])
def test_a_leader_that_slept_through_its_term_sends_nothing_when_it_wakes_up(
    pair: Pair, bed: Bed, servers: list[MailServer], verb: str
) -> None:
    leader, standby = pair

    def freeze(said: str) -> None:
        if said == verb and mails_of(*servers).total() >= MANY // 4:
            for server in servers:
                server.on_command = lambda _: None
            leader.freeze()

    for server in servers:
        server.on_command = freeze
    wanted = create_many(bed, servers)
    soon(lambda: works(standby))
    soon(all_judged(bed))
    statuses = [it["status"] for it in bed.api.items(bed.configs)]

    leader.thaw()

    assert leader.ended() == 1
    assert " is lost: it was not renewed for " in leader.output()
    assert_few_repeated(wanted, servers)
    assert [it["status"] for it in bed.api.items(bed.configs)] == statuses, "older verdicts are not written"


def test_the_one_that_stands_by_is_ready_idle_and_says_so_in_its_metrics(
    bed: Bed, server: MailServer, start_operator: StartOperator, lease: str
) -> None:
    ports = free_ports(2)
    flags = (*LOOPBACK, f"--namespace={bed.namespace}", "--leader-elect")
    leader = start_operator(*flags, f"--metrics-address=127.0.0.1:{ports[0]}")
    soon(lambda: works(leader))
    standby = start_operator(*flags, f"--metrics-address=127.0.0.1:{ports[1]}")
    bed.verdict_of(server)

    leads, stands_by = (Exposition.scraped(port) for port in ports)
    assert leads.samples("smtp_operator_leader") == {(): 1}
    assert stands_by.samples("smtp_operator_leader") == {(): 0}
    assert stands_by.samples("smtp_operator_objects") == {}
    assert stands_by.samples("smtp_operator_tests_total") == {}
    assert standby.runs


def test_one_that_stands_by_ends_on_sigterm(pair: Pair) -> None:
    leader, standby = pair
    assert standby.stop() == 0
    assert leader.runs


def test_the_lease_says_who_works(api: Api, pair: Pair, lease: str) -> None:
    leader, _ = pair
    spec = api.get(lease)["spec"]
    assert f" as {spec['holderIdentity']}" in leader.output()
    assert spec["leaseDurationSeconds"] == 15


def test_without_the_permission_it_says_so_and_ends(
    bed: Bed, service_account: Path, logs: Path, lease: str
) -> None:
    flags = (*LOOPBACK, f"--namespace={bed.namespace}", "--leader-elect", "--lease-name=another-name")
    with OperatorProcess(service_account, logs / "no-lease.log", flags) as operator:
        operator.launch()
        assert operator.ended() == 1
        said = 'cannot get resource "leases" in API group "coordination.k8s.io"'
        assert said in operator.output()
