# SPDX-License-Identifier: Apache-2.0
"""Creation of verdicts. A step that cannot continue raises ``DialogueEnded`` with a verdict."""

from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import MESSAGE_BYTES, Phase, Suggestion, Verdict, cut
from smtp_operator.smtp.quotation import SERVER_TEXT, Quotation

NO_WORDS: Final = Quotation()


class DialogueEnded(Exception):
    """End the test with ``verdict``."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def verdict(
    reason: Reason,
    what: str,
    *,
    why: str = "",
    fix: str = "",
    phase: Phase | None = None,
    said: Quotation = NO_WORDS,
    reply: str = "",
    retry: Retry | None = None,
    retry_after: float | None = None,
    suggestion: Suggestion | None = None,
) -> Verdict:
    """Return a verdict with a composed message. ``retry`` None: use the value from the table of reasons."""
    return Verdict(
        reason=reason,
        message=compose(what, phase=phase, said=said, why=why, fix=fix),
        retry=retry or REASONS[reason].retry,
        phase=phase,
        reply=reply,
        retry_after=retry_after,
        suggestion=suggestion,
    )


def sentences(*texts: str) -> str:
    """Return the texts that are not empty as sentences."""
    return ". ".join(text.removesuffix(".") for text in texts if text)


_LEAST: Final = 48
"""Bytes of the server's words that a message keeps in any case."""


def compose(
    what: str, *, phase: Phase | None = None, said: Quotation = NO_WORDS, why: str = "", fix: str = ""
) -> str:
    """Return a message of at most 1,024 bytes: ``what [in PHASE, server said: "said"]. Why. Fix.``

    If the message is too long, the server's words are cut first; the deciding words and the fix stay.
    """
    tail = "".join(f" {_sentence(text)}" for text in (why, fix) if text)
    words = ""
    if said:
        rest = len(_head(what, phase, "").encode()) + len(tail.encode()) + len(', server said: ""')
        words = said.cut(SERVER_TEXT, octets=max(MESSAGE_BYTES - rest, _LEAST))
    return cut(_head(what, phase, words) + tail)


def _head(what: str, phase: Phase | None, said: str) -> str:
    where = [f"in {phase}"] if phase is not None else []
    if said:
        where.append(f'server said: "{said}"')
    return f"{what} [{', '.join(where)}]." if where else _sentence(what)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
