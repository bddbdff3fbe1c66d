# SPDX-License-Identifier: Apache-2.0
"""Delivery tests by the operator's code: it sends an email, looks for it, and derives Delivered."""

import base64
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final
from uuid import uuid4

from smtp_operator.api.defaults import TEST_DEFAULTS
from smtp_operator.api.names import API_VERSION, SMTP_CONFIG_KIND
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.cli.check.local_runner import local_runner
from smtp_operator.imap.engine import MailboxEngine
from smtp_operator.imap.request import MailboxReport, MailboxRequest
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.reconcile.smtpconfig.delivery.runner import DeliveryRunner
from smtp_operator.reconcile.smtpconfig.delivery.settings import within
from smtp_operator.reconcile.smtpconfig.delivery.state import Attempt, DeliveryState
from smtp_operator.reconcile.smtpconfig.delivery.status import View, after_attempt, view_of
from smtp_operator.reconcile.smtpconfig.delivery.watcher import Look, findings
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, snapshot_of
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.setting_parsers import PortRange
from smtp_operator.setting_reader import read_settings
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_testkit.mailpeers.trial import LOOPBACK, Names
from smtp_testkit.realpeers.mailboxes import DROPPED, MAILBOX_PASSWORD, PROBE, RealMailboxes

_TIMES: Final = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|m(?:\d+s)?|s)\b")
_MESSAGE_ID: Final = re.compile(r"<[0-9a-f]{32}@[^<>@ ]+>")
WRONG_PASSWORD: Final[JsonObject] = {"secretRef": {"name": "probe", "key": "wrong"}}
"""A password that no mailbox has."""


@dataclass(frozen=True)
class SentEmail:
    """An email that the operator has sent, or tried to send."""

    snapshot: Snapshot
    attempt: Attempt


@dataclass(frozen=True)
class Outcome:
    """Result of a delivery test."""

    condition: str
    """Status and reason."""
    message: str
    seconds: float
    """Time that the operator looked for the email."""

    @property
    def text(self) -> str:
        """The message without times and Message-ID."""
        return _MESSAGE_ID.sub("MESSAGE-ID", _TIMES.sub("TIME", self.message))


class DeliveryTrial:
    """Sends emails, and looks for them in real mailboxes."""

    def __init__(self, mailboxes: RealMailboxes, runner: TestRunner, engine: MailboxEngine) -> None:
        self._mailboxes = mailboxes
        self._runner = runner
        self._engine = engine

    async def send(
        self,
        sender: str,
        *,
        port: int,
        address: str = PROBE,
        user: str = PROBE,
        mailbox: Mapping[str, object] = MappingProxyType({}),
    ) -> SentEmail:
        """Send an email to an address, and to no one else but ``DROPPED``.

        Args:
            sender: the From address.
            port: the port of the mail server.
            address: the value of ``delivery.address``.
            user: the username of the mailbox.
            mailbox: other fields of ``delivery.mailbox``.
        """
        delivery = {
            "address": address,
            "within": "1m",
            "mailbox": {
                "server": "localhost",
                "port": self._mailboxes.imaps_port,
                "username": user,
                "password": {"secretRef": {"name": "probe"}},
                "tls": {"caRef": {"name": "imap-ca"}},
                **mailbox,
            },
        }
        spec = {"server": "localhost", "port": port, "smtpType": "None", "from": sender}
        snapshot = snapshot_of(
            {
                "apiVersion": API_VERSION,
                "kind": SMTP_CONFIG_KIND,
                "metadata": _metadata("mail"),
                "spec": {**spec, "recipients": {"to": [DROPPED]}, "delivery": delivery},
            },
            TEST_DEFAULTS,
        )
        run = RunTest(Trigger.REQUESTED, Mode.SEND_EMAIL)
        result = await self._runner.run(snapshot, run, on_phase=lambda phase: None)
        assert result.delivery is not None, result.verdict.message
        return SentEmail(snapshot, result.delivery)

    async def outcome(self, sent: SentEmail, *, left: float | None = None, limit: float = 45.0) -> Outcome:
        """Look for an email until its time is over.

        Args:
            sent: the email.
            left: seconds until its time is over; None: as if it was just sent.
            limit: seconds for one look.
        """
        snapshot, attempt, started = sent.snapshot, sent.attempt, time.time()
        if left is not None:
            attempt = replace(attempt, at=started + left - within(snapshot))
        status = after_attempt(snapshot, snapshot.status, attempt, now=attempt.at)
        snapshot, state = replace(snapshot, status=status), SmtpConfigState(uid=snapshot.version.uid)
        looks = DeliveryRunner(self._runner, lambda: _LimitedReader(self._engine, limit))

        async def look_once(snapshot: Snapshot, own: DeliveryState, wait: float, delete: bool) -> Look:
            return await looks.look(snapshot, own, wait, delete, None)

        if attempt.refusal is None:
            async for finding in findings(snapshot, state.own_delivery, look_once, now=time.time):
                state.own_delivery.finding = finding
        return _outcome(view_of(snapshot, state, now=time.time()), time.time() - started)


class _LimitedReader:
    """``MailboxReader`` with another time limit for each look."""

    def __init__(self, engine: MailboxEngine, limit: float) -> None:
        self._engine = engine
        self._limit = limit

    async def look(self, request: MailboxRequest, *, permit: LoginPermit | None = None) -> MailboxReport:
        return await self._engine.look(replace(request, timeout=self._limit), permit=permit)


def _outcome(view: View, seconds: float) -> Outcome:
    judgement = view.judgement
    assert judgement is not None
    return Outcome(f"{judgement.status} {judgement.reason}", judgement.message, seconds)


def _metadata(name: str) -> JsonObject:
    uid = str(uuid4())
    return {"name": name, "namespace": "team-a", "uid": uid, "generation": 1, "resourceVersion": "1"}


@asynccontextmanager
async def delivery_trial(mailboxes: RealMailboxes, *, ca_pem: str = "") -> AsyncIterator[DeliveryTrial]:
    """Yield a trial for the block; ``ca_pem`` has further trusted CAs of IMAP servers."""
    values = {
        "Secret": {"password": MAILBOX_PASSWORD, "wrong": "wrong"},
        "ConfigMap": {"ca.crt": mailboxes.ca_pem + ca_pem},
    }

    async def get(reference: Reference) -> JsonObject:
        data = {key: base64.b64encode(it.encode()).decode() for key, it in values[reference.kind].items()}
        return {"metadata": _metadata(reference.name), "data": data}

    engine = MailboxEngine(
        policy=DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)]),
        resolver=Names(),
        connections=ConnectionLimits(20),
    )
    try:
        async with local_runner(get, read_settings({}, {})) as runner:
            yield DeliveryTrial(mailboxes, runner, engine)
    finally:
        engine.close()
