# SPDX-License-Identifier: Apache-2.0
"""Search domains of ``resolv.conf`` do not redirect names, in particular names of bound passwords.

A Pod first looks up ``postfix.mail`` as ``postfix.mail.NAMESPACE.svc.cluster.local`` and
``postfix.mail.svc.cluster.local``. A user who can create the namespace ``mail`` would receive the connections
to the top-level domain.
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
    """Answers like a resolver with search domains: ``NAME.`` is absolute, ``NAME`` may be another name."""

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


async def test_a_bound_name_is_not_looked_up_with_search_domains_after_a_failure() -> None:
    dns = Dns({"smtp.example.com.": NameServersFailed(), "smtp.example.com": WRONG})

    assert await found(dns, "smtp.example.com", absolute=True) == "NameServersFailed"


async def test_another_name_with_a_dot_is_first_looked_up_as_absolute() -> None:
    dns = Dns({"smtp.example.com": WRONG, "smtp.example.com.": RIGHT})

    assert await found(dns, "smtp.example.com") == RIGHT


@pytest.mark.parametrize("fails", [NameNotFound(), NameServersFailed()])
async def test_another_name_with_a_dot_is_then_looked_up_with_search_domains(fails: Exception) -> None:
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


async def test_absolute_and_relative_lookups_share_no_result() -> None:
    dns = Dns({"postfix.mail": WRONG})
    resolver = ThreadedResolver(lookup=dns)

    free = resolver.addresses("postfix.mail", limit=60)
    bound = resolver.addresses("postfix.mail", limit=60, absolute=True)

    assert await free == (WRONG,)
    with pytest.raises(NameNotFound):
        await bound


# Names that the admin of the operator's Pod set (hostAliases).


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create the hosts file of the Pod; DNS has no names."""
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
def test_the_hosts_file_answers_absolute_names(hosts: None, name: str, addresses: list[str]) -> None:
    assert list(map(str, system_lookup(name))) == addresses


@pytest.mark.parametrize("name", ["other.corp.", "mail.", "corp.", "relay.corp"])
def test_another_name_is_not_in_the_hosts_file(hosts: None, name: str) -> None:
    with pytest.raises(NameNotFound):
        system_lookup(name)


def test_without_a_hosts_file_only_dns_is_used(hosts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_HOSTS_FILE", "/nowhere")
    with pytest.raises(NameNotFound):
        system_lookup("relay.corp.")


# the verdict of the engine


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
