# SPDX-License-Identifier: Apache-2.0
"""A search domain of ``resolv.conf`` leads no name elsewhere, above all none that a password is bound to.

In a Pod ``postfix.mail`` is first looked up as ``postfix.mail.NAMESPACE.svc.cluster.local`` and
``postfix.mail.svc.cluster.local``: whoever may create the namespace ``mail`` would get what is for the
top-level domain.
"""

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.network import resolver as names
from smtp_operator.network.resolver import (
    Address,
    NameNotFound,
    NameServersFailed,
    ThreadedResolver,
    system_lookup,
)
from smtp_testkit.mailpeers.trial import Trial

RIGHT, WRONG = (ipaddress.ip_address(it) for it in ("192.0.2.1", "203.0.113.66"))


class Dns:
    """Answers as a resolver with search domains: ``NAME.`` is that name, ``NAME`` may be another one."""

    def __init__(self, known: Mapping[str, Address | Exception]) -> None:
        self.known = known
        self.asked: list[str] = []

    def __call__(self, name: str) -> tuple[Address, ...]:
        self.asked.append(name)
        found = self.known.get(name, NameNotFound())
        if isinstance(found, Exception):
            raise found
        return (found,)


async def found(dns: Dns, name: str, *, absolute: bool = False) -> Address | str:
    try:
        (address,) = await ThreadedResolver(lookup=dns).addresses(name, limit=60, absolute=absolute)
    except (NameNotFound, NameServersFailed) as error:
        return type(error).__name__
    return address


@pytest.mark.parametrize("name", ["smtp.example.com", "postfix.mail", "mailhost", "xn--bcher-kva.example"])
async def test_a_bound_name_is_never_looked_up_with_search_domains(name: str) -> None:
    dns = Dns({name: WRONG})

    assert await found(dns, name, absolute=True) == "NameNotFound"
    assert dns.asked == [f"{name}."]


async def test_nor_where_the_name_servers_fail() -> None:
    dns = Dns({"smtp.example.com.": NameServersFailed(), "smtp.example.com": WRONG})

    assert await found(dns, "smtp.example.com", absolute=True) == "NameServersFailed"


async def test_another_name_with_a_dot_is_itself_first() -> None:
    dns = Dns({"smtp.example.com": WRONG, "smtp.example.com.": RIGHT})

    assert await found(dns, "smtp.example.com") == RIGHT


@pytest.mark.parametrize("fails", [NameNotFound(), NameServersFailed()])
async def test_and_then_with_search_domains(fails: Exception) -> None:
    dns = Dns({"postfix.mail": RIGHT, "postfix.mail.": fails})

    assert await found(dns, "postfix.mail") == RIGHT


async def test_a_name_without_a_dot_needs_search_domains() -> None:
    dns = Dns({"postfix": RIGHT})

    assert await found(dns, "postfix") == RIGHT
    assert dns.asked == ["postfix"]


@pytest.mark.parametrize("absolute", [True, False])
async def test_a_name_that_ends_with_a_dot_is_absolute_anyway(absolute: bool) -> None:
    dns = Dns({"smtp.example.com": WRONG, "smtp.example.com.": RIGHT})

    assert await found(dns, "smtp.example.com.", absolute=absolute) == RIGHT
    assert dns.asked == ["smtp.example.com."]


async def test_both_ways_to_look_up_a_name_share_no_answer() -> None:
    dns = Dns({"postfix.mail": WRONG})
    resolver = ThreadedResolver(lookup=dns)

    free = resolver.addresses("postfix.mail", limit=60)
    bound = resolver.addresses("postfix.mail", limit=60, absolute=True)

    assert await free == (WRONG,)
    with pytest.raises(NameNotFound):
        await bound


# Names that the admin of the operator's Pod has given (hostAliases).


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts file of the Pod; DNS knows nothing."""
    file = tmp_path / "hosts"
    file.write_text(
        "192.0.2.1 Relay.corp relay # mail\n# 192.0.2.9 other.corp\nnone relay.corp\n2001:db8::1 relay\n\n"
    )
    monkeypatch.setattr(names, "_HOSTS_FILE", str(file))

    def fail(*words: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "x")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.parametrize(
    ("name", "addresses"), [("relay.corp.", ["192.0.2.1"]), ("RELAY.", ["192.0.2.1", "2001:db8::1"])]
)
def test_an_absolute_name_may_stand_in_the_hosts_file(hosts: None, name: str, addresses: list[str]) -> None:
    assert list(map(str, system_lookup(name))) == addresses


@pytest.mark.parametrize("name", ["other.corp.", "mail.", "corp.", "relay.corp"])
def test_another_name_does_not(hosts: None, name: str) -> None:
    with pytest.raises(NameNotFound):
        system_lookup(name)


def test_without_a_hosts_file_there_is_dns_alone(hosts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_HOSTS_FILE", "/nowhere")
    with pytest.raises(NameNotFound):
        system_lookup("relay.corp.")


# What the engine makes of it.


async def test_the_message_says_how_a_bound_name_is_looked_up(trial: Trial) -> None:
    trial.names.unknown = {"postfix.mail"}

    report = await trial(587, server="postfix.mail", absolute_name=True)

    assert trial.names.absolute == ["postfix.mail"]
    assert (report.verdict.reason, report.verdict.retry) == (Reason.HOST_NOT_FOUND, Retry.DEPENDENCY)
    assert report.verdict.message == (
        '"postfix.mail" does not exist in DNS [in Resolve]. The server of a bound value is looked up'
        " without search domains: use the full name of a Service, NAME.NAMESPACE.svc.cluster.local. Set"
        " server: a name that exists, or create the name in DNS."
    )
