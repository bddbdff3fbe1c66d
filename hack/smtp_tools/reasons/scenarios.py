# SPDX-License-Identifier: Apache-2.0
"""The corpus of replies as objects; tests/unit/smtp/diagnosis/corpus/README.md says what each field means."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_operator.smtp.message.addresses import AddressInvalid, parse_address

CORPUS: Final = Path(__file__).resolve().parents[3] / "tests" / "unit" / "smtp" / "diagnosis" / "corpus"
PUBLISHED: Final = "replies.yaml"
HELD_BACK: Final = "held_back.yaml"
UNSEEN: Final = "unseen.yaml"
"""Scenarios by a person who writes no rules; the file exists once they have been measured."""

SENDER: Final = "noreply@example.com"
RECIPIENT: Final = "ops@example.net"
USERNAME: Final = "mailer@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A failure in the words of a real server, and the one right reason for it."""

    id: str
    peer: str
    source: str
    smtp_type: SmtpType
    login: bool
    oauth2: bool
    phase: Phase
    banner: str
    challenge: str
    lines: tuple[str, ...]
    closes: bool
    offers: bool
    """Whether the cause is a capability that is missing in a successful reply to EHLO."""
    sender: str
    recipient: str
    reason: str
    also: tuple[str, ...] = ()
    """Other reasons that are as right, where the words leave a choice."""
    exit_code: int | None = None
    mentions: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    """Words that the message must not have outside of the quoted reply."""
    steps: tuple[tuple[str, str], ...] = ()
    """The server's replies by step, if the scenario is one of a kind (``kinds``)."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Scenario":
        """Return the scenario of an entry of the corpus."""
        return cls(
            id=fields["id"],
            peer=fields["peer"],
            source=fields["source"],
            smtp_type=SmtpType(fields["smtp_type"]),
            login=fields["login"],
            oauth2=fields.get("oauth2", False),
            phase=Phase(fields["phase"]),
            banner=fields.get("banner", ""),
            challenge=fields.get("challenge", ""),
            lines=tuple(fields["reply"].rstrip("\n").split("\n")),
            closes=fields.get("then") == "close",
            offers="offers" in fields,
            sender=fields.get("from", SENDER),
            recipient=fields.get("to", RECIPIENT),
            reason=fields["reason"],
            also=tuple(fields.get("also", ())),
            exit_code=fields.get("exit"),
            mentions=tuple(fields.get("mentions", ())),
            never=tuple(fields.get("never", ())),
        )

    @property
    def mailboxes(self) -> tuple[str, str]:
        """Return sender and recipient as the engine sends them; it never sends an invalid address."""
        return _mailbox(self.sender, SENDER), _mailbox(self.recipient, RECIPIENT)

    @property
    def origin(self) -> str:
        """The source of the credentials; empty if the scenario has no login."""
        if not self.login:
            return ""
        return "access token of client mail-test" if self.oauth2 else "Secret smtp-password, key password"

    @property
    def challenge_reply(self) -> str:
        """The ``334`` with a token's error before the refusal (RFC 7628); empty if there is none."""
        return f"334 {base64.b64encode(self.challenge.encode()).decode()}" if self.challenge else ""

    @property
    def first_reply(self) -> tuple[str, ...]:
        """The lines of the first reply; later lines have other codes."""
        last = next((n for n, line in enumerate(self.lines) if line[3:4] != "-"), len(self.lines) - 1)
        return self.lines[: last + 1]


def _mailbox(address: str, instead: str) -> str:
    try:
        return parse_address(address).address
    except AddressInvalid:
        return instead


@cache
def load(name: str) -> tuple[Scenario, ...]:
    """Return the scenarios of one file of the corpus; none if the file does not exist."""
    if not (CORPUS / name).exists():
        return ()
    entries = yaml.load((CORPUS / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return tuple(map(Scenario.of, entries))
