# SPDX-License-Identifier: Apache-2.0
"""The words for what a refusal means: what happened, why, and which field to set to which value.

``{server}``, ``{sender}`` and so on are facts of ``Context``. What a user can change is written
``set FIELD: VALUE`` with a field of the SmtpConfig's spec, which a test checks.
"""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason, Retry


@dataclass(frozen=True, slots=True)
class Advice:
    """Words for one cause."""

    reason: Reason
    what: str
    why: str = ""
    fix: str = ""
    retry: Retry | None = None
    """None: as the reason's table says."""


# before any mail
NOT_ACCEPTING: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING,
    "{server}:{port} does not take mail now",
    "It says so itself, and that it may pass",
)
TOO_MANY_CONNECTIONS: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING,
    "{server}:{port} has too many connections, of this client or in all",
    "It may pass by itself; other programs may send from the same address",
)
CLIENT_BLOCKED: Final = Advice(
    Reason.CLIENT_BLOCKED,
    "{server} refuses the IP address that this cluster sends from",
    "An address may be on a blocklist, lack a reverse DNS name, or not be on the server's list",
    "Ask the server's owner to allow the cluster's egress address",
)
CLIENT_BLOCKED_WITHOUT_LOGIN: Final = Advice(
    Reason.CLIENT_BLOCKED,
    "{server} refuses this client, which did not log in",
    "Submission servers refuse every client without a login, relays every address they do not know",
    "Set username: USER and its password, or ask the server's owner to allow the cluster's egress address",
)
NOT_SMTP: Final = Advice(
    Reason.NOT_AN_SMTP_SERVER,
    "{server}:{port} greets like another kind of server",
    "An SMTP server greets with 220",
    "Set port: 587 with smtpType: StartTLS, or port: 465 with smtpType: TLS",
)
FTP_SERVER: Final = Advice(
    Reason.NOT_AN_SMTP_SERVER,
    "{server}:{port} is an FTP server",
    fix="SMTP submission is port 587 or 465: set port: 587",
)
HELO_REJECTED: Final = Advice(
    Reason.HELO_REJECTED,
    'The server refuses the name "{helo_name}" that this client gives itself',
    "Many servers want a full host name that resolves to the client's address",
    "Set heloName: a full host name that exists in DNS",
)
STARTTLS_REQUIRED: Final = Advice(
    Reason.START_TLS_REQUIRED,
    "{server} wants encryption first",
    "smtpType is {smtp_type}",
    "Set smtpType: StartTLS",
)
ENCRYPTION_TOO_WEAK: Final = Advice(
    Reason.START_TLS_REQUIRED,
    "{server} wants more encryption than this connection has, although TLS is on",
    "The server asks for it in words or by its code",
    "Set smtpType: StartTLS on the submission port, port: 587",
)
STARTTLS_UNAVAILABLE: Final = Advice(
    Reason.START_TLS_UNAVAILABLE,
    "{server} offers STARTTLS but cannot do it",
    "That is a TLS problem of the server's own, often a certificate it cannot read",
    "If it goes on, tell the server's owner; if it offers TLS on port 465, set port: 465 and smtpType: TLS",
)
STARTTLS_UNKNOWN: Final = Advice(
    Reason.START_TLS_NOT_OFFERED,
    "{server} does not know STARTTLS",
    "A middlebox may have stripped it, or this port is without TLS",
    "Set port: 465 with smtpType: TLS if the server has it, or set smtpType: None on a trusted network",
)
OLD_TLS: Final = Advice(
    Reason.TLS_PROTOCOL_MISMATCH,
    "{server} refuses the TLS version of this connection",
    "TLS 1.0 and 1.1 are obsolete (RFC 8996); a middlebox may lower the version",
    "Let the connection reach {server} without TLS inspection in between",
)

