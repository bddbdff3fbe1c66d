# SPDX-License-Identifier: Apache-2.0
"""Memory and processor time of an operator that starts with many tested SmtpConfigs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from smtp_tools.bench.figures import Figure
from smtp_tools.bench.usage import cpu_seconds, peak_megabytes
from smtp_tools.bench.world import World, say

SIZES = (1_000, 5_000, 10_000)
WAIT_SECONDS = 600
"""How long the operator runs with the most SmtpConfigs before its memory is read again."""

PEAK_TARGET_MEGABYTES = 160.0
SECONDS_PER_TEST = 0.2
"""Limit for creating and testing, per object."""

SETTLE_SECONDS = 300


@dataclass(frozen=True)
class Start:
    """The cost of a start with so many objects.

    Attributes:
        objects: number of tested SmtpConfigs in the cluster.
        cpu: processor time from the start until all watches are synced and the process is idle, in seconds.
        peak: peak resident memory until then, in MB.
        later: peak resident memory after the waiting time, in MB; None if it did not wait.
    """

    objects: int
    cpu: float
    peak: float
    later: float | None


def measure(world: World, wait: float, sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    """Create and test objects up to each size, and measure a start of the operator with them."""
    world.clear(world.smtp_configs)
    starts, existing = [], 0
    for size in sizes:
        _add(world, existing, size)
        existing = size
        starts.append(_start(world, size, wait if size == max(sizes) else None))
    world.clear(world.smtp_configs)
    return table_of(starts, wait)


def table_of(starts: list[Start], wait: float) -> list[Figure]:
    """Return the figures, with the sizes next to each other; the targets are for the largest size."""
    most = max(start.objects for start in starts)

    def rows(name: str, unit: str, amount: Callable[[Start], float | None], target: float | None) -> None:
        for start in starts:
            if (measured := amount(start)) is not None:
                at_most = target if start.objects == most else None
                figures.append(Figure(f"{name}, {start.objects:,} SmtpConfigs", measured, unit, at_most))

    figures: list[Figure] = []
    rows("CPU from start to the last watch synced", "s", lambda start: start.cpu, None)
    rows("peak memory during start", "MB", lambda start: start.peak, PEAK_TARGET_MEGABYTES)
    rows(f"peak memory after {wait:g} s", "MB", lambda start: start.later, PEAK_TARGET_MEGABYTES)
    return figures


def _add(world: World, first: int, end: int) -> None:
    side = world.smtp_configs
    names = [f"scale-{number:05}" for number in range(first, end)]
    say(f"  Creating {len(names):,} Secrets and SmtpConfigs; the operator tests them.")
    world.api.create(f"/api/v1/namespaces/{side.namespace}/secrets", side.secrets(names))
    process = world.start(side)
    try:
        world.create(side, names, process, seconds=60 + SECONDS_PER_TEST * len(names))
        world.settle(process, SETTLE_SECONDS)
    finally:
        process.kill()


def _start(world: World, size: int, wait: float | None) -> Start:
    process = world.start(world.smtp_configs)
    try:
        world.settle(process, SETTLE_SECONDS)
        cpu, peak = cpu_seconds(process.pid), peak_megabytes(process.pid)
        say(f"  A start with {size:,} SmtpConfigs took {cpu:.2f} s of CPU and {peak:.0f} MB.")
        if wait is None:
            return Start(size, cpu, peak, None)
        say(f"  Waiting for {wait:g} s.")
        time.sleep(wait)
        later = peak_megabytes(process.pid)
        say(f"  Its peak memory is now {later:.0f} MB.")
        return Start(size, cpu, peak, later)
    finally:
        process.kill()
