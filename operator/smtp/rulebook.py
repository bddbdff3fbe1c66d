# SPDX-License-Identifier: Apache-2.0
"""The rules that tell what a refusal means; the first that fits decides. To teach the operator
another server's words, add a row: advice, phases, and any of code, enhanced code, text, provider.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.verdict import Phase
from smtp_operator.smtp import advice as say
from smtp_operator.smtp import providers
from smtp_operator.smtp.advice import Advice
from smtp_operator.smtp.context import Context
from smtp_operator.smtp.replies import Reply

BANNER, EHLO, STARTTLS = Phase.BANNER, Phase.EHLO, Phase.START_TLS
AUTH, MAIL, RCPT, DATA = Phase.AUTH, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA
GREETING: Final = (BANNER, EHLO)
LETTER: Final = (MAIL, RCPT, DATA)
AFTER_EHLO: Final = (AUTH, MAIL, RCPT, DATA)

Condition = Callable[[Context, Reply], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: ``advice`` where all that is given fits. Text is searched, code and enhanced code match whole."""

    advice: Advice
    phases: frozenset[Phase]
    code: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str] | None
    provider: str
    when: Condition | None

    def fits(self, phase: Phase, reply: Reply, provider: str, context: Context) -> bool:
        """Whether this row is about such a reply."""
        return (
            (not self.phases or phase in self.phases)
            and (self.code is None or self.code.fullmatch(str(reply.code)) is not None)
            and (self.enhanced is None or self.enhanced.fullmatch(reply.enhanced) is not None)
            and (not self.provider or self.provider == provider)
            and (self.text is None or self.text.search(reply.text) is not None)
            and (self.when is None or self.when(context, reply))
        )


def rule(
    advice: Advice,
    *phases: Phase,
    code: str = "",
    enhanced: str = "",
    text: str = "",
    provider: str = "",
    when: Condition | None = None,
) -> Rule:
    """A row; a dot in ``enhanced`` is a dot, ``x`` any number."""
    numbers = enhanced.replace(".", r"\.").replace("x", r"\d+")
    return Rule(
        advice,
        frozenset(phases),
        re.compile(code) if code else None,
        re.compile(numbers) if enhanced else None,
        re.compile(text, re.IGNORECASE) if text else None,
        provider,
        when,
    )


def without_login(context: Context, reply: Reply) -> bool:
    """Nobody has logged in."""
    return not context.logged_in


def logged_in(context: Context, reply: Reply) -> bool:
    """The server accepted the login."""
    return context.logged_in


def in_clear(context: Context, reply: Reply) -> bool:
    """TLS is not on."""
    return not context.tls


def not_of_security(context: Context, reply: Reply) -> bool:
    """The enhanced code is not one of security and policy, x.7.x."""
    return reply.enhanced[2:3] != "7"


def no_other_subject(context: Context, reply: Reply) -> bool:
    """There is no enhanced code, or one of security and policy."""
    return reply.enhanced[2:3] in {"", "7"}


def silent_on_recipients(context: Context, reply: Reply) -> bool:
    """The text has no word of recipients."""
    return "recipient" not in reply.text.lower()


def names_others_only(context: Context, reply: Reply) -> bool:
    """The text names an address, and it is not the sender's."""
    named = re.findall(r"[^\s<>(),;:]+@[^\s<>(),;:]+|\b(?:to|cc|bcc)\[\d\]", reply.text)
    sender = context.sender.lower()
    return bool(sender and named) and not any(sender in name.lower() for name in named)


def greets_as_ftp(context: Context, reply: Reply) -> bool:
    """The greeting was that of an FTP server."""
    return "ftp" in context.banner.lower() and "smtp" not in context.banner.lower()


_TRANSIENT = "4.."
_LASTING = "5.."
_GREYLIST = r"gr[ae]y[- ]?list"
_LATER = r"\b(?:again|later|retry|re-?send|re-?submit|come back|deferr?\w*|temporar\w+ (?:reject|refus|block)\w*)\b"
_OWN_TROUBLE = (
    r"local (?:problem|error)|lookup fail|internal|server error|system (?:problem|error|fail)|database|"
    r"time ?d? ?-?out|queue file|configuration|unable to (?:complete|verify|check)|could not complete|backend|"
    r"temporar\w+ (?:server |system |service )?(?:error|problem|failure)"
)

