# SPDX-License-Identifier: Apache-2.0
"""The sections of the benchmark; each returns its figures."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence

from smtp_tools.bench import attacks, metrics, neighbors, ours, replicas, scale, truth
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.figures import Figure
from smtp_tools.bench.replicas import LEADER_ELECT, wait_for
from smtp_tools.bench.rounds import Round, play
from smtp_tools.bench.usage import cpu_seconds, peak_megabytes, resident_megabytes
from smtp_tools.bench.world import World, say
from smtp_tools.localcluster.processes import Process

TIMES_AN_ISSUER = 1.5
START_TARGET_SECONDS = 2.0
MEMORY_TARGET_MEGABYTES = 100.0
REST_SECONDS = 10.0
STARTS = 3
FIRST_DIALOGUE_SECONDS = 30.0
HANDOVERS = 3
HANDOVER_TARGET_SECONDS = 2.0
BALLAST = 20
BALLAST_BYTES = 256 * 1024


class Sections:
    """The sections, in an order in which they build on each other. Each also works alone."""

    def __init__(self, world: World, rounds: int, wait: float = scale.WAIT_SECONDS) -> None:
        self._world = world
        self._rounds = rounds
        self._wait = wait
        self._newest: Round | None = None
        self._peak = 0.0
        self._process: Process | None = None
        """The running operator; all its objects are in the cluster and tested."""

    def measure(self, wanted: Sequence[str]) -> list[Figure]:
        """Return the figures of these sections."""
        figures: list[Figure] = []
        for name, section in SECTIONS.items():
            if name in wanted:
                say(f"{name}: {section.__doc__}")
                figures += section(self)
        return figures

    def issuers(self) -> list[Figure]:
        """Processor time from event to status, compared with cert-manager's Issuers, alternating."""
        world = self._world
        theirs: list[Round] = []
        own: list[Round] = []
        # Set up both sides first, so that the API server's work for this is not part of a round.
        sides = world.issuers, world.smtp_configs
        for _ in range(self._rounds):
            self._end()
            theirs.append(play(world, sides[0]))
            theirs[-1].process.kill()
            world.clear(sides[0])
            own.append(self._round())
        ratio = statistics.median(
            mine.cpu / other.cpu for mine, other in zip(own, theirs, strict=True) if other.cpu
        )
        return [
            Figure("CPU per SmtpConfig, in CPU per Issuer", ratio, at_most=TIMES_AN_ISSUER),
            Figure("  mail servers", world.servers),
            *_round_figures("SmtpConfig", own),
            *_round_figures("Issuer", theirs),
        ]

    def writes(self) -> list[Figure]:
        """Requests from event to status, from the audit log."""
        done = self._tested()
        asked, slow = done.requests, ours.slow_tests(done.items)
        status = asked.of("smtpconfigs/status", "patch", "update")
        events = asked.of("events", "create", "patch", "update")
        return [
            Figure("status writes per verdict", done.each(status), at_most=1 + done.each(slow)),
            Figure("Events per transition", done.each(events), at_most=1),
            Figure("GETs of Secrets per test", done.each(asked.of("secrets", "get")), at_most=1),
            Figure("requests refused", asked.refused, at_most=0),
        ]

    def rest(self) -> list[Figure]:
        """Work of the idle operator."""
        self._tested()
        process, world = self._running(), self._world
        mark, spent = world.audit.mark(), cpu_seconds(process.pid)
        time.sleep(REST_SECONDS)
        asked = world.audit.since(mark, world.smtp_configs.user)
        busy = 100 * (cpu_seconds(process.pid) - spent) / REST_SECONDS
        return [
            Figure(f"writes in {REST_SECONDS:g} s at rest", asked.writes, at_most=0),
            Figure(f"requests in {REST_SECONDS:g} s at rest", asked.total),
            Figure("CPU at rest", busy, "%"),
        ]

    def secrets(self) -> list[Figure]:
        """Bytes of Secrets that lists and watches send, with large Secrets that change."""
        self._tested()
        self._end()
        world = self._world
        path = f"/api/v1/namespaces/{ours.NAMESPACE}/secrets"
        names = [f"ballast-{number}" for number in range(BALLAST)]
        data = {"ballast": "A" * BALLAST_BYTES}
        world.api.create(path, [{"metadata": {"name": name}, "stringData": data} for name in names])
        # Other controllers also watch Secrets, some with data; measure their part before the start.
        others = self._sent_by_changes(path, names, "others")
        before = self._secret_bytes()
        process = self._running()
        world.settle(process)
        listed = self._secret_bytes() - before
        watched = self._sent_by_changes(path, names, "all") - others
        for name in names:
            world.api.text("DELETE", f"{path}/{name}")
        # Less than the ballast once, so that only names and versions can have been sent.
        target = BALLAST * BALLAST_BYTES / 1e6
        name = f"sent by list and watch of {target:.1f} MB of Secrets"
        return [Figure(name, (listed + watched) / 1e6, "MB", target)]

    def memory(self) -> list[Figure]:
        """Resident memory with all objects: in a round, and after a restart."""
        self._tested()
        self._end()
        process = self._running()
        self._world.settle(process)
        peak = max(self._peak, peak_megabytes(process.pid))
        many = f"with {len(self._world.names):,} SmtpConfigs"
        return [
            Figure(f"peak resident memory, {many}", peak, "MB", MEMORY_TARGET_MEGABYTES),
            Figure(f"resident memory after a restart, {many}", resident_megabytes(process.pid), "MB"),
        ]

    def start(self) -> list[Figure]:
        """From the start of the process to the first dialogue; all other objects are tested."""
        self._tested()
        seconds, again, writes = [], 0, 0
        for number in range(STARTS):
            self._end()
            waited, mails, written = self._start(f"start-{number}")
            seconds.append(waited)
            again += mails - 1
            writes += written - 1
        return [
            Figure("start to first dialogue", statistics.median(seconds), "s", START_TARGET_SECONDS),
            Figure(f"emails sent again by {STARTS} restarts", again, at_most=0),
            Figure(f"statuses written again by {STARTS} restarts", writes, at_most=0),
        ]

    def storm(self) -> list[Figure]:
        """A restart that finds all rechecks overdue."""
        self._tested()
        self._end()
        truth.make_overdue(self._world)
        self._running()
        return truth.storm(self._world)

    def rotation(self) -> list[Figure]:
        """From a changed password to its verdict, with 10,000 other Secrets in the cluster."""
        self._tested()
        process = self._running()
        self._world.settle(process)
        return truth.rotation(self._world, process)

    def handover(self) -> list[Figure]:
        """From SIGTERM of the leader to the first dialogue of the standby replica."""
        self._tested()
        self._end()
        world, side = self._world, self._world.smtp_configs
        leader = world.start(side, LEADER_ELECT)
        wait_for(leader, replicas.WORKS)
        seconds = []
        for number in range(HANDOVERS):
            standby = world.start(side, LEADER_ELECT)
            wait_for(standby, replicas.STANDS_BY)
            name = f"handover-{number}"
            world.api.create(f"/api/v1/namespaces/{side.namespace}/secrets", side.secrets([name]))
            begun = time.monotonic()
            os.kill(leader.pid, signal.SIGTERM)
            leader.wait(FIRST_DIALOGUE_SECONDS)
            world.api.create(side.collection, [side.item(name)])
            seconds.append(self._first_dialogue(standby, begun))
            leader = standby
        leader.kill()
        return [
            Figure("SIGTERM to the next leader's dialogue", max(seconds), "s", HANDOVER_TARGET_SECONDS),
        ]

    def replicas(self) -> list[Figure]:
        """Throughput with leader election, and emails that are sent again when the leader is lost."""
        self._end()
        self._newest = None
        return replicas.measure(self._world)

    def neighbors(self) -> list[Figure]:
        """Delay of one namespace's verdict next to each kind of attacker in another namespace."""
        self._end()
        return neighbors.measure(self._world)

    def attacks(self) -> list[Figure]:
        """Peak memory and latency of the event loop under attack, within 256 MiB."""
        self._end()
        return attacks.measure(self._world)

    def scale(self) -> list[Figure]:
        """Memory and processor time of starts with 1,000, 5,000 and 10,000 tested SmtpConfigs."""
        self._end()
        self._newest = None  # its objects are deleted
        return scale.measure(self._world, self._wait)

    def _start(self, name: str) -> tuple[float, int, int]:
        """Start the operator with one object to test; return seconds, emails and status writes."""
        world, side = self._world, self._world.smtp_configs
        world.api.create(f"/api/v1/namespaces/{side.namespace}/secrets", side.secrets([name]))
        world.api.create(side.collection, [side.item(name)])
        time.sleep(1.0)
        mark, begun = world.audit.mark(), time.monotonic()
        process = self._running()
        waited = self._first_dialogue(process, begun)
        world.settle(process)
        seen = world.mail.since(begun)
        written = world.audit.since(mark, side.user).of("smtpconfigs/status", "patch", "update")
        return waited, len(seen.mails), written

    def _first_dialogue(self, process: Process, begun: float) -> float:
        """Return the seconds from `begun` to the first dialogue of the process."""
        deadline = begun + FIRST_DIALOGUE_SECONDS
        while not (seen := self._world.mail.since(begun)).connections:
            if time.monotonic() > deadline:
                raise BenchError(f"The operator started no dialogue: {process.described()}")
            time.sleep(0.05)
        return seen.connections[0] - begun

    def _round(self) -> Round:
        self._end()
        self._world.clear(self._world.smtp_configs)
        self._newest = play(self._world, self._world.smtp_configs)
        self._process = self._newest.process
        self._peak = max(self._peak, self._newest.peak)
        return self._newest

    def _tested(self) -> Round:
        return self._newest or self._round()

    def _running(self) -> Process:
        if self._process is None:
            self._process = self._world.start(self._world.smtp_configs)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _sent_by_changes(self, path: str, names: Sequence[str], note: str) -> float:
        """Change each of these Secrets; return the bytes that all watches received."""
        time.sleep(1.0)
        before = self._secret_bytes()
        for name in names:
            change = {"metadata": {"annotations": {"bench": note}}}
            self._world.api.request("PATCH", f"{path}/{name}", change, kind="merge-patch+json")
        time.sleep(1.0)
        return self._secret_bytes() - before

    def _secret_bytes(self) -> float:
        return metrics.listed_and_watched(self._world.api.text("GET", "/metrics").splitlines(), "secrets")


SECTIONS: dict[str, Callable[[Sections], list[Figure]]] = {
    "issuers": Sections.issuers,
    "writes": Sections.writes,
    "rest": Sections.rest,
    "secrets": Sections.secrets,
    "memory": Sections.memory,
    "start": Sections.start,
    "storm": Sections.storm,
    "rotation": Sections.rotation,
    "handover": Sections.handover,
    "replicas": Sections.replicas,
    "neighbors": Sections.neighbors,
    "attacks": Sections.attacks,
    "scale": Sections.scale,
}
"""All sections by name, in the order in which they are measured."""


def _round_figures(name: str, rounds: Sequence[Round]) -> list[Figure]:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    return [
        Figure(f"  CPU per {name}", median(lambda it: it.milliseconds_each), "ms"),
        Figure(
            f"  time to the last verdict, {rounds[0].objects:,} {name}s", median(lambda it: it.seconds), "s"
        ),
        Figure(f"  peak memory, {name}s", max(it.peak for it in rounds), "MB"),
        Figure(f"  API requests per {name}", median(lambda it: it.each(it.requests.total))),
        Figure(f"  API writes per {name}", median(lambda it: it.each(it.requests.writes))),
    ]
