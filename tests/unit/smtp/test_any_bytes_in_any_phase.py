# SPDX-License-Identifier: Apache-2.0
"""Any bytes in any phase lead to a short verdict in time, without a secret."""

import base64
import logging
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import DialogueReport, Mode, SmtpType
from smtp_testkit.mailpeers.faultserver import FaultServer, TlsMode, drop, raw, silence, then
from smtp_testkit.mailpeers.trial import Trial, recipients

pytestmark = pytest.mark.looptime

PASSWORD = "s3cr3t/pass+word&x"
HIDDEN = "audit@secret.example"
BUDGET = 60

STEPS = ["banner", "EHLO", "STARTTLS", "AUTH", "line", "MAIL", "RCPT", "DATA", ".", "QUIT"]
ECHOES = [
    PASSWORD.encode(),
    base64.b64encode(PASSWORD.encode()),
    base64.b64encode(f"\0bob\0{PASSWORD}".encode()),
    quote(PASSWORD, safe="").encode(),
    HIDDEN.encode(),
    HIDDEN.upper().encode(),
    quote(HIDDEN, safe="").encode(),
]
WORDS = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(ECHOES),
    st.sampled_from([b"\r\n", b"-", b" ", b"\x1b[31m", b"\xff", b"5.7.8 ", b"queued as ", b"again later"]),
)
CODES = st.integers(100, 699).map(lambda code: str(code).encode())
LINES = st.tuples(CODES, st.sampled_from([b" ", b"-", b""]), st.lists(WORDS, max_size=6).map(b"".join))
REPLIES = st.one_of(
    st.binary(max_size=300),
    st.lists(LINES.map(lambda parts: b"".join(parts) + b"\r\n"), min_size=1, max_size=5).map(b"".join),
    st.just(b"250-" + b"x" * 40_000),
)
SCRIPTS = st.dictionaries(st.sampled_from(STEPS), REPLIES, min_size=1, max_size=3)


def no_secret_in(text: str) -> bool:
    folded = text.casefold()
    forms = [PASSWORD, HIDDEN, quote(PASSWORD, safe=""), quote(HIDDEN, safe="")]
    blobs = [
        base64.b64encode(PASSWORD.encode()).decode().rstrip("="),
        base64.b64encode(f"\0bob\0{PASSWORD}".encode()).decode().rstrip("="),
    ]
    return not any(form.casefold() in folded for form in forms) and not any(blob in text for blob in blobs)


def check(report: DialogueReport) -> None:
    verdict = report.verdict
    assert verdict.reason is not Reason.INTERNAL_ERROR
    assert verdict.reason in REASONS
    assert len(verdict.message.encode()) <= 1024
    assert len(verdict.summary) <= 80
    assert report.duration <= BUDGET + 0.1
    assert len(report.dialogue) <= 20
    texts = [verdict.message, verdict.summary, verdict.reply, report.response, report.server.banner]
    texts += [report.server.address, *report.dialogue, *(one.response for one in report.recipients)]
    for text in texts:
        assert text.isprintable()
    assert no_secret_in(repr(report))


@pytest.mark.parametrize("tls", ["none", "starttls"])
@given(script=SCRIPTS, mechanism=st.sampled_from(["PLAIN", "LOGIN", "CRAM-MD5"]), hangs_up=st.booleans())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_bytes(
    caplog: pytest.LogCaptureFixture, tls: TlsMode, script: dict[str, bytes], mechanism: str, hangs_up: bool
) -> None:
    end = drop() if hangs_up else silence()
    actions = {step: then(raw(data), end) for step, data in script.items()}
    with caplog.at_level(logging.DEBUG):
        async with FaultServer(actions, tls=tls) as server:
            report = await Trial()(
                server,
                smtp_type=SmtpType.NONE if tls == "none" else SmtpType.START_TLS,
                ca_pem=server.ca_pem,
                password=PASSWORD,
                auth_mechanism=mechanism,
                recipients=recipients(to=["dev@example.com"], bcc=[HIDDEN]),
                timeout=BUDGET,
            )

    check(report)
    assert no_secret_in(caplog.text)


@given(script=st.dictionaries(st.sampled_from(STEPS), st.sampled_from(ECHOES), min_size=1))
@settings(deadline=None, max_examples=40)
async def test_a_server_that_echoes_secrets_in_well_formed_replies(script: dict[str, bytes]) -> None:
    def code(step: str) -> bytes:
        return {"banner": b"220", "DATA": b"354", "AUTH": b"535"}.get(step, b"250")

    actions = {
        step: raw(code(step) + b" you said " + echo + b", did you?\r\n") for step, echo in script.items()
    }
    async with FaultServer(actions) as server:
        report = await Trial()(
            server,
            password=PASSWORD,
            recipients=recipients(to=["dev@example.com"], bcc=[HIDDEN]),
            timeout=BUDGET,
        )

    check(report)


@given(said=REPLIES)
@settings(deadline=None, max_examples=60)
async def test_any_greeting_of_a_tls_port(said: bytes) -> None:
    async with FaultServer({"handshake": then(raw(said), drop())}, tls="implicit") as server:
        report = await Trial()(
            server, smtp_type=SmtpType.TLS, mode=Mode.CONNECT, ca_pem=server.ca_pem, timeout=BUDGET
        )

    check(report)
    assert not report.verdict.passed
