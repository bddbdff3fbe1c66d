# SPDX-License-Identifier: Apache-2.0
"""Where looks into mailboxes connect, how many run at a time, and what a login permit learns of them."""

import asyncio
import ipaddress
from collections import Counter
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.imap.engine import MailboxEngine
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.setting_parsers import DEFAULT_IMAP_PORTS
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_testkit.mailpeers.imapserver import ImapServer, hang
from smtp_testkit.mailpeers.trial import Names

from .conftest import Look, email, login, request_to


async def test_the_destination_policy_holds(unused_tcp_port: int) -> None:
    engine = MailboxEngine(
        policy=DestinationPolicy(ports=DEFAULT_IMAP_PORTS),
        resolver=Names({"localhost": ("127.0.0.1",)}),
        connections=ConnectionLimits(5),
    )
    port = await engine.look(request_to(unused_tcp_port))
    address = await engine.look(request_to(993))
    engine.close()

    assert port.failure is not None
    assert port.failure.reason is Reason.DESTINATION_NOT_ALLOWED
    assert "--allow-imap-port" in port.failure.message
    assert address.failure is not None
    assert address.failure.reason is Reason.DESTINATION_NOT_ALLOWED
    assert "--allow-network" in address.failure.message


async def test_a_namespace_whose_servers_hang_leaves_threads_to_others(look: Look) -> None:
    async with ImapServer(faults={"AUTHENTICATE": hang}) as hanging, ImapServer() as good:
        await good.deliver(email())
        NAMESPACE.set("team-a")
        looking = [asyncio.create_task(look(hanging, timeout=3600.0)) for _ in range(40)]
        await hanging.asked("AUTHENTICATE")
        NAMESPACE.set("team-b")
        report = await look(good)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)

    assert report.found is not None
    assert hanging.connections <= 8


class Permit:
    """Records the results of logins."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.results: Counter[tuple[bool, bool]] = Counter()

    async def before_login(self, server: str, address: ipaddress.IPv4Address, login: Any) -> None:
        self.asked.append((server, str(address)))

    def after_login(self, *, accepted: bool, rejected: bool) -> None:
        self.results[accepted, rejected] += 1


@pytest.mark.parametrize(("password", "expected"), [("mailbox-pw", (True, False)), ("wrong", (False, True))])
async def test_the_permit_learns_the_result_once(
    look: Look, password: str, expected: tuple[bool, bool]
) -> None:
    permit = Permit()
    async with ImapServer() as server:
        await look(server, login=login(password), permit=permit)

    assert permit.asked == [("localhost", "127.0.0.1")]
    assert permit.results == Counter([expected])


async def test_a_login_that_was_not_judged_is_no_rejected_one(look: Look) -> None:
    permit = Permit()
    async with ImapServer(faults={"AUTHENTICATE": hang}) as server:
        await look(server, permit=permit, timeout=1.0)

    assert permit.results == Counter([(False, False)])
