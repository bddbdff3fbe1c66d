# SPDX-License-Identifier: Apache-2.0
"""The operator keeps working when a user writes the longest objects that the API server accepts."""

import itertools
from collections.abc import Iterator

import pytest

from smtp_operator.api.objects import JsonObject
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, Bed, StartOperator
from smtp_testkit.testbed.exposition import Exposition
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.bench.usage import peak_megabytes
from smtp_tools.localcluster.ports import free_ports

LIMIT_MEGABYTES = 256 * 1.048576
OVERSIZED = "smtp_operator_oversized_objects_total"
KINDS = ("secrets", "configmaps", "serviceaccounts")


def long(name: str) -> JsonObject:
    """Return an object of 7 MB as JSON."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "<" * 1_200_000, "uid": "0"}
    return {"metadata": {"name": name, "ownerReferences": [owner]}}


@pytest.fixture
def numbers(api: Api, bed: Bed) -> Iterator[Iterator[int]]:
    """Numbers of objects; all are deleted at the end, because other tests list these kinds too."""
    used = itertools.count()
    yield used
    for number in range(next(used)):
        for kind in KINDS:
            api.delete(f"/api/v1/namespaces/{bed.namespace}/{kind}/long-{number}")


def test_objects_of_7_mb_neither_keep_it_from_starting_nor_end_it(
    api: Api, bed: Bed, server: MailServer, start_operator: StartOperator, numbers: Iterator[int]
) -> None:
    (port,) = free_ports(1)

    def create(how_many: int) -> None:
        for number in itertools.islice(numbers, how_many):
            for kind in KINDS:
                api.create(f"/api/v1/namespaces/{bed.namespace}/{kind}", long(f"long-{number}"))

    create(5)
    operator = start_operator(
        *LOOPBACK, f"--namespace={bed.namespace}", f"--metrics-address=127.0.0.1:{port}"
    )
    Exposition.awaited(port, lambda it: all(it.samples(OVERSIZED)[(kind,)] >= 5 for kind in KINDS))
    create(1)
    Exposition.awaited(port, lambda it: all(it.samples(OVERSIZED)[(kind,)] >= 6 for kind in KINDS))
    bed.verdict_of(server)
    assert operator.runs
    assert peak_megabytes(operator.pid) < LIMIT_MEGABYTES
    assert " has 7,200," in operator.output()
