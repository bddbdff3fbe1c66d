# SPDX-License-Identifier: Apache-2.0
"""The scenarios that each server sees, and the complaints in its log."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode, SmtpType
from smtp_operator.smtp.timing import PhaseLimits
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_testkit.realpeers.peers import OPS, PASSWORD, USER
from smtp_testkit.realpeers.servers.server import SLOW, PeerServer, Served

COMPLAINT: Final = re.compile(
    r"(?i)unexpected eof|protocol error|protocol violation|lost connection|lost input|command pipelining"
    r"|pipelining not supported|synchroni[sz]ation error|did not issue|routines:|alert|SSL_accept|SSL_read"
    r"|TLS error|handshake"
    r"|\bEOF\b|connection reset|broken pipe|not recogni[sz]ed|unrecogni[sz]ed|syntax error|bad command"
    r"|unexpected(?:ly)? (?:closed|disconnect)|timed? ?out|closed connection|first record does not look"
)
"""Words that servers log about a client that does not follow the protocol."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A test with these settings, at one kind of port, and the reason that it has to get."""

    kind: str
    reason: Reason
    smtp_type: SmtpType = SmtpType.START_TLS
    login: bool = True
    limits: PhaseLimits = field(default_factory=PhaseLimits)
    trusted: bool = True
    changes: dict[str, Any] = field(default_factory=dict)

    async def run(self, served: Served, mechanism: str) -> DialogueReport:
        """Run the test against the server."""
        trial = Trial(limits=self.limits)
        settings: dict[str, Any] = {
            "auth_mechanism": mechanism,
            "sender": "noreply@test.example",
            "recipients": recipients(to=[OPS]),
            **self.changes,
        }
        if self.login:
            settings = {"username": USER, "password": PASSWORD, **settings}
        if self.trusted:
            settings["ca_pem"] = served.ca_pem
        return await trial(served.ports[self.kind], smtp_type=self.smtp_type, **settings)


_SENT: Final = Reason.TEST_EMAIL_SENT
_TLS: Final = SmtpType.TLS
_NONE: Final = SmtpType.NONE

SCENARIOS: Final = {
    "good verdict": Scenario(kind="start_tls", reason=_SENT),
    "good verdict, implicit TLS": Scenario(kind="tls", smtp_type=_TLS, reason=_SENT),
    "recheck that logs in": Scenario(
        kind="start_tls", reason=Reason.LOGIN_SUCCEEDED, changes={"mode": Mode.LOGIN}
    ),
    "recheck that connects": Scenario(
        kind="start_tls", reason=Reason.CONNECTED, changes={"mode": Mode.CONNECT}
    ),
    "wrong password": Scenario(
        kind="start_tls", reason=Reason.AUTHENTICATION_FAILED, changes={"password": "not the password"}
    ),
    "refused certificate": Scenario(kind="start_tls", reason=Reason.CERTIFICATE_UNTRUSTED, trusted=False),
    "refused certificate, implicit TLS": Scenario(
        kind="tls", smtp_type=_TLS, reason=Reason.CERTIFICATE_UNTRUSTED, trusted=False
    ),
    "wrong smtpType: TLS to a plaintext port": Scenario(
        kind="start_tls", smtp_type=_TLS, reason=Reason.PLAINTEXT_SERVER
    ),
    "wrong smtpType: StartTLS to a TLS port": Scenario(
        kind="tls",
        reason=Reason.TLS_EXPECTED_BY_SERVER,
        limits=PhaseLimits(look_after=0.5, look_listens=0.5),
    ),
    "good verdict, plaintext": Scenario(kind="plain", smtp_type=_NONE, login=False, reason=_SENT),
    "recheck that connects, plaintext": Scenario(
        kind="plain", smtp_type=_NONE, login=False, reason=Reason.CONNECTED, changes={"mode": Mode.CONNECT}
    ),
    "no login offered, plaintext": Scenario(
        kind="plain", smtp_type=_NONE, reason=Reason.AUTH_NOT_OFFERED, changes={"allow_insecure_auth": True}
    ),
    "wrong smtpType: StartTLS without TLS": Scenario(kind="plain", reason=Reason.START_TLS_NOT_OFFERED),
    "wrong smtpType: TLS without TLS": Scenario(kind="plain", smtp_type=_TLS, reason=Reason.PLAINTEXT_SERVER),
    "second look at a slow greeting": Scenario(
        kind="slow", reason=_SENT, limits=PhaseLimits(look_after=0.5, look_listens=SLOW)
    ),
}


def complaints(log: str) -> list[str]:
    """Return the lines of a log that complain about the client, without the frames of tracebacks."""
    return [line for line in log.splitlines() if not line[:1].isspace() and COMPLAINT.search(line)]


def observe(server: PeerServer) -> dict[str, list[str]]:
    """Run the scenarios that fit the server; return the complaints in its log for each.

    Raises:
        AssertionError: a verdict is wrong.
    """
    found = {}
    with server.session():
        for name, scenario in SCENARIOS.items():
            if scenario.kind not in server.kinds or name in server.omitted:
                continue
            with server.serve() as served:
                report = asyncio.run(scenario.run(served, server.mechanism))
            assert report.verdict.reason is scenario.reason, f"{name}: {report.verdict}\n{served.log}"
            found[name] = complaints(served.log)
    return found


def unexpected(server: PeerServer, found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return for each scenario the complaints that ``server.expected`` does not have, each counted once."""
    rest: dict[str, list[str]] = {}
    for name, lines in found.items():
        expected = list(server.expected.get(name, ()))
        for line in lines:
            text = next((text for text in expected if text in line), None)
            if text is None:
                rest.setdefault(name, []).append(line)
            else:
                expected.remove(text)
    return rest


def table(results: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """Return a table with the number of complaints for each scenario and each server."""
    results = dict(sorted(results.items()))
    rows = [f"{'scenario':<42}" + "".join(f"{name:>14}" for name in results)]
    for name in SCENARIOS:
        counts = [str(len(found[name])) if name in found else "-" for found in results.values()]
        rows.append(f"{name:<42}" + "".join(f"{count:>14}" for count in counts))
    totals = [sum(map(len, found.values())) for found in results.values()]
    return [*rows, f"{'all':<42}" + "".join(f"{total:>14}" for total in totals)]
