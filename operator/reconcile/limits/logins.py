# SPDX-License-Identifier: Apache-2.0
"""Limit rejected logins per hour for each namespace, server and user.

A server is identified by its name and by its address, with any port. Usernames are compared regardless of
the case and width of letters. Rejected logins of one namespace do not affect other namespaces.
"""

import asyncio
import hmac
import secrets
import unicodedata
from collections.abc import Hashable
from typing import Final, Protocol

from smtp_operator.api.durations import format_duration
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase
from smtp_operator.network.destination import Address
from smtp_operator.network.resolver import NameInvalid, host_to_ascii
from smtp_operator.reconcile.backoff import HOUR
from smtp_operator.reconcile.limits.rate_windows import RateWindow
from smtp_operator.reconcile.ports import Now, TestObserver
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded, verdict
from smtp_operator.smtp.request import SmtpLogin

_REMEMBERED: Final = 8
"""Number of accepted credentials remembered for each object: a server may have several addresses."""


class LoginState(Protocol):
    """The part of an object's state that the limit uses."""

    passed_logins: tuple[bytes, ...]
    """Digests of the credentials that the mail server accepted last."""


class LoginLimits:
    """Count rejected logins."""

    def __init__(self, limit: int, *, now: Now, observer: TestObserver) -> None:
        self.window = RateWindow(limit, HOUR, now=now)
        self.now = now
        self.observer = observer
        self._ended: asyncio.Event | None = None
        """Set when the next login ends; None if no test waits for that."""
        self._key = secrets.token_bytes(32)

    def permit(self, namespace: str, state: LoginState) -> "ObjectLogins":
        """Return the permit for one test of an object with this state."""
        return ObjectLogins(self, namespace, state)

    async def next_end(self) -> None:
        """Wait until a login ends."""
        self._ended = self._ended or asyncio.Event()
        await self._ended.wait()

    def login_ended(self) -> None:
        """Wake those who wait for the end of a login."""
        if self._ended is not None:
            self._ended.set()
            self._ended = None

    def digest(self, *parts: str) -> bytes:
        """Return a digest that only this process can make, to recognize a credential without keeping it."""
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "replace"), "sha256")


class ObjectLogins:
    """The ``LoginPermit`` of one test."""

    def __init__(self, limits: LoginLimits, namespace: str, state: LoginState) -> None:
        """Create a permit; use ``LoginLimits.permit`` instead."""
        self._limits = limits
        self._namespace = namespace
        self._state = state
        self._keys: tuple[Hashable, ...] = ()
        self._digest = b""

    async def before_login(self, server: str, address: Address, login: SmtpLogin) -> None:
        """See ``LoginPermit``."""
        limits, window = self._limits, self._limits.window
        name, ip, user = server_name(server), str(_unmapped(address)), user_name(login.username)
        self._digest = limits.digest(name, ip, user, login.password)
        keys = tuple((self._namespace, it, user) for it in dict.fromkeys((name, ip)))
        if self._digest not in self._state.passed_logins:
            while until := max(map(window.free_at, keys)):
                if any(window.ended(key) >= window.limit for key in keys):
                    raise self._held(server, until - limits.now())
                await limits.next_end()  # the result of running logins decides
        for key in keys:
            window.begin(key)
        self._keys = keys

    def after_login(self, *, accepted: bool, rejected: bool) -> None:
        """See ``LoginPermit``."""
        for key in self._keys:
            self._limits.window.end(key, happened=rejected)
        self._limits.login_ended()
        passed = [it for it in self._state.passed_logins if it != self._digest]
        if accepted:
            self._state.passed_logins = (*passed, self._digest)[-_REMEMBERED:]
        if rejected:
            self._state.passed_logins = tuple(passed)
            self._limits.observer.login_rejected()

    def _held(self, server: str, seconds: float) -> DialogueEnded:
        limit = self._limits.window.limit
        return DialogueEnded(
            verdict(
                Reason.LOGIN_ATTEMPTS_LIMITED,
                f"No login was tried: {server} rejected {limit} logins of this user for namespace"
                f" {self._namespace} within an hour, and more could lock the account",
                why=f"The operator retries in {format_duration(max(1.0, seconds))} at the earliest",
                fix="Correct the username and password in every SmtpConfig that uses them; a cluster admin"
                " can raise --max-rejected-logins",
                phase=Phase.AUTH,
                retry_after=seconds,
            )
        )


def server_name(server: str) -> str:
    """Return the canonical spelling of a server's name or address."""
    try:
        name = host_to_ascii(server.strip())
    except NameInvalid:
        name = server
    return name.lower().rstrip(".")


def user_name(user: str) -> str:
    """Return the canonical spelling of a username: prepared like servers do (RFC 4013), and case-folded."""
    if user.isascii() and user.isprintable():
        return user.casefold().strip()
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", user).casefold())
    return "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Mn", "Cc")).strip()


def _unmapped(address: Address) -> Address:
    return (address.version == 6 and address.ipv4_mapped) or address
