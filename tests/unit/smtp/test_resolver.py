# SPDX-License-Identifier: Apache-2.0
"""Names are looked up in threads, so that a hanging name server delays no other lookup."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.network.resolver import (
    Address,
    NameInvalid,
    NameNotFound,
    NameServersFailed,
    ThreadedResolver,
    system_lookup,
)
from smtp_testkit.mailpeers.trial import Trial

ANSWER = (ipaddress.ip_address("192.0.2.1"),)


class NameServer:
    """Answers at once, but names in ``hanging`` only on request."""

    def __init__(self) -> None:
        self.hanging: set[str] = set()
        self.told = threading.Event()
        self.asked: list[str] = []

    def __call__(self, name: str) -> tuple[Address, ...]:
        name = name.removesuffix(".")  # no search domains
        self.asked.append(name)
        if name in self.hanging:
            self.told.wait(60)
        return ANSWER


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.told.set()


async def test_a_lookup_that_hangs_ends_at_its_limit_and_delays_no_others(name_server: NameServer) -> None:
    name_server.hanging = {f"hangs-{number}.example" for number in range(5)}
    resolver = ThreadedResolver(threads=8, lookup=name_server)
    slow = [asyncio.create_task(resolver.addresses(name, limit=0.2)) for name in name_server.hanging]

    assert await resolver.addresses("mail.example.com", limit=60) == ANSWER

    for outcome in await asyncio.gather(*slow, return_exceptions=True):
        assert isinstance(outcome, TimeoutError)


async def test_equal_names_share_a_lookup(name_server: NameServer) -> None:
    name_server.hanging = {"mail.example.com"}
    resolver = ThreadedResolver(threads=1, lookup=name_server)
    waiting = [asyncio.create_task(resolver.addresses("mail.example.com", limit=60)) for _ in range(100)]
    await asyncio.sleep(0)
    name_server.told.set()

    assert await asyncio.gather(*waiting) == [ANSWER] * 100
    assert name_server.asked == ["mail.example.com"]


async def test_the_threads_are_bounded_and_the_queue_moves_on(name_server: NameServer) -> None:
    name_server.hanging = {"a.example", "b.example"}
    before = set(threading.enumerate())
    resolver = ThreadedResolver(threads=2, lookup=name_server)
    waiting = [
        asyncio.create_task(resolver.addresses(name, limit=60))
        for name in ("a.example", "b.example", "c.example", "d.example")
    ]
    await asyncio.sleep(0)
    assert len(set(threading.enumerate()) - before) == 2
    name_server.told.set()

    assert await asyncio.gather(*waiting) == [ANSWER] * 4


async def test_a_canceled_lookup_does_not_cancel_those_of_others(name_server: NameServer) -> None:
    name_server.hanging = {"mail.example.com"}
    resolver = ThreadedResolver(lookup=name_server)
    impatient = asyncio.create_task(resolver.addresses("mail.example.com", limit=60))
    patient = asyncio.create_task(resolver.addresses("mail.example.com", limit=60))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    name_server.told.set()

    assert await patient == ANSWER


async def test_an_address_is_not_looked_up(name_server: NameServer) -> None:
    resolver = ThreadedResolver(lookup=name_server)

    assert await resolver.addresses("192.0.2.7", limit=60) == (ipaddress.ip_address("192.0.2.7"),)
    assert await resolver.addresses("2001:db8::7", limit=60) == (ipaddress.ip_address("2001:db8::7"),)
    assert name_server.asked == []


async def test_an_international_name_is_looked_up_by_its_a_label(name_server: NameServer) -> None:
    await ThreadedResolver(lookup=name_server).addresses("bücher.example", limit=60)

    assert name_server.asked == ["xn--bcher-kva.example"]


async def test_a_closed_resolver_starts_no_waiting_lookup(name_server: NameServer) -> None:
    name_server.hanging = {"a.example"}
    resolver = ThreadedResolver(threads=1, lookup=name_server)
    first = asyncio.create_task(resolver.addresses("a.example", limit=60))
    second = asyncio.create_task(resolver.addresses("b.example", limit=0.2))
    await asyncio.sleep(0)
    resolver.close()
    name_server.told.set()

    assert await first == ANSWER
    with pytest.raises(TimeoutError):
        await second
    assert name_server.asked == ["a.example"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), NameNotFound),
        (socket.gaierror(socket.EAI_NODATA, "x"), NameNotFound),
        (socket.gaierror(socket.EAI_AGAIN, "x"), NameServersFailed),
        (socket.gaierror(socket.EAI_FAIL, "x"), NameServersFailed),
        (UnicodeError("label empty or too long"), NameInvalid),
    ],
)
def test_errors_of_name_lookups(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(expected):
        system_lookup("mail.example.com")


def test_addresses_are_unique_and_in_the_systems_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", (address, 0)) for address in ("2001:db8::1", "192.0.2.1", "192.0.2.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)

    assert list(map(str, system_lookup("mail.example.com"))) == ["2001:db8::1", "192.0.2.1"]


@pytest.mark.parametrize(
    ("error", "reason", "retry", "message"),
    [
        (
            NameNotFound(),
            Reason.HOST_NOT_FOUND,
            Retry.DEPENDENCY,
            '"smpt.gmail.com" does not exist in DNS (did you mean smtp.gmail.com?) [in Resolve]. '
            "Set server: smtp.gmail.com.",
        ),
        (
            NameServersFailed(),
            Reason.DNS_UNAVAILABLE,
            Retry.TRANSIENT,
            'DNS could not resolve "smpt.gmail.com" [in Resolve]. '
            "DNS has an error, in the cluster or in that domain. No mail server was contacted yet.",
        ),
        (
            TimeoutError(),
            Reason.DNS_TIMEOUT,
            Retry.TRANSIENT,
            'DNS did not resolve "smpt.gmail.com" within 15 s [in Resolve]. '
            "DNS has an error, in the cluster or in that domain. No mail server was contacted yet.",
        ),
    ],
)
async def test_messages_about_name_lookups(
    trial: Trial, error: Exception, reason: Reason, retry: Retry, message: str
) -> None:
    trial.names.fails_with = error

    report = await trial(587, server="smpt.gmail.com")

    assert (report.verdict.reason, report.verdict.retry) == (reason, retry)
    assert report.verdict.message == message


@pytest.mark.parametrize(
    ("server", "meant"),
    [
        ("smtp.gmial.com", "smtp.gmail.com"),
        ("smtp.gmail.co", "smtp.gmail.com"),
        ("smtp.ofice365.com", "smtp.office365.com"),
        ("smtp.sendgrd.net", "smtp.sendgrid.net"),
        ("email-smtp.eu-wst-1.amazonaws.com", "email-smtp.eu-west-1.amazonaws.com"),
        ("smtp.strato.d", "smtp.strato.de"),
    ],
)
async def test_did_you_mean(trial: Trial, server: str, meant: str) -> None:
    trial.names.fails_with = NameNotFound()

    report = await trial(587, server=server)

    assert f"(did you mean {meant}?)" in report.verdict.message


@pytest.mark.parametrize("server", ["mail.example.com", "smtp.company.example", "mx.internal", "a.b"])
async def test_no_suggestion_without_a_similar_name(trial: Trial, server: str) -> None:
    trial.names.fails_with = NameNotFound()

    report = await trial(587, server=server)

    assert "did you mean" not in report.verdict.message


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("smtp://mail.example.com", 'server "smtp://mail.example.com" must be a host name without a scheme.'),
        (" mail.example.com", 'server " mail.example.com" must be a host name without spaces.'),
        ("[2001:db8::1]", 'server "[2001:db8::1]" must be a host name without brackets.'),
        (
            "mail.example.com:587",
            'server "mail.example.com:587" must be a host name without a port, which has its own field.',
        ),
        ("mail..example.com", None),
        ("mail\r\nexample.com", None),
        ("ma\x00il", None),
        ("-", None),
        ("x" * 300, None),
        ("bü..cher", None),
    ],
)
async def test_invalid_host_names(trial: Trial, server: str, message: str | None) -> None:
    trial.names.fails_with = AssertionError("unexpected lookup")

    report = await trial(587, server=server)

    assert report.verdict.reason is Reason.INVALID_SPEC
    assert report.verdict.message.isprintable()
    if message:
        assert report.verdict.message == message


async def test_a_heloname_with_an_injected_command_is_refused(trial: Trial) -> None:
    report = await trial(587, helo_name="x\r\nMAIL FROM:<>")

    assert report.verdict.reason is Reason.INVALID_SPEC
    assert report.verdict.message == 'heloName "x??MAIL FROM:<>" must be a host name without spaces.'
