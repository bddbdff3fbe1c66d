# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_testkit.simulation [OBJECTS]`` simulates a week with so many SmtpConfigs (default: 1,000).

Prints each figure next to its bound; exit code 1 if a figure exceeds its bound.
"""

import asyncio
import sys
import time

import looptime

from smtp_testkit.simulation.week import Figure, Week


class _FastLoop(looptime.LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """An event loop with a fake clock, which skips all waiting."""


def _loop() -> asyncio.AbstractEventLoop:
    loop = _FastLoop()
    loop.setup_looptime(noop_cycles=0, _enabled=True)
    return loop


def main(arguments: list[str]) -> int:
    """Run the simulation and return the exit code."""
    week = Week(objects=int(arguments[0])) if arguments else Week()
    print(f"A week with {week.objects:,} SmtpConfigs, which takes some minutes ...", file=sys.stderr)
    started = time.monotonic()
    with asyncio.Runner(loop_factory=_loop) as runner:
        figures = runner.run(week.live())
    print(f"... took {time.monotonic() - started:.0f} s.", file=sys.stderr)
    print("\n".join(table(figures)))
    for complaint in week.world.complaints():
        print(complaint, file=sys.stderr)
    return 0 if all(figure.holds for figure in figures) and not week.world.complaints() else 1


def table(figures: list[Figure]) -> list[str]:
    """Return the lines of the table, with aligned columns."""
    width = max(len(figure.name) for figure in figures)
    lines = [f"{'':{width}}  {'counted':>9}  {'at most':>9}"]
    for figure in figures:
        mark = "" if figure.holds else "  BEYOND"
        lines.append(f"{figure.name:{width}}  {figure.counted:>9,}  {figure.bound:>9,}{mark}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
