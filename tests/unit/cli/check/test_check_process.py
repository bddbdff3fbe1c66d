# SPDX-License-Identifier: Apache-2.0
"""The process: the modules it loads, interrupts, and closed outputs."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.interrupts import interruptible
from smtp_testkit.mailpeers import MailServer

Write = Callable[..., str]
Document = dict[str, Any]

COMMAND = [sys.executable, "-m", "smtp_operator", "check", "-f", "mail.yaml"]
INTERRUPTED = "smtp-operator: interrupted; there is no verdict\n"


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(folder), "SMTP_OPERATOR_SENDER_AUTHENTICATION": "false"}


@pytest.fixture
def relay(write: Write, anonymous: Document) -> str:
    """A manifest for a server that answers."""
    return write(anonymous)


@pytest.fixture
def said(server: MailServer) -> threading.Event:
    """An event that is set when a client has sent EHLO, which gets no reply."""
    heard = threading.Event()
    server.unanswered.add("EHLO")
    server.on_command = lambda verb: heard.set() if verb == "EHLO" else None
    return heard


def test_a_check_of_a_file_loads_no_kubernetes_client(relay: str, environment: dict[str, str]) -> None:
    code = """\
import sys
from smtp_operator.cli.main import run_program
code = run_program(["check", "-f", "mail.yaml", "--mode", "Connect"])
print(code, [name for name in ("kubernetes", "kopf", "aiohttp") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "0 []"


def test_ctrl_c_leaves_whole_lines_and_no_traceback(
    relay: str, said: threading.Event, environment: dict[str, str]
) -> None:
    with interruptible():
        process = subprocess.Popen(
            COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    assert said.wait(120)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert re.sub(r"\d[\d.]*(?:ms|s)\b", "TIME", err) == (
        f"  ✓ Resolve TIME\n  ✓ Connect TIME\n  ✓ Banner TIME\n  ✗ Ehlo TIME\n{INTERRUPTED}"
    )


def test_ctrl_c_on_a_terminal_finishes_the_open_line(
    relay: str, said: threading.Event, environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    with interruptible():
        process = subprocess.Popen(
            COMMAND,
            env=environment | {"NO_COLOR": "1", "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
    os.close(theirs)
    assert said.wait(120)
    process.send_signal(signal.SIGINT)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the process has ended
        pass
    os.close(ours)
    assert process.wait(120) == 130
    last = re.sub(r"\d[\d.]*(?:ms|s)\b", "TIME", shown.decode().replace("\r\n", "\n")).rpartition("Banner")[2]
    assert last == f" TIME\n  … Ehlo\r  ✗ Ehlo TIME\n{INTERRUPTED}"


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_closed_pipe_does_not_change_the_exit_code(
    output: str, relay: str, environment: dict[str, str], server: MailServer
) -> None:
    for mode, code in (("Connect", 0), ("SendEmail", 3)):
        server.replies["MAIL"] = "451 4.3.0 later"
        ours, theirs = os.pipe()
        os.close(ours)
        done = subprocess.run(
            [*COMMAND, "--mode", mode, "--output", output],
            env=environment,
            check=False,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        os.close(theirs)
        assert done.returncode == code
        assert {line.split()[0] for line in done.stderr.splitlines()} <= {"✓", "✗"}


def test_a_closed_progress_pipe_does_not_change_the_exit_code(
    relay: str, environment: dict[str, str], server: MailServer
) -> None:
    server.replies["EHLO"] = "421 4.3.2 closing"
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        COMMAND, env=environment, check=False, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120
    )
    os.close(theirs)
    assert done.returncode == 3
    assert done.stdout.startswith("✗ ")


def test_an_unwritable_verdict_is_a_failure(relay: str, environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            COMMAND, env=environment, check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "smtp-operator: the verdict cannot be written: No space left on device"
    )


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_are_ignored(closed: str, relay: str, environment: dict[str, str]) -> None:
    words = " ".join(f"'{word}'" for word in COMMAND)
    done = subprocess.run(
        ["bash", "-c", f"{words} {closed}"], env=environment, check=False, capture_output=True, timeout=120
    )
    assert done.returncode == 0
