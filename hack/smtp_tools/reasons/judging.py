# SPDX-License-Identifier: Apache-2.0
"""The reason that the rules give for a scenario's reply, without a network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Phase, SmtpType, Verdict
from smtp_operator.cli.exit_codes import code_of
from smtp_operator.smtp.auth import token_error
from smtp_operator.smtp.diagnosis import capabilities as not_offered
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.dialogue import extensions
from smtp_operator.smtp.probe import Protocol, identify
from smtp_testkit.replies import reply_of
from smtp_tools.reasons.scenarios import USERNAME, Scenario


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result for one scenario."""

    scenario: Scenario
    reason: str
    verdict: Verdict | None = None
    """The whole verdict; ``None`` if a missing capability was judged."""

    @property
    def right(self) -> bool:
        """Whether the reason is an expected one."""
        return self.reason in {self.scenario.reason, *self.scenario.also}

    @property
    def complete(self) -> bool:
        """Whether also the exit code and the words of the message are as expected."""
        retry = self.verdict.retry if self.verdict else REASONS[Reason(self.reason)].retry
        code = code_of(retry, password_resolved=True)
        text = self.verdict.message.lower() if self.verdict else ""
        advice = _QUOTED_REPLY.sub("", text)
        return (
            self.right
            and self.scenario.exit_code in {None, code}
            and all(words.lower() in text for words in self.scenario.mentions)
            and not any(words.lower() in advice for words in self.scenario.never)
        )


_QUOTED_REPLY = re.compile(r'server said: ".*?"[\].]', re.DOTALL)


def precision(judgements: Iterable[Judgement]) -> float:
    """Return the share of right reasons, from 0 to 1."""
    verdicts = [judgement.right for judgement in judgements]
    return sum(verdicts) / len(verdicts)


def judge(scenario: Scenario) -> Judgement:
    """Judge the scenario's first reply as the engine does."""
    verdict = _verdict(scenario)
    if isinstance(verdict, Verdict):
        return Judgement(scenario, verdict.reason, verdict)
    return Judgement(scenario, verdict)


def context_of(scenario: Scenario) -> DialogueContext:
    """Return what the engine knows when the scenario's reply comes."""
    phase, smtp_type = scenario.phase, scenario.smtp_type
    starts_in_plaintext = phase in {Phase.BANNER, Phase.EHLO, Phase.START_TLS}
    return DialogueContext(
        server="mail.example.com",
        smtp_type=smtp_type,
        login=scenario.login,
        logged_in=scenario.login and phase.order > Phase.AUTH.order,
        user=f'user "{USERNAME}"' if scenario.login else "",
        origin=scenario.origin,
        by_token=scenario.oauth2,
        token_error=token_error(reply_of([scenario.challenge_reply])) if scenario.challenge else "",
        mechanism=("XOAUTH2" if scenario.oauth2 else "PLAIN") if scenario.login else "",
        tls=smtp_type is SmtpType.TLS or (smtp_type is SmtpType.START_TLS and not starts_in_plaintext),
        sender=scenario.sender,
        recipient=f"to[0] {scenario.recipient}",
        helo_name="example.com",
        banner=scenario.banner[4:],
        closed=scenario.closes,
    )


def _verdict(scenario: Scenario) -> Verdict | Reason:
    context = context_of(scenario)
    if scenario.phase is Phase.BANNER:
        kind = identify("\n".join(scenario.lines).encode() + b"\r\n")
        if kind not in {Protocol.SMTP, Protocol.OTHER}:
            return Reason.NOT_AN_SMTP_SERVER
    reply = reply_of(scenario.first_reply)
    if not scenario.offers:
        return classify(scenario.phase, reply, context=context)
    offered, mechanisms = extensions(reply)
    if scenario.smtp_type is SmtpType.START_TLS and "STARTTLS" not in offered and not scenario.oauth2:
        return not_offered.start_tls(context)
    lacking = DialogueContext(
        smtp_type=scenario.smtp_type,
        login=True,
        by_token=scenario.oauth2,
        offered=frozenset(offered),
        mechanisms=mechanisms,
    )
    return not_offered.mechanism(lacking, "Auto")
