# SPDX-License-Identifier: Apache-2.0
"""A round: a side comes to rest, then all objects are created at once."""

import time
from dataclasses import dataclass

from smtp_tools.bench.api import Object
from smtp_tools.bench.audit import Requests
from smtp_tools.bench.usage import cpu_seconds, peak_megabytes
from smtp_tools.bench.world import WARM_UP, Side, World, say
from smtp_tools.localcluster.processes import Process


@dataclass(frozen=True)
class Round:
    """What a round took.

    Attributes:
        objects: how many were created.
        cpu: seconds of processor time, of the controller's process alone.
        seconds: from the first creation to the last verdict.
        peak: resident memory at most, in MB.
        requests: what the side asked of the API server, watches left out.
        items: the objects with their verdicts.
        process: the controller, which still runs.
    """

    objects: int
    cpu: float
    seconds: float
    peak: float
    requests: Requests
    items: list[Object]
    process: Process

    @property
    def milliseconds_each(self) -> float:
        """Processor time an object."""
        return 1000 * self.cpu / self.objects

    def each(self, count: int) -> float:
        """A count of requests, an object."""
        return count / self.objects


def play(world: World, side: Side) -> Round:
    """Play a round; the caller ends the process and clears the objects away."""
    process = world.start(side)
    # The first object has its way from end to end: imports, connections and caches are paid for by it.
    world.create(side, [WARM_UP], process)
    world.settle(process)
    mark, spent, begun = world.audit.mark(), cpu_seconds(process.pid), time.monotonic()
    watch = world.create(side, world.names, process)
    # What follows a verdict belongs to it: its Event, and looking at one's own write.
    world.settle(process)
    result = Round(
        objects=len(world.names),
        cpu=cpu_seconds(process.pid) - spent,
        seconds=watch.last - begun,
        peak=peak_megabytes(process.pid),
        requests=world.audit.since(mark, side.user),
        items=list(watch.objects.values()),
        process=process,
    )
    say(
        f"  {result.objects:,} {side.name}s: {result.milliseconds_each:.2f} ms each, "
        f"the last verdict after {result.seconds:.1f} s."
    )
    return result
