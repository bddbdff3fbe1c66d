# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_tools.docslint [PAGE...]`` lists long sentences; exit code 1 if there are any."""

import sys
from pathlib import Path

from smtp_testkit.handbook.blocks import ROOT, pages
from smtp_tools.docslint.sentences import MOST_WORDS, long_sentences


def main(arguments: list[str]) -> int:
    """Check these pages, or all; return the exit code."""
    chosen = [Path(it).resolve() for it in arguments] or pages()
    found = 0
    for page in chosen:
        for line, words, sentence in long_sentences(page):
            print(f"{page.relative_to(ROOT)}:{line}: {words} words: {sentence}")
            found += 1
    print(f"{found} sentences have more than {MOST_WORDS} words.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
