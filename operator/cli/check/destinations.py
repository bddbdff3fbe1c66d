# SPDX-License-Identifier: Apache-2.0
"""``check NAME`` says where it sends, before it does: somebody else may have written the SmtpConfig."""

from collections.abc import Callable

from smtp_operator.api.verdict import DialogueReport, Mode, Phase
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.reconcile.ports import SmtpEngine
from smtp_operator.secrets.vaults.provider import VaultSender
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import TestRequest
from smtp_operator.smtp.send_permit import SendPermit

Say = Callable[[str], None]
"""Shows one sentence."""


def _nobody_listens(phase: Phase) -> None:
    """Ignore a phase."""


class AnnouncedEngine:
    """Says which mail server gets what, then has another engine run the test."""

    def __init__(self, engine: SmtpEngine, say: Say) -> None:
        self._engine = engine
        self._say = say

    async def run(
        self,
        settings: TestRequest,
        *,
        on_phase: Callable[[Phase], None] = _nobody_listens,
        leave: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> DialogueReport:
        """See ``Engine``."""
        self._say(_sentence(settings))
        return await self._engine.run(settings, on_phase=on_phase, leave=leave, permit=permit)


class AnnouncedSender:
    """Says which vault or token endpoint gets credentials, once for each, then sends by another sender."""

    def __init__(self, sender: VaultSender, say: Say) -> None:
        self._sender = sender
        self._say = say
        self._said: set[tuple[str, int]] = set()

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """See ``Sender``."""
        if request.place not in self._said:
            self._said.add(request.place)
            self._say(f"Sends credentials to {_written(*request.place)} over HTTPS.")
        return await self._sender.send(request)


def _sentence(settings: TestRequest) -> str:
    place, login = _written(settings.server, settings.port), settings.login
    if login is None or settings.mode is Mode.CONNECT:
        return f"Connects to {place}; no password is sent."
    what = "access token" if login.by_token else "password"
    return f"Sends the {what} to {place}: {login.origin}."


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
