# SPDX-License-Identifier: Apache-2.0
"""Names to addresses, in threads of its own: a name server that hangs delays no other object."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import idna

from smtp_operator.fair_slots import NAMESPACE, FairSlots, Slot

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOSTS_FILE: Final = "/etc/hosts"

_MISSING: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class NameNotFound(Exception):
    """The name does not exist, or has no address."""


class NameServersFailed(Exception):
    """The name servers answered with a failure of their own."""


class NameInvalid(Exception):
    """No host name can look like that."""


class Resolver(Protocol):
    """What the engine wants of name resolution."""

    async def addresses(self, host: str, *, limit: float, absolute: bool = False) -> tuple[Address, ...]:
        """The addresses of ``host``, in the order to try them, never empty.

        ``absolute``: search domains do not count, as if the name ended with the root's dot. Otherwise a name
        with a dot is looked up like that first.

        Raises:
            NameNotFound: it does not exist.
            NameServersFailed: they could not tell.
            NameInvalid: it is no host name.
            TimeoutError: no answer within ``limit`` seconds.
        """
        ...

    def close(self) -> None:
        """Start no lookup any more."""
        ...


def host_to_ascii(host: str) -> str:
    """``host`` with A-labels for an international name (UTS 46). NameInvalid where there are none."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise NameInvalid from None


def address_of(host: str) -> Address | None:
    """The IP address that ``host`` is, if it is one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(slots=True, eq=False)
class _Lookup:
    """One lookup that somebody waits for, or whose thread still runs."""

    names: tuple[str, ...]
    """To look up in turn, until one is found."""
    answer: asyncio.Future[tuple[Address, ...]]
    slot: Slot | None = None
    waiters: int = 0
    started: bool = False
    orphaned: bool = False
    """Whether its slot was given back while its thread went on."""


class ThreadedResolver:
    """The system's resolver. Bounded in all and per namespace; equal names of a namespace share a lookup.

    A lookup cannot be broken off, so each has a daemon thread, which the process does not wait for. It gives
    its slot back once no test waits for it, even if its thread is still running.
    """

    def __init__(
        self,
        *,
        threads: int = 64,
        per_namespace: int = 16,
        lookup: Callable[[str], tuple[Address, ...]] | None = None,
    ) -> None:
        """``threads`` is the number of lookups at a time; as many again may run that no test waits for."""
        self._lookup = lookup or system_lookup
        self._slots = FairSlots(threads, per_namespace)
        self._lookups: dict[tuple[str, tuple[str, ...]], _Lookup] = {}
        """By namespace and name, so that one namespace never waits in the queue of another."""
        self._orphans = 0
        self._most_orphans = threads
        self._closed = False

    async def addresses(self, host: str, *, limit: float, absolute: bool = False) -> tuple[Address, ...]:
        """See ``Resolver``."""
        literal = address_of(host)
        if literal is not None:
            return (literal,)
        name = host_to_ascii(host)
        if name.lower().rstrip(".").endswith(".invalid"):
            raise NameNotFound  # RFC 6761, section 6.4: known without a name server, and without a network
        key = (NAMESPACE.get(), _in_turn(name, absolute=absolute))
        lookup = self._lookups.get(key) or self._ask(key)
        lookup.waiters += 1
        try:
            async with asyncio.timeout(limit):
                return await asyncio.shield(lookup.answer)
        finally:
            lookup.waiters -= 1
            if not lookup.waiters and not lookup.answer.done():
                del self._lookups[key]
                self._abandon(lookup)

    def _ask(self, key: tuple[str, tuple[str, ...]]) -> _Lookup:
        namespace, names = key
        lookup = _Lookup(names, asyncio.get_running_loop().create_future())
        self._lookups[key] = lookup
        lookup.answer.add_done_callback(lambda _: self._lookups.pop(key, None))
        lookup.slot = self._slots.ask(namespace, lambda: self._start(lookup))
        if lookup.slot.granted:
            self._start(lookup)
        return lookup

    def _abandon(self, lookup: _Lookup) -> None:
        """Give the slot back, unless too many threads are left behind already."""
        assert lookup.slot is not None
        if not lookup.started:
            lookup.slot.release()
        elif self._orphans < self._most_orphans:
            self._orphans += 1
            lookup.orphaned = True
            lookup.slot.release()

    def _start(self, lookup: _Lookup) -> None:
        if self._closed:
            return
        lookup.started = True
        loop = asyncio.get_running_loop()

        def work() -> None:
            found: tuple[Address, ...] | Exception
            try:
                found = self._found(lookup.names)
            except Exception as error:
                found = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
                loop.call_soon_threadsafe(self._settle, lookup, found)

        threading.Thread(target=work, name="resolver", daemon=True).start()

    def _found(self, names: tuple[str, ...]) -> tuple[Address, ...]:
        *others, last = names
        for name in others:
            with contextlib.suppress(NameNotFound, NameServersFailed):
                return self._lookup(name)
        return self._lookup(last)

    def _settle(self, lookup: _Lookup, found: tuple[Address, ...] | Exception) -> None:
        assert lookup.slot is not None
        if lookup.orphaned:
            self._orphans -= 1
        lookup.slot.release()
        if not lookup.waiters:
            lookup.answer.cancel()
        elif isinstance(found, Exception):
            lookup.answer.set_exception(found)
        else:
            lookup.answer.set_result(found)

    def close(self) -> None:
        """Start none of the lookups that wait for a slot."""
        self._closed = True


def _in_turn(name: str, *, absolute: bool) -> tuple[str, ...]:
    """Return the names to look up until one is found; a dot at the end rules out search domains."""
    if name.endswith("."):
        return (name,)
    if absolute:
        return (f"{name}.",)
    return (f"{name}.", name) if "." in name else (name,)


def system_lookup(name: str) -> tuple[Address, ...]:
    """What the system's resolver says of ``name``; blocks."""
    if name.endswith(".") and (known := _in_hosts_file(name)):
        return known
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise (NameNotFound if error.errno in _MISSING else NameServersFailed) from None
    except (UnicodeError, ValueError):
        raise NameInvalid from None
    addresses = dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found)
    return tuple(addresses)


def _in_hosts_file(name: str) -> tuple[Address, ...]:
    """Return the addresses of an absolute name; the system looks there only for names without that dot."""
    try:
        lines = Path(_HOSTS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    wanted = name.removesuffix(".").lower()
    entries = (line.partition("#")[0].lower().split() for line in lines)
    found = (address_of(entry[0]) for entry in entries if entry and wanted in entry[1:])
    return tuple(dict.fromkeys(it for it in found if it is not None))
