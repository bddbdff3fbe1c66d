# SPDX-License-Identifier: Apache-2.0
"""Texts for each cause of a refusal: what happened, why, and which field to set to which value.

``{server}``, ``{sender}`` and so on are facts of ``DialogueContext``. A fix reads ``Set FIELD: VALUE``;
a test checks that the field exists in the spec of an SmtpConfig.
"""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason, Retry


@dataclass(frozen=True, slots=True)
class Advice:
    """The texts for one cause."""

    reason: Reason
    what: str
    why: str = ""
    fix: str = ""
    retry: Retry | None = None
    """None: use the value from the table of reasons."""


# before the first email command
NOT_ACCEPTING: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING,
    "{server}:{port} does not accept email now",
    "The server reports a temporary problem",
)
TOO_MANY_CONNECTIONS: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING,
    "{server}:{port} has too many connections, from this client or in total",
    "This is usually temporary. Other programs may send from the same address",
)
CLIENT_BLOCKED: Final = Advice(
    Reason.CLIENT_BLOCKED,
    "{server} refuses the IP address that this cluster sends from",
    "The address may be on a blocklist, have no reverse DNS name, or be missing from the server's allowlist",
    "Ask the server's owner to allow the cluster's egress address",
)
CLIENT_BLOCKED_WITHOUT_LOGIN: Final = Advice(
    Reason.CLIENT_BLOCKED,
    "{server} refuses this client, which did not log in",
    "Submission servers refuse clients that do not log in. Relays refuse addresses they do not know",
    "Set username: USER and its password, or ask the server's owner to allow the cluster's egress address",
)
NO_MAIL: Final = Advice(
    Reason.COMMAND_REJECTED,
    "{server}:{port} accepts no email at all",
    "The host runs an SMTP server only to say so (RFC 7504)",
    "Set server: a server that accepts email",
)
NOT_SMTP: Final = Advice(
    Reason.NOT_AN_SMTP_SERVER,
    "{server}:{port} does not greet like an SMTP server",
    "The greeting of an SMTP server starts with 220",
    "{submission}",
)
FTP_SERVER: Final = Advice(
    Reason.NOT_AN_SMTP_SERVER,
    "{server}:{port} is an FTP server",
    fix="{submission}",
)
LMTP_SERVER: Final = Advice(
    Reason.NOT_AN_SMTP_SERVER,
    "{server}:{port} is an LMTP server",
    "LMTP delivers email to local mailboxes and has no EHLO",
    fix="{submission}",
)
HELO_REJECTED: Final = Advice(
    Reason.HELO_REJECTED,
    'The server refuses "{helo_name}", the host name that this client sends',
    "Many servers require a full host name that resolves to the client's address",
    "Set heloName: a full host name that exists in DNS",
)
STARTTLS_REQUIRED: Final = Advice(
    Reason.START_TLS_REQUIRED,
    "{server} requires encryption",
    "smtpType is {smtp_type}",
    "Set smtpType: StartTLS",
)
ENCRYPTION_TOO_WEAK: Final = Advice(
    Reason.START_TLS_REQUIRED,
    "{server} requires stronger encryption, although this connection uses TLS",
    "The server says so in its reply",
    "Set smtpType: StartTLS{and_start_tls_port}",
)
STARTTLS_UNAVAILABLE: Final = Advice(
    Reason.START_TLS_UNAVAILABLE,
    "{server} offers STARTTLS but cannot start TLS",
    "The server has a TLS problem, often a certificate that it cannot read",
    "If the error persists, contact the server's owner. If the server offers TLS from the first byte, "
    "set {tls_port}",
)
STARTTLS_UNKNOWN: Final = Advice(
    Reason.START_TLS_NOT_OFFERED,
    "{server} does not know STARTTLS",
    "A middlebox may have removed STARTTLS, or this port does not support TLS",
    "Set {tls_port} if the server supports it, or set smtpType: None on a trusted network",
)
STARTTLS_REFUSED: Final = Advice(
    Reason.START_TLS_UNAVAILABLE,
    "{server} offers STARTTLS but refuses the command",
    "The reply does not name the cause",
    "If the error persists, contact the server's owner",
)
CLIENT_CERTIFICATE_REQUIRED: Final = Advice(
    Reason.CLIENT_CERTIFICATE_REQUIRED,
    "{server}:{port} requires a client certificate",
    fix="Set tls.clientCertificateRef: a Secret of type kubernetes.io/tls",
)
CLIENT_CERTIFICATE_REFUSED: Final = Advice(
    Reason.CLIENT_CERTIFICATE_INVALID,
    "{server}:{port} does not accept this client's certificate",
    "The server may not trust its CA, or the certificate is expired, revoked or not for clients",
    "Set tls.clientCertificateRef: a Secret with a certificate that the server's owner issued",
)
OLD_TLS: Final = Advice(
    Reason.TLS_PROTOCOL_MISMATCH,
    "{server} refuses the TLS version of this connection",
    "TLS 1.0 and 1.1 are obsolete (RFC 8996). A middlebox may lower the version",
    "Connect to {server} without TLS inspection",
)

