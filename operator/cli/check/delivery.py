# SPDX-License-Identifier: Apache-2.0
"""``check --delivery``: looks once, from the user's machine, whether the email of the test arrives."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from smtp_operator.api.durations import format_duration
from smtp_operator.cli.exit_codes import FAILED, PASSED, TRANSIENT
from smtp_operator.imap.engine import MailboxEngine
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.resolver import ThreadedResolver
from smtp_operator.reconcile.smtpconfig.delivery.runner import DeliveryRunner
from smtp_operator.reconcile.smtpconfig.delivery.settings import within
from smtp_operator.reconcile.smtpconfig.delivery.state import Attempt, DeliveryState
from smtp_operator.reconcile.smtpconfig.delivery.status import Judgement, View, after_attempt, view_of
from smtp_operator.reconcile.smtpconfig.delivery.watcher import Look, findings
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.concurrency import ConnectionLimits

_CODES: Final = {"True": PASSED, "False": FAILED, "Unknown": TRANSIENT}


async def check_delivery(
    snapshot: Snapshot,
    attempt: Attempt,
    runner: TestRunner,
    *,
    ca_file: str | None,
    say: Callable[[str], None],
) -> View:
    """Look for the email until it arrives or its time is over; delete it unless it is to be kept.

    ``runner`` reads the password of the mailbox; ``say`` receives a sentence for the user.
    """
    status = after_attempt(snapshot, snapshot.status, attempt, now=attempt.at)
    sent, state = replace(snapshot, status=status), SmtpConfigState(uid=snapshot.version.uid)
    if attempt.refusal is not None:
        return view_of(sent, state, now=time.time())
    assert snapshot.spec.delivery is not None
    mailbox = snapshot.spec.delivery.mailbox
    say(
        f"Looks for the email in the mailbox at {mailbox.server}:{mailbox.port}, for at most"
        f" {format_duration(within(snapshot))}."
    )
    everywhere = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    resolver = ThreadedResolver()
    engine = MailboxEngine(
        policy=DestinationPolicy(allow_networks=everywhere, ports=[PortRange(1, 65535)]),
        resolver=resolver,
        connections=ConnectionLimits(1),
        ca_file=ca_file,
    )
    looks = DeliveryRunner(runner, lambda: engine)

    async def look_once(snapshot: Snapshot, own: DeliveryState, wait: float, delete: bool) -> Look:
        return await looks.look(snapshot, own, wait, delete, None)

    try:
        async for finding in findings(sent, state.own_delivery, look_once, now=time.time):
            state.own_delivery.finding = finding
            if finding.failure is not None and not finding.failure.retry.is_transient:
                break
            if finding.found is not None and not mailbox.keep:
                await look_once(sent, state.own_delivery, 0.0, True)
    finally:
        engine.close()
        resolver.close()
    return view_of(sent, state, now=time.time())


def exit_code_of(judgement: Judgement | None) -> int:
    """Return 0 (it arrived), 1 (it did not), or 3 (unknown)."""
    return _CODES[judgement.status] if judgement is not None else TRANSIENT
