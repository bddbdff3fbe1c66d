# SPDX-License-Identifier: Apache-2.0
"""What a server's refusal means, by phase, code, enhanced code and text together."""

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.smtp.context import Context
from smtp_operator.smtp.messages import compose
from smtp_operator.smtp.replies import Reply

_BY_PHASE = {
    Phase.BANNER: Reason.CLIENT_BLOCKED,
    Phase.EHLO: Reason.HELO_REJECTED,
    Phase.START_TLS: Reason.START_TLS_UNAVAILABLE,
    Phase.AUTH: Reason.AUTHENTICATION_FAILED,
    Phase.MAIL_FROM: Reason.FROM_ADDRESS_REJECTED,
    Phase.RCPT_TO: Reason.RECIPIENTS_REFUSED,
    Phase.DATA: Reason.MESSAGE_REJECTED,
}


def classify(phase: Phase, reply: Reply, *, context: Context) -> Verdict:
    """The verdict on a reply that is no success in this phase."""
    reason = Reason.SERVICE_CLOSING if reply.code == 421 else _BY_PHASE.get(phase, Reason.COMMAND_REJECTED)
    message = compose(f"{context.server} refused", phase=phase, said=context.shown(reply.line))
    return Verdict(
        reason=reason, message=message, retry=REASONS[reason].retry, phase=phase, reply=reply.short
    )
