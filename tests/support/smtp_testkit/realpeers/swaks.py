# SPDX-License-Identifier: Apache-2.0
"""swaks, a client of other authors: the step of the dialogue at which it fails."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.realpeers.tools import program

PHASES: Final[dict[int, frozenset[Phase]]] = {
    2: frozenset({Phase.RESOLVE, Phase.CONNECT}),
    21: frozenset({Phase.BANNER}),
    22: frozenset({Phase.EHLO}),
    23: frozenset({Phase.MAIL_FROM}),
    24: frozenset({Phase.RCPT_TO}),
    25: frozenset({Phase.DATA}),
    26: frozenset({Phase.DATA}),
    28: frozenset({Phase.AUTH}),
    29: frozenset({Phase.START_TLS, Phase.TLS}),
}
"""The phases for each exit code."""


@dataclass(frozen=True, slots=True)
class SwaksRun:
    """The result of one run."""

    code: int
    output: str

    @property
    def phases(self) -> frozenset[Phase]:
        """The phases that its exit code can mean; none if it sent the email."""
        return PHASES.get(self.code, frozenset())


def swaks(
    port: int,
    *,
    smtp_type: SmtpType = SmtpType.NONE,
    username: str = "",
    password: str = "",
    mechanism: str = "PLAIN",
    sender: str,
    recipient: str,
    helo_name: str = "client.test.example",
    verify: Path | None = None,
    subject: str = "test",
    timeout: float = 10,
) -> SwaksRun:
    """Run swaks against localhost. ``verify``: the CAs to verify the server's certificate with."""
    command = [
        program("swaks"),
        *("--server", "localhost", "--port", str(port), "--timeout", str(int(timeout))),
        *("--from", sender, "--to", recipient, "--helo", helo_name, "--header", f"Subject: {subject}"),
    ]
    if smtp_type is SmtpType.START_TLS:
        command.append("--tls")
    if smtp_type is SmtpType.TLS:
        command.append("--tls-on-connect")
    if verify is not None:
        command += ["--tls-verify", "--tls-ca-path", str(verify)]
    if username:
        command += ["--auth", mechanism, "--auth-user", username, "--auth-password", password]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return SwaksRun(done.returncode, done.stdout + done.stderr)
