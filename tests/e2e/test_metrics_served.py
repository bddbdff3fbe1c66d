# SPDX-License-Identifier: Apache-2.0
"""The running operator serves metrics for Prometheus."""

from pathlib import Path

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, OperatorProcess, StartOperator
from smtp_testkit.testbed.exposition import Exposition
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster.ports import free_ports

READY = "smtp_operator_object_ready"


def test_an_object_is_in_the_metrics_from_its_verdict_to_its_deletion(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    (port,) = free_ports(1)
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", f"--metrics-address=127.0.0.1:{port}")
    object_ = ("SmtpConfig", "mail", bed.namespace)
    bed.verdict_of(server)

    now = Exposition.awaited(port, lambda it: it.samples(READY) == {object_: 1})

    assert now.samples("smtp_operator_leader") == {(): 1}
    tests = now.samples("smtp_operator_tests_total")
    assert tests == {("SendEmail", "TestEmailSent", "passed", "SpecChanged"): 1}
    assert now.samples("smtp_operator_api_requests_total")["200", "PATCH"] >= 1
    assert now.samples("process_resident_memory_bytes")[()] > 0

    bed.delete()
    Exposition.awaited(port, lambda it: it.samples(READY) == {})


def test_it_ends_on_sigterm_while_prometheus_asks(bed: Bed, start_operator: StartOperator) -> None:
    (port,) = free_ports(1)
    operator = start_operator(
        *LOOPBACK, f"--namespace={bed.namespace}", f"--metrics-address=127.0.0.1:{port}"
    )
    Exposition.scraped(port)
    assert operator.stop() == 0


def test_an_address_that_is_taken_is_named(
    bed: Bed, start_operator: StartOperator, service_account: Path, logs: Path
) -> None:
    (port,) = free_ports(1)
    flags = (*LOOPBACK, f"--namespace={bed.namespace}", f"--metrics-address=127.0.0.1:{port}")
    start_operator(*flags)
    with OperatorProcess(service_account, logs / "address-taken.log", flags) as second:
        second.launch()
        assert second.ended() == 2
        assert (
            f"--metrics-address: cannot listen on 127.0.0.1:{port}: Address already in use" in second.output()
        )
