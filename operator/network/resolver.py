# SPDX-License-Identifier: Apache-2.0
"""Resolve names in dedicated threads, so that a name server that hangs delays no other object."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
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
    """The name servers answered with an error."""


class NameInvalid(Exception):
    """The text is not a valid host name."""


class Resolver(Protocol):
    """The interface of name resolution."""

    async def addresses(self, host: str, *, limit: float, absolute: bool = False) -> tuple[Address, ...]:
        """Return the addresses of ``host``, in the order to try them, never empty.

        ``absolute``: search domains are not used, as if the name ended with a dot. Otherwise, a name with a
        dot is first looked up without them.

        Raises:
            NameNotFound: the name does not exist.
            NameServersFailed: the name servers answered with an error.
            NameInvalid: ``host`` is not a host name.
            TimeoutError: no answer within ``limit`` seconds.
        """
        ...

    def close(self) -> None:
        """Start no more lookups."""
        ...


def host_to_ascii(host: str) -> str:
    """Return ``host`` with A-labels for an international name (UTS 46); raise NameInvalid if impossible."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise NameInvalid from None


@lru_cache(maxsize=1024)  # many objects test the same server
def address_of(host: str) -> Address | None:
    """Return the IP address if ``host`` is one, otherwise None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(slots=True, eq=False)
class _Lookup:
    """A lookup that has waiters, or a thread that still runs."""

    names: tuple[str, ...]
    """Looked up one after the other, until one is found."""
    answer: asyncio.Future[tuple[Address, ...]]
    slot: Slot | None = None
    waiters: int = 0
    started: bool = False
    orphaned: bool = False
    """Whether its slot was released while its thread still runs."""


class ThreadedResolver:
    """The system's resolver, bounded in total and per namespace.

    Equal names of a namespace share a lookup. A lookup cannot be canceled, so each has a daemon thread, for
    which the process does not wait. It releases its slot once no test waits for it, even if its thread is
    still running.
    """

    def __init__(
        self,
        *,
        threads: int = 64,
        per_namespace: int = 16,
        lookup: Callable[[str], tuple[Address, ...]] | None = None,
    ) -> None:
        """``threads`` is the number of concurrent lookups; as many abandoned ones may still run."""
        self._lookup = lookup or system_lookup
        self._slots = FairSlots(threads, per_namespace)
        self._lookups: dict[tuple[str, tuple[str, ...]], _Lookup] = {}
        """Keys are namespace and names, so that one namespace never waits in the queue of another."""
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
            raise NameNotFound  # RFC 6761, section 6.4: known without a name server
        key = (NAMESPACE.get(), _candidates(name, absolute=absolute))
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
        """Release the slot, unless too many abandoned threads still run."""
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
            with contextlib.suppress(RuntimeError):  # the loop has ended: no one waits for the answer
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


def _candidates(name: str, *, absolute: bool) -> tuple[str, ...]:
    """Return the names to look up until one is found; a trailing dot excludes search domains."""
    if name.endswith("."):
        return (name,)
    if absolute:
        return (f"{name}.",)
    return (f"{name}.", name) if "." in name else (name,)


def system_lookup(name: str) -> tuple[Address, ...]:
    """Look up ``name`` with the system's resolver; blocks."""
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
    """Return the addresses of an absolute name; the system looks there only without the trailing dot."""
    try:
        lines = Path(_HOSTS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    wanted = name.removesuffix(".").lower()
    entries = (line.partition("#")[0].lower().split() for line in lines)
    found = (address_of(entry[0]) for entry in entries if entry and wanted in entry[1:])
    return tuple(dict.fromkeys(it for it in found if it is not None))