# login
AUTH_FAILED: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    fix="Correct the user name or the password",
)
AUTH_FAILED_SENDGRID: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "SendGrid's user name is literally apikey, and the password is an API key with Mail Send permission, "
    "without a line break at its end.",
    "Set username: apikey",
)
AUTH_FAILED_SES: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "An SES SMTP password is not the IAM secret key but derived from it, and holds for one region only",
    "Create SMTP credentials in the SES console of the region that server names",
)
AUTH_FAILED_MICROSOFT: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "Microsoft 365 says so for a wrong password, an account without a mailbox, and where multi-factor "
    "login is on.",
    "Set username: the mailbox's full address, correct the password, or use the oauth2 block",
)
ACCOUNT_DISABLED: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} does not let {user} in: the account is disabled or locked",
    fix="Ask the account's administrator to enable it",
)
AUTH_DISABLED_MICROSOFT: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "Microsoft 365 has Basic SMTP AUTH off for this tenant or mailbox",
    "Security defaults, a policy or the retirement of Basic SMTP AUTH forbid a login with a password",
    "Run Set-CASMailbox -SmtpClientAuthenticationDisabled $false, or use the oauth2 block in place of "
    "password. It reads oauth2: {{tokenUrl: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token,"
    " clientId: "
    "APPLICATION, scope: https://outlook.office365.com/.default, clientSecretRef: {{name: SECRET, "
    "key: KEY}}}}",
)
SMTP_AUTH_OFF_MICROSOFT: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "Microsoft 365 has SMTP AUTH off for this tenant or mailbox, by token too",
    fix="Run Set-CASMailbox -SmtpClientAuthenticationDisabled $false for the mailbox",
)
TOKEN_REJECTED: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "{server} rejected the access token for {user}{by_mechanism}{token_error}",
    "The token is good but not for this: of another scope, or its client may not use that mailbox",
    "Set oauth2.scope: the one that the server names, and username: the mailbox that the client may use",
)
TOKEN_REJECTED_MICROSOFT: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "Microsoft 365 rejected the access token for {user}{by_mechanism}{token_error}",
    "The application needs the permission SMTP.SendAsApp with admin consent, a service principal in Exchange "
    "(New-ServicePrincipal) and the mailbox (Add-MailboxPermission -AccessRights FullAccess)",
    "Set oauth2.scope: https://outlook.office365.com/.default and username: the mailbox's full address",
)
TOKEN_REJECTED_GMAIL: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "Gmail rejected the access token for {user}{by_mechanism}{token_error}",
    "The refresh token must have been granted by that very account, with the scope https://mail.google.com/",
    "Set username: the account that granted it, or authorize the app anew with that scope",
)
AUTH_DISABLED: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "{server} has login with a password switched off for {user}",
    "That is a setting of the provider or of the account",
    "Switch SMTP login on there, or use the oauth2 block",
)
APP_PASSWORD_GMAIL: Final = Advice(
    Reason.APP_PASSWORD_REQUIRED,
    "Gmail rejected {user}{by_mechanism}{password_from}",
    "It takes a 16-character app password only, which needs 2-Step Verification on; never the account's "
    "own password.",
    "Create one at https://myaccount.google.com/apppasswords and store it as the password, or use oauth2",
)
APP_PASSWORD: Final = Advice(
    Reason.APP_PASSWORD_REQUIRED,
    "{server} wants an app password of {user}",
    "The account's own password does not work for programs.",
    "Create an app password at the provider, which some call an authorization code, and store it as the "
    "password",
)
TOO_MANY_LOGINS: Final = Advice(
    Reason.TOO_MANY_LOGINS,
    "{server} takes no more logins of {user} for now",
    "Too many were tried, here or by another program with the same account",
    "Find out who else logs in with an old password",
)
AUTH_TEMPORARY: Final = Advice(
    Reason.AUTH_TEMPORARY_FAILURE,
    "{server} could not check the password now",
    "That is a trouble of the server's own; nothing is known about the password yet",
)
MECHANISM_UNSUPPORTED: Final = Advice(
    Reason.AUTH_MECHANISM_UNSUPPORTED,
    "{server} does not take the login mechanism {mechanism}",
    fix="Set authMechanism: one that the server offers, or set authMechanism: Auto",
)
AUTH_NOT_OFFERED: Final = Advice(
    Reason.AUTH_NOT_OFFERED,
    "{server} takes no login on this connection",
    fix="Set smtpType: StartTLS and port: 587 if it is a submission server; remove username and password "
    "if it is a relay without login",
)

# sender
AUTH_REQUIRED: Final = Advice(
    Reason.AUTHENTICATION_REQUIRED,
    "{server} takes no mail without a login",
    fix="Set username: USER and its password",
)
AUTH_REQUIRED_IN_SPITE: Final = Advice(
    Reason.AUTHENTICATION_REQUIRED,
    "{server} wants a login although it accepted {user}",
    "The login may not count for this sender, or a machine in front of the server keeps it from it",
    "Set from: an address of the user who logs in",
)
FROM_REJECTED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not take mail from {sender}{for_user}",
    "The server lets a user send from certain addresses only, or does not know the domain",
    "Verify {sender} there or grant Send As on it, or set from: an address the server accepts",
)
FROM_UNVERIFIED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not take mail from {sender}: it is not verified there",
    fix="Verify the address or its domain at the provider, or set from: a verified one",
)
FROM_UNVERIFIED_SES: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "Amazon SES does not take mail from {sender}: it is not verified in this region",
    "Identities are verified for each region on its own",
    "Verify the address or its domain in the region that server names, or set from: a verified one",
)
RECIPIENT_UNVERIFIED_SES: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "Amazon SES does not send to a recipient that is not verified",
    "The account is in the sandbox, where recipients must be verified too",
    "Verify the recipient, or ask AWS for production access",
)
FROM_UNVERIFIED_SENDGRID: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "SendGrid does not take mail from {sender}: it is no verified Sender Identity",
    fix="Verify the sender or authenticate its domain at SendGrid, or set from: a verified one",
)
SEND_AS_DENIED: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not let{the_user} send as {sender}",
    "From must be the user's own address, or one that the user may send as",
    "Grant Send As on {sender}, or set from: the address of the user who logs in",
)
SENDER_DOMAIN: Final = Advice(
    Reason.FROM_ADDRESS_REJECTED,
    "{server} does not take mail from {sender}: it cannot find the domain in DNS",
    fix="Correct the domain's MX or A record, or set from: an address of a domain that exists",
)

