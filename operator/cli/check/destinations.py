# SPDX-License-Identifier: Apache-2.0
"""``check NAME`` shows each destination before it sends: the SmtpConfig can be from another person."""

from collections.abc import Callable

from smtp_operator.api.verdict import DialogueReport, Mode, Phase
from smtp_operator.network.https import HttpsRequest, HttpsResponse, HttpsSender
from smtp_operator.reconcile.ports import SmtpEngine
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit

Say = Callable[[str], None]
"""A function that shows one sentence."""


def _ignore_phase(phase: Phase) -> None:
    """Ignore a phase."""


class AnnouncedEngine:
    """Shows the mail server and what it receives, then runs the test with another engine."""

    def __init__(self, engine: SmtpEngine, say: Say) -> None:
        self._engine = engine
        self._say = say

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = _ignore_phase,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """See ``Engine``."""
        self._say(_description(settings))
        return await self._engine.run(settings, on_phase=on_phase, send_permit=send_permit, permit=permit)


class AnnouncedSender:
    """Shows each vault or token endpoint once before it receives credentials, then sends the request."""

    def __init__(self, sender: HttpsSender, say: Say) -> None:
        self._sender = sender
        self._say = say
        self._shown: set[tuple[str, int]] = set()

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """See ``Sender``."""
        if request.place not in self._shown:
            self._shown.add(request.place)
            self._say(f"Sends credentials to {_host_and_port(*request.place)} over HTTPS.")
        return await self._sender.send(request)


def _description(settings: TestRequest) -> str:
    server, login = _host_and_port(settings.server, settings.port), settings.login
    if login is None or settings.mode is Mode.CONNECT:
        return f"Connects to {server}; no password is sent."
    what = "access token" if login.by_token else "password"
    return f"Sends the {what} to {server}: {login.origin}."


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
