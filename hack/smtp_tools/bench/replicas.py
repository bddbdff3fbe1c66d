# SPDX-License-Identifier: Apache-2.0
"""Throughput with leader election, and the emails that a lost leader repeats."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from smtp_testkit.testbed.recording_proxy import RecordingProxy, recorded
from smtp_tools.bench import ours
from smtp_tools.bench.api import Object
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.figures import Figure
from smtp_tools.bench.mail import MailProcess
from smtp_tools.bench.world import Side, World, say
from smtp_tools.localcluster.processes import Process

LEADER_ELECT = "--leader-elect"
REPLY_SECONDS = 0.1
SLOW_REPLY_SECONDS = 0.3
TIMES_AS_LONG = 1.2
CONNECTIONS = 5
"""Default of --max-connections-per-destination."""
LEASE_SECONDS = 120.0
PATIENCE = 900.0
"""Seconds until the last verdict; a busy machine takes long."""
STANDS_BY = "stands by: "
WORKS = "works: holds the lease"

Loss = Callable[[Process, RecordingProxy], None]


def measure(world: World) -> list[Figure]:
    """Measure both; see the module."""
    prompt = [REPLY_SECONDS] * world.servers
    many = f"{len(world.names):,} SmtpConfigs on {world.servers} servers"
    figures = _times_as_long(world, f"{many}, with leader election over without", prompt)
    slow = [*prompt[1:], SLOW_REPLY_SECONDS]
    figures += _times_as_long(world, "  the same with one slow server among them", slow)
    for name, lose in _LOSSES.items():
        figures += _repeated(world, name, lose, prompt)
    return figures


def _times_as_long(world: World, name: str, delays: list[float]) -> list[Figure]:
    seconds = {}
    for flags in ((), (LEADER_ELECT,)):
        with _servers(world, delays) as (side, _), ExitStack() as stack:
            process = world.start(side, *flags)
            stack.callback(process.kill)
            if flags:
                wait_for(process, WORKS)
            begun = time.monotonic()
            seconds[flags] = world.create(side, world.names, process, seconds=PATIENCE).last - begun
            say(f"  {' '.join(flags) or 'one replica'}: the last verdict after {seconds[flags]:.1f} s.")
    ratio = seconds[(LEADER_ELECT,)] / seconds[()]
    return [
        Figure(name, ratio, at_most=TIMES_AS_LONG),
        Figure("    the last verdict without", seconds[()], "s"),
        Figure("    the last verdict with it", seconds[(LEADER_ELECT,)], "s"),
    ]


def _repeated(world: World, name: str, lose: Loss, delays: list[float]) -> list[Figure]:
    """Lose the leader in the middle of its work, and count the emails that its successor repeats."""
    cluster = world.cluster
    with _servers(world, delays) as (side, mail), ExitStack() as stack:
        kubeconfig = Path(side.command[side.command.index("--kubeconfig") + 1])
        proxy, through_proxy = stack.enter_context(
            recorded(kubeconfig, cluster.url, cluster.ca_file, cluster.directory)
        )
        leader = world.start(side, LEADER_ELECT, "--kubeconfig", through_proxy)
        stack.callback(leader.kill)
        wait_for(leader, WORKS)
        standby = world.start(side, LEADER_ELECT)
        stack.callback(standby.kill)
        wait_for(standby, STANDS_BY)

        def meanwhile() -> None:
            _until(lambda: len(mail.since(0).mails) >= len(world.names) // 4)
            lose(leader, proxy)
            wait_for(standby, WORKS)
            if leader.exited() is None:
                os.kill(leader.pid, signal.SIGCONT)

        world.create(side, world.names, standby, meanwhile=meanwhile, seconds=PATIENCE)
        mails = mail.since(0).mails
    again = Counter(it.server for it in mails)
    again.subtract(Counter({it.about: it.server for it in mails}.values()))
    other_ids = len({it.message_id for it in mails}) - len(world.names)
    say(f"  {name}: {again.total()} emails sent again.")
    return [
        Figure(f"emails sent again to one server after {name}", max(again.values()), at_most=CONNECTIONS),
        Figure("  of them with another Message-ID", other_ids, at_most=0),
    ]


_LOSSES: dict[str, Loss] = {
    "SIGKILL": lambda leader, proxy: leader.kill(),
    "SIGSTOP": lambda leader, proxy: os.kill(leader.pid, signal.SIGSTOP),
    "a partition": lambda leader, proxy: setattr(proxy, "partitioned", True),
}


@contextmanager
def _servers(world: World, delays: list[float]) -> Iterator[tuple[Side, MailProcess]]:
    """Yield a side whose objects use servers with these delays; delete its objects afterwards."""
    with MailProcess(world.cluster.directory, delays) as mail:
        ports = mail.ports["None"]

        def item(name: str) -> Object:
            return ours.smtp_config(name, "None", ports[crc32(name.encode()) % len(ports)])

        world.clear(world.smtp_configs)
        try:
            yield replace(world.smtp_configs, item=item), mail
        finally:
            world.clear(world.smtp_configs)


def wait_for(process: Process, text: str) -> None:
    """Wait until the output of a process has this text.

    Raises:
        BenchError: it does not come.
    """
    _until(lambda: text in process.output(), process)


def _until(holds: Callable[[], bool], process: Process | None = None) -> None:
    deadline = time.monotonic() + LEASE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            about = "" if process is None else f": {process.described()}"
            raise BenchError(f"Nothing happened in {LEASE_SECONDS:g} s{about}")
        time.sleep(0.05)
