# SPDX-License-Identifier: Apache-2.0
"""A file that is no YAML: in plain words what to look for, and the line where it begins."""

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., Any]
Write = Callable[..., str]

INDENTATION = (
    "the indentation differs from that of the lines above; fields of the same map start in the same column"
)
NO_COLON = "a line without a colon; write a field as name: value, and start each item of a list with a dash"
TEMPLATE = "render it first, for example with helm template, or put it in quotes"
QUOTED = (
    "text after the closing quote; put the whole value in single quotes, and write a single quote in it twice"
)
COLON = "a colon and a space in an unquoted value; put the whole value in quotes"

CASES: dict[str, tuple[str, int, str]] = {
    "a quote that ends with the file": (
        'a: 1\nfrom: "Ops <a@example.com>\nport: 1\n',
        2,
        "a quote is not closed; write: from: 'Ops <a@example.com>'",
    ),
    "a quote that ends in a later line": (
        'server: "localhost\nport: 1\nusername: "x"\n',
        1,
        "a quote is not closed; write: server: 'localhost'",
    ),
    "a quote of a password": (
        "password: 's3cret\nfrom: 'x'\n",
        1,
        'a quote is not closed; write: password: "..."',
    ),
    "a quote that ends in the next document": (
        'stringData:\n  password: "s3cret\n---\nfrom: "x"\n',
        2,
        'a quote is not closed; write: password: "..."',
    ),
    "an apostrophe": ("from: 'It's <a@example.com>'\n", 1, f"{QUOTED}; write: from: 'It''s <a@example.com>'"),
    "a name in quotes": (
        'from: "Doe" <a@example.com>\n',
        1,
        f"{QUOTED}; write: from: '\"Doe\" <a@example.com>'",
    ),
    "a backslash": ('a: "s3\\cret"\n', 1, "a backslash in double quotes; use single quotes, or write \\\\"),
    "a colon in a value": (
        "from: Alerts: prod <a@example.com>\n",
        1,
        f"{COLON}; write: from: 'Alerts: prod <a@example.com>'",
    ),
    "a colon in a password": ("value: s3: cret\n", 1, f'{COLON}; write: value: "..."'),
    "a colon in a value in braces": ("password: {value: s3: cret}\n", 1, COLON),
    "a tab": ("a:\n\tb: 1\n", 2, "a tab; use spaces for indentation"),
    "a tab behind spaces": ("a:\n  \tb: 1\n", 2, "a tab; use spaces for indentation"),
    "a non-breaking space": (
        "from:\u00a0a@example.com\nport: 1\n",
        1,
        "a non-breaking space (U+00A0) in column 6; use a normal space",
    ),
    "a full-width colon": (
        "from\uff1aa@example.com\nport: 1\n",
        1,
        "an unusual colon (U+FF1A); use the normal one (:)",
    ),
    "a typographic quotation mark": (
        "from: “a: b”\n",
        1,
        "a typographic quotation mark (“); use straight quotes (\" or ')",
    ),
    "a Helm value": (
        "server: {{ .Values.host }}\n",
        1,
        f"the template {{{{ }}}} is not rendered; {TEMPLATE}",
    ),
    "a Helm block": ("a: 1\n{{- if .x }}\nb: 1\n", 2, f"the template {{{{ }}}} is not rendered; {TEMPLATE}"),
    "a Jinja block": ("{% if x %}\na: 1\n", 1, f"the template {{% %}} is not rendered; {TEMPLATE}"),
    "a variable in braces": (
        "a: {to: [${TO}]}\n",
        1,
        "a variable such as ${NAME} is not replaced; replace it, or put it in quotes",
    ),
    "a key twice": (
        "a:\n  port: 1\n  port: 2\n",
        3,
        "the key port appears twice, first in line 2; keep one of them",
    ),
    "no separator": (
        "kind: A\nspec: {}\nkind: B\n",
        3,
        "the key kind appears twice, first in line 1; separate two objects by a line with ---",
    ),
    "four dashes": ("a: 1\n----\nb: 1\n", 2, "a line between two objects has exactly three dashes: ---"),
    "a missing dash": ("to:\n  - a\n  b\n", 3, NO_COLON),
    "no colon": ("server: x\nport 1\nfrom: x\n", 2, NO_COLON),
    "no space after the colon": ("server:localhost\nport: 1\n", 1, "no space after the colon of server"),
    "a deeper line": ("a: 1\n b: 2\n", 2, INDENTATION),
    "a less deep line": ("a:\n  b: 1\n c: 2\n", 3, INDENTATION),
    "a brace without its end": (
        "a: {b: 1\nc: 2\n",
        1,
        "a { without its }, or a comma is missing between two fields",
    ),
    "a bracket without its end": (
        "a: [b, c\nd: 2\n",
        1,
        "a [ without its ], or a comma is missing between two items",
    ),
    "JSON without a comma": (
        '{"a": 1 "b": 2}',
        1,
        "a { without its }, or a comma is missing between two fields",
    ),
    "JSON with two commas": ('{"a": 1,, "b": 2}', 1, "a sign is missing or superfluous between { } or [ ]"),
    "a list behind a name": (
        "to: - a@example.com\n",
        1,
        "a list that starts behind a name; write it as [item, item], or on new lines",
    ),
    "a field after a list": (
        "- a\nb: 1\n",
        2,
        "a line that is no item of the list above; each item of a list starts with a dash and a space, in the"
        " same column",
    ),
    "an alias": ("password: *s3cret\n", 1, "an unquoted value that starts with * or &; put it in quotes"),
    "a tag": ("password: !s3cret x\n", 1, "an unquoted value that starts with !; put it in quotes"),
    "a reserved sign": ("password: @s3cret\n", 1, "an unquoted value that starts with @; put it in quotes"),
    "a block": (
        "password: |s3cret\n",
        1,
        "text behind | or >; put the value in quotes, or start it on the next line",
    ),
    "a merge conflict": (
        "a: 1\n<<<<<<< HEAD\nb: 1\n",
        2,
        "a marker of a Git merge conflict; resolve the conflict",
    ),
    "a fence": ("```yaml\na: 1\n```\n", 1, "a Markdown fence; remove it"),
}


@pytest.mark.parametrize(("text", "line", "words"), CASES.values(), ids=CASES)
def test_a_text_that_is_no_yaml(text: str, line: int, words: str, check: Check, write: Write) -> None:
    ended = check("-f", write(text))
    assert (ended.code, ended.err) == (2, f"smtp-operator: mail.yaml, line {line}: not YAML: {words}\n")


def test_line_ends_of_windows_count_once(check: Check, write: Write) -> None:
    ended = check("-f", write(b'a: 1\r\nserver: "x\r\nb: 2\r\n'))
    assert ended.err == (
        "smtp-operator: mail.yaml, line 2: not YAML: a quote is not closed; write: server: 'x'\n"
    )
