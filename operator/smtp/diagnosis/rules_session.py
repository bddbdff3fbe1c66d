# SPDX-License-Identifier: Apache-2.0
"""Rules for refusals up to the login, and for those about client and encryption that come later.

The first that fits decides. To teach the operator
another server's words, add a row: advice, phases, and any of code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis import providers
from smtp_operator.smtp.diagnosis.matcher import (
    Rule,
    by_token,
    greets_as_ftp,
    in_clear,
    not_of_security,
    rule,
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

OF_SESSION: Final[tuple[Rule, ...]] = (
    rule(say.NOT_SMTP, BANNER, code="[23].."),
    rule(say.UNEXPECTED, code="[23].."),
    rule(say.FTP_SERVER, EHLO, code=LASTING, when=greets_as_ftp),
    # encryption, wherever the server chooses to say it
    rule(say.OLD_TLS, text=r"\btls ?v?1\.[01]\b.{,200}not supported|upgrade.{,200}support tls"),
    rule(
        say.STARTTLS_REQUIRED,
        EHLO,
        *AFTER_EHLO,
        when=in_clear,
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
    rule(say.HELO_REJECTED, text=r"\b[he][eh]lo command rejected"),
    rule(say.HELO_REJECTED_GMAIL, code="421", text=r"\(EHLO\)"),
    rule(
        say.HELO_REJECTED,
        code="4[35].|5[13579].|504|501",
        when=silent_on_relaying,
        text=r"\b(?:helo|ehlo)(?:host|name)?\b",
    ),
    rule(say.HELO_REJECTED, EHLO, *LETTER, text=r"need fully-qualified hostname"),
    # this client's address
    rule(
        say.TOO_MANY_CONNECTIONS,
        *GREETING,
        code=TRANSIENT,
        text=r"too many|connection (?:rate|limit|frequency|count)|concurren|simultaneous|too frequent",
    ),
    rule(
        say.FROM_REJECTED,
        *LETTER,
        text=(
            r"sender address \[.{,200}\] blocked|spam abuse detected|sender verif\w{1,12} (?:has )?fail",
            r"(?:sender(?! ?(?:ip|host|\[))|(?:e-?)?mail address|from address)\b.{0,20}(?:block|black) ?list",
            r"(?:mail ?from|sender'?s?|from|envelope) domain\b.{0,20}(?:listed|block|black)",
        ),
    ),
    rule(
        say.MESSAGE_REJECTED,
        DATA,
        text=r"\b(?:surbl|uribl|urls?|links?|uri|dbl)\b|\bdomain (?:\w+ ){,2}(?:listed|present) (?:in|on)\b",
    ),
    rule(say.RECIPIENT_DEFERRED, RCPT, code=TRANSIENT, text=r"recipient (?:\w+ ){,2}exceed"),
    rule(
        say.RATE_EXCEEDED,
        *LETTER,
        text=(
            r"unusual (?:sending|rate|activity|volume|number)|(?:unexpected|excessive) volume",
            r"rate.?limit|throttl|again slower|frequency (?:is )?(?:limit|exceed)|out of allow\w{,12} rcpt",
            r"max(?:imum)? number of (?:\S+ ){,3}(?:messages?|e?-?mails?|recipients?)\b",
            r"\b(?:mi|rp):(?:dmc|drc|sfq|quc|qrc|stc)\b",  # NetEase's own codes
        ),
    ),
    rule(say.UNAUTHENTICATED_DOMAIN, *LETTER, text=r"\b(?:spf|dkim|dmarc|openspf)\b"),
    rule(
        say.CLIENT_BLOCKED_WITHOUT_LOGIN,
        *LETTER,
        when=without_login,
        text=r"client host rejected: access denied",
    ),
    rule(
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
    rule(
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
    rule(say.CLIENT_BLOCKED, *LETTER, text=r"^(?!.*\bdomain\b).*\breputation\b"),
    rule(say.CLIENT_BLOCKED, code=LASTING, enhanced="5.7.25|5.7.60[6-9]|5.7.6[1-4][0-9]|5.7.51[12]|5.7.708"),
    rule(say.NOT_ACCEPTING, BANNER, code=TRANSIENT),
    rule(say.CLIENT_BLOCKED, BANNER),
    # login
    rule(
        say.SMTP_AUTH_OFF_MICROSOFT,
        AUTH,
        when=by_token,
        text=r"smtpclientauthentication|smtp_auth_disabled",
    ),
    rule(say.TOKEN_REJECTED_MICROSOFT, AUTH, when=by_token, code="535", provider=providers.MICROSOFT),
    rule(say.TOKEN_REJECTED_GMAIL, AUTH, when=by_token, code="53[45]", provider=providers.GMAIL),
    rule(say.TOKEN_REJECTED, AUTH, when=by_token, code="535"),
    rule(say.AUTH_FAILED_MICROSOFT, AUTH, text=r"credentials (?:were|are) (?:incorrect|wrong|invalid|bad)"),
    rule(
        say.AUTH_DISABLED_MICROSOFT,
        AUTH,
        *LETTER,
        text=(
            r"smtpclientauthentication|smtp_auth_disabled",
            r"basic auth\w{,12} (?:is )?(?:not supported|disabled)",
            r"security defaults|did not meet the criteria|conditional access",
        ),
    ),
    rule(say.AUTH_DISABLED_MICROSOFT, AUTH, enhanced="5.7.139|5.7.30"),
    rule(say.AUTH_DISABLED_MICROSOFT, *LETTER, enhanced="5.7.139"),
    rule(
        say.AUTH_DISABLED,
        AUTH,
        text=(
            r"(?:basic|legacy|password|smtp|plain)[ -](?:smtp )?(?:auth\w{,12}|logins?|access)\b.{0,30}"
            r"(?:disabled|not enabled|switched off|turned off|no longer)"
        ),
    ),
    rule(
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
    rule(
        say.APP_PASSWORD_GMAIL,
        AUTH,
        text=(
            r"badcredentials|invalidsecondfactor|username and password not accepted",
            r"log ?in (?:with|via) your (?:web )?browser|web ?login",
        ),
    ),
    rule(
        say.APP_PASSWORD_GMAIL, AUTH, provider=providers.GMAIL, text=r"app\w{,12}[- ](?:specific )?password"
    ),
    rule(say.APP_PASSWORD_GMAIL, AUTH, code="534", enhanced="5.7.14"),
    rule(
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
    rule(say.RATE_EXCEEDED_SENDGRID, AUTH, text=r"credits? exceeded"),
    rule(
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
    rule(
        say.MECHANISM_UNSUPPORTED,
        AUTH,
        text=(
            r"mechanism|^(?!.*password).*too weak|unrecogni[sz]ed auth",
            r"auth\w{,12} (?:type|method|scheme|mode)",
        ),
    ),
    rule(say.MECHANISM_UNSUPPORTED, AUTH, code="504"),
    rule(say.MECHANISM_UNSUPPORTED, AUTH, code="534", enhanced="5.7.9"),
    rule(
        say.AUTH_NOT_OFFERED,
        AUTH,
        code="50[023]|5[35].",
        text=(
            r"auth\w{,12}\b.{0,30}\bnot (?:enabled|available|supported|offered|allowed|permitted"
            r"|implemented)",
            r"auth\w{,12} (?:is )?disabled$|not advertised",
        ),
    ),
    rule(say.OUT_OF_SEQUENCE, AUTH, code="503", text=r"already|hello|sequence"),
    rule(say.AUTH_NOT_OFFERED, AUTH, code="50[023]"),
    rule(say.FROM_REJECTED, AUTH, enhanced="5.1.[78]"),
    rule(say.FROM_REJECTED, AUTH, text=r"sender address"),
    rule(say.SERVICE_CLOSING, AUTH, code="421", text=r"too many errors|time ?d? ?out"),
    rule(say.AUTH_TEMPORARY, AUTH, code="421", text=r"temporar\w{1,8} system problem"),
    rule(say.SERVICE_CLOSING, AUTH, code="421", when=not_of_security, text=r"^(?!.*auth)"),
    rule(say.AUTH_TEMPORARY, AUTH, code=TRANSIENT),
    rule(say.AUTH_REQUIRED, AUTH, code="530"),
    rule(
        say.ACCOUNT_DISABLED,
        AUTH,
        text=r"(?:account|user|mailbox)\b.{0,30}\b(?:disabled|locked|suspended|inactive)",
    ),
    rule(say.ACCOUNT_DISABLED, AUTH, enhanced="5.7.13"),
    rule(  # of a password a server would say 535
        say.AUTH_DISABLED,
        AUTH,
        code="550",
        text=r"^(?!.*(?:password|credential|fail|user ?name|invalid|incorrect|wrong|\bbad\b))",
    ),
    rule(say.AUTH_FAILED_SENDGRID, AUTH, provider=providers.SENDGRID),
    rule(say.AUTH_FAILED_SES, AUTH, provider=providers.SES),
    rule(say.AUTH_FAILED_MICROSOFT, AUTH, provider=providers.MICROSOFT),
    rule(say.AUTH_FAILED, AUTH),
    rule(say.AUTH_FAILED, code="535"),
    # EHLO
    rule(say.SERVICE_CLOSING, EHLO, code="421"),
    rule(say.TROUBLE, EHLO, code=TRANSIENT),
    rule(say.AUTH_REQUIRED, EHLO, code="530"),
    rule(say.HELO_REJECTED, EHLO),
)
