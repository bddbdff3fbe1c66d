# SPDX-License-Identifier: Apache-2.0
"""Classification of a server's refusal by phase, code, enhanced code, text and the facts of the dialogue."""

import re
from dataclasses import replace
from typing import Final

from smtp_operator.api.reasons import REASONS
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.smtp.diagnosis import ports
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.login_advice import login_hint
from smtp_operator.smtp.diagnosis.matcher import ReplyRule, ranked
from smtp_operator.smtp.diagnosis.providers import provider_of
from smtp_operator.smtp.diagnosis.rules_client import CLIENT_RULES
from smtp_operator.smtp.diagnosis.rules_encryption import ENCRYPTION_RULES
from smtp_operator.smtp.diagnosis.rules_login import LOGIN_RULES
from smtp_operator.smtp.diagnosis.rules_message import MESSAGE_RULES
from smtp_operator.smtp.diagnosis.verdicts import sentences, verdict
from smtp_operator.smtp.replies import Reply

RULES: Final[tuple[ReplyRule, ...]] = ranked((*ENCRYPTION_RULES, *CLIENT_RULES, *LOGIN_RULES, *MESSAGE_RULES))
"""All rows, the strongest evidence first. Rows with the same evidence keep the order of their subjects:
encryption, host name, sender or client, login, message, sender, relaying, recipient."""

_WAIT: Final = re.compile(
    r"\b(?:in|after|wait|for)\s+(?:about\s+)?(\d{1,5})\s*(sec|min|hour|s\b|m\b|h\b)", re.IGNORECASE
)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_LONGEST_WAIT: Final = 86_400
_RULE_TEXT: Final = 1000
"""Characters of a reply, and of a greeting, that rules and their conditions read."""


def classify(phase: Phase, reply: Reply, *, context: DialogueContext | None = None) -> Verdict:
    """Return the verdict on a reply that is not the one this phase needs. Pure: no clock, no network."""
    context = context or DialogueContext()
    rule = find(phase, reply, context)
    advice = rule.advice
    facts = placeholders(context)
    retry = advice.retry or REASONS[advice.reason].retry
    hint = login_hint(context, phase, advice.reason)
    return verdict(
        advice.reason,
        advice.what.format_map(facts),
        why=sentences(advice.why.format_map(facts), hint.why),
        fix=hint.fix or advice.fix.format_map(facts),
        phase=phase,
        said=context.quote(reply.line, rule.decisive(_read(reply))),
        reply=reply.short,
        retry=retry,
        retry_after=_wait(reply.text[:_RULE_TEXT]) if retry.is_transient else None,
        suggestion=hint.suggestion,
    )


def find(phase: Phase, reply: Reply, context: DialogueContext) -> ReplyRule:
    """Return the first rule that fits; the last one fits every reply."""
    reply = _read(reply)
    context = replace(context, banner=context.banner[:_RULE_TEXT])
    provider = provider_of(context.server, context.banner, reply.text)
    return next(rule for rule in RULES if rule.fits(phase, reply, provider, context))


def _read(reply: Reply) -> Reply:
    return replace(reply, text=reply.text[:_RULE_TEXT])


def placeholders(context: DialogueContext) -> dict[str, str]:
    """Return the values of the placeholders in advice."""
    user = context.user
    login_port = ports.login_port(context)
    return {
        "server": context.server,
        "port": str(context.port),
        "smtp_type": str(context.smtp_type),
        "submission": ports.submission(context),
        "and_start_tls_port": ports.and_start_tls_port(context),
        "for_a_login": f"For a submission server, set {login_port}. " if login_port else "",
        "tls_port": ports.tls_port(context),
        "user": user,
        "mechanism": context.mechanism or "used",
        "by_mechanism": f" via {context.mechanism}" if context.mechanism else "",
        "password_from": f" (password from {context.origin})" if context.origin else "",
        "token_error": f" ({context.shown(context.token_error)})" if context.token_error else "",
        "for_user": f" for {user}" if user and context.logged_in else "",
        "the_user": f" {user}" if user else "",
        "sender": context.sender or "the From address",
        "sender_domain": context.sender.rpartition("@")[2] or "the From address's domain",
        "recipient": context.recipient or "a recipient",
        "helo_name": context.helo_name,
    }


def _wait(text: str) -> float | None:
    found = _WAIT.search(text)
    if found is None:
        return None
    seconds = int(found[1]) * _SECONDS[found[2][0].lower()]
    return float(seconds) if 0 < seconds <= _LONGEST_WAIT else None
