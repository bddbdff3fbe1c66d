# SPDX-License-Identifier: Apache-2.0
"""The same refusals in the words of other servers: seeded changes of form and words, not of meaning."""

import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from smtp_tools.reasons.scenarios import Scenario

SEED: Final = 20261122
COUNT: Final = 1000
_ENHANCED: Final = re.compile(r"^#?\d\.\d{1,3}\.\d{1,3}\b:?\s*")

# Each pair in both directions; whole words, any case.
_SYNONYMS: Final = (
    ("not allowed", "not permitted"),
    ("does not exist", "doesn't exist"),
    ("cannot", "can not"),
    ("do not", "don't"),
    ("is not", "isn't"),
    ("required", "needed"),
    ("e-mail", "email"),
    ("mail server", "mail host"),
    ("authentication required", "authentication is required"),
    ("user unknown", "unknown user"),
    ("no such user", "no such user here"),
    ("too many", "far too many"),
    ("too large", "too big"),
    ("try again later", "please try again in 10 minutes"),
    ("temporarily", "for the time being"),
    ("rejected", "refused"),
    ("denied", "refused"),
    ("incorrect", "wrong"),
    ("invalid", "bad"),
    ("blocked", "banned"),
    ("mailbox full", "mailbox is full"),
    ("exceeded", "was exceeded"),
    ("server", "host"),
    ("failed", "has failed"),
    ("contact your administrator", "ask your postmaster"),
)
_GREETINGS: Final = ("Sorry, ", "Error: ", "mx7.example.org: ", "We are sorry: ", "[mx7] ")
_ENDINGS: Final = (
    " (ticket 8F3A2C-77)",
    " [mx7.example.org]",
    " - see https://help.example.org/errors/4711",
    ". Please contact postmaster@example.org for help.",
    " id=1kXw2a-0003Qz-7M",
)
_ADDRESS: Final = re.compile(r"\b203\.0\.113\.\d+\b")

Change = Callable[[random.Random, Scenario], tuple[str, ...] | None]


def mutations(scenarios: Iterable[Scenario], *, count: int = COUNT) -> list[Scenario]:
    """Return ``count`` different mutations, alternating between the kinds; always the same ones."""
    chance = random.Random(SEED)
    pool = [scenario for scenario in scenarios if _has_words(scenario)]
    found: dict[tuple[str, ...], Scenario] = {}
    for name, change in itertools.cycle(_CHANGES.items()):
        if len(found) == count:
            break
        scenario = chance.choice(pool)
        lines = change(chance, scenario)
        if lines is not None and lines != scenario.first_reply:
            mutated = replace(scenario, id=f"{scenario.id}/{name}", lines=lines)
            found.setdefault((scenario.id, *lines), mutated)
    return list(found.values())


def _has_words(scenario: Scenario) -> bool:
    """Return whether other words are possible: not for missing capabilities or other protocols."""
    return not scenario.offers and scenario.reason != "NotAnSmtpServer"


def _parts(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Return the enhanced code (may be empty) and the words of each line."""
    for line in scenario.first_reply:
        words = line[4:]
        found = _ENHANCED.match(words)
        yield (words[: found.end()], words[found.end() :]) if found else ("", words)


def _lines(code: str, texts: Iterable[str]) -> tuple[str, ...]:
    *before, last = texts
    return (*(f"{code}-{text}" for text in before), f"{code} {last}")


def _case(chance: random.Random, scenario: Scenario) -> tuple[str, ...]:
    change = chance.choice((str.upper, str.lower, str.title, str.swapcase))
    code = scenario.first_reply[0][:3]
    return _lines(code, (number + change(words) for number, words in _parts(scenario)))


def _without_enhanced_code(chance: random.Random, scenario: Scenario) -> tuple[str, ...] | None:
    """Remove the enhanced code; return None if fewer than three words remain."""
    texts = [words for _, words in _parts(scenario)]
    if sum(len(words.split()) for words in texts) < 3:
        return None
    return _lines(scenario.first_reply[0][:3], texts)


def _more_lines(chance: random.Random, scenario: Scenario) -> tuple[str, ...] | None:
    """Add one line break between two words, with the enhanced code on each line (RFC 2034)."""
    parts = list(_parts(scenario))
    at = chance.randrange(len(parts))
    number, text = parts[at]
    words = text.split(" ")
    if len(words) < 2:
        return None
    cut = chance.randrange(1, len(words))
    parts[at : at + 1] = [(number, " ".join(words[:cut])), (number, " ".join(words[cut:]))]
    return _lines(scenario.first_reply[0][:3], (number + text for number, text in parts))


def _other_words(chance: random.Random, scenario: Scenario) -> tuple[str, ...]:
    """Replace up to two words, and add a greeting, an ending or another address."""
    parts = list(_parts(scenario))
    pairs = [pair for one in _SYNONYMS for pair in (one, one[::-1])]
    chance.shuffle(pairs)
    changed = 0
    for old, new in pairs:
        pattern = re.compile(rf"(?<![\w.@/-]){re.escape(old)}(?![\w@/-]|\.\w)", re.IGNORECASE)
        if changed < 2 and any(pattern.search(text) for _, text in parts):
            parts = [(number, pattern.sub(new, text, count=1)) for number, text in parts]
            changed += 1
    parts = [(number, _ADDRESS.sub("198.51.100.23", text)) for number, text in parts]
    number, text = parts[0]
    if chance.random() < 0.5:
        parts[0] = (number, chance.choice(_GREETINGS) + text)
    else:
        number, text = parts[-1]
        parts[-1] = (number, text + chance.choice(_ENDINGS))
    return _lines(scenario.first_reply[0][:3], (number + text for number, text in parts))


_CHANGES: Final[dict[str, Change]] = {
    "case": _case,
    "no-enhanced-code": _without_enhanced_code,
    "more-lines": _more_lines,
    "other-words": _other_words,
}
