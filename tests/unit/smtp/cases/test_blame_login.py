# SPDX-License-Identifier: Apache-2.0
"""A refused login: a forced mechanism suggests Auto, and a password of unusual form gets a hint."""

import base64
from typing import Any, Final

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Suggestion
from smtp_testkit.mailpeers.faultserver import FaultServer, drop, reply
from smtp_testkit.mailpeers.trial import Trial

HINT: Final = (
    "The password has an unusual form. Check whether it was stored with quotes or blanks around it, encoded "
    "with base64 twice, or with non-ASCII characters."
)
REFUSED: Final = {"AUTH": reply("535 5.7.8 no"), "line": reply("535 5.7.8 no")}


async def refused(trial: Trial, script: Any = REFUSED, **changes: Any) -> Any:
    async with FaultServer(script) as server:
        return (await trial(server.port, allow_insecure_auth=True, **changes)).verdict


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_a_forced_mechanism_that_fails_leads_to_auto(trial: Trial, mechanism: str) -> None:
    challenge = {"AUTH": reply("334 PDFAeD4="), "line": reply("535 5.7.8 no")}
    script = challenge if mechanism != "PLAIN" else REFUSED
    verdict = await refused(trial, script, password="s3cret-pw", auth_mechanism=mechanism)

    assert verdict.reason is Reason.AUTHENTICATION_FAILED
    assert verdict.suggestion == Suggestion(auth_mechanism="Auto")
    assert verdict.message.endswith(
        f"The settings force {mechanism}, and the server offers other mechanisms. "
        "Set authMechanism: Auto, and check the username and password."
    )


@pytest.mark.parametrize(
    "words", ["504 5.5.4 Unrecognized authentication type", "454 4.7.0 no", "535 5.7.8 mechanism disabled"]
)
async def test_each_kind_of_failure_leads_to_auto(trial: Trial, words: str) -> None:
    verdict = await refused(trial, {"AUTH": reply(words)}, password="s3cret-pw", auth_mechanism="CRAM-MD5")

    assert verdict.suggestion == Suggestion(auth_mechanism="Auto")
    assert "Set authMechanism: Auto" in verdict.message


async def test_a_connection_closed_after_a_forced_mechanism_leads_to_auto(trial: Trial) -> None:
    verdict = await refused(trial, {"AUTH": drop()}, password="s3cret-pw", auth_mechanism="CRAM-MD5")

    assert verdict.reason is Reason.AUTH_CONNECTION_DROPPED
    assert verdict.suggestion == Suggestion(auth_mechanism="Auto")


async def test_no_suggestion_if_nothing_else_is_offered(trial: Trial) -> None:
    script = {**REFUSED, "EHLO": reply("250-mail.example\n250 AUTH PLAIN")}
    assert (await refused(trial, script, password="s3cret-pw", auth_mechanism="PLAIN")).suggestion is None
    assert (await refused(trial, password="s3cret-pw")).suggestion is None


@pytest.mark.parametrize(
    "password",
    [
        '"s3cret-pw"',
        "'s3cret-pw'",
        " s3cret-pw",
        "s3cret-pw ",
        "\N{NO-BREAK SPACE}s3cret-pw",
        "s\N{LATIN SMALL LETTER E WITH ACUTE}cret",
        base64.b64encode(b"s3cret-password").decode(),
        base64.b64encode(b"s3cret-pw\n").decode(),
        base64.b64encode(b"1234567890").decode(),
    ],
)
async def test_a_password_of_unusual_form_gets_one_hint_for_all_forms(trial: Trial, password: str) -> None:
    verdict = await refused(trial, password=password)

    assert HINT in verdict.message
    assert password not in verdict.message
    assert verdict.message.endswith("Check the username and password.")


@pytest.mark.parametrize(
    "password",
    ["s3cret-pw", "password", "Passw0rd", "aB3dEfGh1jKlMn0p", 'it\'s "fine" here', "abcd1234efgh5678"],
)
async def test_an_ordinary_password_gets_no_hint(trial: Trial, password: str) -> None:
    assert HINT not in (await refused(trial, password=password)).message


async def test_a_password_that_was_not_refused_gets_no_hint(trial: Trial) -> None:
    verdict = await refused(trial, {"AUTH": reply("454 4.7.0 later")}, password='"s3cret-pw"')

    assert verdict.reason is Reason.AUTH_TEMPORARY_FAILURE
    assert HINT not in verdict.message
