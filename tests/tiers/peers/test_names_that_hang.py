# SPDX-License-Identifier: Apache-2.0
"""A name server that never answers delays only tests in the same namespace."""

import asyncio
import sys
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.realpeers.name_servers import silent_name_server
from smtp_tools.paths import PYTHONPATH


@pytest.mark.parametrize("hanging", [1, 24, 200])
async def test_names_that_hang_delay_no_other_namespace(tmp_path: Path, hanging: int) -> None:
    async with MailServer() as server:
        with silent_name_server(tmp_path) as (questions, within):
            process = await asyncio.create_subprocess_exec(
                *within,
                *(
                    sys.executable,
                    "-m",
                    "smtp_testkit.realpeers.hanging_names",
                    str(server.plain_port),
                    str(hanging),
                ),
                stdout=asyncio.subprocess.PIPE,
                env={"PYTHONPATH": PYTHONPATH, "PATH": "/usr/bin:/bin"},
                cwd=Path(__file__).parents[3],
            )
            told, _ = await process.communicate()
            asked = questions.recv(512)

    first, *others = told.decode().splitlines()
    assert first == "localhost TestEmailSent None"
    assert len(others) == hanging
    assert {line.split(maxsplit=1)[1] for line in others} == {"DNSTimeout Resolve"}
    assert b"\x05hangs\x07example" in asked
    assert len(server.mails) == 1
