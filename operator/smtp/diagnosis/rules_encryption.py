# SPDX-License-Identifier: Apache-2.0
"""Rules for replies that are no refusals, and for refusals about encryption and certificates.

``classify.RULES`` ranks the rows. To support the text of another server, add a row: advice, phases, and any
of code, enhanced code, text, provider.
"""

from typing import Final

from smtp_operator.smtp.diagnosis import advice as say
from smtp_operator.smtp.diagnosis.matcher import (
    ReplyRule,
    certificate_is_missing,
    greets_as_ftp,
    greets_as_lmtp,
    in_plaintext,
    offers_next_to_nothing,
    refused_alike,
    reply_rule,
    with_client_certificate,
)
from smtp_operator.smtp.diagnosis.patterns import (
    AFTER_EHLO,
    BANNER,
    CLIENT_CERTIFICATE,
    DENIED,
    EHLO,
    GREYLIST,
    LASTING,
    NOT_421_BUT_4XX,
    NOT_ALLOWED,
    SERVER_STATE,
    STARTTLS,
)

ENCRYPTION_RULES: Final[tuple[ReplyRule, ...]] = (
    reply_rule(say.NOT_SMTP, BANNER, code="[23]..", certain=True),
    reply_rule(say.UNEXPECTED, code="[23]..", certain=True),
    reply_rule(say.FTP_SERVER, EHLO, code=LASTING, when=greets_as_ftp, certain=True),
    reply_rule(say.LMTP_SERVER, EHLO, code=LASTING, when=greets_as_lmtp, certain=True),
    reply_rule(say.LMTP_SERVER, EHLO, code=LASTING, text=r"\blhlo\b"),
    # client certificates
    reply_rule(
        say.CLIENT_CERTIFICATE_REFUSED,
        BANNER,
        EHLO,
        *AFTER_EHLO,
        when=with_client_certificate,
        text=CLIENT_CERTIFICATE,
    ),
    reply_rule(say.CLIENT_CERTIFICATE_REQUIRED, BANNER, EHLO, *AFTER_EHLO, text=CLIENT_CERTIFICATE),
    # encryption, in any phase
    reply_rule(say.OLD_TLS, text=r"\btls ?v?1\.[01]\b.{,200}not supported|upgrade.{,200}support tls"),
    reply_rule(
        say.STARTTLS_REQUIRED,
        EHLO,
        *AFTER_EHLO,
        when=in_plaintext,
        text=(
            r"\bstarttls\b(?! (?:not|un))",
            r"(?:tls|ssl|encrypt\w{1,12}|secure \w{1,20})\b.{0,20}\b(?:required|needed|mandatory)\b",
            r"\b(?:start|use|enable|establish|negotiate|set ?up) (?:tls|ssl|encryption)\b.{0,20}\bfirst\b",
            r"\b(?:fail\w{,3}|unable|cannot|can't|no|lacks?|missing)\b.{0,40}\b(?:tls|ssl|encrypted|secure)"
            r" (?:channel|session|layer)\b",
            r"(?:requires?|must use|must be|need(?:s|ed)?|use of) (?:an? )?(?:tls|ssl|encrypt\w|secure)",
            r"(?:plain|clear)[ -]?text.{0,60}(?:disallow|not allowed|non-secure|insecure|unencrypted)",
            rf"(?:{NOT_ALLOWED}|not avail|n.t accept)\w{{,12}}.{{0,20}}(?:unencrypted|insecure|non-?secure)",
            rf"(?:{NOT_ALLOWED}\w{{,12}}|{DENIED}|disabled|not (?:available|supported|possible|offered))"
            r".{,40}\bwithout (?:an? )?(?:start ?)?(?:tls|ssl|encrypt|secure)",
            r"\bonly (?:\w+ ){,3}?(?:over|with|via|through|on|after|using|in) (?:an? )?"
            r"(?:start ?)?(?:tls|ssl|encrypted|secured?)\b",
            r"encryption (?:is )?(?:too )?weak",
            rf"\b(?:unencrypted|insecure|non-?secure)\b.{{0,40}}(?:{DENIED}|{NOT_ALLOWED})",
            r"\b(?:please|should|must|to) (?:use|enable|turn on) (?:start ?)?(?:tls|ssl|encryption)\b",
            rf"without (?:an? )?(?:tls|ssl|encrypt)[\w/ ]{{,20}} (?:is |are )?(?:{NOT_ALLOWED}|refus|reject)",
        ),
    ),
    reply_rule(say.STARTTLS_REQUIRED, EHLO, *AFTER_EHLO, when=in_plaintext, enhanced="[45].7.1[01]"),
    reply_rule(say.STARTTLS_REQUIRED, *AFTER_EHLO, when=in_plaintext, code="538|523"),
    reply_rule(
        say.ENCRYPTION_TOO_WEAK,
        *AFTER_EHLO,
        text=r"must issue a starttls|(?:tls|encryption) (?:is )?required|encryption (?:is )?(?:too )?weak",
    ),
    reply_rule(say.ENCRYPTION_TOO_WEAK, *AFTER_EHLO, code="538|523"),
    reply_rule(say.CLIENT_CERTIFICATE_REQUIRED, EHLO, *AFTER_EHLO, code=LASTING, when=certificate_is_missing),
    # STARTTLS: TLS is to blame only if the words say so
    reply_rule(
        say.STARTTLS_UNAVAILABLE,
        STARTTLS,
        code="4..|5[^0].",
        text=r"\b(?:tls|ssl|cert\w{,10}|encrypt\w{,4}|handshake)\b(?!.{0,20}already)",
    ),
    reply_rule(say.SERVICE_CLOSING, STARTTLS, code="421", text=SERVER_STATE),
    reply_rule(say.SERVER_FAULT, STARTTLS, code=LASTING, text=SERVER_STATE),
    reply_rule(
        say.SERVER_ERROR,
        STARTTLS,
        code=NOT_421_BUT_4XX,
        text=(*SERVER_STATE, GREYLIST, DENIED, r"polic(?:y|ies)\b|milter|filter"),
    ),
    reply_rule(
        say.CLIENT_BLOCKED,
        STARTTLS,
        code=LASTING,
        text=(rf"polic(?:y|ies)\b|access|{NOT_ALLOWED}",),
        unless=r"syntax|command reject|starttls (?:is )?(?:\w+ )?(?:not|n't)",
    ),
    reply_rule(say.REFUSED, STARTTLS, code=LASTING, text=r"command reject"),
    reply_rule(say.CLIENT_BLOCKED, STARTTLS, code=LASTING, when=offers_next_to_nothing),
    reply_rule(say.CLIENT_BLOCKED, STARTTLS, code=LASTING, when=refused_alike),
    reply_rule(say.STARTTLS_UNKNOWN, STARTTLS, code="50[0234]"),
    reply_rule(say.SERVICE_CLOSING, STARTTLS, code="421"),
    reply_rule(say.STARTTLS_REFUSED, STARTTLS),
)
