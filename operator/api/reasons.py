# SPDX-License-Identifier: Apache-2.0
"""The reasons that conditions carry, what each means, and what a retry could mend.

Reason names are API: pipelines and alerts match them. Add, never rename. The reference of reasons in
``docs/`` is generated from this table.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """What may mend a verdict. The delays are in ``reconcile/schedule.py``."""

    PASSED = "Passed"
    """Nothing to mend: tested again at ``recheck.interval``."""
    TRANSIENT = "Transient"
    """May pass by itself: tried again with growing delays."""
    TRANSIENT_THEN_CONFIGURATION = "TransientThenConfiguration"
    """As Transient for five tries, then as Configuration: nothing seems to be coming up there."""
    SLOW = "Slow"
    """May pass by itself, but asking often makes it worse (rate limits, lock-outs)."""
    GREYLISTED = "Greylisted"
    """The server asked to come back later (RFC 6647, RFC 5321 section 4.5.4.1)."""
    UNKNOWN_DELIVERY = "UnknownDelivery"
    """The mail may have been accepted: not sent again before the next recheck."""
    CONFIGURATION = "Configuration"
    """Waits for a change of spec or of an object it names."""
    POLICY = "Policy"
    """The server's owner refuses; treated as Configuration."""
    AUTHENTICATION = "Authentication"
    """The same password is tried once a day at most, since more may lock the account."""
    DENIED = "Denied"
    """Somebody else than this cluster refuses, and may mend it there without our hearing of it."""
    DEPENDENCY = "Dependency"
    """Something named does not exist yet; its arrival is tested at once."""


