# SPDX-License-Identifier: Apache-2.0
"""``check NAME`` shows each destination before it sends: the SmtpConfig can be from another person."""

import io
from dataclasses import dataclass, field, replace

import pytest

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, Verdict
from smtp_operator.cli.check.destinations import AnnouncedEngine, AnnouncedSender
from smtp_operator.cli.check.report import CheckProgress
from smtp_operator.cli.terminal import TerminalStyle
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.smtp.request import SmtpLogin, TestRequest
from smtp_testkit.mailpeers.trial import Trial


@dataclass
class RecordedOutput:
    """The messages and actions, in order."""

    lines: list[str] = field(default_factory=list)

    async def run(self, settings: TestRequest, **options: object) -> DialogueReport:
        """Record the start of the test."""
        self.lines.append("tested")
        passed = Verdict(reason=Reason.CONNECTED, message="", retry=REASONS[Reason.CONNECTED].retry)
        return DialogueReport(verdict=passed, mode=settings.mode, duration=0.0)

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """Record a sent request."""
        self.lines.append(f"sent {request.url}")
        return HttpsResponse(200, {}, b"")


LOGIN = SmtpLogin(username="mailer", password="s3cret", origin="Secret smtp-password, key password")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"login": LOGIN}, "Sends the password to localhost:587: Secret smtp-password, key password."),
        (
            {"login": LOGIN, "server": "2001:db8::1"},
            "Sends the password to [2001:db8::1]:587: Secret smtp-password, key password.",
        ),
        (
            {
                "login": replace(
                    LOGIN, by_token=True, origin="access token of client app with Secret app, key k"
                )
            },
            "Sends the access token to localhost:587: access token of client app with Secret app, key k.",
        ),
        ({}, "Connects to localhost:587; no password is sent."),
        ({"login": LOGIN, "mode": Mode.CONNECT}, "Connects to localhost:587; no password is sent."),
    ],
)
async def test_the_mail_server_is_named_before_the_test(settings: dict[str, object], line: str) -> None:
    said = RecordedOutput()
    await AnnouncedEngine(said, said.lines.append).run(Trial().settings(587, **settings))
    assert said.lines == [line, "tested"]


async def test_each_vault_and_token_endpoint_is_named_before_the_first_request() -> None:
    said = RecordedOutput()
    sender = AnnouncedSender(said, said.lines.append)
    urls = ["https://bao.example.com:8200/v1/a", "https://bao.example.com:8200/v1/b", "https://idp.example/t"]
    for url in urls:
        await sender.send(HttpsRequest(method="POST", url=url))
    assert said.lines == [
        "Sends credentials to bao.example.com:8200 over HTTPS.",
        f"sent {urls[0]}",
        f"sent {urls[1]}",
        "Sends credentials to idp.example:443 over HTTPS.",
        f"sent {urls[2]}",
    ]


@pytest.mark.parametrize(
    ("live", "written"),
    [
        (False, "  Sends.\n  ✓ Password 0ms\n"),
        (True, "  … Password\r  Sends.\n  … Password\r  ✓ Password 0ms\n  … Resolve"),
    ],
)
def test_notes_leave_the_phases_readable(live: bool, written: str) -> None:
    output = io.StringIO()
    progress = CheckProgress(output, TerminalStyle(live=live), clock=lambda: 0.0)
    progress.entered(Phase.PASSWORD)
    progress.note("Sends.")
    progress.entered(Phase.RESOLVE)
    assert output.getvalue() == written
