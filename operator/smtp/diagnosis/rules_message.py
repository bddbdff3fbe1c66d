# SPDX-License-Identifier: Apache-2.0
"""Rules for refusals of sender, recipient and message.

``classify.RULES`` ranks the rows. To support the text of another server, add a row: advice, phases, and any
of code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis import advice_message as mail
from smtp_operator.smtp.diagnosis import providers
from smtp_operator.smtp.diagnosis.matcher import (
    ReplyRule,
    logged_in,
    login_not_made,
    names_others_only,
    names_sender_only,
    no_other_subject,
    not_of_security,
    reply_rule,
    silent_on_recipients,
    silent_on_relaying_without_login,
    silent_on_senders,
    speaks_of_addresses,
    without_login,
)
from smtp_operator.smtp.diagnosis.patterns import (
    BUSY,
    DATA,
    GREYLIST,
    HELO_MISSING,
    LASTING,
    LATER,
    LETTER,
    MAIL,
    NO_SUCH_MAILBOX,
    NOT_421,
    NOT_421_BUT_4XX,
    NOT_ALLOWED,
    RATE_OF_TIME,
    RCPT,
    RELAYING,
    SENDER_ABROAD,
    SERVER_FAULT,
    SERVER_STATE,
    TOO_MANY_RECIPIENTS,
    TRANSIENT,
)

MESSAGE_RULES: Final[tuple[ReplyRule, ...]] = (
    # the command, the server's state, the number of recipients
    reply_rule(
        say.PARAMETER_UNKNOWN,
        MAIL,
        RCPT,
        code="555|50[14]|55[0-4]",
        text=r"param\w{,8}.{0,60}\b(?:not|n't|un|invalid|bad)"
        r"|(?:unknown|unsupported|unrecogni[sz]ed|invalid|bad) (?:\w+ ){,2}(?:param|option|extension)",
        unless=r"smtputf8",
    ),
    reply_rule(
        say.OUT_OF_SEQUENCE,
        *LETTER,
        code=LASTING,
        text=(HELO_MISSING, r"\bprotocol (?:error|violation)|\bsynchroni[sz]ation error"),
    ),
    reply_rule(say.SERVICE_CLOSING, *LETTER, code="421", text=SERVER_STATE),
    reply_rule(say.SERVER_FAULT, *LETTER, code=LASTING, text=(*SERVER_STATE, BUSY)),
    reply_rule(say.SERVER_ERROR, MAIL, DATA, code=NOT_421_BUT_4XX, text=(*SERVER_STATE, BUSY)),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, code=NOT_421_BUT_4XX, text=SERVER_STATE),
    reply_rule(
        mail.TOO_MANY_RECIPIENTS,
        *LETTER,
        code=LASTING,
        text=TOO_MANY_RECIPIENTS,
        unless=RATE_OF_TIME,
    ),
    reply_rule(
        mail.TOO_MANY_RECIPIENTS_NOW, RCPT, code=TRANSIENT, text=TOO_MANY_RECIPIENTS, unless=RATE_OF_TIME
    ),
    reply_rule(mail.GREYLISTED, *LETTER, text=GREYLIST),
    # filters and limits
    reply_rule(mail.SMTPUTF8, *LETTER, text=r"smtputf8|non-ascii|internationali[sz]ed (?:e?mail|address)"),
    reply_rule(mail.SMTPUTF8, *LETTER, enhanced="[45].6.7"),
    reply_rule(
        mail.UNAUTHENTICATED_DOMAIN,
        *LETTER,
        text=r"sender policy framework|sender is unauthenticated|required authentication level",
    ),
    reply_rule(mail.UNAUTHENTICATED_DOMAIN, *LETTER, enhanced="[45].7.(?:2[0123468]|509|515)"),
    reply_rule(
        mail.RECIPIENT_DEFERRED,
        RCPT,
        code=TRANSIENT,
        text=(
            r"receiving mail|mailbox (?:is )?(?:full|busy|locked)|over ?quota",
            r"\bquota\b(?!.{,200}(?:send|daily|hour))",
            r"(?:user|recipient|account|mailbox)\b.{0,40}(?:full|quota|storage|too (?:quickly|many|fast))",
        ),
    ),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, enhanced="4.2.[1-9]"),
    reply_rule(
        mail.RECIPIENT_FULL,
        RCPT,
        DATA,
        code=LASTING,
        text=(
            r"mailbox (?:is )?full|over ?quota|storage allocation\W{,3}quota",
            r"(?:user|recipient|mailbox)\b(?!.{0,30}\bsend).{0,30}\b(?:quota|storage|full)\b",
        ),
    ),
    reply_rule(mail.RECIPIENT_FULL, RCPT, code=LASTING, text=r"\bquota\b(?!.{,200}(?:send|daily|hour))"),
    reply_rule(mail.RECIPIENT_FULL, RCPT, DATA, enhanced="5.2.2"),
    reply_rule(
        mail.TOO_LARGE,
        *LETTER,
        text=(
            r"too (?:large|big)|(?:message|mail|data) (?:is )?too long",
            r"size.{0,30}(?:exceed|limit|maximum|larger)",
            r"exceed.{0,43}\bsize|exceeds administrative limit|recipsizelimit",
        ),
    ),
    reply_rule(
        mail.MESSAGE_REJECTED,
        DATA,
        code=LASTING,
        text=r"virus|malware|phish|spam\b|policy|content|attachment",
    ),
    reply_rule(mail.TOO_LARGE, *LETTER, enhanced="[45].3.4|5.2.3"),
    reply_rule(mail.RATE_EXCEEDED_SENDGRID, *LETTER, text=r"credits"),
    reply_rule(
        mail.RATE_EXCEEDED,
        *LETTER,
        text=(
            r"too (?:many|much) (?!(?:hops|errors|invalid|unknown|commands|syntax))",
            r"(?:limit|quota|rate|threshold|allowance)\b.{0,30}"
            r"\b(?:exceeded|reached|hit|used up|exhausted|depleted)",
            r"(?:exceed(?:s|ed|ing)?|reached|over|hit|above)\b.{0,40}\b(?:limit|quota|rate|threshold|allowance)",
            r"thread limit|too (?:fast|quickly|frequent)|per (?:hour|day|minute|second)|submission ?quota",
            r"\b\d+ (?:\w+ )?(?:e?-?mails?|messages?|recipients?|rcpts?) ?(?:/|an?|each|every|in) ?(?:\d+ )?"
            r"(?:h|hour|d|day|min|minute|s|second|week|month)s?\b",
        ),
    ),
    reply_rule(mail.NO_STORAGE, *LETTER, enhanced="[45].3.1"),
    reply_rule(mail.RATE_EXCEEDED, *LETTER, enhanced="[45].5.3|5.7.705|5.1.90|5.4.5"),
    # the sender, and refusals to relay that also mention senders
    reply_rule(
        mail.RELAY_DENIED,
        *LETTER,
        when=without_login,
        text=r"credentials for relay|relay(?:ing)? (?:access )?(?:is )?denied",
    ),
    reply_rule(mail.RECIPIENT_REFUSED, *LETTER, code=LASTING, text=r"resolver\."),
    reply_rule(
        mail.RECIPIENT_UNVERIFIED_SES,
        *LETTER,
        text=r"n[o']t verified",
        unless=r"\b(?:sender|from)\b",
        when=names_others_only,
    ),
    reply_rule(
        mail.FROM_UNVERIFIED_SES, *LETTER, text=r"identities failed|not authorized to perform.{,200}ses:"
    ),
    reply_rule(mail.FROM_UNVERIFIED_SES, *LETTER, text=r"n[o']t verified", provider=providers.SES),
    reply_rule(mail.FROM_UNVERIFIED_SENDGRID, *LETTER, text=r"sender identity"),
    reply_rule(
        mail.AUTH_REQUIRED,
        *LETTER,
        when=silent_on_relaying_without_login,
        text=r"authentication (?:is )?required",
    ),
    reply_rule(
        mail.SEND_AS_DENIED,
        *LETTER,
        text=(
            r"(?:must|should) (?:match|belong to) (?:the )?(?:auth|user|log)",
            r"\b(?:login|user\w{,4}|auth\w{,12}|account)\b[\w ]{,20}\bmismatch",
            r"(?:incorrect|wrong|invalid) auth\w{,12} for\b.{0,30}\baddress",
            r"not owned by|send ?as\b|sendasdenied|send on behalf|relaying disallowed as",
            r"unauthori[sz]ed sender|sender (?:address )?(?:is )?not (?:authori[sz]ed|allowed|permitted)",
            rf"{NOT_ALLOWED}\w{{,12}} to (?:send|use)\b(?! (?:(?:e?-?mails?|messages?) )?to\b)",
        ),
    ),
    reply_rule(mail.SEND_AS_DENIED, *LETTER, enhanced="5.7.60|5.2.25[12]"),
    reply_rule(
        mail.FROM_UNVERIFIED,
        *LETTER,
        when=silent_on_recipients,
        unless="unverified address",
        text=(
            r"(?:not|un|isn.t) ?-?(?:a )?(?:verified|validated|confirmed)",
            r"sender signature|unconfigured sending domain|sending from .{0,60}not allowed",
            r"(?:un|n[o't] ?)registered .{0,10}domain",
        ),
    ),
    reply_rule(  # the test domain or test account of a provider
        mail.FROM_UNVERIFIED,
        *LETTER,
        text=(
            r"\bverify (?:a|the|your|another) (?:\w+ )?domain\b",
            r"\b(?:demo|sandbox|trial|test(?:ing)?) (?:domain|account|mode|e?-?mail)s?\b.{0,80}\bonly\b",
            r"\bonly (?:be used to )?send (?:\w+ )?e?-?mails? to\b",
        ),
    ),
    reply_rule(
        mail.AUTH_REQUIRED_IN_SPITE,
        *LETTER,
        when=logged_in,
        text=r"not logged in|authentication (?:is )?required",
    ),
    reply_rule(mail.AUTH_REQUIRED, *LETTER, text=r"not logged in"),
    reply_rule(
        mail.SENDER_DOMAIN,
        *LETTER,
        text=(
            r"sender.{0,40}domain.{0,30}(?:not|n.t|unresolv|invalid|required)|domain of sender",
            r"sender address rejected: (?:domain|need|malformed)|sender address must contain a domain",
            r"invalid dns mx|domain name required for sender|mail from (?:has|does not have) .{0,10}\bmx\b",
        ),
    ),
    reply_rule(mail.SENDER_DOMAIN, *LETTER, enhanced="[45].1.8|[45].7.27"),
    reply_rule(mail.FROM_UNVERIFIED, *LETTER, enhanced="5.7.750"),
    reply_rule(
        mail.FROM_REJECTED,
        *LETTER,
        text=(
            r"sender address|sender (?:is )?(?:reject|denied|refus|block|invalid|unknown|verif|not )",
            r"(?:invalid|bad|unknown|rejected|blocked|banned|unverified|outbound) sender",
            r"\b(?:from|sender)\b[\w/ -]{0,25}\b(?:invalid|bad|n[o']t valid)",
            r"from[: ]+(?:header |address)\b.{0,60}\b(?:not|does ?n.t|invalid|mismatch|reject|denied|must)",
            r"mail from\b.{0,40}\b(?:not|does ?n.t|reject|denied|invalid|refus)",
            r"local users? only|envelope domain|den(?:y|ie[sd]) (?:the )?sender",
            r"\bspoof|\bimpersonat",
            SENDER_ABROAD,
            r"return[- ]path|envelope[- ](?:from|sender)|could not complete sender verify",
            r"\b(?:outgoing|outbound) (?:e?-?mails?|messages?|traffic)\b.{0,60}"
            r"\b(?:suspended|disabled|blocked|on hold)",
        ),
    ),
    reply_rule(mail.FROM_REJECTED, *LETTER, enhanced="[45].1.7|5.7.50[123]"),
    reply_rule(mail.AUTH_REQUIRED, MAIL, when=without_login, text=r"auth\w{,12} (?:is )?(?:required|needed)"),
    # relaying, and login as its requirement; Postfix has a "relay recipient table" for unknown recipients
    reply_rule(
        mail.RECIPIENT_REFUSED, RCPT, DATA, code=LASTING, text=r"unknown in (?:\w+ ){1,3}(?:table|map)"
    ),
    reply_rule(
        mail.RELAY_DENIED_LOGGED_IN,
        *LETTER,
        code=NOT_421,
        when=logged_in,
        text=RELAYING,
    ),
    reply_rule(
        mail.RELAY_DENIED,
        *LETTER,
        code=NOT_421,
        text=(
            RELAYING,
            r"(?:not|n.t) accept\w{,12} (?:e?-?mail|messages?) for|user not local",
            r"not (?:a |one of (?:my|our) )?local (?:domain|user|recipient)",
        ),
    ),
    reply_rule(mail.RELAY_DENIED, RCPT, enhanced="5.7.(?:54|64)"),
    reply_rule(
        mail.AUTH_REQUIRED_IN_SPITE,
        *LETTER,
        when=logged_in,
        text=r"not authenticated|must (?:first )?(?:be )?(?:auth|log)",
    ),
    reply_rule(
        mail.AUTH_REQUIRED,
        *LETTER,
        text=(
            r"auth\w{,12} (?:is )?(?:required|needed|mandatory|first)",
            r"not (?:been )?(?:authenticated|logged in)",
            r"(?:must|please|needs? to|have to|requires?|required to) (?:first |be |smtp )*(?:auth|log)",
            r"must issue an auth|(?:un|not )authenticated (?:sender|user|client|connection|e?-?mail)",
            r"(?:turn|switch) on smtp auth|without (?:smtp )?(?:auth|login|logging in)|anonymous",
        ),
    ),
    reply_rule(mail.AUTH_REQUIRED, *LETTER, enhanced="5.7.57"),
    reply_rule(mail.AUTH_REQUIRED, *LETTER, code="530"),
    # greylisting and other deferrals
    reply_rule(mail.NO_RECIPIENTS, DATA, text=r"no valid recipients|no recipients"),
    reply_rule(
        mail.RECIPIENT_DEFERRED,
        RCPT,
        code=TRANSIENT,
        text=r"unverified address|verification (?:is )?in progress",
    ),
    reply_rule(say.SERVICE_CLOSING, code="421"),
    reply_rule(
        mail.FROM_UNVERIFIED_NOW,
        *LETTER,
        code=NOT_421_BUT_4XX,
        when=names_sender_only,
        text=r"(?:unable|cannot|could not|failed|trying) (?:to )?(?:complete |perform )?verif",
    ),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, code=NOT_421_BUT_4XX, text=SERVER_FAULT),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, enhanced="4.[1345].x"),
    reply_rule(mail.MAYBE_GREYLISTED, RCPT, code="45[01]", when=no_other_subject, text=LATER),
    reply_rule(mail.MAYBE_GREYLISTED, RCPT, enhanced="4.7.x"),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, code=TRANSIENT),
    reply_rule(say.SERVER_ERROR, MAIL, DATA, code=NOT_421_BUT_4XX, text=SERVER_FAULT),
    reply_rule(mail.MAYBE_GREYLISTED, MAIL, DATA, code="45[01]", when=no_other_subject, text=LATER),
    reply_rule(say.SERVER_ERROR, code=TRANSIENT),
    # all other permanent refusals: the facts of the dialogue, then the phase
    reply_rule(mail.RECIPIENT_REFUSED, RCPT, enhanced="5.[12].x"),
    reply_rule(mail.RECIPIENT_REFUSED, DATA, enhanced="5.1.[1-6]|5.2.1"),
    reply_rule(mail.AUTH_REQUIRED, MAIL, RCPT, code="50[03]|53.|55[0134]", when=login_not_made),
    reply_rule(mail.NO_RECIPIENTS, DATA, code="554", enhanced="5.5.1"),
    reply_rule(say.PARAMETER_UNKNOWN, MAIL, RCPT, code="555"),
    reply_rule(say.OUT_OF_SEQUENCE, code="50[0-5]|555", enhanced="5.5.x"),
    reply_rule(say.OUT_OF_SEQUENCE, code="50[0234]|555"),
    reply_rule(mail.FROM_REJECTED, RCPT, code=LASTING, text="@", when=names_sender_only),
    reply_rule(
        mail.RECIPIENT_REFUSED,
        RCPT,
        code=LASTING,
        text=r"recipient|mailbox|user|address|account|no such|unknown",
    ),
    reply_rule(
        mail.MESSAGE_REJECTED,
        RCPT,
        code=LASTING,
        text=r"virus|malware|phish|\bspam\b|polic(?:y|ies)\b|content",
    ),
    reply_rule(mail.RECIPIENT_REFUSED, RCPT),
    reply_rule(mail.RECIPIENT_REFUSED, DATA, when=silent_on_senders, text=NO_SUCH_MAILBOX),
    reply_rule(
        say.ACCOUNT_HELD,
        *LETTER,
        when=logged_in,
        text=(
            r"\b(?:your|smtp|sender) account\b.{0,30}"
            r"(?:suspend|disabled|locked|block|closed|expired|n[o']t .{0,5}activ)",
            r"(?:sign|log) ?in to (?:your|the) (?:account|mailbox|web ?mail)|activate your",
            r"\b(?:licen[cs]e|subscription|trial|plan)\b.{0,40}\b(?:expired|ended|suspended|cancel)",
        ),
    ),
    reply_rule(mail.TOO_LARGE, MAIL, DATA, code="552", when=not_of_security),
    reply_rule(mail.FROM_REFUSED, MAIL, code="501|5[^0].", when=speaks_of_addresses),
    reply_rule(mail.FROM_REFUSED, MAIL, enhanced="5.1.x"),
    reply_rule(mail.FROM_REFUSED, MAIL, code="553"),
    reply_rule(say.SERVER_FAULT, *LETTER, enhanced="5.3.2"),
    reply_rule(mail.MESSAGE_REFUSED, DATA),
    reply_rule(say.REFUSED),
)
