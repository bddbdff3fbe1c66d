# SPDX-License-Identifier: Apache-2.0
"""Rules for refusals up to the login, and for refusals about client and encryption in later phases.

The first rule that fits decides. To support the text of another server, add a row: advice, phases, and any of
code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis import providers
from smtp_operator.smtp.diagnosis.matcher import (
    ReplyRule,
    by_token,
    greets_as_ftp,
    in_plaintext,
    not_of_security,
    reply_rule,
    silent_on_relaying,
    without_login,
)
from smtp_operator.smtp.diagnosis.patterns import (
    AFTER_EHLO,
    AUTH,
    BANNER,
    DATA,
    EHLO,
    GREETING,
    LASTING,
    LETTER,
    NO_RIGHT,
    NOT_ALLOWED,
    NOT_WORKING,
    RCPT,
    STARTTLS,
    TRANSIENT,
)

SESSION_RULES: Final[tuple[ReplyRule, ...]] = (
    reply_rule(say.NOT_SMTP, BANNER, code="[23].."),
    reply_rule(say.UNEXPECTED, code="[23].."),
    reply_rule(say.FTP_SERVER, EHLO, code=LASTING, when=greets_as_ftp),
    # encryption, in any phase
    reply_rule(say.OLD_TLS, text=r"\btls ?v?1\.[01]\b.{,200}not supported|upgrade.{,200}support tls"),
    reply_rule(
        say.STARTTLS_REQUIRED,
        EHLO,
        *AFTER_EHLO,
        when=in_plaintext,
        text=(
            r"\bstarttls\b(?! (?:not|un))",
            r"(?:tls|ssl|encrypt\w{1,12}|secure \w{1,20})\b.{0,20}\b(?:required|needed|mandatory|first)\b",
            r"(?:requires?|must use|must be|need(?:s|ed)?|use of) (?:an? )?(?:tls|ssl|encrypt\w|secure)",
            r"(?:plain|clear)[ -]?text.{0,60}(?:disallow|not allowed|non-secure|insecure|unencrypted)",
            rf"(?:{NOT_ALLOWED}|not avail|n.t accept)\w{{,12}}.{{0,20}}(?:unencrypted|insecure|non-?secure)",
            rf"{NOT_ALLOWED}\w{{,12}} without (?:tls|ssl|encryption)",
            rf"without (?:an? )?(?:tls|ssl|encrypt)[\w/ ]{{,20}} (?:is |are )?(?:{NOT_ALLOWED}|refus|reject)",
        ),
    ),
    reply_rule(say.STARTTLS_REQUIRED, EHLO, *AFTER_EHLO, when=in_plaintext, enhanced="[45].7.1[01]"),
    reply_rule(say.STARTTLS_REQUIRED, *AFTER_EHLO, when=in_plaintext, code="538|523"),
    reply_rule(
        say.ENCRYPTION_TOO_WEAK,
        *AFTER_EHLO,
        text=r"must issue a starttls|(?:tls|encryption) (?:is )?required",
    ),
    reply_rule(say.ENCRYPTION_TOO_WEAK, *AFTER_EHLO, code="538|523"),
    reply_rule(say.STARTTLS_UNKNOWN, STARTTLS, code="50[0234]"),
    reply_rule(say.SERVICE_CLOSING, STARTTLS, code="421"),
    reply_rule(say.STARTTLS_UNAVAILABLE, STARTTLS),
    # the name in EHLO: Postfix rejects it at RCPT
    reply_rule(say.HELO_REJECTED, text=r"\b[he][eh]lo command rejected"),
    reply_rule(say.HELO_REJECTED_GMAIL, code="421", text=r"\(EHLO\)"),
    reply_rule(
        say.HELO_REJECTED,
        code="4[35].|5[13579].|504|501",
        when=silent_on_relaying,
        text=r"\b(?:helo|ehlo)(?:host|name)?\b",
    ),
    reply_rule(say.HELO_REJECTED, EHLO, *LETTER, text=r"need fully-qualified hostname"),
    # this client's address
    reply_rule(
        say.TOO_MANY_CONNECTIONS,
        *GREETING,
        code=TRANSIENT,
        text=r"too many|connection (?:rate|limit|frequency|count)|concurren|simultaneous|too frequent",
    ),
    reply_rule(
        say.FROM_REJECTED,
        *LETTER,
        text=(
            r"sender address \[.{,200}\] blocked|spam abuse detected|sender verif\w{1,12} (?:has )?fail",
            r"(?:sender(?! ?(?:ip|host|\[))|(?:e-?)?mail address|from address)\b.{0,20}(?:block|black) ?list",
            r"(?:mail ?from|sender'?s?|from|envelope) domain\b.{0,20}(?:listed|block|black)",
        ),
    ),
    reply_rule(
        say.MESSAGE_REJECTED,
        DATA,
        text=r"\b(?:surbl|uribl|urls?|links?|uri|dbl)\b|\bdomain (?:\w+ ){,2}(?:listed|present) (?:in|on)\b",
    ),
    reply_rule(say.RECIPIENT_DEFERRED, RCPT, code=TRANSIENT, text=r"recipient (?:\w+ ){,2}exceed"),
    reply_rule(
        say.RATE_EXCEEDED,
        *LETTER,
        text=(
            r"unusual (?:sending|rate|activity|volume|number)|(?:unexpected|excessive) volume",
            r"rate.?limit|throttl|again slower|frequency (?:is )?(?:limit|exceed)|out of allow\w{,12} rcpt",
            r"max(?:imum)? number of (?:\S+ ){,3}(?:messages?|e?-?mails?|recipients?)\b",
            r"\b(?:mi|rp):(?:dmc|drc|sfq|quc|qrc|stc)\b",  # NetEase's own codes
        ),
    ),
    reply_rule(say.UNAUTHENTICATED_DOMAIN, *LETTER, text=r"\b(?:spf|dkim|dmarc|openspf)\b"),
    reply_rule(
        say.CLIENT_BLOCKED_WITHOUT_LOGIN,
        *LETTER,
        when=without_login,
        text=r"client host rejected: access denied",
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
            r"open proxy|sending spam|blocked - see",
        ),
    ),
    reply_rule(say.CLIENT_BLOCKED, *LETTER, text=r"^(?!.*\bdomain\b).*\breputation\b"),
    reply_rule(
        say.CLIENT_BLOCKED, code=LASTING, enhanced="5.7.25|5.7.60[6-9]|5.7.6[1-4][0-9]|5.7.51[12]|5.7.708"
    ),
    reply_rule(say.NOT_ACCEPTING, BANNER, code=TRANSIENT),
    reply_rule(say.CLIENT_BLOCKED, BANNER),
    # login
    reply_rule(
        say.SMTP_AUTH_OFF_MICROSOFT,
        AUTH,
        when=by_token,
        text=r"smtpclientauthentication|smtp_auth_disabled",
    ),
    reply_rule(say.TOKEN_REJECTED_MICROSOFT, AUTH, when=by_token, code="535", provider=providers.MICROSOFT),
    reply_rule(say.TOKEN_REJECTED_GMAIL, AUTH, when=by_token, code="53[45]", provider=providers.GMAIL),
    reply_rule(say.TOKEN_REJECTED, AUTH, when=by_token, code="535"),
    reply_rule(
        say.AUTH_FAILED_MICROSOFT, AUTH, text=r"credentials (?:were|are) (?:incorrect|wrong|invalid|bad)"
    ),
    reply_rule(
        say.AUTH_DISABLED_MICROSOFT,
        AUTH,
        *LETTER,
        text=(
            r"smtpclientauthentication|smtp_auth_disabled",
            r"basic auth\w{,12} (?:is )?(?:not supported|disabled)",
            r"security defaults|did not meet the criteria|conditional access",
        ),
    ),
    reply_rule(say.AUTH_DISABLED_MICROSOFT, AUTH, enhanced="5.7.139|5.7.30"),
    reply_rule(say.AUTH_DISABLED_MICROSOFT, *LETTER, enhanced="5.7.139"),
    reply_rule(
        say.AUTH_DISABLED,
        AUTH,
        text=(
            r"(?:basic|legacy|password|smtp|plain)[ -](?:smtp )?(?:auth\w{,12}|logins?|access)\b.{0,30}"
            r"(?:disabled|not enabled|switched off|turned off|no longer)"
        ),
    ),
    reply_rule(
        say.AUTH_DISABLED,
        AUTH,
        code=LASTING,
        text=(
            rf"\b(?:smtp|pop3?|imap|services?|protocols?|clients?)\b(?!\.\w).{{0,40}}{NOT_WORKING}",
            r"\b(?:plan|subscription|trial)\b.{0,40}(?:\bn[o']t\b|expired|ended)",
            NO_RIGHT,
            rf"{NOT_ALLOWED}\w{{,12}} to (?:use|access|log|sign|auth|send|connect)",
            r"access rights|not licen[cs]ed",
        ),
    ),
    reply_rule(
        say.APP_PASSWORD_GMAIL,
        AUTH,
        text=(
            r"badcredentials|invalidsecondfactor|username and password not accepted",
            r"log ?in (?:with|via) your (?:web )?browser|web ?login",
        ),
    ),
    reply_rule(
        say.APP_PASSWORD_GMAIL, AUTH, provider=providers.GMAIL, text=r"app\w{,12}[- ](?:specific )?password"
    ),
    reply_rule(say.APP_PASSWORD_GMAIL, AUTH, code="534", enhanced="5.7.14"),
    reply_rule(
        say.APP_PASSWORD,
        AUTH,
        code=LASTING,
        text=(
            r"\bapp\w{,12}[- ](?:specific )?(?:password|token)|authori[sz]ation (?:pass)?codes?\b|授权码",
            r"(?:client|device|program|external|third[- ]party)[- ](?:\w+ )?(?:password|passcode|code)",
            r"\b(?:2fa|mfa)\b|(?:two|2|multi)[- ](?:factor|step)",
            r"mail\.qq\.com/\S{,200}\bno=1001256\b",  # the help page of these codes, after words in GBK
        ),
    ),
    reply_rule(say.RATE_EXCEEDED_SENDGRID, AUTH, text=r"credits? exceeded"),
    reply_rule(
        say.TOO_MANY_LOGINS,
        AUTH,
        text=(
            r"too (?:many|much) (?!errors)|auth005|brute.?force",
            r"(?:log ?in|auth\w{,12}|password|attempts?)\b.{0,30}\b(?:limit|exceeded|rate)",
            r"(?:exceeded|maximum|limit).{0,40}(?:log ?in|auth|attempt)|rate.?limit|throttl",
            r"(?:account|user|mailbox)\b.{0,30}\btemporarily (?:locked|blocked|disabled|suspended)",
            r"\b(?:locked|blocked|banned|suspended)\b.{0,20}\b(?:temporarily|for \d+|try again)",
        ),
    ),
    reply_rule(
        say.MECHANISM_UNSUPPORTED,
        AUTH,
        text=(
            r"mechanism|^(?!.*password).*too weak|unrecogni[sz]ed auth",
            r"auth\w{,12} (?:type|method|scheme|mode)",
        ),
    ),
    reply_rule(say.MECHANISM_UNSUPPORTED, AUTH, code="504"),
    reply_rule(say.MECHANISM_UNSUPPORTED, AUTH, code="534", enhanced="5.7.9"),
    reply_rule(
        say.AUTH_NOT_OFFERED,
        AUTH,
        code="50[023]|5[35].",
        text=(
            r"auth\w{,12}\b.{0,30}\bnot (?:enabled|available|supported|offered|allowed|permitted"
            r"|implemented)",
            r"auth\w{,12} (?:is )?disabled$|not advertised",
        ),
    ),
    reply_rule(say.OUT_OF_SEQUENCE, AUTH, code="503", text=r"already|hello|sequence"),
    reply_rule(say.AUTH_NOT_OFFERED, AUTH, code="50[023]"),
    reply_rule(say.FROM_REJECTED, AUTH, enhanced="5.1.[78]"),
    reply_rule(say.FROM_REJECTED, AUTH, text=r"sender address"),
    reply_rule(say.SERVICE_CLOSING, AUTH, code="421", text=r"too many errors|time ?d? ?out"),
    reply_rule(say.AUTH_TEMPORARY, AUTH, code="421", text=r"temporar\w{1,8} system problem"),
    reply_rule(say.SERVICE_CLOSING, AUTH, code="421", when=not_of_security, text=r"^(?!.*auth)"),
    reply_rule(say.AUTH_TEMPORARY, AUTH, code=TRANSIENT),
    reply_rule(say.AUTH_REQUIRED, AUTH, code="530"),
    reply_rule(
        say.ACCOUNT_DISABLED,
        AUTH,
        text=r"(?:account|user|mailbox)\b.{0,30}\b(?:disabled|locked|suspended|inactive)",
    ),
    reply_rule(say.ACCOUNT_DISABLED, AUTH, enhanced="5.7.13"),
    reply_rule(  # a wrong password would be 535
        say.AUTH_DISABLED,
        AUTH,
        code="550",
        text=r"^(?!.*(?:password|credential|fail|user ?name|invalid|incorrect|wrong|\bbad\b))",
    ),
    reply_rule(say.AUTH_FAILED_SENDGRID, AUTH, provider=providers.SENDGRID),
    reply_rule(say.AUTH_FAILED_SES, AUTH, provider=providers.SES),
    reply_rule(say.AUTH_FAILED_MICROSOFT, AUTH, provider=providers.MICROSOFT),
    reply_rule(say.AUTH_FAILED, AUTH),
    reply_rule(say.AUTH_FAILED, code="535"),
    # EHLO
    reply_rule(say.SERVICE_CLOSING, EHLO, code="421"),
    reply_rule(say.SERVER_ERROR, EHLO, code=TRANSIENT),
    reply_rule(say.AUTH_REQUIRED, EHLO, code="530"),
    reply_rule(say.HELO_REJECTED, EHLO),
)
