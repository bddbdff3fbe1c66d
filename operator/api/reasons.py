# SPDX-License-Identifier: Apache-2.0
"""Reasons of conditions: what each one means, and whether a retry can succeed.

The reference of reasons in ``docs/`` is generated from this table.
"""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reason_names import Reason
from smtp_operator.api.retry import Retry

__all__ = [
    "ANNOUNCEMENTS",
    "LIMITED",
    "OF_DELIVERY",
    "OF_DELIVERY_TEXT",
    "OF_SENDERS",
    "OF_SENDERS_TEXT",
    "REASONS",
    "Reason",
    "ReasonInfo",
    "Retry",
]


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """The meaning of a reason, in one sentence for the reference, and its retry class."""

    meaning: str
    retry: Retry


_T, _C, _P, _A = Retry.TRANSIENT, Retry.CONFIGURATION, Retry.POLICY, Retry.AUTHENTICATION
_D, _OK, _SLOW, _N = Retry.DEPENDENCY, Retry.PASSED, Retry.SLOW, Retry.DENIED
_LATER, _SENT = Retry.GREYLISTED, Retry.UNKNOWN_DELIVERY

REASONS: Final[dict[Reason, ReasonInfo]] = {
    Reason.TEST_EMAIL_SENT: ReasonInfo("The server accepted the test email for every recipient.", _OK),
    Reason.ENVELOPE_ACCEPTED: ReasonInfo(
        "The server accepted sender and recipients; no email was sent.", _OK
    ),
    Reason.LOGIN_SUCCEEDED: ReasonInfo("The server accepted the username and password.", _OK),
    Reason.CONNECTED: ReasonInfo("The SMTP connection works, including TLS.", _OK),
    Reason.TESTING: ReasonInfo("A test of these settings is running.", _T),
    Reason.SUSPENDED: ReasonInfo(
        "spec.suspend is true, and these settings were never tested; or the SmtpConfig of a SmtpTest has it.",
        _C,
    ),
    Reason.TESTS_LIMITED: ReasonInfo(
        "The limit of tests is reached (--max-tests, --max-tests-per-namespace,"
        " --max-smtptests-per-namespace).",
        _T,
    ),
    Reason.EMAILS_LIMITED: ReasonInfo(
        "The limit of sent emails is reached (--max-emails-per-namespace, --max-emails-per-mailbox).", _T
    ),
    Reason.LOGIN_ATTEMPTS_LIMITED: ReasonInfo(
        "The limit of rejected logins of this user is reached (--max-rejected-logins).", _T
    ),
    Reason.WAITING_FOR_DEPENDENCY: ReasonInfo("An object that spec names does not exist yet.", _D),
    Reason.PROGRESSING_WITH_RETRY: ReasonInfo("The last test failed, and the operator retries it.", _T),
    Reason.PASSWORD_READ: ReasonInfo("The password was read, or an access token was issued.", _OK),
    Reason.TRAILING_NEWLINE_STRIPPED: ReasonInfo("The password was read without its trailing newline.", _OK),
    Reason.PLAINTEXT_PASSWORD: ReasonInfo(
        "The password is written in plaintext in spec.password.value; a Secret is safer.", _OK
    ),
    Reason.PUBLISHED: ReasonInfo("The Secret of spec.publish holds the settings that the test proved.", _OK),
    Reason.KEPT_LAST_PROVEN: ReasonInfo(
        "Newer settings fail, so the Secret of spec.publish keeps the settings that were proven last.", _OK
    ),
    Reason.PUBLISHING: ReasonInfo("The operator is writing proven settings to the Secret.", _T),
    Reason.NOT_PROVEN_YET: ReasonInfo("No settings are published, because none have passed a test yet.", _T),
    Reason.PUBLISH_NOT_ENABLED: ReasonInfo(
        "The operator runs without --publish, or its role cannot write Secrets in this namespace.", _SLOW
    ),
    Reason.PUBLISH_NOT_ALLOWED: ReasonInfo(
        "The owner of a Secret, ServiceAccount or vault object does not allow its values to be published.", _N
    ),
    Reason.SECRET_NOT_OWNED: ReasonInfo(
        "The Secret of spec.publish exists and does not belong to this SmtpConfig.", _T
    ),
    Reason.SECRET_EDITED: ReasonInfo(
        "The published Secret was edited, and its proven values can no longer be read.", _C
    ),
    Reason.PUBLISH_FAILED: ReasonInfo("The API server did not accept the Secret.", _T),
    Reason.VAULT_LOGIN_SUCCEEDED: ReasonInfo("The operator logged in to the vault.", _OK),
    Reason.INVALID_SPEC: ReasonInfo("The spec violates a validation rule of the CRD.", _C),
    Reason.SMTP_CONFIG_NOT_FOUND: ReasonInfo("The SmtpConfig that a SmtpTest names cannot be read.", _C),
    Reason.POLICIES_MISSING: ReasonInfo(
        "A SmtpTest names a SmtpConfig, but the admission policies for that are not installed.", _C
    ),
    Reason.TOO_MANY_TESTS: ReasonInfo("1,000 SmtpTests of the namespace are already waiting.", _C),
    Reason.INVALID_FROM_ADDRESS: ReasonInfo("spec.from is not one email address.", _C),
    Reason.INVALID_RECIPIENT_ADDRESS: ReasonInfo("An item of spec.recipients is not one email address.", _C),
    Reason.RECIPIENT_NOT_ALLOWED: ReasonInfo(
        "A recipient's domain is not listed in the operator's --allow-recipient-domain.", _C
    ),
    Reason.SECRET_NOT_FOUND: ReasonInfo("A Secret that spec names does not exist.", _D),
    Reason.SECRET_KEY_NOT_FOUND: ReasonInfo("The Secret does not have the key that spec names.", _D),
    Reason.SECRET_ACCESS_DENIED: ReasonInfo(
        "The operator's role cannot read the Secret or request the ServiceAccount's token.", _SLOW
    ),
    Reason.SECRET_VALUE_EMPTY: ReasonInfo("The value in the Secret is empty.", _D),
    Reason.SECRET_VALUE_INVALID: ReasonInfo(
        "The value in the Secret is not one line of UTF-8 text without control characters.", _C
    ),
    Reason.SECRET_VALUE_TOO_LONG: ReasonInfo(
        "The value in the Secret is too long. The limit is 4,096 bytes for a password, username or API key."
        " It is 16 KiB for a token, and 64 KiB for a certificate or key file.",
        _C,
    ),
    Reason.CONFIG_MAP_NOT_FOUND: ReasonInfo("A ConfigMap that spec names does not exist.", _D),
    Reason.CONFIG_MAP_KEY_NOT_FOUND: ReasonInfo("The ConfigMap does not have the key that spec names.", _D),
    Reason.CONFIG_MAP_ACCESS_DENIED: ReasonInfo("The operator's role cannot read the ConfigMap.", _SLOW),
    Reason.CA_BUNDLE_INVALID: ReasonInfo("The object that caRef names holds no valid PEM certificate.", _C),
    Reason.CLIENT_CERTIFICATE_INVALID: ReasonInfo(
        "The client certificate or its key is unusable, expired, or refused by the server.", _C
    ),
    Reason.SERVICE_ACCOUNT_NOT_FOUND: ReasonInfo("The ServiceAccount of spec.oauth2 does not exist.", _D),
    Reason.SERVICE_ACCOUNT_TOKEN_FAILED: ReasonInfo("The API server did not issue a token.", _SLOW),
    Reason.AUDIENCE_NOT_ALLOWED: ReasonInfo(
        "The ServiceAccount's annotation smtp-operator.io/allowed-audiences does not list the audience, or"
        " the API server itself accepts tokens for that audience.",
        _D,
    ),
    Reason.SERVER_NOT_ALLOWED: ReasonInfo(
        "The Secret's annotation smtp-operator.io/allowed-servers, or the vault object's allowedServers, does"
        " not list this server.",
        _C,
    ),
    Reason.CA_NOT_ALLOWED: ReasonInfo(
        "The server's certificate is trusted only because of caRef. The annotation"
        " smtp-operator.io/allowed-ca of the bound Secret, ServiceAccount or vault object does not list that"
        " CA.",
        _C,
    ),
    Reason.DESTINATION_NOT_ALLOWED: ReasonInfo("The operator's flags do not allow this destination.", _C),
    Reason.INSECURE_AUTH_REFUSED: ReasonInfo(
        "The password would be sent without verified TLS, and allowInsecureAuth is false.", _C
    ),
    Reason.IDENTITY_PROVIDER_UNREACHABLE: ReasonInfo("The token endpoint is unreachable or failed.", _T),
    Reason.OAUTH_TOKEN_FAILED: ReasonInfo("The token endpoint did not issue an access token.", _C),
    Reason.VAULT_NOT_FOUND: ReasonInfo("The vault object that vaultRef names does not exist.", _D),
    Reason.VAULT_NOT_ALLOWED: ReasonInfo(
        "The vault object does not allow this namespace or reference, or violates a validation rule.", _N
    ),
    Reason.VAULT_PROVIDER_MISMATCH: ReasonInfo(
        "The vault object describes another kind of vault than the password source.", _C
    ),
    Reason.VAULT_URL_NOT_ALLOWED: ReasonInfo(
        "The operator is not allowed to connect to the vault's URL or its address.", _C
    ),
    Reason.VAULT_HOST_UNRESOLVED: ReasonInfo("The vault's host name does not exist in DNS.", _T),
    Reason.VAULT_UNREACHABLE: ReasonInfo("The vault is unreachable or does not answer in time.", _T),
    Reason.VAULT_TLS_FAILED: ReasonInfo("The TLS connection to the vault cannot be verified.", _SLOW),
    Reason.VAULT_ENDPOINT_INVALID: ReasonInfo("The server at the URL is not the expected kind of vault.", _C),
    Reason.IDENTITY_UNAVAILABLE: ReasonInfo("The operator's Pod does not have the managed identity.", _N),
    Reason.VAULT_AUTH_FAILED: ReasonInfo("The vault or its identity provider refused the login.", _N),
    Reason.VAULT_TENANT_MISMATCH: ReasonInfo("The vault belongs to a different tenant than tenantId.", _C),
    Reason.VAULT_ACCESS_DENIED: ReasonInfo("The vault does not permit this identity to read the secret.", _N),
    Reason.VAULT_NETWORK_DENIED: ReasonInfo("The vault's firewall blocks the operator's address.", _N),
    Reason.VAULT_SECRET_NOT_FOUND: ReasonInfo(
        "The secret does not exist in the vault, or the vault hides it from this identity.", _N
    ),
    Reason.VAULT_SECRET_DISABLED: ReasonInfo("The version of the secret is disabled or deleted.", _N),
    Reason.VAULT_SECRET_EXPIRED: ReasonInfo(
        "The password was read, but its expiry date in the vault has passed.", _OK
    ),
    Reason.VAULT_SECRET_NOT_YET_VALID: ReasonInfo(
        "The password was read, but according to the vault it is not valid yet.", _OK
    ),
    Reason.VAULT_SECRET_EXPIRING: ReasonInfo(
        "The password was read; according to the vault it expires within 14 days.", _OK
    ),
    Reason.VAULT_SECRET_AMBIGUOUS: ReasonInfo("Several accounts match the password source.", _C),
    Reason.VAULT_SECRET_CHANGING: ReasonInfo("The vault is changing the password right now.", _T),
    Reason.VAULT_SECRET_UNUSABLE: ReasonInfo("The value in the vault cannot be used as a password.", _N),
    Reason.VAULT_RATE_LIMITED: ReasonInfo("The vault's request limit is reached.", _T),
    Reason.VAULT_UNAVAILABLE: ReasonInfo("The vault returned an internal error.", _T),
    Reason.VAULT_REQUEST_INVALID: ReasonInfo("The vault rejected the request as malformed.", _C),
    Reason.VAULT_RESPONSE_INVALID: ReasonInfo("The vault's response is invalid or too large.", _T),
    Reason.HOST_NOT_FOUND: ReasonInfo("The mail server's host name does not exist in DNS.", _D),
    Reason.DNS_UNAVAILABLE: ReasonInfo("DNS returned a temporary failure.", _T),
    Reason.DNS_TIMEOUT: ReasonInfo("DNS did not answer in time.", _T),
    Reason.CONNECTION_REFUSED: ReasonInfo(
        "No server listens on the port.", Retry.TRANSIENT_THEN_CONFIGURATION
    ),
    Reason.CONNECT_TIMEOUT: ReasonInfo("The connection attempt was not answered in time.", _T),
    Reason.NETWORK_UNREACHABLE: ReasonInfo("There is no route to the server.", _T),
    Reason.NO_USABLE_ADDRESS: ReasonInfo("The operator cannot use any address of the mail server.", _T),
    Reason.TLS_EXPECTED_BY_SERVER: ReasonInfo(
        "The server expects TLS from the first byte, but smtpType is not TLS.", _C
    ),
    Reason.PLAINTEXT_SERVER: ReasonInfo("The server answers in plaintext, but smtpType is TLS.", _C),
    Reason.NOT_AN_SMTP_SERVER: ReasonInfo("The server on the port is not an SMTP server.", _C),
    Reason.BANNER_TIMEOUT: ReasonInfo("The server accepts connections but sends no greeting.", _T),
    Reason.CONNECTION_CLOSED_BY_SERVER: ReasonInfo(
        "The server closes the connection without a greeting.", _T
    ),
    Reason.SERVER_NOT_ACCEPTING: ReasonInfo("The server's greeting is a temporary refusal.", _T),
    Reason.CLIENT_BLOCKED: ReasonInfo("The server refuses this client's address.", _P),
    Reason.HELO_REJECTED: ReasonInfo("The server rejects the host name sent with EHLO.", _C),
    Reason.START_TLS_NOT_OFFERED: ReasonInfo("The server does not offer STARTTLS.", _C),
    Reason.START_TLS_UNAVAILABLE: ReasonInfo("The server offers STARTTLS but is temporarily not ready.", _T),
    Reason.START_TLS_REQUIRED: ReasonInfo("The server requires STARTTLS.", _C),
    Reason.CERTIFICATE_UNTRUSTED: ReasonInfo("The issuer of the server's certificate is not trusted.", _C),
    Reason.CERTIFICATE_EXPIRED: ReasonInfo("The server's certificate has expired.", _SLOW),
    Reason.CERTIFICATE_NOT_YET_VALID: ReasonInfo("The server's certificate is not valid yet.", _SLOW),
    Reason.CERTIFICATE_HOSTNAME_MISMATCH: ReasonInfo("The server's certificate is not for this host.", _C),
    Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE: ReasonInfo(
        "A certificate of the server, or of caRef, violates RFC 5280, which strict verification enforces.", _C
    ),
    Reason.TLS_PROTOCOL_MISMATCH: ReasonInfo(
        "The operator and the server share no TLS version, cipher, key size or signature.", _C
    ),
    Reason.CLIENT_CERTIFICATE_REQUIRED: ReasonInfo("The server requires a client certificate.", _C),
    Reason.TLS_HANDSHAKE_TIMEOUT: ReasonInfo("The TLS handshake did not finish in time.", _T),
    Reason.TLS_HANDSHAKE_DROPPED: ReasonInfo("The connection was closed during the TLS handshake.", _T),
    Reason.AUTH_NOT_OFFERED: ReasonInfo("The server does not offer AUTH.", _C),
    Reason.AUTH_MECHANISM_UNSUPPORTED: ReasonInfo("The server offers no usable AUTH mechanism.", _C),
    Reason.AUTHENTICATION_FAILED: ReasonInfo("The server rejected the username or password.", _A),
    Reason.OAUTH_TOKEN_REJECTED: ReasonInfo("The mail server rejected the access token.", _A),
    Reason.AUTH_DISABLED_BY_PROVIDER: ReasonInfo("The mail provider has disabled password logins.", _A),
    Reason.APP_PASSWORD_REQUIRED: ReasonInfo("The mail provider requires an app password.", _A),
    Reason.AUTH_TEMPORARY_FAILURE: ReasonInfo("The server temporarily could not check the password.", _SLOW),
    Reason.TOO_MANY_LOGINS: ReasonInfo("The server's login limit is reached.", _SLOW),
    Reason.AUTH_CONNECTION_DROPPED: ReasonInfo("The server closed the connection after the password.", _A),
    Reason.AUTHENTICATION_REQUIRED: ReasonInfo("The server requires a login before it accepts email.", _C),
    Reason.FROM_ADDRESS_REJECTED: ReasonInfo("The server does not accept email from this From address.", _P),
    Reason.RELAY_DENIED: ReasonInfo("The server does not relay email to the recipient's domain.", _P),
    Reason.RECIPIENTS_REFUSED: ReasonInfo("The server refused every recipient.", _C),
    Reason.RECIPIENTS_PARTIALLY_REFUSED: ReasonInfo(
        "The server refused some recipients; the others received the email.", _C
    ),
    Reason.GREYLISTED: ReasonInfo("The server asks the client to retry later (greylisting).", _LATER),
    Reason.RECIPIENT_DEFERRED: ReasonInfo("The server temporarily refuses a recipient.", _LATER),
    Reason.ADDRESS_NEEDS_SMTP_UTF8: ReasonInfo("An address requires SMTPUTF8, but the server lacks it.", _C),
    Reason.MESSAGE_TOO_LARGE: ReasonInfo("The email is larger than the server's limit.", _C),
    Reason.MESSAGE_REJECTED: ReasonInfo("The server refused the email itself (spam filter, SPF, DMARC).", _P),
    Reason.QUOTA_OR_RATE_EXCEEDED: ReasonInfo("A quota or rate limit of the server is reached.", _SLOW),
    Reason.DATA_TIMEOUT: ReasonInfo("The server did not confirm the email; it may have accepted it.", _SENT),
    Reason.DISCONNECTED_IN_DATA: ReasonInfo(
        "The connection was lost after the email; it may have been accepted.", _SENT
    ),
    Reason.INTERRUPTED: ReasonInfo(
        "The operator stopped while a SmtpTest's email was sent; it may have been accepted.", _SENT
    ),
    Reason.IN_INBOX: ReasonInfo("The email arrived in the inbox of delivery.address.", _OK),
    Reason.IN_JUNK: ReasonInfo("The email arrived in the junk folder of delivery.address.", _OK),
    Reason.NOT_SEEN: ReasonInfo(
        "The mail server accepted the email, but it did not arrive within delivery.within.", _OK
    ),
    Reason.BOUNCED: ReasonInfo("The email came back: a delivery status notification reports a failure.", _OK),
    Reason.ADDRESS_REFUSED: ReasonInfo("The mail server refused delivery.address.", _OK),
    Reason.SENDER_AUTHENTICATION_FAILED: ReasonInfo(
        "The email arrived, but the receiver says that DMARC failed, or both SPF and DKIM.", _OK
    ),
    Reason.WAITING: ReasonInfo("The email was sent or is about to be sent, and has not arrived yet.", _OK),
    Reason.NOT_SENT: ReasonInfo("There is no email to look for: none was sent, or sending it failed.", _OK),
    Reason.MAILBOX_UNAVAILABLE: ReasonInfo(
        "The operator cannot read the mailbox of delivery.mailbox; the message has the cause.", _OK
    ),
    Reason.SERVICE_CLOSING: ReasonInfo("The server is closing the connection (421).", _T),
    Reason.COMMAND_REJECTED: ReasonInfo("The server refused a command without a known reason.", _C),
    Reason.CONNECTION_LOST: ReasonInfo("The connection was lost during the dialogue.", _T),
    Reason.REPLY_TIMEOUT: ReasonInfo("The server did not answer a command in time.", _T),
    Reason.REPLY_INVALID: ReasonInfo("The server sent an invalid SMTP reply.", _T),
    Reason.TOTAL_BUDGET_EXCEEDED: ReasonInfo("The test took longer than test.timeout.", _T),
    Reason.INTERNAL_ERROR: ReasonInfo("The operator failed; its log has the details.", _T),
    Reason.RECORDS_PRESENT: ReasonInfo(
        "The From domain has valid SPF and DMARC records, and can receive bounces.", _OK
    ),
    Reason.SENDER_DOMAIN_NOT_FOUND: ReasonInfo("The From domain does not exist in DNS.", _OK),
    Reason.NO_SPF_RECORD: ReasonInfo("The From domain has no SPF record.", _OK),
    Reason.SPF_INVALID: ReasonInfo(
        "Receivers treat the SPF record of the From domain as invalid, or ignore it.", _OK
    ),
    Reason.SPF_LACKS_PROVIDER: ReasonInfo(
        "The SPF record of the From domain does not permit the mail provider that sends its emails.", _OK
    ),
    Reason.NO_DMARC_RECORD: ReasonInfo("The From domain has no DMARC record.", _OK),
    Reason.DMARC_INVALID: ReasonInfo("Receivers ignore the DMARC record of the From domain.", _OK),
    Reason.NO_MAIL_EXCHANGER: ReasonInfo("The From domain cannot receive email, so bounces are lost.", _OK),
    Reason.SENDER_DNS_UNAVAILABLE: ReasonInfo("DNS did not tell the records of the From domain.", _OK),
}

