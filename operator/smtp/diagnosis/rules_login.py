# SPDX-License-Identifier: Apache-2.0
"""Rules for refusals of the login.

``classify.RULES`` ranks the rows. To support the text of another server, add a row: advice, phases, and any
of code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis import advice_message as mail
from smtp_operator.smtp.diagnosis import providers
from smtp_operator.smtp.diagnosis.matcher import (
    ReplyRule,
    by_token,
    logged_in,
    not_of_security,
    reply_rule,
)
from smtp_operator.smtp.diagnosis.patterns import (
    ACCESS,
    AUTH,
    BUSY,
    LASTING,
    LETTER,
    LOGIN_CHECK_FAILS,
    NO_RIGHT,
    NOT_421,
    NOT_ALLOWED,
    NOT_WORKING,
    SERVER_STATE,
    TRANSIENT,
    UNSUPPORTED,
    WRONG_PASSWORD,
)

LOGIN_RULES: Final[tuple[ReplyRule, ...]] = (
    reply_rule(
        say.SMTP_AUTH_OFF_MICROSOFT,
        AUTH,
        when=by_token,
        text=r"smtpclientauthentication|smtp_auth_disabled",
        certain=True,
    ),
    reply_rule(
        say.TOKEN_REJECTED_MICROSOFT,
        AUTH,
        when=by_token,
        code="535",
        provider=providers.MICROSOFT,
        certain=True,
    ),
    reply_rule(
        say.TOKEN_REJECTED_GMAIL, AUTH, when=by_token, code="53[45]", provider=providers.GMAIL, certain=True
    ),
    reply_rule(say.TOKEN_REJECTED, AUTH, when=by_token, code="535", certain=True),
    reply_rule(
        say.TOKEN_REJECTED_MICROSOFT,
        AUTH,
        when=by_token,
        code=LASTING,
        text=ACCESS,
        unless=UNSUPPORTED,
        provider=providers.MICROSOFT,
    ),
    reply_rule(say.TOKEN_REJECTED, AUTH, when=by_token, code=LASTING, text=ACCESS, unless=UNSUPPORTED),
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
            r"\blicen[cs]e\b.{0,40}\b(?:expired|exceeded|invalid|missing|required|ended|limit)",
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
            r"\breqcode\b",
            r"(?:client|device|program|external|third[- ]party)[- ](?:\w+ )?(?:password|passcode|code)",
            r"\b(?:2fa|mfa)\b|(?:two|2|multi)[- ](?:factor|step)",
            r"mail\.qq\.com/\S{,200}\bno=1001256\b",  # the help page of these codes, after words in GBK
        ),
    ),
    reply_rule(mail.RATE_EXCEEDED_SENDGRID, AUTH, text=r"credits? exceeded"),
    reply_rule(
        say.TOO_MANY_LOGINS,
        AUTH,
        text=(
            r"too (?:many|much) (?!errors)|auth005|brute.?force",
            r"(?:log ?in|auth\w{,12}|password|attempts?|sessions?|connections?)\b.{0,30}"
            r"\b(?:limit|exceeded|rate)",
            r"(?:exceeded|maximum|limit).{0,40}(?:log ?in|auth|attempt|\bsession|\bconnection)",
            r"rate.?limit|throttl",
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
        unless=r"\b(?:no|all|none of)\b[\w ]{,40}\b(?:succeed|fail|reject)",  # each mechanism was tried
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
    reply_rule(say.AUTH_FAILED, AUTH, code=TRANSIENT, text=WRONG_PASSWORD),
    reply_rule(say.AUTH_TEMPORARY, AUTH, text=(*SERVER_STATE, BUSY)),
    reply_rule(say.AUTH_TEMPORARY, AUTH, code=NOT_421, text=LOGIN_CHECK_FAILS),
    reply_rule(say.AUTH_NOT_OFFERED, AUTH, code="50[023]"),
    reply_rule(mail.FROM_REJECTED, AUTH, enhanced="5.1.[78]"),
    reply_rule(mail.FROM_REJECTED, AUTH, text=r"sender address"),
    reply_rule(say.SERVICE_CLOSING, AUTH, code="421", text=r"too many errors|time ?d? ?out"),
    reply_rule(say.AUTH_TEMPORARY, AUTH, code="421", text=r"temporar\w{1,8} system problem"),
    reply_rule(say.SERVICE_CLOSING, AUTH, code="421", when=not_of_security, unless="auth"),
    reply_rule(say.AUTH_TEMPORARY, AUTH, code=TRANSIENT),
    reply_rule(mail.AUTH_REQUIRED, AUTH, code="530"),
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
        unless=r"password|credential|fail|user ?name|invalid|incorrect|wrong|\bbad\b"
        r"|unknown|no such|found|exist",
    ),
    reply_rule(say.AUTH_FAILED_SENDGRID, AUTH, provider=providers.SENDGRID),
    reply_rule(say.AUTH_FAILED_SES, AUTH, provider=providers.SES),
    reply_rule(say.AUTH_FAILED_MICROSOFT, AUTH, provider=providers.MICROSOFT),
    reply_rule(say.AUTH_FAILED, AUTH),
    reply_rule(say.AUTH_FAILED, code="535", when=logged_in),
    reply_rule(mail.AUTH_REQUIRED, code="535"),
)