# recipients
RELAY_DENIED: Final = Advice(
    Reason.RELAY_DENIED,
    "{server} does not relay to {recipient} for this client",
    "Without a login a server takes mail for its own domains only, unless it knows the client's address",
    "Set username: USER and its password, or ask the server's owner to let the egress address relay",
)
RELAY_DENIED_LOGGED_IN: Final = Advice(
    Reason.RELAY_DENIED,
    "{server} does not relay to {recipient} for {user}",
    "The login was accepted but does not give the right to send to that domain",
    "Ask the server's owner to let this user relay",
)
RECIPIENT_REFUSED: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} refused the recipient {recipient}",
    fix="Correct or remove it under recipients",
)
RECIPIENT_FULL: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} refused the recipient {recipient}: the mailbox is full",
    fix="Empty it, or name another one under recipients",
)
NO_RECIPIENTS: Final = Advice(
    Reason.RECIPIENTS_REFUSED,
    "{server} took the mail for nobody",
    fix="Correct the addresses under recipients",
)
RECIPIENT_DEFERRED: Final = Advice(
    Reason.RECIPIENT_DEFERRED,
    "{server} cannot take mail for {recipient} now",
    "It asks to try again later",
)
GREYLISTED: Final = Advice(
    Reason.GREYLISTED,
    "{server} asks to come back later",
    "That is greylisting: the first mail of an unknown client waits; it passes by itself",
)
SMTPUTF8: Final = Advice(
    Reason.ADDRESS_NEEDS_SMTP_UTF8,
    "{server} does not take an address with signs beyond ASCII",
    fix="Use addresses with ASCII signs alone before the @",
)

# mail
TOO_LARGE: Final = Advice(
    Reason.MESSAGE_TOO_LARGE, "The test mail, of a few hundred bytes, is larger than {server} takes"
)
MESSAGE_REJECTED: Final = Advice(
    Reason.MESSAGE_REJECTED,
    "{server} refused the test mail itself",
    "A policy or spam filter decided so",
    "Check SPF, DKIM and DMARC of {sender_domain}, or ask the server's owner",
)
UNAUTHENTICATED_DOMAIN: Final = Advice(
    Reason.MESSAGE_REJECTED,
    "{server} refused the test mail because {sender_domain} does not vouch for it",
    "SPF, DKIM or DMARC of the domain failed for the address that this cluster sends from",
    "Add the egress address to the domain's SPF record, or send through the domain's own server",
)
RATE_EXCEEDED: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "A quota or rate limit of {server} is reached",
    "Other senders with the same account or address count too",
)
RATE_EXCEEDED_SENDGRID: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED,
    "The SendGrid account has used up its credits",
    fix="Wait for the next period, or enlarge the plan",
)
NO_STORAGE: Final = Advice(
    Reason.QUOTA_OR_RATE_EXCEEDED, "{server} is out of storage or other resources", "It may pass by itself"
)

# any phase
SERVICE_CLOSING: Final = Advice(
    Reason.SERVICE_CLOSING, "{server} ended the dialogue", "It closes down, or is tired of this client"
)
HELO_REJECTED_GMAIL: Final = Advice(
    Reason.HELO_REJECTED,
    "Gmail ended the dialogue",
    'Its relay does so where it does not like the name "{helo_name}" that this client gives itself',
    "Set heloName: a full host name that exists in DNS",
    Retry.TRANSIENT,
)
OUT_OF_SEQUENCE: Final = Advice(
    Reason.COMMAND_REJECTED,
    "{server} refused a command that every SMTP server must know",
    "Something between here and the server may change commands",
)
REFUSED: Final = Advice(Reason.COMMAND_REJECTED, "{server} refused for a reason it alone knows")
SERVER_ERROR: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING, "{server} has a trouble of its own and asks to try again later"
)
UNEXPECTED: Final = Advice(
    Reason.REPLY_INVALID,
    "{server} gave an answer that does not belong to the question",
    "Something between here and the server may change the dialogue",
)
