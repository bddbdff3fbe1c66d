# SPDX-License-Identifier: Apache-2.0
"""Short names of the phases, and patterns that several rules share."""

from typing import Final

from smtp_operator.api.verdict import Phase

BANNER, EHLO, STARTTLS = Phase.BANNER, Phase.EHLO, Phase.START_TLS
AUTH, MAIL, RCPT, DATA = Phase.AUTH, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA
GREETING: Final = (BANNER, EHLO)
LETTER: Final = (MAIL, RCPT, DATA)
AFTER_EHLO: Final = (AUTH, MAIL, RCPT, DATA)

TRANSIENT: Final = "4.."
LASTING: Final = "5.."
NOT_421: Final = "(?!421)[45].."
NOT_421_BUT_4XX: Final = "(?!421)4.."
"""A 421 ends the session, whatever the subject of its words is."""
TOO_MANY_RECIPIENTS: Final = (
    r"too many (?:\w+ ){,2}?(?:recipients?|rcpts?|addressees|addresses)\b"
    r"|(?:recipients?|rcpts?) (?:\w+ ){,2}?(?:limit|maximum|count)\b"
    r"|max\w{,4} (?:\w+ ){,2}?(?:recipients|rcpts)\b"
)
RATE_OF_TIME: Final = (
    r"\b(?:per|this|an?|last|each) (?:\w+ )?(?:hour|day|minute|second)|hourly|daily|\bday\b|rate|quota"
)
HELO_MISSING: Final = (
    r"(?:send|say|issue) (?:an? )?[he][eh]lo\b(?! name)|\b[he][eh]lo(?:/[he][eh]lo)? (?:is )?"
    r"(?:first|before|again|already|required|expected)"
)
NAME_OF_OTHERS: Final = (
    r"\b(?:you(?: are|'re)(?: \w{4,12}ly)? not|(?:pretend|claim)\w{,3} to be|impersonat\w{,3}) "
    r"(?:me|us|localhost|\W?(?!welcome|[a-z]{1,20}(?:ed|ing)\.)(?:[\w-]{1,63}\.){1,8}[a-z]{2,24})\b(?!['@])"
)
"""The client names itself like the server, or like a host that the server knows."""
GREYLIST: Final = r"gr[ae]y[- ]?list"
LATER: Final = (
    r"\b(?:again|later|retry|re-?send|re-?submit|come back|deferr?|temporar\w{1,8} (?:reject|refus|block))"
)
SERVER_STATE: Final = (
    r"\bmaintenance|shut(?:ting)? ?down|going down|being (?:restarted|rebooted|upgraded)",
    r"(?:internal|unexpected|unknown) (?:\w+ )?(?:error|failure|fault|exception|problem)|software error",
    r"(?:fail(?:ed|ure)|unable|cannot|can't|could ?n[o']t|error)\b.{0,20}\bconnect(?:ing)?\b",
    r"connect(?:ion)? (?:to|with) .{0,40}(?:refused|failed|timed? ?out|lost|unavailable|closed)",
    r"\b(?:upstream|back-?end|next[- ]hop|smart ?host|milter|scanner|database|directory|ldap|sql)"
    r"\b.{0,30}\b(?:unavailable|unreachable|refused|not (?:available|responding|reachable)|down|error"
    r"|time ?d? ?out|fail\w{,3})\b",
    r"\b(?:server|system|service|host) (?:is )?(?:currently |temporarily )?"
    r"(?:down|offline|overloaded|out of (?:service|order)|not (?:ready|operational))\b",
    r"\bread-?only mode|\b(?:migration|upgrade|update|backup|restart) (?:is )?in progress",
    r"\bdial(?:ing)? (?:tcp|error|failed)|\b(?:forward|prox)\w{,3} (?:error|fail\w{,3})\b",
    r"\bconnection (?:was )?(?:lost|reset|timed? ?out) (?:to|with|by) |\b(?:is|was|are) not running\b",
    r"\b(?:error|problem|failure|unable|failed) (?:in |while |when |to )?(?:communicat|connect|talk)\w{,3}"
    r" (?:with|to)\b",
    r"queue file write|local configuration error|system config\w{,10} error|temporar\w{,3} (?:\w+ )?outage",
)
"""Words about the server's own state. They hold for any code: servers also use 5xx for outages."""
BUSY: Final = r"\b(?:server|system|service|host) (?:is )?(?:currently |temporarily |too |very )?busy\b"
LOAD: Final = r"\bover-?limit|\bover limit|\bhigh load|load (?:average|level)?.{0,10}too high|\bqueue quota"
"""Words for a rate or load limit, whose fix is to wait."""
NO_MAIL: Final = (
    r"(?:does|do|will|can)(?: ?n[o']t|not) (?:accept|receive|handle|support) (?:any |incoming |inbound )?"
    r"(?:e?-?mails?|messages?)\b"
    r"(?!,? (?:from|for|to|by|now|at|without|with|until|because|via|over|yet|today))"
    r"|\baccepts? no (?:e?-?mails?|messages?)\b"
)
"""The host accepts no email at all (RFC 7504)."""
NO_SPACE: Final = (
    r"(?:insufficient|not enough|no|low on|out of|lack of) (?:\w+ ){,2}?"
    r"(?:disk|storage|space|memory|resources?)\b",
    r"insufficient system|\b(?:disk|spool|file ?system|mail ?system|storage) (?:is )?(?:\w+ )?full",
    r"space shortage",
)
BLOCKLISTED: Final = r"(?:black|block|deny)[- ]?list|\blisted\b"
DENIED: Final = (
    r"\b(?:den(?:y|ied)|refus\w{,3}|reject\w{,3}|block\w{,3}|forbidden|restricted"
    r"|disallow\w{,3}|bann\w{,3})\b"
)
ADDRESS: Final = r"\d{1,3}(?:\.\d{1,3}){3}(?![\d.]\d)|(?:[\da-f]{1,4}:){2,7}[\da-f:]*"
"""An IP address."""
CLIENT_CERTIFICATE: Final = (
    r"\b(?:client|peer|user|ssl|tls|x\.?509)[ /-]?(?:\w+ )?cert\w{,10}\b.{0,40}"
    r"(?:required|need|missing|mandatory|not (?:presented|provided|sent|found|verif|trust|valid|accepted)"
    r"|invalid|unverified|untrusted|rejected|denied|fail|error)",
    r"(?:no|without(?: an?)?|requires?(?: an?)?|missing|invalid|need(?:s|ed)?(?: an?)?|untrusted|unverified)"
    r" (?:required |valid |trusted |verified )?(?:ssl |tls |client |peer |x\.?509 )+cert",
    r"n[o']t (?:present|provide|send|supply|return)\w{,3} (?:an? |any |the )?(?:\w+ ){,3}?cert",
    r"no valid cert\b|cert\w{,10} (?:is )?(?:required|needed|mandatory)\b",
)
ACCESS: Final = r"xoauth|oauth|\btokens?\b|\bbearer\b"
UNSUPPORTED: Final = (
    r"mechanism|auth\w{,12} (?:type|method)|n[o']t (?:support|enabl|offer|implement)|unrecogni|disabled"
)
WRONG_PASSWORD: Final = (
    r"\b(?:invalid|incorrect|wrong|bad|illegal)\b\W{1,3}(?:\w+[\s/]{1,3}){,3}?"
    r"(?:credentials?|passw(?:or)?d|user ?names?|user ?id|login|pass)\b",
    r"\b(?:credentials?|password|user ?name)\b(?:\W{1,3}\w+){,4}?\W{1,3}"
    r"(?:invalid|incorrect|wrong|bad|mismatch\w{,2}|not (?:match|accepted|valid|correct|recogni[sz]ed)"
    r"|n['o ]?t match)",
    r"\bpassw(?:or)?d\b.{0,20}\b(?:expired|outdated|must be (?:changed|reset))\b"
    r"|\b(?:change|renew|reset) (?:your |the )?passw",
    r"\b(?:no such|unknown) (?:user|account)\b|\buser (?:not found|unknown|does not exist)",
)
SERVER_FAULT: Final = (
    r"local (?:problem|error)|lookup fail|internal|server error|system (?:problem|error|fail)",
    r"database|time ?d? ?-?out|queue file|configuration|backend",
    r"unable to (?:complete|verify|check)|could not complete",
    r"temporar\w{1,8} (?:server |system |service )?(?:error|problem|failure)",
)
RELAYING: Final = (
    r"\brelay(?:ing)?\b(?!\.\w|=)|allowed (?:rcpt)?hosts|rcpthosts|non-?accepted domain"
    r"|delivery is not allowed to this address"
)
NOT_ALLOWED: Final = r"n[o']t (?:allow|permit|accept|authori)"
LOGIN_CHECK_FAILS: Final = (
    r"\btemporar(?:y|ily) (?:\w+ ){,2}?(?:fail|error|problem|unavailable)",
    r"\b(?:auth\w{,12}|login|account|user) (?:\w+ )?(?:server|service|system|back-?end|database)\b.{0,30}"
    r"\b(?:unavailable|unreachable|not (?:available|responding|reachable)|down|busy|error|time ?d? ?out)\b",
    r"\b(?:unable|not able|cannot|can't|could ?n[o']t|failed) (?:to )?"
    r"(?:connect|contact|reach|query|talk)\b",
)
"""Words of a server that could not check a password. They hold for any code: servers also send 535."""
SENDER_ABROAD: Final = (
    r"\b(?:absender|exp[ée]diteur|[ée]metteur|remitente|mittente|remetente|afzender|avsändare|nadawca)"
    r"|отправител|发件人|發件人|寄件者|寄件人|发信人|送信元|送信者|差出人|발신자|보내는"
)
"""The sender in other languages."""
NOT_WORKING: Final = (
    r"(?:\bn[o']t\b.{0,10}(?:enabled|activ|open|avail|allow|permit|grant|subscri|includ)"
    r"|\b(?:disabled|deactivated|closed|inactive)\b|(?:switched|turned) off|no longer)"
)
NO_RIGHT: Final = (
    r"(?:\bno|n[o']t have|without|lacks?|insufficient|missing)"
    r" (?:\w+ ){,2}(?:permissions?|(?<!copy)rights?|privileges?|licen[cs]e)\b"
)
NO_SUCH_MAILBOX: Final = (
    r"(?:user|mailbox|account|recipient|addressee)\b.{0,60}(?:n[o']t (?:exist|found)|unknown|disabled"
    r"|inactive|unavailable|no longer|discontinued|frozen)",
    r"(?:no such|unknown|invalid|bad) (?:user|mailbox|recipient)|does ?n[o']t have an? .{0,40}account",
)
