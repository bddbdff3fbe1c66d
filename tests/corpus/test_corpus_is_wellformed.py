# SPDX-License-Identifier: Apache-2.0
"""The corpus of replies keeps its own format; what it says about the rules is tested elsewhere."""

import json
import re
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
FILES = [name for name in ("replies.yaml", "held_back.yaml") if (HERE / name).exists()]
AT_LEAST = {"replies.yaml": 60, "held_back.yaml": 16}

PHASES = {"Banner", "Ehlo", "StartTls", "Auth", "MailFrom", "RcptTo", "Data"}
REASONS = {
    "AddressNeedsSmtpUtf8",
    "AppPasswordRequired",
    "AuthDisabledByProvider",
    "AuthMechanismUnsupported",
    "AuthNotOffered",
    "AuthTemporaryFailure",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "ClientBlocked",
    "FromAddressRejected",
    "Greylisted",
    "HeloRejected",
    "MessageRejected",
    "MessageTooLarge",
    "NotAnSmtpServer",
    "OAuthTokenRejected",
    "QuotaOrRateExceeded",
    "RecipientDeferred",
    "RecipientsRefused",
    "RelayDenied",
    "ServerNotAccepting",
    "ServiceClosing",
    "StartTlsNotOffered",
    "StartTlsRequired",
    "StartTlsUnavailable",
    "TooManyLogins",
}
FIELDS = {"id", "peer", "source", "smtp_type", "login", "oauth2", "phase", "banner", "challenge", "reply", "then", "offers", "from", "to", "reason"}
REQUIRED = {"id", "peer", "source", "smtp_type", "login", "phase", "reply", "reason"}
OPTIONS = re.compile(r"[A-Z0-9X=-]+( .*)?")
SOURCE = re.compile(r"RFC \d{3,5} section \d+(\.\d+)*|https://[a-z0-9.-]+\.[a-z]{2,}/\S+")
REPLY_LINE = re.compile(r"([245]\d\d)([ -].*)?")


def scenarios(name):
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


ALL = [pytest.param(scenario, id=scenario["id"]) for name in FILES for scenario in scenarios(name)]


def test_there_are_enough_and_ids_are_unique():
    ids = [scenario["id"] for name in FILES for scenario in scenarios(name)]
    assert sorted(set(ids)) == sorted(ids)
    for name in FILES:
        assert len(scenarios(name)) >= AT_LEAST[name]


def test_no_reply_is_there_twice():
    seen = {}
    for name in FILES:
        for scenario in scenarios(name):
            key = (scenario["phase"], scenario["reply"], scenario["login"], scenario.get("oauth2", False), scenario.get("challenge"), scenario["smtp_type"])
            assert key not in seen, f"{scenario['id']} repeats {seen[key]}"
            seen[key] = scenario["id"]


@pytest.mark.parametrize("scenario", ALL)
def test_fields(scenario):
    assert REQUIRED <= set(scenario) <= FIELDS
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario["id"])
    assert scenario["phase"] in PHASES
    assert scenario["reason"] in REASONS
    assert scenario["smtp_type"] in ("None", "StartTLS", "TLS")
    assert isinstance(scenario["login"], bool)
    assert scenario.get("then", "close") == "close"
    assert scenario["peer"].strip()
    if scenario.get("oauth2"):
        assert scenario["login"]
    if "challenge" in scenario:
        assert scenario["oauth2"] and scenario["phase"] == "Auth"
        assert isinstance(json.loads(scenario["challenge"]), dict)


@pytest.mark.parametrize("scenario", ALL)
def test_source_is_public(scenario):
    assert SOURCE.fullmatch(scenario["source"]), scenario["source"]


@pytest.mark.parametrize("scenario", ALL)
def test_reply_is_what_a_server_sends(scenario):
    lines = scenario["reply"].rstrip("\n").split("\n")
    assert lines and all(lines)
    if scenario["reason"] == "NotAnSmtpServer":
        return  # what another protocol says has no form of ours
    codes = []
    for line in lines:
        match = REPLY_LINE.fullmatch(line)
        assert match, line
        codes.append((match[1], line[3:4] == "-"))
    for (code, more), (following, _) in zip(codes, codes[1:], strict=False):
        assert not more or code == following, "a multi-line reply keeps its code"
    assert not codes[-1][1], "the last line ends the reply"
    if "offers" in scenario:
        assert scenario["phase"] == "Ehlo" and {code for code, _ in codes} == {"250"}
    else:
        assert codes[0][0][0] in "45"


@pytest.mark.parametrize("scenario", [param for param in ALL if "offers" in param.values[0]])
def test_offers_are_those_of_the_reply(scenario):
    offered = [line[4:].strip() for line in scenario["reply"].rstrip("\n").split("\n")[1:]]
    assert offered == scenario["offers"]
    assert all(OPTIONS.fullmatch(offer) for offer in offered)
