# SPDX-License-Identifier: Apache-2.0
"""`make bench-reasons` plays each scenario at its phase, with its reply and its TLS mode."""

import pytest

from smtp_tools.reasons.clients import ask_aiosmtplib, ask_engine, ask_smtplib
from smtp_tools.reasons.judging import judge
from smtp_tools.reasons.scenarios import PUBLISHED, load
from smtp_tools.reasons.stage import server_of

SCENARIOS = {scenario.id: scenario for scenario in load(PUBLISHED)}


@pytest.mark.parametrize(
    "name",
    [
        "postfix-421-too-many-connections",  # in the greeting
        "rfc1939-pop3-ready",  # a greeting of another protocol
        "vsftpd-220-then-530",  # a greeting that is part of the evidence
        "exim-501-syntactically-invalid-ehlo",
        "exim-501-sender-must-contain-domain",  # with an address that the engine would not send
        "gmail-relay-421-ehlo",  # which closes
        "exim-ehlo-without-starttls",  # what is missing in the first EHLO
        "mailrise-ehlo-without-auth",  # … over TLS
        "postfix-454-tls-local-problem",
        "postfix-535-then-421-close",  # two replies at once
        "google-xoauth2-401-challenge",  # a token, with the error before the refusal
        "rfc7628-oauthbearer-invalid-token",
        "m365-xoauth2-535-573",  # … and without
        "exim-ehlo-no-xoauth2",  # a login by token that is not offered
        "gmail-421-470-temporary-problem-at-mail",
        "postfix-relay-denied-554",
        "gmail-421-tls-required-for-rcpt-domain",  # without TLS
        "gmail-550-5726-dmarc",  # after the email
    ],
)
async def test_the_engine_receives_the_replies_of_the_corpus(name: str) -> None:
    scenario = SCENARIOS[name]

    async with server_of(scenario) as server:
        verdict = await ask_engine(scenario, server)

    assert verdict.reason == judge(scenario).reason == scenario.reason
    assert scenario.offers or verdict.phase is scenario.phase


async def test_plain_scripts_talk_to_the_same_server() -> None:
    scenario = SCENARIOS["postfix-relay-denied-554"]

    async with server_of(scenario) as server:
        with_aiosmtplib = await ask_aiosmtplib(scenario, server)
        with_smtplib = await ask_smtplib(scenario, server)

    assert with_aiosmtplib.sort == with_smtplib.sort == "SMTPRecipientsRefused 554"
    assert "Relay access denied" in with_aiosmtplib.text
    assert "Relay access denied" in with_smtplib.text
