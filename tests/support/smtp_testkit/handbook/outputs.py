# SPDX-License-Identifier: Apache-2.0
"""Compares an output with the quoted one, except for parts that differ in every run."""

import re

_CHANGING = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?", "<time>"),
    (r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d{4} [\d:]+ [-+]\d{4}", "<time>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>"),
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"<[0-9a-f]{32}@", "<id@"),
    (r"(?<=<uid>/)\d+|(?<=Version:)\s+\d+", "<version>"),
    (r"\bkubectl-smtp-[0-9a-f]{10}\b", "kubectl-smtp-<id>"),
    (r"#[\w-]{16}(?![\w-])", "#<random>"),
    (r"; starts [\w.]+ after the last one$", ""),  # or at once, if the command before took that long
    (r"\b(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\b", "<duration>"),
    (r"(queue id|queued as) [\w-]+", r"\1 <id>"),
]

LEFT_OUT = "…"


def same_output(quoted: str, real: str) -> bool:
    """Return whether both agree; a line `…` in the quotation matches any number of lines."""
    parts = [
        ".*" if line == LEFT_OUT else re.escape(line)
        for line in (_normal(line) for line in quoted.strip().splitlines())
    ]
    pattern = r"\n".join(parts).replace(r".*\n", r"(?:.*\n)?").replace(r"\n.*", r"(?:\n.*)?")
    text = "\n".join(_normal(line) for line in real.strip().splitlines())
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def aligned(text: str) -> str:
    """Align the columns of a kubectl table again, after names in it were replaced; keep other text."""
    lines = text.splitlines()
    if len(lines) < 2 or not re.fullmatch(r"[A-Z-]+(?: {2,}[A-Z-]+)+ *", lines[0]):
        return text
    rows = [re.split(r" {3,}", line.rstrip()) for line in lines]
    if len({len(row) for row in rows}) != 1:
        return text
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ((cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("   ".join(row).rstrip() for row in cells)


def _normal(line: str) -> str:
    for pattern, name in _CHANGING:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())
