# SPDX-License-Identifier: Apache-2.0
"""An FTP server also greets with 220; only the text differs."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.mailpeers.faultserver import FaultServer, reply
from smtp_testkit.mailpeers.trial import Trial


@pytest.mark.parametrize(
    "greeting", ["220 (vsFTPd 3.0.3)", "220 ProFTPD Server ready.", "220 Local FTP Service"]
)
async def test_an_ftp_server_is_recognized_by_its_whole_greeting(trial: Trial, greeting: str) -> None:
    unknown = reply("500 unknown command")

    async with FaultServer({"banner": reply(greeting), "EHLO": unknown, "HELO": unknown}) as server:
        report = await trial(server.port)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert report.server.banner == greeting.split()[1]