LIMITED: Final = frozenset({Reason.TESTS_LIMITED, Reason.EMAILS_LIMITED, Reason.LOGIN_ATTEMPTS_LIMITED})
"""Reasons why a limit of the operator delays a test; the settings were not tested."""

OF_DELIVERY: Final = frozenset(
    {
        Reason.IN_INBOX,
        Reason.IN_JUNK,
        Reason.NOT_SEEN,
        Reason.BOUNCED,
        Reason.ADDRESS_REFUSED,
        Reason.SENDER_AUTHENTICATION_FAILED,
        Reason.WAITING,
        Reason.NOT_SENT,
        Reason.MAILBOX_UNAVAILABLE,
    }
)
"""Reasons of Delivered, which does not affect Ready."""
OF_DELIVERY_TEXT: Final = (
    "It does not affect Ready. The operator looks for the email of each test that sends one, and of"
    " delivery.interval."
)
"""When the condition is updated."""

OF_SENDERS: Final = frozenset(
    {
        Reason.RECORDS_PRESENT,
        Reason.SENDER_DOMAIN_NOT_FOUND,
        Reason.NO_SPF_RECORD,
        Reason.SPF_INVALID,
        Reason.SPF_LACKS_PROVIDER,
        Reason.NO_DMARC_RECORD,
        Reason.DMARC_INVALID,
        Reason.NO_MAIL_EXCHANGER,
        Reason.SENDER_DNS_UNAVAILABLE,
    }
)
"""Reasons of SenderAuthentication, which does not affect Ready."""
OF_SENDERS_TEXT: Final = (
    "It does not affect Ready. The operator reads the records with each test of test.mode, and once a day."
)
"""When the condition is updated."""

ANNOUNCEMENTS: Final = frozenset({Reason.TESTING, *LIMITED})
"""Reasons of Reconciling that describe a pending or running test, not a verdict."""
