# SPDX-License-Identifier: Apache-2.0
"""ARCHITECTURE.md lists the modules that a change passes from its event to the write of its status."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from smtp_operator.handlers.event_filter import EventFilter
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.smtpconfig.planner import RunTest, SendNotification
from smtp_operator.reconcile.state import StatusUpdate
from smtp_operator.setting_parsers import ServedNamespaces
from smtp_testkit.simulation import World

MOST = 8
EVERY_NAMESPACE = ServedNamespaces()
DECISIONS = (RunTest, SendNotification, RefreshStatus, Wait, StatusUpdate)
"""Results that decide what becomes of a change: the planned action, and the status."""

HAND_OVERS = {("workqueue", "add"), ("engine", "run"), ("cluster", "write_status")}
"""Functions that receive the change: the queue, the mail server's engine and the API server."""


class Trace:
    """Modules of ours that pass a change on, in the order in which it first reaches them.

    A module passes the change on if it is on the stack when the queue, the engine or the API server receives
    the change, or if it returns the planned action or the status. All other modules are helpers of these.
    """

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.finished = False

    def __call__(self, frame: FrameType, event: str, value: object) -> None:
        """Receive a call or a return of any function."""
        if self.finished:
            return
        module, function = str(frame.f_globals.get("__name__")), frame.f_code.co_name
        if event == "return" and isinstance(value, DECISIONS):
            self._add(module)
        elif event == "call" and (module.rpartition(".")[2], function) in HAND_OVERS:
            stack = []
            caller: FrameType | None = frame
            while caller is not None:
                stack.append(str(caller.f_globals.get("__name__")))
                caller = caller.f_back
            for it in reversed(stack):
                self._add(it)
            self.finished = function == "write_status"

    def _add(self, module: str) -> None:
        if module.startswith("smtp_operator.") and module not in self.modules:
            self.modules.append(module)


@contextmanager
def traced() -> Iterator[Trace]:
    trace = Trace()
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)


def listed() -> list[str]:
    """Return the modules that ARCHITECTURE.md lists, without the writer, which the simulation replaces."""
    text = (Path(__file__).parents[3] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.partition("## The path of a change")[2].partition("\n## ")[0]
    paths = re.findall(r"^\d+\. `([\w/]+)\.py`", section, flags=re.MULTILINE)
    return [f"smtp_operator.{path.replace('/', '.')}" for path in paths]


async def test_a_change_passes_the_modules_that_the_architecture_lists(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.deaf = True
    mail.edit(port=2525)
    sinks = {"smtpconfigs": world.operator.sinks["SmtpConfig"]}
    events = EventFilter(sinks, served=EVERY_NAMESPACE, listed=lambda: None)
    with traced() as trace:
        assert events.handle("smtpconfigs", "MODIFIED", mail.object_)
        await world.passes(10)
    assert trace.finished
    assert [*trace.modules, "smtp_operator.cluster.status_writer"] == listed()
    assert len(listed()) <= MOST
