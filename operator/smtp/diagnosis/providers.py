# SPDX-License-Identifier: Apache-2.0
"""Mail providers: how to recognize them, and their host names, for suggestions on typos."""

import re
from typing import Final

GMAIL: Final = "Gmail"
MICROSOFT: Final = "Microsoft 365"
SES: Final = "Amazon SES"
SENDGRID: Final = "SendGrid"
MAILGUN: Final = "Mailgun"
ZOHO: Final = "Zoho"
YAHOO: Final = "Yahoo"

_SIGNS: Final = (
    (GMAIL, re.compile(r"\bgsmtp\b|(?:gmail|googlemail|google)\.com", re.IGNORECASE)),
    (MICROSOFT, re.compile(r"(?:outlook|office365|office|hotmail|live)\.com|aka\.ms/", re.IGNORECASE)),
    (SES, re.compile(r"amazonses|email-smtp\.|amazonaws\.com", re.IGNORECASE)),
    (SENDGRID, re.compile(r"sendgrid", re.IGNORECASE)),
    (MAILGUN, re.compile(r"mailgun", re.IGNORECASE)),
    (ZOHO, re.compile(r"\bzoho\b|zohomail|zeptomail", re.IGNORECASE)),
    (YAHOO, re.compile(r"yahoo(?:dns)?\.|\baol\.com", re.IGNORECASE)),
)

HOSTS: Final = (
    "smtp.gmail.com",
    "smtp-relay.gmail.com",
    "smtp.office365.com",
    "smtp-mail.outlook.com",
    "smtp.sendgrid.net",
    "smtp.mailgun.org",
    "smtp.eu.mailgun.org",
    "smtp.zoho.com",
    "smtp.zoho.eu",
    "smtp.mail.yahoo.com",
    "smtp.mail.me.com",
    "smtp.fastmail.com",
    "smtp.postmarkapp.com",
    "in-v3.mailjet.com",
    "smtp-relay.brevo.com",
    "smtp.sparkpostmail.com",
    "smtp.mandrillapp.com",
    "smtp.resend.com",
    "mail.smtp2go.com",
    "smtp.elasticemail.com",
    "live.smtp.mailtrap.io",
    "smtp.yandex.com",
    "smtp.ionos.com",
    "smtp.ionos.de",
    "smtp.strato.de",
    "smtp.hostinger.com",
    "mail.gmx.net",
    "smtp.web.de",
    "ssl0.ovh.net",
    *(
        f"email-smtp.{region}.amazonaws.com"
        for region in (
            "us-east-1",
            "us-east-2",
            "us-west-2",
            "eu-west-1",
            "eu-west-2",
            "eu-central-1",
            "ap-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-northeast-1",
        )
    ),
)

_FAR: Final = 3


def provider_of(*texts: str) -> str:
    """Return the provider that the first matching text (host, banner or reply) indicates, or ``""``."""
    for text in texts:
        for provider, sign in _SIGNS:
            if sign.search(text):
                return provider
    return ""


def did_you_mean(host: str) -> str:
    """Return the provider's host name that differs from ``host`` by one or two typos, or ``""``."""
    host = host.lower().rstrip(".")
    distance, nearest = min((_distance(host, known), known) for known in HOSTS)
    return nearest if 0 < distance < _FAR and distance * 4 <= len(nearest) else ""


def _distance(left: str, right: str) -> int:
    """Return the optimal string alignment distance, at most ``_FAR``.

    It counts inserted, deleted, changed and swapped characters.
    """
    if abs(len(left) - len(right)) >= _FAR:
        return _FAR
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        if min(row) >= _FAR:
            return _FAR
    return min(row[-1], _FAR)
