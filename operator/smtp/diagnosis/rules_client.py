# SPDX-License-Identifier: Apache-2.0
"""Rules for refusals about this client: its host name, its address, its rate, and the server's own state.

``classify.RULES`` ranks the rows. To support the text of another server, add a row: advice, phases, and any
of code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis import advice_message as mail
from smtp_operator.smtp.diagnosis.matcher import (
    ReplyRule,
    client_is_listed,
    offers_next_to_nothing,
    refused_alike,
    reply_rule,
    sender_is_listed,
    silent_on_relaying,
    without_login,
)
from smtp_operator.smtp.diagnosis.patterns import (
    ADDRESS,
    AUTH,
    BANNER,
    BLOCKLISTED,
    BUSY,
    DATA,
    DENIED,
    EHLO,
    GREETING,
    HELO_MISSING,
    LASTING,
    LETTER,
    LOAD,
    NAME_OF_OTHERS,
    NO_MAIL,
    NO_SPACE,
    NOT_ALLOWED,
    RCPT,
    SERVER_STATE,
    STARTTLS,
    TRANSIENT,
)

CLIENT_RULES: Final[tuple[ReplyRule, ...]] = (
    # a failed check of the sender, which may mention HELO as well
    reply_rule(
        mail.FROM_REJECTED,
        *LETTER,
        text=r"sender verif\w{1,12} (?:has )?fail|callback setup failed while verifying",
    ),
    # the name in EHLO: some servers check it at MAIL or RCPT
    reply_rule(say.HELO_REJECTED, text=r"\b[he][eh]lo command rejected"),
    reply_rule(say.HELO_REJECTED_GMAIL, code="421", text=r"\(EHLO\)"),
    reply_rule(
        say.HELO_REJECTED,
        code="(?!50[023])[45]..",
        when=silent_on_relaying,
        text=r"\b(?:helo|ehlo)(?:host|name)?\b",
        unless=HELO_MISSING,
    ),
    reply_rule(say.HELO_REJECTED, EHLO, *LETTER, text=NAME_OF_OTHERS),
    reply_rule(say.HELO_REJECTED, EHLO, *LETTER, text=r"need fully-qualified hostname"),
    # the server's own state and load
    reply_rule(say.NO_MAIL, *GREETING, code=LASTING, text=NO_MAIL),
    reply_rule(say.NOT_ACCEPTING, BANNER, code=TRANSIENT, text=(*SERVER_STATE, BUSY)),
    reply_rule(
        say.TOO_MANY_CONNECTIONS,
        *GREETING,
        code=TRANSIENT,
        text=r"too many|connection (?:rate|limit|frequency|count)|concurren|simultaneous|too frequent",
    ),
    reply_rule(mail.RATE_EXCEEDED, AUTH, text=LOAD, unless=r"log ?in|auth"),
    reply_rule(mail.RATE_EXCEEDED, *GREETING, STARTTLS, *LETTER, text=LOAD),
    reply_rule(
        mail.RATE_EXCEEDED, EHLO, STARTTLS, text=r"rate.?limit|throttl|too (?:much|many|busy|fast)|\bload\b"
    ),
    reply_rule(mail.NO_STORAGE, *GREETING, STARTTLS, *LETTER, text=NO_SPACE, unless=r"box\b|recipient|user"),
    # recipient, sender or client: the one that the words name
    reply_rule(
        mail.RECIPIENT_REFUSED,
        RCPT,
        DATA,
        code=LASTING,
        text=r"\b(?:recipient|user|addressee)\b.{0,40}"
        r"\b(?:does ?n[o']t|refuses to) (?:want|wish|accept|receive)"
        r"|\b(?:recipient|user|addressee)(?:'s)? (?:\w+ )?(?:block|black|deny)[- ]?list"
        r"|\brecipient (?:\w+ ){1,3}?(?:on|in) (?:\w+ ){,2}?(?:block|black|deny)[- ]?list",
    ),
    reply_rule(
        mail.RATE_EXCEEDED,
        *LETTER,
        text=(
            r"\bexceed\w{,3}\b.{0,30}\b(?:hour|day|daily|minute|month)\w{,2} (?:\w+ )?"
            r"(?:limit|quota|maximum)",
            r"too many (?:e?-?mails?|messages?)\b.{0,20}\b(?:hour|day|minute|month)",
            r"submission ?quota|refusequota",
        ),
    ),
    reply_rule(
        mail.SUBMISSION_EXPECTED,
        *LETTER,
        when=without_login,
        text=r"\b(?:use|using|via|through|to) (?:the |our |a |mail |message |smtp ){,3}submission\b"
        r"|\b(?:use|on|to|via) (?:the )?(?:smtp )?port (?:587|465)\b|submission port",
    ),
    reply_rule(
        mail.FROM_REJECTED,
        *LETTER,
        text=(
            r"sender address \[.{,200}\] blocked|spam abuse detected",
            r"(?:sender(?! ?(?:ip|host|\[))|(?:e-?)?mail address|from address)\b.{0,20}(?:block|black) ?list",
            r"\bsender\b(?! ?(?:ip|host|\[))[^.]{0,100}\b(?:block|black|deny)[- ]?listed",
            r"(?:mail ?from|sender'?s?|from|envelope) domain\b.{0,20}(?:listed|block|black)",
        ),
    ),
    reply_rule(
        mail.MESSAGE_REJECTED,
        DATA,
        text=r"\b(?:surbl|uribl|urls?|links?|uri|dbl)\b|\bdomain (?:\w+ ){,2}(?:listed|present) (?:in|on)\b",
    ),
    reply_rule(mail.RECIPIENT_DEFERRED, RCPT, code=TRANSIENT, text=r"recipient (?:\w+ ){,2}exceed"),
    reply_rule(
        mail.RATE_EXCEEDED,
        *LETTER,
        text=(
            r"unusual (?:sending|rate|activity|volume|number)|(?:unexpected|excessive) volume",
            r"rate.?limit|throttl|again slower|frequency (?:is )?(?:limit|exceed)|out of allow\w{,12} rcpt",
            r"max(?:imum)? number of (?:\S+ ){,3}(?:messages?|e?-?mails?|recipients?)\b",
            r"\b(?:mi|rp):(?:dmc|drc|sfq|quc|qrc|stc)\b",  # NetEase's own codes
        ),
    ),
    reply_rule(mail.UNAUTHENTICATED_DOMAIN, *LETTER, text=r"\b(?:spf|dkim|dmarc|openspf)\b"),
    reply_rule(mail.FROM_REJECTED, *LETTER, text=BLOCKLISTED, when=sender_is_listed),
    reply_rule(
        mail.FROM_REJECTED,
        *LETTER,
        text=(
            r"header[- ]from\b|from[- ]header\b|(?:in|the) (?:(?:mime|message) )?from (?:header|field)",
            r"rfc ?5322\.?from|\byour domain\b.{0,80}\b(?:not|n't) (?:allow|permit|accept|authori)",
        ),
        unless=r"missing|more than one|multiple|duplicate|no from header",
    ),
    # this client's address
    reply_rule(
        say.CLIENT_BLOCKED_WITHOUT_LOGIN,
        *LETTER,
        when=without_login,
        text=r"client host rejected: access denied",
    ),
    reply_rule(say.CLIENT_BLOCKED, text=BLOCKLISTED, when=client_is_listed),
    reply_rule(
        say.CLIENT_BLOCKED,
        when=silent_on_relaying,
        text=(
            rf"(?:{DENIED}|{NOT_ALLOWED}\w{{,12}}).{{0,50}}\b(?:from|for|by) (?:(?:this|your|the|that|an?) )?"
            r"(?:\w+ )?(?:ip|ips|network|subnet|location|country|region|client(?! (?:ver|prog)))\b",
            rf"(?:{DENIED}|{NOT_ALLOWED}\w{{,12}}).{{0,50}}\b(?:from|for) \W?\d{{1,3}}(?:\.\d{{1,3}}){{3}}",
            r"\bip(?: address)? (?:is |was )?(?:not |un)(?:in |on |known|trusted|listed|recogni|registered)",
        ),
    ),
    reply_rule(  # a quoted reply of another server may have its address
        say.CLIENT_BLOCKED,
        text=rf"(?<![\d.])(?:{ADDRESS})\]?"
        rf"(?: (?:is|was|are|were|has|been|currently|temporarily)){{,3}} {DENIED}",
        unless=r"\bsaid\b",
    ),
    reply_rule(
        say.CLIENT_BLOCKED,
        *GREETING,
        *LETTER,
        text=(
            rf"spam ?-?traps?\b|\byour address \W?(?:{ADDRESS})",
            r"\b(?:dynamic|residential|dial-?up|consumer)(?:ally assigned)? (?:\w+ )?"
            r"(?:hosts?|ips?|address\w{,2}|pools?|ranges?|networks?|clients?|lines?)\b",
            r"\buse (?:the|your) (?:isp|provider)(?:'?s)? (?:\w+ ){,2}(?:smtp|server|smart ?host|relay)",
        ),
    ),
    reply_rule(
        say.CLIENT_BLOCKED,
        text=(
            r"blocked using|\b(?:dns)?[rb]bl\b|dnsbl|spamhaus|spamcop|barracuda|sorbs|uceprotect",
            r"(?:block|black|deny)[- ]?list|banned send(?:ing ip|er ?\[)|unauthori[sz]ed ip",
            r"client (?:host|server).{0,60}(?:block|reject|denied|refus)",
            r"(?:reverse|ptr|rdns).{0,30}(?:dns|host|lookup|record|resol|fail|missing|not found)|no ptr",
            r"cannot find your (?:reverse )?hostname|\bs31[45]0\b|\btss09\b|poor reputation",
            rf"(?:this|your) (?:client|host|net)\w{{,20}}+(?!.{{0,30}}(?:name|log))"
            rf".{{,200}}(?:block|bann|{NOT_ALLOWED})",
            rf"(?<![?&])\bip\b.{{0,60}}(?:block|bann|{NOT_ALLOWED}|refus|denied|reject|listed|reputation)",
            rf"\b(?:network|ip range|subnet|country)\b.{{0,20}}(?:block|bann|{NOT_ALLOWED}|refus|denied)",
            r"\bip\b.{0,60}(?:white|allow)[- ]?list|(?:white|allow)[- ]?list.{0,40}\bip\b",
            r"(?:accepted|blocked|rejected|refused|denied).{0,30} (?:from|for) \w+ (?:ip|host|client)",
            rf"{NOT_ALLOWED}\w{{,12}} to connect",
            rf"\byour access\b.{{0,80}}\b{DENIED}",
            r"\bconnections? (?:is |was |has been |will be )?(?:rejected|denied|blocked)\b",
        ),
    ),
    reply_rule(
        say.CLIENT_BLOCKED,
        *GREETING,
        *LETTER,
        when=silent_on_relaying,
        text=(
            r"\b(?:client|your|sender|sending|remote|bad|black|dynamic|invalid) ips?\b",
            r"(?<![?&])\bip (?:address|name|profile)\b",
            r"open proxy|sending spam|blocked - see|\bforged (?:host|domain|r?dns|name)",
        ),
        unless=r"\b(?:communicat|connect|talk)\w{,3} (?:with|to)\b",
    ),
    reply_rule(say.CLIENT_BLOCKED, *LETTER, text=r"^(?!.*\bdomain\b).*\breputation\b"),
    reply_rule(
        say.CLIENT_BLOCKED, code=LASTING, enhanced="5.7.25|5.7.60[6-9]|5.7.6[1-4][0-9]|5.7.51[12]|5.7.708"
    ),
    reply_rule(say.CLIENT_BLOCKED, BANNER, code=LASTING, enhanced="5.7.x"),
    reply_rule(say.SERVICE_CLOSING, EHLO, code="421", text=SERVER_STATE),
    reply_rule(say.SERVER_FAULT, *GREETING, code=LASTING, text=(*SERVER_STATE, BUSY)),
    reply_rule(
        say.CLIENT_BLOCKED,
        EHLO,
        code=LASTING,
        text=(DENIED, rf"{NOT_ALLOWED}|not welcome|go away|prohibited|unauthori[sz]ed"),
        unless=r"name|fqdn|domain|syntax|[he][eh]lo|resol|lookup|argument|command",
    ),
    reply_rule(say.CLIENT_BLOCKED, EHLO, AUTH, *LETTER, code=LASTING, when=offers_next_to_nothing),
    reply_rule(say.CLIENT_BLOCKED, EHLO, AUTH, *LETTER, code="5[^0].", when=refused_alike),
    reply_rule(say.NOT_ACCEPTING, BANNER, code=TRANSIENT),
    reply_rule(say.CLIENT_BLOCKED, BANNER),
    reply_rule(say.SERVICE_CLOSING, EHLO, code="421"),
    reply_rule(say.SERVER_ERROR, EHLO, code=TRANSIENT),
    reply_rule(mail.AUTH_REQUIRED, EHLO, code="530"),
    reply_rule(say.HELO_REJECTED, EHLO),
)
