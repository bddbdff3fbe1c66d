# SPDX-License-Identifier: Apache-2.0
"""Checks in the background: nothing waits for them, and each namespace has its share."""

import asyncio
from collections.abc import Callable

import pytest

from smtp_operator.sender_authentication.records import DnsReader, Records
from smtp_operator.sender_authentication.report import Sender, SenderReport
from smtp_operator.sender_authentication.service import SenderAuthentication
from smtp_testkit.zones import ZoneReader

pytestmark = pytest.mark.looptime(noop_cycles=0)

SENDER = Sender("example.com", "smtp.example.com")


class SlowReader(ZoneReader):
    """Answers each question after some seconds."""

    def __init__(self, seconds: float, started: list[str]) -> None:
        super().__init__({})
        self._seconds = seconds
        self._started = started

    async def texts(self, name: str) -> Records:
        self._started.append(name)
        await asyncio.sleep(self._seconds)
        return await super().texts(name)


def senders_with(reader: Callable[[], DnsReader]) -> SenderAuthentication:
    return SenderAuthentication(reader, monotonic=asyncio.get_running_loop().time)


async def test_a_slow_name_server_ends_a_check_after_its_time() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    report = await senders_with(lambda: SlowReader(60, [])).check(SENDER)
    assert loop.time() - started == 10
    assert report.verdict().message == "The name servers did not answer within 10 s."
    assert report.verdict().reason == "DnsUnavailable"


async def test_requests_for_one_sender_share_a_check_and_its_report() -> None:
    started: list[str] = []
    reports: list[SenderReport] = []
    senders = senders_with(lambda: SlowReader(1, started))
    for _ in range(3):
        senders.request(SENDER, "team-a", reports.append)
    assert reports == []
    await asyncio.sleep(2)
    senders.request(SENDER, "team-b", reports.append)
    await asyncio.sleep(0.1)
    assert (len(reports), len(set(map(id, reports))), started) == (4, 1, ["example.com"])
    await asyncio.sleep(30)
    senders.request(SENDER, "team-a", reports.append)
    await asyncio.sleep(2)
    assert (len(reports), started) == (5, ["example.com"] * 2)


async def test_a_namespace_with_many_senders_delays_only_itself() -> None:
    started: list[str] = []
    senders = senders_with(lambda: SlowReader(5, started))
    for number in range(100):
        senders.request(Sender(f"{number}.example.org", "smtp.example.com"), "greedy", lambda _: None)
    senders.request(SENDER, "modest", lambda _: None)
    await asyncio.sleep(0.1)
    assert started == ["0.example.org", "1.example.org", "2.example.org", "3.example.org", "example.com"]
    await asyncio.sleep(5)
    assert len(started) == 9
    senders.close()


async def test_all_namespaces_together_have_a_limit() -> None:
    started: list[str] = []
    senders = senders_with(lambda: SlowReader(5, started))
    for number in range(30):
        senders.request(Sender(f"{number}.example.org", "smtp.example.com"), f"team-{number}", lambda _: None)
    await asyncio.sleep(0.1)
    assert len(started) == 16
    senders.close()


async def test_a_bug_ends_in_a_report(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> DnsReader:
        raise RuntimeError("s3cret")

    verdict = (await senders_with(broken).check(SENDER)).verdict()
    assert verdict.message == "The operator could not read the records; its log has the error."
    assert "reading the DNS records of example.com failed: RuntimeError" in caplog.text
    assert "s3cret" not in caplog.text
