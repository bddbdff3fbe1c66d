# SPDX-License-Identifier: Apache-2.0
"""Names to addresses, in threads of its own: a name server that hangs delays no other object."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import idna

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


class ThreadedResolver:
    """The system's resolver. At most ``threads`` lookups at a time; equal ones share a lookup.

    A lookup cannot be broken off, so each has a daemon thread, which the process need not wait for.
    """

    def __init__(
        self, *, threads: int = 32, lookup: Callable[[str], tuple[Address, ...]] | None = None
    ) -> None:
        self._lookup = lookup or system_lookup
        self._free = threads
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running: dict[tuple[str, ...], asyncio.Future[tuple[Address, ...]]] = {}

    async def addresses(self, host: str, *, limit: float, absolute: bool = False) -> tuple[Address, ...]:
        """See ``Resolver``."""
        literal = address_of(host)
        if literal is not None:
            return (literal,)
        name = host_to_ascii(host)
        if name.lower().rstrip(".").endswith(".invalid"):
            raise NameNotFound  # RFC 6761, section 6.4: known without a name server, and without a network
        names = _in_turn(name, absolute=absolute)
        answer = self._running.get(names)
        if answer is None:
            answer = self._start(names)
        async with asyncio.timeout(limit):
            return await asyncio.shield(answer)

    def _start(self, names: tuple[str, ...]) -> asyncio.Future[tuple[Address, ...]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[Address, ...]] = loop.create_future()
        self._running[names] = answer

        def settle(found: tuple[Address, ...] | Exception) -> None:
            del self._running[names]
            if answer.cancelled():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
                answer.exception()  # nobody may be waiting any more
            else:
                answer.set_result(found)

        def job() -> None:
            found: tuple[Address, ...] | Exception
            try:
                found = self._found(names)
            except Exception as error:
                found = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
                loop.call_soon_threadsafe(settle, found)

        with self._lock:
            start = self._free > 0
            if start:
                self._free -= 1
            else:
                self._waiting.append(job)
        if start:
            threading.Thread(target=self._work, args=(job,), name="resolver", daemon=True).start()
        return answer

    def _found(self, names: tuple[str, ...]) -> tuple[Address, ...]:
        *others, last = names
        for name in others:
            with contextlib.suppress(NameNotFound, NameServersFailed):
                return self._lookup(name)
        return self._lookup(last)

    def _work(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                job = self._waiting.popleft()

    def close(self) -> None:
        """Start none of the lookups that wait for a thread."""
        with self._lock:
            self._waiting.clear()


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
