# SPDX-License-Identifier: Apache-2.0
"""A deletion of an SmtpConfig is never blocked, and nothing about the object remains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, OperatorProcess
from smtp_testkit.testbed.exposition import Exposition
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.ports import free_ports

READY = "smtp_operator_object_ready"


@pytest.fixture(scope="module")
def port() -> int:
    """The port of the metrics."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path, port: int) -> Iterator[OperatorProcess]:
    """An operator that serves metrics."""
    flags = [*LOOPBACK, f"--metrics-address=127.0.0.1:{port}", "--log-level=debug"]
    with OperatorProcess(service_account, logs / "deletion.log", flags) as process:
        yield process.start()


def gone(bed: Bed) -> bool:
    """Delete the object and return whether it is gone at once, as it is without a finalizer."""
    bed.delete()
    return all(it["metadata"]["name"] != "mail" for it in bed.api.items(bed.configs))


def series(found: Exposition, bed: Bed) -> set[str]:
    """Return the names of this namespace's objects in the metrics."""
    return {
        it.labels["name"]
        for family in found.families.values()
        for it in family.samples
        if it.labels.get("namespace") == bed.namespace
    }


def wait_for_series(port: int, bed: Bed, *names: str) -> None:
    """Wait until exactly these names are in the metrics."""
    Exposition.awaited(port, lambda it: series(it, bed) == set(names))


def test_with_the_operator_up_it_goes_at_once_and_its_metrics_with_it(
    bed: Bed, server: MailServer, operator: OperatorProcess, port: int
) -> None:
    bed.verdict_of(server, "StartTLS", tls=bed.trust(server))
    wait_for_series(port, bed, "mail")

    assert gone(bed)

    wait_for_series(port, bed)


def test_amid_a_test_it_goes_at_once_and_the_test_is_called_off(
    bed: Bed, server: MailServer, operator: OperatorProcess, port: int
) -> None:
    server.unanswered = {"RCPT"}
    bed.create(server, test={"timeout": "10m"})
    bed.wait(lambda it: it.reason == "Testing")

    assert gone(bed)

    server.wait_for_idle()
    assert series(Exposition.scraped(port), bed) == set()


def test_with_the_operator_down_it_goes_at_once_and_is_not_known_at_the_next_start(
    bed: Bed, server: MailServer, operator: OperatorProcess, port: int
) -> None:
    bed.verdict_of(server)
    operator.stop()

    assert gone(bed)

    operator.start()
    bed.create(server, "later")
    bed.verdict("later")
    wait_for_series(port, bed, "later")


@pytest.mark.alone
def test_a_deletion_during_a_break_of_the_watch_is_noticed(
    bed: Bed, server: MailServer, cluster: LocalCluster, operator: OperatorProcess, port: int
) -> None:
    """Restart the API server, so that kopf has to list again, without the deleted object."""
    bed.verdict_of(server)
    bed.create(server, "stays")
    bed.verdict("stays")
    wait_for_series(port, bed, "mail", "stays")

    operator.freeze()
    cluster.stop_apiserver()
    cluster.start_apiserver()
    assert gone(bed)
    operator.thaw()

    wait_for_series(port, bed, "stays")
    assert operator.runs
