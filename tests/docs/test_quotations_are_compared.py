# SPDX-License-Identifier: Apache-2.0
"""Outputs are equal if they differ only in parts that differ in every run."""

from pathlib import Path

import pytest

from smtp_testkit.handbook import Block, same_output
from smtp_testkit.handbook.outputs import aligned

UID = "-6d9e-45ae-bd88-d67082e6a2e6"


@pytest.mark.parametrize(
    ("quoted", "real"),
    [
        ("my-mail created", "my-mail created\n"),
        ("NAME   AGE\nmail   8s", "NAME      AGE\nmail      1m12s"),
        ("Time: 2026-01-31T12:00:00Z", "Time: 2027-02-01T13:14:15.123456Z"),
        ("test requested; starts 10s after the last one", "test requested"),
        ("by smtp (queue id 4F1B2).", "by smtp (queue id 1)."),
        ("Version: 12\nDuration: 39ms", "Version: 7\nDuration: 2.1s"),
        (f"UID: 3d6fbce8{UID}", f"UID: 60d49e45{UID}"),
        ("…\nStatus:\n…\n  Reason: A", "Name: x\nSpec:\n  y\nStatus:\n  z: 1\n  Reason: A"),
        ("Status:\n…", "Status:"),
    ],
)
def test_what_differs_at_every_run_does_not_matter(quoted: str, real: str) -> None:
    assert same_output(quoted, real)


@pytest.mark.parametrize(
    ("quoted", "real"),
    [
        ("READY True", "READY False"),
        ("one line", "one line\nand another"),
        ("one line\nand another", "one line"),
        ("Set port: 587.", "Set port: 465."),
        ("…\nReason: A\n…", "Status:\n  Reason: B\n"),
        ("any.thing", "anything"),
    ],
)
def test_every_other_difference_does(quoted: str, real: str) -> None:
    assert not same_output(quoted, real)


def test_a_console_block_is_read_as_commands_with_their_outputs() -> None:
    text = "$ first \\\n  goes on\nsays\nmore\n$ second"
    assert Block(Path(), 1, "console", text).steps == [("first \\\n  goes on", "says\nmore"), ("second", "")]


def test_a_table_is_made_even_after_names_in_it_were_replaced() -> None:
    table = "NAME      PORT    READY\nmy-mail   587   True\n"
    assert aligned(table) == "NAME      PORT   READY\nmy-mail   587    True"
    assert aligned("  A sentence.  Another one.") == "  A sentence.  Another one."
