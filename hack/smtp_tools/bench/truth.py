# SPDX-License-Identifier: Apache-2.0
"""Delay of verdicts after a password rotation, and after a restart with all tests overdue."""

import statistics
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

from smtp_tools.bench import ours
from smtp_tools.bench.api import PARALLEL, Object, VerdictWatch
from smtp_tools.bench.figures import Figure
from smtp_tools.bench.mail import PASSWORD
from smtp_tools.bench.usage import resident_megabytes
from smtp_tools.bench.world import World, say
from smtp_tools.localcluster.processes import Process

LATENCY_TARGET_SECONDS = 2.0
GROWTH_TARGET_MEGABYTES = 10.0
FOREIGN = 10_000
FOREIGN_BYTES = 50 * 1024
FOREIGN_NAMESPACE = "bench-foreign"
ROTATIONS = 200
ROTATIONS_A_SECOND = 20
SPREAD_MINUTES = 10
STORM_SECONDS = 60.0
UNEVEN = 1.5
"""A minute may get so many times its share of the overdue tests, because a hash decides their times."""


def rotation(world: World, process: Process) -> list[Figure]:
    """Measure the time from a changed password to its verdict, with many large other Secrets."""
    before = resident_megabytes(process.pid)
    _create_foreign(world)
    world.settle(process)
    grown = resident_megabytes(process.pid) - before
    latencies = sorted(_rotate(world))
    load = f"with {FOREIGN:,} Secrets"
    return [
        Figure(f"rotation to verdict, median, {load}", statistics.median(latencies), "s"),
        Figure(f"rotation to verdict, p99, {load}", _p99(latencies), "s", LATENCY_TARGET_SECONDS),
        Figure(f"memory growth with {FOREIGN:,} Secrets of 50 KiB", grown, "MB", GROWTH_TARGET_MEGABYTES),
    ]


def make_overdue(world: World) -> None:
    """Set the next test of all objects to a past time; the operator must not run."""
    change = {"status": {"nextTestTime": "2026-01-01T00:00:00Z"}}

    def put_back(name: str) -> None:
        path = f"{world.smtp_configs.collection}/{name}/status"
        world.api.text("PATCH", path, change, kind="merge-patch+json")

    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(put_back, world.names):
            pass


def storm(world: World) -> list[Figure]:
    """Measure the first minute of an operator with all tests overdue."""
    begun = time.monotonic()
    mark = world.audit.mark()
    say(f"  Watching for {STORM_SECONDS:g} s.")
    time.sleep(STORM_SECONDS)
    seen = world.mail.since(begun)
    written = world.audit.since(mark, world.smtp_configs.user).of("smtpconfigs/status", "patch", "update")
    share = len(world.names) / SPREAD_MINUTES
    minute = f"in the first minute, of {len(world.names):,}"
    return [
        Figure(f"overdue rechecks {minute}", len(seen.connections), at_most=share * UNEVEN),
        Figure("statuses written for each of them", written / max(len(seen.connections), 1), at_most=1),
        Figure("emails sent by them", len(seen.mails), at_most=0),
    ]


def _create_foreign(world: World) -> None:
    say(f"  Creating {FOREIGN:,} Secrets of {FOREIGN_BYTES // 1024} KiB.")
    world.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": FOREIGN_NAMESPACE}})
    data = {"ballast": b64encode(b"x" * FOREIGN_BYTES).decode()}
    secrets: list[Object] = [{"metadata": {"name": f"foreign-{it}"}, "data": data} for it in range(FOREIGN)]
    world.api.create(f"/api/v1/namespaces/{FOREIGN_NAMESPACE}/secrets", secrets)


def _rotate(world: World) -> list[float]:
    """Change passwords; return the seconds from each change to its verdict."""
    names = world.names[:ROTATIONS]
    changed: dict[str, float] = {}
    # The mail server knows one password. A line end makes it a different value with the same meaning.
    change = {"data": {"password": b64encode(f"{PASSWORD}\n".encode()).decode()}}
    side = world.smtp_configs
    with VerdictWatch(world.api, side.collection, set(names), _of_a_rotation) as watch:
        for name in names:
            path = f"/api/v1/namespaces/{ours.NAMESPACE}/secrets/{name}"
            world.api.text("PATCH", path, change, kind="merge-patch+json")
            changed[name] = time.monotonic()
            time.sleep(1 / ROTATIONS_A_SECOND)
        watch.wait(60)
    return [max(watch.times[name] - changed[name], 0.0) for name in names]


def _of_a_rotation(item: Object) -> str | None:
    if item.get("status", {}).get("lastTest", {}).get("trigger") != "PasswordChanged":
        return None
    return ours.verdict(item)


def _p99(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
