# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_testkit.realpeers.hanging_names PORT COUNT``: both resolvers where no name server answers.

Start tests of ``COUNT`` names of one namespace that DNS is asked for, then a test of another namespace: of
the mail server at ``PORT`` of localhost, which is in /etc/hosts. Print name, reason and phase as each ends.
"""

import asyncio
import sys

from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.network.resolver import ThreadedResolver
from smtp_testkit.mailpeers.trial import Trial


async def main(port: int, count: int) -> None:
    """All tests at the same time, by one engine."""
    trial = Trial()
    engine = trial.engine(ThreadedResolver())

    async def test(server: str, namespace: str) -> None:
        NAMESPACE.set(namespace)
        report = await engine.run(trial.settings(port, server=server))
        print(server, report.verdict.reason, report.verdict.phase, flush=True)

    async with asyncio.TaskGroup() as tests:
        for number in range(count):
            tests.create_task(test(f"mail-{number}.hangs.example", "team-a"))
        await asyncio.sleep(0)  # each of them has asked for its name
        tests.create_task(test("localhost", "team-b"))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
