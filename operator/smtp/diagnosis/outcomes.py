# SPDX-License-Identifier: Apache-2.0
"""The verdicts of a completed dialogue: passed, or some recipients refused."""

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
_CORRECT: Final = "Correct or remove these addresses under recipients"

_WITHIN_DOMAIN: Final = (
    "All recipients are in the From domain, so this proves nothing about other domains. Set a recipient"
    " elsewhere to test them"
)
_OF_ONE_RECIPIENT: Final = (Reason.RECIPIENTS_REFUSED, Reason.RECIPIENT_DEFERRED, Reason.GREYLISTED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused recipient, with the server's reply, its quotation and its meaning."""

    addressee: Addressee
    reply: Reply
    said: Quotation
    verdict: Verdict


def connected(server: str, *, tls: str, login: bool) -> Verdict:
    """Return the verdict if mode Connect passed, or mode Login without a username."""
    how = f"over {tls}" if tls else "in plaintext"
    what = f"{server} answers as an SMTP server {how}"
    why = "" if login else "No username is set, so the test did not log in"
    return verdict(Reason.CONNECTED, what, why=why)


def logged_in(server: str, user: str, mechanism: str) -> Verdict:
    """Return the verdict if mode Login passed. ``user`` is ``SmtpLogin.user``."""
    return verdict(Reason.LOGIN_SUCCEEDED, f"{server} accepted {user} via {mechanism}")


def envelope_accepted(server: str, recipients: int) -> Verdict:
    """Return the verdict if mode Envelope passed."""
    return verdict(
        Reason.ENVELOPE_ACCEPTED,
        f"{server} accepted the sender and {_recipients(recipients)}; no email was sent",
    )


def sent(server: str, recipients: int, response: str, *, within_domain: bool) -> Verdict:
    """Return the verdict if mode SendEmail passed. ``response`` is redacted.

    ``within_domain``: the domain of all recipients is that of the From address.
    """
    found = _QUEUED.search(response)
    queue = (found["id"] or found["exim"]) if found else None
    what = f"Accepted for delivery to {_recipients(recipients)} by {server}"
    what += f" (queue id {queue})" if queue else f' ("{response}")'
    return verdict(
        Reason.TEST_EMAIL_SENT,
        what,
        why="Accepted does not mean delivered. If the email does not arrive, check the spam folder",
        fix=_WITHIN_DOMAIN if within_domain else "",
    )


def all_refused(refusals: Sequence[Refusal]) -> Verdict:
    """Return the verdict if no recipient was accepted: the common cause, or each reply.

    Servers refuse clients, logins and senders at RCPT, too. These causes take precedence over a cause that
    concerns one recipient.
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
        fix=_CORRECT if first.reason is Reason.RECIPIENTS_REFUSED else "",
        reply=first.reply,
        retry=first.retry,
        retry_after=first.retry_after,
    )


def some_refused(refusals: Sequence[Refusal], *, accepted: int, mailed: bool) -> Verdict:
    """Return the verdict if some recipients were refused. ``mailed``: the others received the email."""
    got = "; the others received the email" if mailed else ""
    return verdict(
        Reason.RECIPIENTS_PARTIALLY_REFUSED,
        f"The server refused {len(refusals)} of {len(refusals) + accepted} recipients{got}",
        phase=Phase.RCPT_TO,
        why=_listed(refusals),
        fix=_CORRECT,
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
