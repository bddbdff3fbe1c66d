# SPDX-License-Identifier: Apache-2.0
"""The verdicts that end a dialogue in good order: passed, or some recipients refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.message.envelope import Addressee
from smtp_operator.smtp.quotation import SERVER_TEXT, Quotation
from smtp_operator.smtp.replies import Reply

_QUEUED: Final = re.compile(
    r"queued (?:mail for delivery|as (?P<id>[\w.-]+))|\bid=(?P<exim>[\w-]+)", re.IGNORECASE
)
_SHOWN_REFUSALS: Final = 6

_OF_ONE_RECIPIENT: Final = (Reason.RECIPIENTS_REFUSED, Reason.RECIPIENT_DEFERRED, Reason.GREYLISTED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One recipient that was refused: the reply, redacted, and what it means."""

    addressee: Addressee
    reply: Reply
    said: Quotation
    verdict: Verdict


def connected(server: str, *, tls: str, login: bool) -> Verdict:
    """Connect passed, or Login without a user name."""
    how = f"over {tls}" if tls else "in clear text"
    what = f"{server} answers as an SMTP server {how}"
    why = "" if login else "No user name is set, so there was no login to test"
    return verdict(Reason.CONNECTED, what, why=why)


def logged_in(server: str, user: str, mechanism: str) -> Verdict:
    """Login passed. ``user`` is ``Login.user``."""
    return verdict(Reason.LOGIN_SUCCEEDED, f"{server} accepted {user} by {mechanism}")


def envelope_accepted(server: str, recipients: int) -> Verdict:
    """Envelope passed."""
    return verdict(
        Reason.ENVELOPE_ACCEPTED,
        f"{server} accepted the sender and {_recipients(recipients)}; no mail was sent",
    )


def sent(server: str, recipients: int, response: str) -> Verdict:
    """SendEmail passed. ``response`` is redacted."""
    found = _QUEUED.search(response)
    queue = (found["id"] or found["exim"]) if found else None
    what = f"Accepted for delivery to {_recipients(recipients)} by {server}"
    what += f" (queue id {queue})" if queue else f' ("{response}")'
    return verdict(
        Reason.TEST_EMAIL_SENT,
        what,
        why="Accepted is not delivered: if nobody finds the mail, look into the spam folder",
    )


def all_refused(refusals: Sequence[Refusal]) -> Verdict:
    """No recipient was accepted: what they have in common, or what each was told.

    Servers say at RCPT what they hold against client, login or sender; that goes before what is wrong
    with one recipient.
    """
    for refusal in refusals:
        if refusal.verdict.reason not in _OF_ONE_RECIPIENT:
            return refusal.verdict
    first = next((entry for entry in refusals if not entry.reply.temporary), refusals[0]).verdict
    if len(refusals) == 1:
        return first
    return verdict(
        first.reason,
        f"The server refused all {len(refusals)} recipients",
        phase=Phase.RCPT_TO,
        why=_listed(refusals),
        reply=first.reply,
        retry=first.retry,
        retry_after=first.retry_after,
    )


def some_refused(refusals: Sequence[Refusal], *, accepted: int, mailed: bool) -> Verdict:
    """Some recipients were refused; the others got the mail where ``mailed``."""
    got = "; the others got the mail" if mailed else ""
    return verdict(
        Reason.RECIPIENTS_PARTIALLY_REFUSED,
        f"The server refused {len(refusals)} of {len(refusals) + accepted} recipients{got}",
        phase=Phase.RCPT_TO,
        why=_listed(refusals),
        fix="Correct or remove them under recipients",
        reply=refusals[0].reply.short,
    )


def _listed(refusals: Sequence[Refusal]) -> str:
    limit = 600 // min(len(refusals), _SHOWN_REFUSALS)
    texts = []
    for refusal in refusals[:_SHOWN_REFUSALS]:
        label = refusal.addressee.label
        label = label if len(label) <= limit // 2 else label[: limit // 2 - 1] + "…"
        texts.append(f'{label}: "{refusal.said.cut(min(limit - len(label) - 4, SERVER_TEXT))}"')
    if len(refusals) > _SHOWN_REFUSALS:
        texts.append(f"and {len(refusals) - _SHOWN_REFUSALS} more")
    return "; ".join(texts)


def _recipients(count: int) -> str:
    return f"{count} recipient{'' if count == 1 else 's'}"