# login
AUTH_FAILED: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    fix="Check the username and password",
)
AUTH_FAILED_SENDGRID: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "SendGrid's username is literally apikey. The password is an API key with Mail Send permission, "
    "without a trailing line break",
    "Set username: apikey",
)
AUTH_FAILED_SES: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "An SES SMTP password is derived from the IAM secret key and works in one region only",
    "Create SMTP credentials in the SES console for the region in the server name",
)
AUTH_FAILED_MICROSOFT: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} rejected {user}{by_mechanism}{password_from}",
    "The password is wrong, the account has no mailbox, or multi-factor authentication is enabled",
    "Set username: the mailbox's full address, check the password, or use the oauth2 block",
)
ACCOUNT_DISABLED: Final = Advice(
    Reason.AUTHENTICATION_FAILED,
    "{server} does not let {user} log in: the account is disabled or locked",
    fix="Ask the administrator of the account to enable it",
)
ACCOUNT_HELD: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "{server} accepted the login of {user}, but the account may not send",
    "The provider has suspended the account, has not activated it, or waits for an action of its owner",
    "Do what the reply says, or ask the provider to activate the account",
)
AUTH_DISABLED_MICROSOFT: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "Basic SMTP AUTH is disabled in Microsoft 365 for this tenant or mailbox",
    "Security defaults, a policy or the retirement of Basic SMTP AUTH forbid logins with a password",
    "Run Set-CASMailbox -SmtpClientAuthenticationDisabled $false, or use the oauth2 block instead of "
    "password. Write it as oauth2: {{tokenUrl: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token,"
    " clientId: "
    "APPLICATION, scope: https://outlook.office365.com/.default, clientSecretRef: {{name: SECRET, "
    "key: KEY}}}}",
)
SMTP_AUTH_OFF_MICROSOFT: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "SMTP AUTH is disabled in Microsoft 365 for this tenant or mailbox, also for access tokens",
    fix="Run Set-CASMailbox -SmtpClientAuthenticationDisabled $false for the mailbox",
)
TOKEN_REJECTED: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "{server} rejected the access token for {user}{by_mechanism}{token_error}",
    "The token is valid but has another scope, or its client may not use this mailbox",
    "Set oauth2.scope: the scope that the server names, and username: the mailbox that the client may use",
)
TOKEN_REJECTED_MICROSOFT: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "Microsoft 365 rejected the access token for {user}{by_mechanism}{token_error}",
    "The application needs the permission SMTP.SendAsApp with admin consent, a service principal in Exchange "
    "(New-ServicePrincipal) and access to the mailbox (Add-MailboxPermission -AccessRights FullAccess)",
    "Set oauth2.scope: https://outlook.office365.com/.default and username: the mailbox's full address",
)
TOKEN_REJECTED_GMAIL: Final = Advice(
    Reason.OAUTH_TOKEN_REJECTED,
    "Gmail rejected the access token for {user}{by_mechanism}{token_error}",
    "This account must have granted the refresh token, with the scope https://mail.google.com/",
    "Set username: the account that granted the token, or authorize the app again with that scope",
)
AUTH_DISABLED: Final = Advice(
    Reason.AUTH_DISABLED_BY_PROVIDER,
    "{server} does not allow {user} to log in with a password",
    "A setting of the provider or of the account disables it",
    "Enable SMTP login there, or use the oauth2 block",
)
APP_PASSWORD_GMAIL: Final = Advice(
    Reason.APP_PASSWORD_REQUIRED,
    "Gmail rejected {user}{by_mechanism}{password_from}",
    "Gmail accepts only a 16-character app password, not the account's password. "
    "App passwords require 2-Step Verification",
    "Create one at https://myaccount.google.com/apppasswords and store it as the password, or use oauth2",
)
APP_PASSWORD: Final = Advice(
    Reason.APP_PASSWORD_REQUIRED,
    "{server} requires an app password for {user}",
    "The account's password does not work for programs",
    "Create an app password (some providers call it an authorization code) and store it as the password",
)
TOO_MANY_LOGINS: Final = Advice(
    Reason.TOO_MANY_LOGINS,
    "{server} temporarily blocks logins of {user}",
    "There were too many login attempts, from here or from another program with the same account",
    "Find out which program still logs in with an old password",
)
AUTH_TEMPORARY: Final = Advice(
    Reason.AUTH_TEMPORARY_FAILURE,
    "{server} could not check the password",
    "The server has a temporary error. Whether the password is correct is not known yet",
)
MECHANISM_UNSUPPORTED: Final = Advice(
    Reason.AUTH_MECHANISM_UNSUPPORTED,
    "{server} does not accept the login mechanism {mechanism}",
    fix="Set authMechanism: a mechanism that the server offers, or set authMechanism: Auto",
)
AUTH_NOT_OFFERED: Final = Advice(
    Reason.AUTH_NOT_OFFERED,
    "{server} does not accept a login on this connection",
    fix="{for_a_login}For a relay without login, remove username and password",
)

