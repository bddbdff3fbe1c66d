# SPDX-License-Identifier: Apache-2.0
"""Sentences that are too long for readers who are not native speakers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smtp_tools.docslint.texts import prose_of

MOST_WORDS: Final = 25

_CODE: Final = re.compile(r"`[^`]*`")
_QUOTATION: Final = re.compile(r"“[^”]*?([.!?]?)”|\"[^\"\n]*?([.!?]?)\"")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_ABBREVIATION: Final = re.compile(r"\b(e\.g|i\.e|etc|vs)\.")
_END: Final = re.compile(r"(?<=[.!?])[)*_]*\s+")
_WORD: Final = re.compile(r"\w[\w'/.-]*")


def long_sentences(page: Path) -> Iterator[tuple[int, int, str]]:
    """Yield the line of the paragraph, the number of words, and the sentence.

    Code blocks, tables and quotations do not count; code within a sentence counts as one word.
    """
    for it in prose_of(page.read_text(encoding="utf-8")):
        for sentence in _sentences(_LINK.sub(r"\1", it.text)):
            counted = _QUOTATION.sub(" ", _CODE.sub("code", sentence))
            count = len(_WORD.findall(counted))
            if count > MOST_WORDS:
                yield it.line, count, sentence


def _sentences(text: str) -> Iterator[str]:
    """Split a text where a sentence ends, but not within code or quotations."""

    def hidden(found: re.Match[str]) -> str:
        ending = next((it for it in found.groups() if it), "") if found.groups() else ""
        return "x" * (len(found.group()) - len(ending)) + ending

    masked = _QUOTATION.sub(hidden, _CODE.sub(hidden, text))
    masked = _ABBREVIATION.sub(lambda found: "x" * len(found.group()), masked)
    start = 0
    for end in _END.finditer(masked):
        yield text[start : end.end()].strip()
        start = end.end()
    yield text[start:].strip()
