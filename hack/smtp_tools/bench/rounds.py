# SPDX-License-Identifier: Apache-2.0
"""A round: wait until a side is idle, then create all objects at once."""

import time
from dataclasses import dataclass

from smtp_tools.bench.api import Object
from smtp_tools.bench.audit import Requests
from smtp_tools.bench.usage import cpu_seconds, peak_megabytes
from smtp_tools.bench.world import WARM_UP, Side, World, say
from smtp_tools.localcluster.processes import Process


@dataclass(frozen=True)
class Round:
    """The cost of a round.

    Attributes:
        objects: number of objects created.
        cpu: processor time of the controller's process, in seconds.
        seconds: time from the first creation to the last verdict.
        peak: peak resident memory, in MB.
        requests: requests of the side to the API server, without watches.
        items: the objects with their verdicts.
        process: the controller, which is still running.
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
        """Processor time per object, in milliseconds."""
        return 1000 * self.cpu / self.objects

    def each(self, count: int) -> float:
        """Return a number of requests per object."""
        return count / self.objects


def play(world: World, side: Side) -> Round:
    """Run a round; the caller stops the process and deletes the objects."""
    process = world.start(side)
    # The first object runs alone from end to end, so that imports, connections and caches do not count.
    world.create(side, [WARM_UP], process)
    world.settle(process)
    mark, spent, begun = world.audit.mark(), cpu_seconds(process.pid), time.monotonic()
    watch = world.create(side, world.names, process)
    # Work after a verdict also counts: its Event, and the watch event of the status write.
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
