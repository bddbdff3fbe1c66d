# SPDX-License-Identifier: Apache-2.0
"""A server for a scenario: well-behaved up to the phase, then with the replies of the corpus."""

from collections.abc import Mapping
from typing import Final

from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, Script, TlsMode, drop, raw, reply, then
from smtp_tools.reasons.scenarios import Scenario

_TLS: Final[dict[SmtpType, TlsMode]] = {
    SmtpType.NONE: "none",
    SmtpType.START_TLS: "starttls",
    SmtpType.TLS: "implicit",
}
_STEPS: Final = {
    Phase.BANNER: "banner",
    Phase.START_TLS: "STARTTLS",
    Phase.AUTH: "AUTH",
    Phase.MAIL_FROM: "MAIL",
    Phase.RCPT_TO: "RCPT",
    Phase.DATA: ".",
}
_PLAINTEXT: Final = reply("250-mail.example.com\n250-SIZE 10240000\n250-STARTTLS\n250 8BITMIME")
_FOR_TOKENS: Final = reply("250-mail.example.com\n250-SIZE 10240000\n250 AUTH XOAUTH2 OAUTHBEARER")


_KIND_STEPS: Final = {
    "Banner": "banner",
    "Ehlo": "EHLO",
    "HELO": "HELO",
    "StartTls": "STARTTLS",
    "Auth": "AUTH",
    "MailFrom": "MAIL",
    "RcptTo": "RCPT",
    "Dot": ".",
}


def script_of_steps(replies: Mapping[str, str], smtp_type: SmtpType) -> Script:
    """Return the script of a server of blame.yaml. A refused EHLO is the one after STARTTLS."""
    script: dict[str, Action | list[Action]] = {_KIND_STEPS[it]: reply(replies[it]) for it in replies}
    if "Ehlo" in replies:
        script.setdefault("HELO", reply(replies["Ehlo"]))
        if smtp_type is SmtpType.START_TLS and not replies["Ehlo"].startswith("250"):
            script["EHLO"] = [reply("250-mail.example\n250 STARTTLS"), reply(replies["Ehlo"])]
    return script


def server_of(scenario: Scenario) -> FaultServer:
    """Return the server, not started yet."""
    return FaultServer(_script(scenario), tls=_TLS[scenario.smtp_type])


def _words(scenario: Scenario) -> Action:
    said = raw("".join(f"{line}\r\n" for line in scenario.lines).encode("utf-8"))
    return then(said, drop()) if scenario.closes else said


def _script(scenario: Scenario) -> Script:
    if scenario.steps:
        return script_of_steps(dict(scenario.steps), scenario.smtp_type)
    words = _words(scenario)
    script: dict[str, Action | list[Action]] = {}
    if scenario.banner:
        script["banner"] = reply(scenario.banner)
    if scenario.phase is Phase.EHLO:
        after_tls = scenario.offers and scenario.reason != "StartTlsNotOffered"
        starts_tls = scenario.smtp_type is SmtpType.START_TLS
        script["EHLO"] = [_PLAINTEXT, words] if after_tls and starts_tls else words
        if not scenario.offers:
            script["HELO"] = words
        return script
    if scenario.reason == "NotAnSmtpServer":
        script["EHLO"] = script["HELO"] = reply("500 unknown command")
    if scenario.oauth2:
        starts_tls = scenario.smtp_type is SmtpType.START_TLS
        script["EHLO"] = [_PLAINTEXT, _FOR_TOKENS] if starts_tls else _FOR_TOKENS
    if scenario.challenge:
        script["AUTH"] = reply(scenario.challenge_reply)
        script["line"] = words
    else:
        script[_STEPS[scenario.phase]] = words
    return script