class Reason(StrEnum):
    """Every reason, in the order in which a test could meet it."""

    # Ready=True, by the depth of the test
    TEST_EMAIL_SENT = "TestEmailSent"
    ENVELOPE_ACCEPTED = "EnvelopeAccepted"
    LOGIN_SUCCEEDED = "LoginSucceeded"
    CONNECTED = "Connected"
    # Ready=Unknown
    TESTING = "Testing"
    SUSPENDED = "Suspended"
    # Ready=Unknown and Reconciling: a limit of the operator holds the test back
    TESTS_LIMITED = "TestsLimited"
    EMAILS_LIMITED = "EmailsLimited"
    LOGIN_ATTEMPTS_LIMITED = "LoginAttemptsLimited"
    # Reconciling and Stalled
    WAITING_FOR_DEPENDENCY = "WaitingForDependency"
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
    # PasswordResolved=True
    PASSWORD_READ = "PasswordRead"
    TRAILING_NEWLINE_STRIPPED = "TrailingNewlineStripped"
    PLAINTEXT_PASSWORD = "PlaintextPassword"
    # Ready=True of a vault object
    VAULT_LOGIN_SUCCEEDED = "VaultLoginSucceeded"
    # before any connection
    INVALID_SPEC = "InvalidSpec"
    INVALID_FROM_ADDRESS = "InvalidFromAddress"
    INVALID_RECIPIENT_ADDRESS = "InvalidRecipientAddress"
    RECIPIENT_NOT_ALLOWED = "RecipientNotAllowed"
    SECRET_NOT_FOUND = "SecretNotFound"
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound"
    SECRET_ACCESS_DENIED = "SecretAccessDenied"
    SECRET_VALUE_EMPTY = "SecretValueEmpty"
    SECRET_VALUE_INVALID = "SecretValueInvalid"
    SECRET_VALUE_TOO_LONG = "SecretValueTooLong"
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    CONFIG_MAP_KEY_NOT_FOUND = "ConfigMapKeyNotFound"
    CONFIG_MAP_ACCESS_DENIED = "ConfigMapAccessDenied"
    CA_BUNDLE_INVALID = "CABundleInvalid"
    CLIENT_CERTIFICATE_INVALID = "ClientCertificateInvalid"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    SERVICE_ACCOUNT_TOKEN_FAILED = "ServiceAccountTokenFailed"
    AUDIENCE_NOT_ALLOWED = "AudienceNotAllowed"
    SERVER_NOT_ALLOWED = "ServerNotAllowed"
    CA_NOT_ALLOWED = "CaNotAllowed"
    DESTINATION_NOT_ALLOWED = "DestinationNotAllowed"
    INSECURE_AUTH_REFUSED = "InsecureAuthRefused"
    # Token
    IDENTITY_PROVIDER_UNREACHABLE = "IdentityProviderUnreachable"
    OAUTH_TOKEN_FAILED = "OAuthTokenFailed"
    # vaults: Password
    VAULT_NOT_FOUND = "VaultNotFound"
    VAULT_NOT_ALLOWED = "VaultNotAllowed"
    VAULT_PROVIDER_MISMATCH = "VaultProviderMismatch"
    VAULT_URL_NOT_ALLOWED = "VaultURLNotAllowed"
    VAULT_HOST_UNRESOLVED = "VaultHostUnresolved"
    VAULT_UNREACHABLE = "VaultUnreachable"
    VAULT_TLS_FAILED = "VaultTLSFailed"
    VAULT_ENDPOINT_INVALID = "VaultEndpointInvalid"
    IDENTITY_UNAVAILABLE = "IdentityUnavailable"
    VAULT_AUTH_FAILED = "VaultAuthFailed"
    VAULT_TENANT_MISMATCH = "VaultTenantMismatch"
    VAULT_ACCESS_DENIED = "VaultAccessDenied"
    VAULT_NETWORK_DENIED = "VaultNetworkDenied"
    VAULT_SECRET_NOT_FOUND = "VaultSecretNotFound"
    VAULT_SECRET_DISABLED = "VaultSecretDisabled"
    VAULT_SECRET_EXPIRED = "VaultSecretExpired"
    VAULT_SECRET_NOT_YET_VALID = "VaultSecretNotYetValid"
    VAULT_SECRET_EXPIRING = "VaultSecretExpiring"
    VAULT_SECRET_AMBIGUOUS = "VaultSecretAmbiguous"
    VAULT_SECRET_CHANGING = "VaultSecretChanging"
    VAULT_SECRET_UNUSABLE = "VaultSecretUnusable"
    VAULT_RATE_LIMITED = "VaultRateLimited"
    VAULT_UNAVAILABLE = "VaultUnavailable"
    VAULT_REQUEST_INVALID = "VaultRequestInvalid"
    VAULT_RESPONSE_INVALID = "VaultResponseInvalid"
    # Resolve, Connect, Banner
    HOST_NOT_FOUND = "HostNotFound"
    DNS_UNAVAILABLE = "DNSUnavailable"
    DNS_TIMEOUT = "DNSTimeout"
    CONNECTION_REFUSED = "ConnectionRefused"
    CONNECT_TIMEOUT = "ConnectTimeout"
    NETWORK_UNREACHABLE = "NetworkUnreachable"
    NO_USABLE_ADDRESS = "NoUsableAddress"
    TLS_EXPECTED_BY_SERVER = "TlsExpectedByServer"
    PLAINTEXT_SERVER = "PlaintextServer"
    NOT_AN_SMTP_SERVER = "NotAnSmtpServer"
    BANNER_TIMEOUT = "BannerTimeout"
    CONNECTION_CLOSED_BY_SERVER = "ConnectionClosedByServer"
    SERVER_NOT_ACCEPTING = "ServerNotAccepting"
    CLIENT_BLOCKED = "ClientBlocked"
    # Ehlo, StartTls, Tls
    HELO_REJECTED = "HeloRejected"
    START_TLS_NOT_OFFERED = "StartTlsNotOffered"
    START_TLS_UNAVAILABLE = "StartTlsUnavailable"
    START_TLS_REQUIRED = "StartTlsRequired"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_NOT_YET_VALID = "CertificateNotYetValid"
    CERTIFICATE_HOSTNAME_MISMATCH = "CertificateHostnameMismatch"
    CERTIFICATE_REJECTED_BY_STRICT_MODE = "CertificateRejectedByStrictMode"
    TLS_PROTOCOL_MISMATCH = "TlsProtocolMismatch"
    CLIENT_CERTIFICATE_REQUIRED = "ClientCertificateRequired"
    TLS_HANDSHAKE_TIMEOUT = "TlsHandshakeTimeout"
    TLS_HANDSHAKE_DROPPED = "TlsHandshakeDropped"
    # Auth
    AUTH_NOT_OFFERED = "AuthNotOffered"
    AUTH_MECHANISM_UNSUPPORTED = "AuthMechanismUnsupported"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    OAUTH_TOKEN_REJECTED = "OAuthTokenRejected"
    AUTH_DISABLED_BY_PROVIDER = "AuthDisabledByProvider"
    APP_PASSWORD_REQUIRED = "AppPasswordRequired"
    AUTH_TEMPORARY_FAILURE = "AuthTemporaryFailure"
    TOO_MANY_LOGINS = "TooManyLogins"
    AUTH_CONNECTION_DROPPED = "AuthConnectionDropped"
    # MailFrom, RcptTo, Data
    AUTHENTICATION_REQUIRED = "AuthenticationRequired"
    FROM_ADDRESS_REJECTED = "FromAddressRejected"
    RELAY_DENIED = "RelayDenied"
    RECIPIENTS_REFUSED = "RecipientsRefused"
    RECIPIENTS_PARTIALLY_REFUSED = "RecipientsPartiallyRefused"
    GREYLISTED = "Greylisted"
    RECIPIENT_DEFERRED = "RecipientDeferred"
    ADDRESS_NEEDS_SMTP_UTF8 = "AddressNeedsSmtpUtf8"
    MESSAGE_TOO_LARGE = "MessageTooLarge"
    MESSAGE_REJECTED = "MessageRejected"
    QUOTA_OR_RATE_EXCEEDED = "QuotaOrRateExceeded"
    DATA_TIMEOUT = "DataTimeout"
    DISCONNECTED_IN_DATA = "DisconnectedInData"
    # any phase
    SERVICE_CLOSING = "ServiceClosing"
    COMMAND_REJECTED = "CommandRejected"
    CONNECTION_LOST = "ConnectionLost"
    REPLY_TIMEOUT = "ReplyTimeout"
    REPLY_INVALID = "ReplyInvalid"
    TOTAL_BUDGET_EXCEEDED = "TotalBudgetExceeded"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """What a reason means, in one sentence for the reference, and what may mend it."""

    meaning: str
    retry: Retry