RULES: Final[tuple[Rule, ...]] = (
    rule(say.UNEXPECTED, code="[23].."),
    rule(say.FTP_SERVER, EHLO, code=_LASTING, when=greets_as_ftp),
    # encryption, wherever the server chooses to say it
    rule(say.OLD_TLS, text=r"\btls ?v?1\.[01]\b.*not supported|upgrade.*support tls"),
    rule(
        say.STARTTLS_REQUIRED,
        EHLO,
        *AFTER_EHLO,
        when=in_clear,
        text=r"\bstarttls\b(?! (?:not|un))|(?:tls|ssl|encrypt\w+|secure (?:connection|channel|session))\b.{0,20}"
        r"\b(?:required|needed|mandatory|first)\b|"
        r"(?:requires?|must use|must be|need(?:s|ed)?|use of) (?:an? )?(?:tls|ssl|encrypt\w+|secure)|"
        r"(?:plain ?text|clear ?text|clear-text).{0,60}(?:disallow|not allowed|non-secure|insecure|unencrypted)|"
        r"(?:not|n.t) (?:allowed|permitted|available|accepted).{0,20}"
        r"(?:unencrypted|insecure|non-?secure|plain ?text|without (?:tls|ssl|encryption))",
    ),
    rule(say.STARTTLS_REQUIRED, EHLO, *AFTER_EHLO, when=in_clear, enhanced="[45].7.1[01]"),
    rule(say.STARTTLS_REQUIRED, *AFTER_EHLO, when=in_clear, code="538|523"),
    rule(
        say.ENCRYPTION_TOO_WEAK,
        *AFTER_EHLO,
        text=r"must issue a starttls|(?:tls|encryption) (?:is )?required",
    ),
    rule(say.ENCRYPTION_TOO_WEAK, *AFTER_EHLO, code="538|523"),
    rule(say.STARTTLS_UNKNOWN, STARTTLS, code="50[0234]"),
    rule(say.SERVICE_CLOSING, STARTTLS, code="421"),
    rule(say.STARTTLS_UNAVAILABLE, STARTTLS),
    # the name given with EHLO: Postfix speaks of it at RCPT
    rule(say.SERVICE_CLOSING_GMAIL, code="421", text=r"\(EHLO\)"),
    rule(say.HELO_REJECTED, code="4[35].|5[13579].|504|501", text=r"\b(?:helo|ehlo)\b"),
    rule(say.HELO_REJECTED, EHLO, *LETTER, text=r"need fully-qualified hostname"),
    # this client's address
    rule(
        say.TOO_MANY_CONNECTIONS,
        *GREETING,
        code=_TRANSIENT,
        text=r"too many|connection (?:rate|limit|frequency|count)|concurren|simultaneous|too frequent",
    ),
    rule(say.MESSAGE_REJECTED, DATA, text=r"\b(?:surbl|uribl|urls?|links?|uri)\b"),
    rule(say.FROM_REJECTED, *LETTER, text=r"sender address \[.*\] blocked|spam abuse detected"),
    rule(
        say.RATE_EXCEEDED,
        *LETTER,
        text=r"unusual (?:sending|rate|activity|volume|number)|unexpected volume|rate.?limit|throttl",
    ),
    rule(
        say.CLIENT_BLOCKED_WITHOUT_LOGIN,
        *LETTER,
        when=without_login,
        text=r"client host rejected: access denied",
    ),
    rule(
        say.CLIENT_BLOCKED,
        text=r"blocked using|\b(?:dns)?[rb]bl\b|dnsbl|spamhaus|spamcop|barracuda|sorbs|uceprotect|"
        r"(?:block|black|deny)[- ]?list|client host.{0,60}(?:block|reject|denied|refus)|banned send(?:ing ip|er ?\[)|unauthori[sz]ed ip|"
        r"(?:reverse|ptr|rdns).{0,30}(?:dns|host|lookup|record|resol|fail|missing|not found)|no ptr|"
        r"cannot find your (?:reverse )?hostname|\bs31[45]0\b|\btss09\b|poor reputation|"
        r"(?:unauthori[sz]ed|blocked|banned|denied|bad|this|your) (?:ip|client|host|network)\b(?!.{0,30}(?:name|login))"
        r"(?=.*(?:block|bann|unauthori|denied|refus|reject|not (?:allow|permit|accept|authori)|reputation|listed))|"
        r"\bip\b.{0,60}(?:block|bann|not (?:allow|permit|accept|authori)|refus|denied|reject|listed|reputation)|"
        r"(?:not accepted|access denied|blocked|rejected|refused|denied).{0,30}\b(?:from|for) (?:this |your )?(?:ip|host|client|network)|"
        r"not (?:allowed|permitted|authori[sz]ed) to connect",
    ),
    rule(say.CLIENT_BLOCKED, code=_LASTING, enhanced="5.7.25|5.7.60[6-9]|5.7.6[1-4][0-9]|5.7.51[12]|5.7.708"),
    rule(say.NOT_ACCEPTING, BANNER, code=_TRANSIENT),
    rule(say.CLIENT_BLOCKED, BANNER),
    # login
    rule(
        say.AUTH_FAILED_MICROSOFT,
        AUTH,
        text=r"credentials were incorrect",
    ),
    rule(
        say.AUTH_DISABLED_MICROSOFT,
        AUTH,
        *LETTER,
        text=r"smtpclientauthentication|smtp_auth_disabled|basic auth\w* (?:is )?(?:not supported|disabled)|"
        r"security defaults|did not meet the criteria|conditional access",
    ),
    rule(say.AUTH_DISABLED_MICROSOFT, AUTH, *LETTER, enhanced="5.7.139|5.7.30"),
    rule(
        say.AUTH_DISABLED,
        AUTH,
        text=r"(?:basic|legacy|password|smtp|plain)[ -](?:smtp )?(?:auth\w*|logins?|access)\b.{0,30}(?:disabled|not enabled|switched off|turned off|no longer)",
    ),
    rule(
        say.APP_PASSWORD_GMAIL,
        AUTH,
        text=r"badcredentials|invalidsecondfactor|username and password not accepted|"
        r"log ?in (?:with|via) your (?:web )?browser|web ?login",
    ),
    rule(say.APP_PASSWORD_GMAIL, AUTH, provider=providers.GMAIL, text=r"app\w*[- ](?:specific )?password"),
    rule(say.APP_PASSWORD_GMAIL, AUTH, code="534", enhanced="5.7.14"),
    rule(say.APP_PASSWORD, AUTH, text=r"\bapp\w*[- ](?:specific )?(?:password|token)"),
    rule(say.RATE_EXCEEDED_SENDGRID, AUTH, text=r"credits? exceeded"),
    rule(
        say.TOO_MANY_LOGINS,
        AUTH,
        text=r"too many (?!errors)|(?:log ?in|auth\w*|password|attempts?)\b.{0,30}\b(?:limit|exceeded|rate)|auth005|"
        r"(?:exceeded|maximum|limit).{0,40}(?:log ?in|auth|attempt)|rate.?limit|throttl|"
        r"(?:account|user|mailbox)\b.{0,30}\btemporarily (?:locked|blocked|disabled|suspended)",
    ),
    rule(
        say.MECHANISM_UNSUPPORTED,
        AUTH,
        text=r"mechanism|too weak|auth\w* (?:type|method|scheme)|unrecogni[sz]ed auth",
    ),
    rule(say.MECHANISM_UNSUPPORTED, AUTH, code="504"),
    rule(say.MECHANISM_UNSUPPORTED, AUTH, code="534", enhanced="5.7.9"),
    rule(
        say.AUTH_NOT_OFFERED,
        AUTH,
        code="50[023]|5[35].",
        text=r"auth\w*\b.{0,30}\bnot (?:enabled|available|advertised|supported|offered|allowed|permitted|implemented)|"
        r"auth\w* (?:is )?disabled$|not advertised",
    ),
    rule(say.OUT_OF_SEQUENCE, AUTH, code="503", text=r"already|hello|sequence"),
    rule(say.AUTH_NOT_OFFERED, AUTH, code="50[023]"),
    rule(say.FROM_REJECTED, AUTH, enhanced="5.1.[78]"),
    rule(say.FROM_REJECTED, AUTH, text=r"sender address"),
    rule(say.SERVICE_CLOSING, AUTH, code="421", text=r"too many errors|time ?d? ?out"),
    rule(say.SERVICE_CLOSING, AUTH, code="421", when=not_of_security, text=r"^(?!.*auth)"),
    rule(say.AUTH_TEMPORARY, AUTH, code=_TRANSIENT),
    rule(say.AUTH_REQUIRED, AUTH, code="530"),
    rule(
        say.ACCOUNT_DISABLED,
        AUTH,
        text=r"(?:account|user|mailbox)\b.{0,30}\b(?:disabled|locked|suspended|inactive)",
    ),
    rule(say.ACCOUNT_DISABLED, AUTH, enhanced="5.7.13"),
    rule(say.AUTH_FAILED_SENDGRID, AUTH, provider=providers.SENDGRID),
    rule(say.AUTH_FAILED_SES, AUTH, provider=providers.SES),
    rule(say.AUTH_FAILED_MICROSOFT, AUTH, provider=providers.MICROSOFT),
    rule(say.AUTH_FAILED, AUTH),
    # EHLO
    rule(say.SERVICE_CLOSING, EHLO, code="421"),
    rule(say.TROUBLE, EHLO, code=_TRANSIENT),
    rule(say.AUTH_REQUIRED, EHLO, code="530"),
    rule(say.HELO_REJECTED, EHLO),
    # what filters and limits say
    rule(say.SMTPUTF8, *LETTER, text=r"smtputf8|non-ascii|internationali[sz]ed (?:e?mail|address)"),
    rule(say.SMTPUTF8, *LETTER, enhanced="[45].6.7"),
    rule(
        say.UNAUTHENTICATED_DOMAIN,
        *LETTER,
        text=r"\b(?:spf|dkim|dmarc|openspf|sender policy framework)\b|sender is unauthenticated|"
        r"required authentication level",
    ),
    rule(say.UNAUTHENTICATED_DOMAIN, *LETTER, enhanced="[45].7.(?:2[01234678]|509|515)"),
    rule(
        say.RECIPIENT_DEFERRED,
        RCPT,
        code=_TRANSIENT,
        text=r"receiving mail|mailbox (?:is )?(?:full|busy|locked)|over ?quota|quota exceeded|"
        r"(?:user|recipient|account|mailbox)\b.{0,40}(?:full|quota|storage|too (?:quickly|many|fast))",
    ),
    rule(say.RECIPIENT_DEFERRED, RCPT, enhanced="4.2.[1-9]"),
    rule(
        say.RECIPIENT_FULL,
        RCPT,
        DATA,
        code=_LASTING,
        text=r"mailbox (?:is )?full|over ?quota|(?:user|recipient|mailbox)\b.{0,30}\b(?:quota|storage|full)\b",
    ),
    rule(say.RECIPIENT_FULL, RCPT, DATA, enhanced="5.2.2"),
    rule(
        say.TOO_LARGE,
        *LETTER,
        text=r"too (?:large|big|long)|size.{0,30}(?:exceed|limit|maximum|larger)|"
        r"exceed\w*.{0,40}\bsize|exceeds administrative limit|recipsizelimit",
    ),
    rule(say.MESSAGE_REJECTED, DATA, code=_LASTING, text=r"virus|malware|phish|spam\b|policy|content"),
    rule(say.TOO_LARGE, *LETTER, enhanced="[45].3.4|5.2.3"),
    rule(say.RATE_EXCEEDED_SENDGRID, *LETTER, text=r"credits"),
    rule(
        say.RATE_EXCEEDED,
        *LETTER,
        text=r"too (?:many|much) (?!(?:hops|errors|invalid|unknown|commands|syntax))|"
        r"(?:limit|quota|rate|threshold|allowance)\b.{0,30}\b(?:exceeded|reached|hit)|"
        r"(?:exceed\w*|reached|over|hit|above)\b.{0,40}\b(?:limit|quota|rate|threshold|allowance)|"
        r"thread limit|too (?:fast|quickly|frequent)|per (?:hour|day|minute|second)",
    ),
    rule(
        say.NO_STORAGE, *LETTER, text=r"insufficient|out of (?:disk|storage|memory|resources)|no space|low on"
    ),
    rule(say.NO_STORAGE, *LETTER, enhanced="[45].3.1"),
    rule(say.RATE_EXCEEDED, *LETTER, enhanced="[45].5.3|5.7.705|5.1.90|5.4.5"),
    # who may send
    rule(say.RECIPIENT_REFUSED, *LETTER, code=_LASTING, text=r"resolver\."),
    rule(say.RECIPIENT_UNVERIFIED_SES, *LETTER, text=r"not verified", when=names_others_only),
    rule(say.FROM_UNVERIFIED_SES, *LETTER, text=r"identities failed|not authorized to perform.*ses:"),
    rule(say.FROM_UNVERIFIED_SES, *LETTER, text=r"not verified", provider=providers.SES),
    rule(say.FROM_UNVERIFIED_SENDGRID, *LETTER, text=r"sender identity"),
    rule(
        say.SEND_AS_DENIED,
        *LETTER,
        text=r"not owned by|send ?as\b|sendasdenied|send on behalf|relaying disallowed as|"
        r"unauthori[sz]ed sender|sender (?:address )?(?:is )?not (?:authori[sz]ed|allowed|permitted)|"
        r"not (?:allowed|permitted|authori[sz]ed) to (?:send|use)\b(?! (?:(?:e?-?mails?|messages?) )?to\b)",
    ),
    rule(say.SEND_AS_DENIED, *LETTER, enhanced="5.7.60|5.2.25[12]"),
    rule(
        say.FROM_UNVERIFIED,
        *LETTER,
        when=silent_on_recipients,
        text=r"(?:not|un|isn.t) ?-?(?:a )?(?:verified|validated|confirmed)|"
        r"sender signature|unconfigured sending domain|sending from .{0,60}not allowed",
    ),
    rule(
        say.AUTH_REQUIRED_IN_SPITE,
        *LETTER,
        when=logged_in,
        text=r"not logged in|authentication (?:is )?required",
    ),
    rule(say.AUTH_REQUIRED, *LETTER, text=r"not logged in"),
    rule(
        say.SENDER_DOMAIN,
        *LETTER,
        text=r"sender.{0,40}domain.{0,30}(?:not|n.t|unresolv|invalid|required)|domain of sender|"
        r"sender address rejected: (?:domain|need|malformed)|sender address must contain a domain|"
        r"invalid dns mx|domain name required for sender",
    ),
    rule(say.SENDER_DOMAIN, *LETTER, enhanced="[45].1.8"),
    rule(
        say.FROM_REJECTED,
        *LETTER,
        text=r"sender address|sender (?:is )?(?:reject|denied|refus|block|invalid|unknown|verif|not )|"
        r"(?:invalid|bad|unknown|rejected|blocked|banned|unverified|outbound) sender|"
        r"from[: ]+(?:header |address)\b.{0,60}\b(?:not|does ?n.t|invalid|mismatch|reject|denied|must)|"
        r"mail from\b.{0,40}\b(?:not|reject|denied|invalid|refus)|return[- ]path|envelope[- ](?:from|sender)|"
        r"could not complete sender verify",
    ),
    rule(say.FROM_REJECTED, *LETTER, enhanced="[45].1.7|5.7.50[123]"),
    # relaying, and login as the way to it
    rule(
        say.RELAY_DENIED_LOGGED_IN,
        *LETTER,
        when=logged_in,
        text=r"relay(?:ing)?\b(?!\.)|rcpthosts|non-?accepted domain|delivery is not allowed to this address",
    ),
    rule(
        say.RELAY_DENIED,
        *LETTER,
        text=r"\brelay(?:ing)?\b(?!\.)|rcpthosts|non-?accepted domain|delivery is not allowed to this address|"
        r"(?:not|n.t) accept (?:e?-?mail|messages?) for|not (?:a |one of (?:my|our) )?local (?:domain|user|recipient)|user not local",
    ),
    rule(say.RELAY_DENIED, RCPT, code="454"),
    rule(say.RELAY_DENIED, RCPT, enhanced="5.7.(?:54|64)"),
    rule(
        say.AUTH_REQUIRED_IN_SPITE,
        *LETTER,
        when=logged_in,
        text=r"not authenticated|must (?:first )?(?:be )?(?:auth|log)",
    ),
    rule(
        say.AUTH_REQUIRED,
        *LETTER,
        text=r"auth\w* (?:is )?(?:required|needed|mandatory|first)|not (?:been )?(?:authenticated|logged in)|"
        r"(?:must|please|need(?:s)? to|have to|required? to|requires?) (?:first )?(?:be )?(?:smtp )?(?:auth|log[- ]?(?:ged)?[- ]?in)|"
        r"must issue an auth|(?:un|not )authenticated (?:sender|user|client|connection|e?-?mail|submission)|"
        r"(?:turn|switch) on smtp auth|without (?:smtp )?(?:auth|login|logging in)|anonymous",
    ),
    rule(say.AUTH_REQUIRED, *LETTER, enhanced="5.7.57"),
    rule(say.AUTH_REQUIRED, *LETTER, code="530"),
    # greylisting and other deferrals
    rule(say.GREYLISTED, *LETTER, code=_TRANSIENT, text=_GREYLIST),
    rule(say.NO_RECIPIENTS, DATA, text=r"no valid recipients|no recipients"),
    rule(say.SERVICE_CLOSING, code="421"),
    rule(say.RECIPIENT_DEFERRED, RCPT, code=_TRANSIENT, text=_OWN_TROUBLE),
    rule(say.RECIPIENT_DEFERRED, RCPT, enhanced="4.[1345].x"),
    rule(say.GREYLISTED, RCPT, code="45[01]", text=_LATER),
    rule(say.GREYLISTED, RCPT, enhanced="4.7.x"),
    rule(say.RATE_EXCEEDED, RCPT, code="452"),
    rule(say.RECIPIENT_DEFERRED, RCPT, code=_TRANSIENT),
    rule(say.RATE_EXCEEDED, MAIL, DATA, code="452|454|432"),
    rule(say.TROUBLE, MAIL, DATA, code=_TRANSIENT, text=_OWN_TROUBLE),
    rule(say.GREYLISTED, MAIL, DATA, code="45[01]", when=no_other_subject, text=_LATER),
    rule(say.TROUBLE, code=_TRANSIENT),
    # what is left of the lasting ones: the phase decides
    rule(say.NO_RECIPIENTS, DATA, code="554", enhanced="5.5.1"),
    rule(say.OUT_OF_SEQUENCE, code="50[0-5]|555", enhanced="5.5.x"),
    rule(say.OUT_OF_SEQUENCE, code="50[0234]|555"),
    rule(say.RECIPIENT_REFUSED, RCPT, text=r"recipient|mailbox|user|address|account|no such|unknown"),
    rule(say.RELAY_DENIED_LOGGED_IN, RCPT, enhanced="5.7.[01]", when=logged_in),
    rule(say.RELAY_DENIED, RCPT, enhanced="5.7.[01]"),
    rule(say.RECIPIENT_REFUSED, RCPT),
    rule(say.TOO_LARGE, MAIL, DATA, code="552", when=not_of_security),
    rule(say.FROM_REJECTED, MAIL),
    rule(say.MESSAGE_REJECTED, DATA),
    rule(say.REFUSED),
)
