# SPDX-License-Identifier: Apache-2.0
"""The arguments of `kubectl smtp`, and messages for invalid combinations."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.cli.kubectl.arguments import COMMANDS

Offline = Callable[..., Any]


def test_without_a_command_it_shows_its_help_and_fails(offline: Offline) -> None:
    ended = offline()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: kubectl smtp ")


def test_the_help_is_a_result(offline: Offline) -> None:
    ended = offline("--help")
    assert (ended.code, ended.err) == (0, "")
    for part in ("examples:", "exit codes:", "request a test", "patch for the command test"):
        assert part in ended.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.name)
def test_the_help_of_a_command_names_each_of_its_flags_and_exit_codes(offline: Offline, command: Any) -> None:
    ended = offline(command.name, "--help")
    assert ended.code == 0
    for flag in command.flags:
        for option in flag.options:
            assert option in ended.out
    assert "exit codes:" in ended.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["test"], "select SmtpConfigs with NAME, -l SELECTOR, --all (of the namespace) or -A"),
        (["test", "mail", "-A"], "NAME cannot be combined with --all-namespaces; set its namespace with -n"),
        (["test", "-A", "-n", "team-a"], "--namespace cannot be combined with --all-namespaces"),
        (["test", "mail", "-l", "a=b"], "NAME cannot be combined with --selector"),
        (["test", "mail", "--all"], "NAME cannot be combined with --all"),
        (["test", "Mail"], "'Mail' is not the name of a SmtpConfig"),
        (["test", "mail", "-n", "../x"], "--namespace: '../x' is not the name of a namespace"),
        (["status", "mail", "--not-ready"], "NAME cannot be combined with --not-ready, --reason or --server"),
        (["suggest", "mail/x"], "'mail/x' is not the name of a SmtpConfig"),
    ],
)
def test_arguments_that_cannot_be_combined(offline: Offline, words: list[str], complaint: str) -> None:
    ended = offline(*words)
    assert (ended.code, ended.out, ended.err) == (2, "", f"kubectl smtp: {complaint}\n")


def test_an_unknown_command_is_named_with_the_known_ones(offline: Offline) -> None:
    ended = offline("tset")
    assert (ended.code, ended.out) == (2, "")
    assert "invalid choice: 'tset'" in ended.err


def test_without_any_cluster_it_says_what_to_do(offline: Offline) -> None:
    ended = offline("status")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "kubectl smtp: no cluster to connect to: give --kubeconfig, set KUBECONFIG, or run in a Pod\n"
    )


def test_an_unexpected_error_shows_no_traceback(offline: Offline, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise RuntimeError("s3cret")

    monkeypatch.setattr("smtp_operator.cli.kubectl.explain.reason_named", broken)
    ended = offline("explain", "Testing")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "kubectl smtp: unexpected error (RuntimeError); use --debug to see where\n"


def test_debug_shows_where_it_happened_and_no_text_of_the_exception(
    offline: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError("s3" + "cret")

    monkeypatch.setattr("smtp_operator.cli.kubectl.explain.reason_named", broken)
    ended = offline("explain", "Testing", "--debug")
    assert "Traceback" in ended.err
    assert "s3cret" not in ended.err