# any phase
SERVICE_CLOSING: Final = Advice(
    Reason.SERVICE_CLOSING,
    "{server} ended the session",
    "The server is shutting down, or it limits this client",
)
HELO_REJECTED_GMAIL: Final = Advice(
    Reason.HELO_REJECTED,
    "Gmail ended the session",
    'The Gmail relay may not accept "{helo_name}", the host name that this client sends',
    "Set heloName: a full host name that exists in DNS",
    Retry.TRANSIENT,
)
OUT_OF_SEQUENCE: Final = Advice(
    Reason.COMMAND_REJECTED,
    "{server} refused a command that every SMTP server must know",
    "A proxy or firewall on the way may change commands",
)
PARAMETER_UNKNOWN: Final = Advice(
    Reason.COMMAND_REJECTED,
    "{server} does not accept a parameter of the command",
    "A proxy or firewall on the way may change commands or the list of extensions",
    "Ask the server's owner",
)
SERVER_FAULT: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING,
    "{server} reports an internal error or an outage",
    "The reply names no fault of the settings or the email",
    "If the error persists, contact the server's owner",
)
REFUSED: Final = Advice(Reason.COMMAND_REJECTED, "{server} refused the command without a known reason")
SERVER_ERROR: Final = Advice(
    Reason.SERVER_NOT_ACCEPTING, "{server} has a temporary error and asks to try again later"
)
UNEXPECTED: Final = Advice(
    Reason.REPLY_INVALID,
    "{server} sent a reply that does not match the command",
    "A proxy or firewall on the way may change the session",
)
