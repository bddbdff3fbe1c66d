# SPDX-License-Identifier: Apache-2.0
"""Texts for refusals of sender, recipients and message; see ``advice``."""

from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.smtp.diagnosis.advice import Advice

# sender
AUTH_REQUIRED: Final = Advice(
    Reason.AUTHENTICATION_REQUIRED,
    "{server} does not accept email without a login",
    fix="Set username: USER and its password",
)
AUTH_REQUIRED_IN_SPITE: Final = Advice(
    Reason.AUTHENTICATION_REQUIRED,
    "{server} requires a login although it accepted {user}",
    "The login may not be valid for this sender, or a proxy may hide it from the server",
    "Set from: an address of the user that logs in",
)
SUBMISSION_EXPECTED: Final = Advice(
    Reason.AUTHENTICATION_REQUIRED,
    "{server} expects email from programs on its submission port, with a login",
    fix="Set username: USER and its password{and_start_tls_port}",
)
FROM_REFUSED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} refused the sender {sender}{for_user}",
    "The reply does not name the cause",
    "Ask the server's owner, or set from: an address that the server accepts",
)
FROM_REJECTED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not accept email from {sender}{for_user}",
    "The server allows certain sender addresses only, or does not know the domain",
    "Verify {sender} at the server or grant Send As on it, or set from: an address that the server accepts",
)
FROM_UNVERIFIED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not accept email from {sender}: the address is not verified",
    fix="Verify the address or its domain at the provider, or set from: a verified address",
)
FROM_UNVERIFIED_NOW: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} cannot verify the sender {sender} now",
    "The server asks the mail server of {sender_domain} whether the address exists",
    "If the error persists, set from: an address that receives email",
    Retry.GREYLISTED,
)
FROM_UNVERIFIED_SES: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "Amazon SES does not accept email from {sender}: the address is not verified in this region",
    "SES verifies identities separately for each region",
    "Verify the address or its domain in the region in the server name, or set from: a verified address",
)
RECIPIENT_UNVERIFIED_SES: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "Amazon SES does not send to a recipient that is not verified",
    "The account is in the SES sandbox, which requires verified recipients",
    "Verify the recipient, or ask AWS for production access",
)
FROM_UNVERIFIED_SENDGRID: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "SendGrid does not accept email from {sender}: the address is not a verified Sender Identity",
    fix="Verify the sender or authenticate its domain at SendGrid, or set from: a verified address",
)
SEND_AS_DENIED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not let{the_user} send as {sender}",
    "The From address must be the user's address, or an address that the user may send as",
    "Grant Send As on {sender}, or set from: the address of the user that logs in",
)
SENDER_DOMAIN: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not accept email from {sender}: it cannot find the domain in DNS",
    fix="Correct the domain's MX or A record, or set from: an address in an existing domain",
)

# recipients
RELAY_DENIED: Final = Advice(
    Reason.RELAY_DENIED,
    "{server} does not relay to {recipient} for this client",
    "Without a login, a server accepts email for its domains only, unless it knows the client's address",
    "Set username: USER and its password, or ask the server's owner to let the cluster's egress address "
    "relay",
)
RELAY_DENIED_LOGGED_IN: Final = Advice(
    Reason.RELAY_DENIED,
    "{server} does not relay to {recipient} for {user}",
    "The server accepted the login, but this user may not send to that domain",
    "Ask the server's owner to let this user relay",
)
RECIPIENT_REFUSED: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} refused {recipient}",
    fix="Correct or remove the address under recipients",
)
RECIPIENT_FULL: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} refused {recipient}: the mailbox is full",
    fix="Empty the mailbox, or use another address under recipients",
)
NO_RECIPIENTS: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} accepted the email for no recipient",
    fix="Correct the addresses under recipients",
)
TOO_MANY_RECIPIENTS: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} does not accept so many recipients for one email",
    fix="List fewer addresses under recipients, or use the address of a mailing list",
)
TOO_MANY_RECIPIENTS_NOW: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "{server} does not accept so many recipients for one email",
    fix="List fewer addresses under recipients, or use the address of a mailing list",
)
RECIPIENT_DEFERRED: Final = Advice(
    Reason.RECIPIENT_DEFERRED,
    "{server} cannot accept email for {recipient} now",
    "The server asks to try again later",
)
GREYLISTED: Final = Advice(
    Reason.GREYLISTED,
    "{server} asks to try again later",
    "The server uses greylisting: it delays the first email from an unknown client. "
    "No action needed; the operator retries automatically",
)
MAYBE_GREYLISTED: Final = Advice(
    Reason.GREYLISTED,
    "{server} asks to try again later",
    "The server may use greylisting: it delays the first email from an unknown client. "
    "No action needed; the operator retries automatically",
)
SMTPUTF8: Final = Advice(
    Reason.ADDRESS_NEEDS_SMTP_UTF8,
    "{server} does not accept an address with non-ASCII characters",
    fix="Use addresses with only ASCII characters before the @",
)

# message
TOO_LARGE: Final = Advice(
    Reason.MESSAGE_TOO_LARGE,
    "The test email, of a few hundred bytes, is larger than {server} accepts",
)
MESSAGE_REJECTED: Final = Advice(
    Reason.MESSAGE_REJECTED,
    "{server} refused the content of the test email",
    "A policy or a spam filter of the server refuses it",
    "Check SPF, DKIM and DMARC of {sender_domain}, or ask the server's owner",
)
MESSAGE_REFUSED: Final = Advice(
    Reason.MESSAGE_REJECTED,
    "{server} refused the test email",
    "The reply does not name the cause",
    "Ask the server's owner",
)
UNAUTHENTICATED_DOMAIN: Final = Advice(
    Reason.MESSAGE_REJECTED,
    "{server} refused the test email because {sender_domain} does not authorize it",
    "The SPF, DKIM or DMARC check failed for the IP address that this cluster sends from",
    "Add the egress address to the domain's SPF record, or send through the domain's mail server",
)
RATE_EXCEEDED: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "The test reached a quota or rate limit of {server}",
    "Other senders with the same account or address count toward it",
)
RATE_EXCEEDED_SENDGRID: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "The SendGrid account has used up its credits",
    fix="Wait for the next billing period, or upgrade the plan",
)
NO_STORAGE: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "{server} has run out of storage or other resources",
    "This is usually temporary",
)