_T, _C, _P, _A, _D, _OK, _SLOW, _N = (
    Retry.TRANSIENT,
    Retry.CONFIGURATION,
    Retry.POLICY,
    Retry.AUTHENTICATION,
    Retry.DEPENDENCY,
    Retry.PASSED,
    Retry.SLOW,
    Retry.DENIED,
)

REASONS: Final[dict[Reason, ReasonInfo]] = {
    Reason.TEST_EMAIL_SENT: ReasonInfo("The server accepted the test mail for every recipient.", _OK),
    Reason.ENVELOPE_ACCEPTED: ReasonInfo("The server accepted sender and recipients; no mail was sent.", _OK),
    Reason.LOGIN_SUCCEEDED: ReasonInfo("The server accepted user name and password.", _OK),
    Reason.CONNECTED: ReasonInfo("The server answered as an SMTP server, TLS included.", _OK),
    Reason.TESTING: ReasonInfo("A test of these settings is under way.", _T),
    Reason.SUSPENDED: ReasonInfo("spec.suspend is true; these settings were never tested.", _C),
    Reason.TESTS_LIMITED: ReasonInfo(
        "As many tests are running as --max-tests and --max-tests-per-namespace allow.", _T
    ),
    Reason.EMAILS_LIMITED: ReasonInfo(
        "As many emails were sent as --max-emails-per-namespace and --max-emails-per-mailbox allow.", _T
    ),
    Reason.LOGIN_ATTEMPTS_LIMITED: ReasonInfo(
        "The server rejected as many logins of this user as --max-rejected-logins allows.", _T
    ),
    Reason.WAITING_FOR_DEPENDENCY: ReasonInfo("Something that spec names does not exist yet.", _D),
    Reason.PROGRESSING_WITH_RETRY: ReasonInfo("The last test failed in a way that a retry may mend.", _T),
    Reason.PASSWORD_READ: ReasonInfo("The password was read, or an access token was had.", _OK),
    Reason.TRAILING_NEWLINE_STRIPPED: ReasonInfo(
        "The password was read; one newline at its end was left out.", _OK
    ),
    Reason.PLAINTEXT_PASSWORD: ReasonInfo(
        "The password stands in clear in spec.password.value; a Secret is safer.", _OK
    ),
    Reason.VAULT_LOGIN_SUCCEEDED: ReasonInfo("The operator could log in to the vault.", _OK),
    Reason.INVALID_SPEC: ReasonInfo("The spec breaks a rule that the CRD states too.", _C),
    Reason.INVALID_FROM_ADDRESS: ReasonInfo("spec.from is not one mail address.", _C),
    Reason.INVALID_RECIPIENT_ADDRESS: ReasonInfo("An entry of spec.recipients is not one mail address.", _C),
    Reason.RECIPIENT_NOT_ALLOWED: ReasonInfo(
        "The operator's --allow-recipient-domain does not list a recipient's domain.", _C
    ),
    Reason.SECRET_NOT_FOUND: ReasonInfo("A Secret that spec names does not exist.", _D),
    Reason.SECRET_KEY_NOT_FOUND: ReasonInfo("The Secret has no such key.", _D),
    Reason.SECRET_ACCESS_DENIED: ReasonInfo(
        "The operator's role may not read the Secret, or not ask for the ServiceAccount's token.", _SLOW
    ),
    Reason.SECRET_VALUE_EMPTY: ReasonInfo("The value in the Secret is empty.", _D),
    Reason.SECRET_VALUE_INVALID: ReasonInfo(
        "The value in the Secret is not one line of UTF-8 text without control characters.", _C
    ),
    Reason.SECRET_VALUE_TOO_LONG: ReasonInfo(
        "The value in the Secret is longer than a password, username or key may be (4,096 bytes), a token"
        " (16 KiB), or a certificate or key file (64 KiB).",
        _C,
    ),
    Reason.CONFIG_MAP_NOT_FOUND: ReasonInfo("A ConfigMap that spec names does not exist.", _D),
    Reason.CONFIG_MAP_KEY_NOT_FOUND: ReasonInfo("The ConfigMap has no such key.", _D),
    Reason.CONFIG_MAP_ACCESS_DENIED: ReasonInfo("The operator's role may not read the ConfigMap.", _SLOW),
    Reason.CA_BUNDLE_INVALID: ReasonInfo("What a caRef names holds no valid PEM certificate.", _C),
    Reason.CLIENT_CERTIFICATE_INVALID: ReasonInfo(
        "The client certificate or its key is unusable, expired, or refused by the server.", _C
    ),
    Reason.SERVICE_ACCOUNT_NOT_FOUND: ReasonInfo("The ServiceAccount that oauth2 names does not exist.", _D),
    Reason.SERVICE_ACCOUNT_TOKEN_FAILED: ReasonInfo(
        "The API server did not issue the ServiceAccount's token.", _SLOW
    ),
    Reason.AUDIENCE_NOT_ALLOWED: ReasonInfo(
        "The ServiceAccount's annotation smtp-operator.io/allowed-audiences does not list that audience, or"
        " its tokens would open the API server.",
        _D,
    ),
    Reason.SERVER_NOT_ALLOWED: ReasonInfo(
        "The Secret's annotation smtp-operator.io/allowed-servers, or the vault object's allowedServers, does"
        " not list this server.",
        _C,
    ),
    Reason.CA_NOT_ALLOWED: ReasonInfo(
        "Only a CA of caRef verifies the server, and the annotation smtp-operator.io/allowed-ca of the bound"
        " Secret, ServiceAccount or vault object does not list that CA.",
        _C,
    ),
    Reason.DESTINATION_NOT_ALLOWED: ReasonInfo(
        "The operator's network or port flags do not allow this destination.", _C
    ),
    Reason.INSECURE_AUTH_REFUSED: ReasonInfo(
        "The password would be sent without verified TLS, and allowInsecureAuth is not set.", _C
    ),
    Reason.IDENTITY_PROVIDER_UNREACHABLE: ReasonInfo(
        "The token endpoint cannot be reached, or has a trouble of its own.", _T
    ),
    Reason.OAUTH_TOKEN_FAILED: ReasonInfo("The token endpoint issued no access token.", _C),
    Reason.VAULT_NOT_FOUND: ReasonInfo("The vault object that vaultRef names does not exist.", _D),
    Reason.VAULT_NOT_ALLOWED: ReasonInfo(
        "The vault object does not allow this namespace, or not this reference, or breaks a rule itself.", _N
    ),
    Reason.VAULT_PROVIDER_MISMATCH: ReasonInfo(
        "The vault object describes another kind of vault than the password asks for.", _C
    ),
    Reason.VAULT_URL_NOT_ALLOWED: ReasonInfo(
        "The vault's URL, or the address that it leads to, is not one that may be asked.", _C
    ),
    Reason.VAULT_HOST_UNRESOLVED: ReasonInfo("The vault's name is not found in DNS.", _T),
    Reason.VAULT_UNREACHABLE: ReasonInfo("The vault cannot be reached, or does not answer in time.", _T),
    Reason.VAULT_TLS_FAILED: ReasonInfo("No verified TLS connection to the vault can be made.", _SLOW),
    Reason.VAULT_ENDPOINT_INVALID: ReasonInfo("What answers at the URL is not that kind of vault.", _C),
    Reason.IDENTITY_UNAVAILABLE: ReasonInfo("The operator's Pod has no such managed identity.", _N),
    Reason.VAULT_AUTH_FAILED: ReasonInfo("The vault, or its identity provider, refused the login.", _N),
    Reason.VAULT_TENANT_MISMATCH: ReasonInfo("The vault lives in another tenant than tenantId says.", _C),
    Reason.VAULT_ACCESS_DENIED: ReasonInfo("Logged in, but not permitted to read that.", _N),
    Reason.VAULT_NETWORK_DENIED: ReasonInfo("The vault's firewall does not let this address in.", _N),
    Reason.VAULT_SECRET_NOT_FOUND: ReasonInfo(
        "The vault has no such secret, or does not show it to this identity.", _N
    ),
    Reason.VAULT_SECRET_DISABLED: ReasonInfo("That version of the secret is disabled or deleted.", _N),
    Reason.VAULT_SECRET_EXPIRED: ReasonInfo(
        "The password was read, though the vault says that it has expired.", _OK
    ),
    Reason.VAULT_SECRET_NOT_YET_VALID: ReasonInfo(
        "The password was read, though the vault says that it is not valid yet.", _OK
    ),
    Reason.VAULT_SECRET_EXPIRING: ReasonInfo(
        "The password was read; it expires within 14 days, as the vault says.", _OK
    ),
    Reason.VAULT_SECRET_AMBIGUOUS: ReasonInfo("Several accounts match what the password asks for.", _C),
    Reason.VAULT_SECRET_CHANGING: ReasonInfo("The vault is changing that password just now.", _T),
    Reason.VAULT_SECRET_UNUSABLE: ReasonInfo("What the vault holds there is no password.", _N),
    Reason.VAULT_RATE_LIMITED: ReasonInfo("The vault is asked too often, as it says.", _T),
    Reason.VAULT_UNAVAILABLE: ReasonInfo("The vault has a trouble of its own.", _T),
    Reason.VAULT_REQUEST_INVALID: ReasonInfo("The vault cannot understand what it was asked for.", _C),
    Reason.VAULT_RESPONSE_INVALID: ReasonInfo(
        "The vault's answer cannot be understood, or is too large.", _T
    ),
    Reason.HOST_NOT_FOUND: ReasonInfo("The server's name does not exist in DNS.", _D),
    Reason.DNS_UNAVAILABLE: ReasonInfo("DNS answered with a temporary failure.", _T),
    Reason.DNS_TIMEOUT: ReasonInfo("DNS did not answer in time.", _T),
    Reason.CONNECTION_REFUSED: ReasonInfo(
        "Nothing listens on that port.", Retry.TRANSIENT_THEN_CONFIGURATION
    ),
    Reason.CONNECT_TIMEOUT: ReasonInfo("No answer to the connection attempt.", _T),
    Reason.NETWORK_UNREACHABLE: ReasonInfo("There is no route to the server.", _T),
    Reason.NO_USABLE_ADDRESS: ReasonInfo("None of the server's addresses can be used from here.", _T),
    Reason.TLS_EXPECTED_BY_SERVER: ReasonInfo(
        "The server speaks TLS from the first byte; smtpType says otherwise.", _C
    ),
    Reason.PLAINTEXT_SERVER: ReasonInfo("The server answers in clear text; smtpType TLS expects TLS.", _C),
    Reason.NOT_AN_SMTP_SERVER: ReasonInfo("Something answers there, but it is no SMTP server.", _C),
    Reason.BANNER_TIMEOUT: ReasonInfo("The server accepts connections but does not greet.", _T),
    Reason.CONNECTION_CLOSED_BY_SERVER: ReasonInfo("The server closes the connection before greeting.", _T),
    Reason.SERVER_NOT_ACCEPTING: ReasonInfo("The server greets with a temporary refusal.", _T),
    Reason.CLIENT_BLOCKED: ReasonInfo("The server refuses this client's address.", _P),
    Reason.HELO_REJECTED: ReasonInfo("The server refuses the name given with EHLO.", _C),
    Reason.START_TLS_NOT_OFFERED: ReasonInfo("The server offers no STARTTLS.", _C),
    Reason.START_TLS_UNAVAILABLE: ReasonInfo("The server offers STARTTLS but cannot do it now.", _T),
    Reason.START_TLS_REQUIRED: ReasonInfo("The server wants STARTTLS first.", _C),
    Reason.CERTIFICATE_UNTRUSTED: ReasonInfo("The certificate's issuer is unknown to the operator.", _C),
    Reason.CERTIFICATE_EXPIRED: ReasonInfo("The certificate has expired.", _SLOW),
    Reason.CERTIFICATE_NOT_YET_VALID: ReasonInfo("The certificate is not valid yet.", _SLOW),
    Reason.CERTIFICATE_HOSTNAME_MISMATCH: ReasonInfo("The certificate is for another name.", _C),
    Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE: ReasonInfo(
        "The certificate breaks a rule of RFC 5280 that strict checking enforces.", _C
    ),
    Reason.TLS_PROTOCOL_MISMATCH: ReasonInfo("Client and server share no TLS version or cipher.", _C),
    Reason.CLIENT_CERTIFICATE_REQUIRED: ReasonInfo("The server demands a client certificate.", _C),
    Reason.TLS_HANDSHAKE_TIMEOUT: ReasonInfo("The TLS handshake did not end in time.", _T),
    Reason.TLS_HANDSHAKE_DROPPED: ReasonInfo("The connection was closed during the TLS handshake.", _T),
    Reason.AUTH_NOT_OFFERED: ReasonInfo("The server offers no login.", _C),
    Reason.AUTH_MECHANISM_UNSUPPORTED: ReasonInfo("The server offers no login mechanism that fits.", _C),
    Reason.AUTHENTICATION_FAILED: ReasonInfo("The server rejected user name or password.", _A),
    Reason.OAUTH_TOKEN_REJECTED: ReasonInfo("The mail server rejected the access token.", _A),
    Reason.AUTH_DISABLED_BY_PROVIDER: ReasonInfo("The provider has switched password login off.", _A),
    Reason.APP_PASSWORD_REQUIRED: ReasonInfo("The provider wants an app password.", _A),
    Reason.AUTH_TEMPORARY_FAILURE: ReasonInfo("The server could not check the password now.", _SLOW),
    Reason.TOO_MANY_LOGINS: ReasonInfo("The server limits logins, and the limit is reached.", _SLOW),
    Reason.AUTH_CONNECTION_DROPPED: ReasonInfo("The server closed the connection after the password.", _A),
    Reason.AUTHENTICATION_REQUIRED: ReasonInfo("The server wants a login before it takes mail.", _C),
    Reason.FROM_ADDRESS_REJECTED: ReasonInfo("The server does not take mail from this From address.", _P),
    Reason.RELAY_DENIED: ReasonInfo("The server does not relay to that domain for this client.", _P),
    Reason.RECIPIENTS_REFUSED: ReasonInfo("The server refused every recipient.", _C),
    Reason.RECIPIENTS_PARTIALLY_REFUSED: ReasonInfo(
        "The server refused some recipients; the others got the mail.", _C
    ),
    Reason.GREYLISTED: ReasonInfo("The server asks to come back later (greylisting).", Retry.GREYLISTED),
    Reason.RECIPIENT_DEFERRED: ReasonInfo("The server takes no mail for a recipient now.", Retry.GREYLISTED),
    Reason.ADDRESS_NEEDS_SMTP_UTF8: ReasonInfo("An address needs SMTPUTF8, which the server lacks.", _C),
    Reason.MESSAGE_TOO_LARGE: ReasonInfo("The mail is larger than the server takes.", _C),
    Reason.MESSAGE_REJECTED: ReasonInfo("The server refused the mail itself (spam filter, SPF, DMARC).", _P),
    Reason.QUOTA_OR_RATE_EXCEEDED: ReasonInfo("A quota or rate limit of the server is reached.", _SLOW),
    Reason.DATA_TIMEOUT: ReasonInfo(
        "No answer after the mail; it may have been accepted.", Retry.UNKNOWN_DELIVERY
    ),
    Reason.DISCONNECTED_IN_DATA: ReasonInfo(
        "Connection lost after the mail; it may have been accepted.", Retry.UNKNOWN_DELIVERY
    ),
    Reason.SERVICE_CLOSING: ReasonInfo("The server is closing down the connection (421).", _T),
    Reason.COMMAND_REJECTED: ReasonInfo("The server refused a command for a reason it alone knows.", _C),
    Reason.CONNECTION_LOST: ReasonInfo("The connection was lost in the dialogue.", _T),
    Reason.REPLY_TIMEOUT: ReasonInfo("The server did not answer a command in time.", _T),
    Reason.REPLY_INVALID: ReasonInfo("The server answered with something that is no SMTP reply.", _T),
    Reason.TOTAL_BUDGET_EXCEEDED: ReasonInfo("The test took longer than test.timeout.", _T),
    Reason.INTERNAL_ERROR: ReasonInfo("A defect of the operator; its log has the details.", _T),
}

LIMITED: Final = frozenset({Reason.TESTS_LIMITED, Reason.EMAILS_LIMITED, Reason.LOGIN_ATTEMPTS_LIMITED})
"""A limit of the operator holds a test back; nothing was found out."""

ANNOUNCEMENTS: Final = frozenset({Reason.TESTING, *LIMITED})
"""Reasons of Reconciling that speak of a test to come and not of a verdict."""
