# SPDX-License-Identifier: Apache-2.0
"""Format of the corpus of replies; other tests apply the rules to it."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

Scenario = dict[str, Any]

HERE = Path(__file__).parent
AT_LEAST = {"replies.yaml": 240, "held_back.yaml": 60, "unseen.yaml": 80}
FILES = [name for name in AT_LEAST if (HERE / name).exists()]

PHASES = ["Banner", "Ehlo", "StartTls", "Auth", "MailFrom", "RcptTo", "Data"]
REASONS = {  # reasons that depend on the reply of a server
    "AddressNeedsSmtpUtf8",
    "AppPasswordRequired",
    "AuthDisabledByProvider",
    "AuthMechanismUnsupported",
    "AuthNotOffered",
    "AuthTemporaryFailure",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "ClientBlocked",
    "CommandRejected",
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
REQUIRED = {"id", "peer", "source", "smtp_type", "login", "phase", "reply", "reason"}
FIELDS = REQUIRED | {"oauth2", "banner", "challenge", "then", "offers", "from", "to"}
JUDGED = {"also", "exit", "mentions", "never"}  # of the unseen part only
SOURCE = re.compile(
    r"RFC \d{3,5} (section \d+(\.\d+)*|appendix [A-Z](\.\d+)*)|https://[a-z0-9.-]+\.[a-z]{2,}/\S+"
)
REPLY_LINE = re.compile(r"([245]\d\d)([ -].*)?")
MEMORY = re.compile(r"Composed|From memory, .+")  # in the unseen part only
OFFER = re.compile(r"[A-Z0-9][A-Z0-9_=-]*( .*)?")


def scenarios(name: str) -> list[Scenario]:
    found: list[Scenario] = yaml.load((HERE / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return found


UNSEEN = {scenario["id"] for scenario in scenarios("unseen.yaml")}
ALL = [scenario for name in FILES for scenario in scenarios(name)]
each = pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario["id"]) for scenario in ALL])


def lines_of(scenario: Scenario) -> list[str]:
    reply: str = scenario["reply"]
    return reply.rstrip("\n").split("\n")


@pytest.mark.parametrize("name", FILES)
def test_the_corpus_has_enough_replies(name: str) -> None:
    assert len(scenarios(name)) >= AT_LEAST[name]


def test_ids_are_unique() -> None:
    ids = [scenario["id"] for scenario in ALL]
    assert sorted(set(ids)) == sorted(ids)


def test_replies_are_unique() -> None:
    seen: dict[str, str] = {}
    for scenario in ALL:
        told = {
            field: scenario[field] for field in scenario if field not in ("id", "peer", "source", "reason")
        }
        key = json.dumps(told, sort_keys=True)
        assert key not in seen, f"{scenario['id']} repeats {seen[key]}"
        seen[key] = scenario["id"]


@each
def test_fields(scenario: Scenario) -> None:
    assert REQUIRED <= set(scenario) <= (FIELDS | JUDGED if scenario["id"] in UNSEEN else FIELDS)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario["id"])
    assert scenario["phase"] in PHASES
    assert {scenario["reason"], *scenario.get("also", ())} <= REASONS
    assert scenario.get("exit", 1) in (1, 3)
    assert scenario["smtp_type"] in ("None", "StartTLS", "TLS")
    assert isinstance(scenario["login"], bool)
    assert scenario["login"] or not scenario.get("oauth2")
    assert scenario.get("then", "close") == "close"
    assert scenario["peer"].strip()


@each
def test_source_is_public(scenario: Scenario) -> None:
    recalled = scenario["id"] in UNSEEN and MEMORY.fullmatch(scenario["source"])
    assert recalled or SOURCE.fullmatch(scenario["source"]), scenario["source"]


@each
def test_reply_is_what_a_server_sends(scenario: Scenario) -> None:
    lines = lines_of(scenario)
    assert all(lines)
    if scenario["reason"] == "NotAnSmtpServer":
        return  # another protocol has another form
    codes: list[tuple[str, bool]] = []
    for line in lines:
        match = REPLY_LINE.fullmatch(line)
        assert match, line
        codes.append((match[1], line[3:4] == "-"))
    for (code, more), (following, _) in pairwise(codes):
        assert not more or code == following, "a multi-line reply keeps its code"
    assert not codes[-1][1], "the last line ends the reply"
    if "offers" in scenario:
        assert {code for code, _ in codes} == {"250"}
    else:
        assert codes[0][0][0] in "45"


@each
def test_offers_are_those_of_the_reply(scenario: Scenario) -> None:
    if "offers" in scenario:
        assert scenario["phase"] == "Ehlo"
        assert [line[4:].strip() for line in lines_of(scenario)[1:]] == scenario["offers"]
        assert all(OFFER.fullmatch(offer) for offer in scenario["offers"])


@each
def test_challenge_is_json_of_a_token_login(scenario: Scenario) -> None:
    if "challenge" in scenario:
        assert scenario["oauth2"]
        assert scenario["phase"] == "Auth"
        assert isinstance(json.loads(scenario["challenge"]), dict)
