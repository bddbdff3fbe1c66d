# SPDX-License-Identifier: Apache-2.0
"""What mends each reason, in one or two sentences; the message of a verdict knows the case itself better.

What a user can change is written ``set FIELD: VALUE`` with a field of the SmtpConfig's spec, which a test
checks. The reference of reasons in ``docs/`` is generated from this table, and ``kubectl smtp explain`` shows
it.
"""

from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry

NO_ACTION: Final = "Nothing: all is well."

_LATER: Final = "Nothing here: it is tried again by itself."
_ROLE: Final = "Apply the roles of this release in deploy/manifests/, or grant the operator"
_VAULT_POLICY: Final = "Permit the vault object's identity to read that secret, in the vault itself."

_FIXES: Final[dict[Reason, str]] = {
    Reason.TESTING: "Nothing: the verdict comes when the test has ended.",
    Reason.SUSPENDED: "Set suspend: false, or ask for a test.",
    Reason.TESTS_LIMITED: (
        "No action needed; the operator starts the test automatically. A cluster admin can raise"
        " --max-tests and --max-tests-per-namespace."
    ),
    Reason.EMAILS_LIMITED: (
        "No action needed; the operator starts the test automatically. List fewer recipients, or have a"
        " cluster admin raise --max-emails-per-namespace and --max-emails-per-mailbox."
    ),
    Reason.LOGIN_ATTEMPTS_LIMITED: (
        "Correct username and password in every SmtpConfig that uses them; the operator tries again within"
        " an hour. A cluster admin can raise --max-rejected-logins."
    ),
    Reason.WAITING_FOR_DEPENDENCY: "Create what the message of Ready names; its arrival is tested at once.",
    Reason.PROGRESSING_WITH_RETRY: "See the reason of Ready.",
    Reason.TRAILING_NEWLINE_STRIPPED: "Nothing need be done. To be exact, write the value without a newline.",
    Reason.PLAINTEXT_PASSWORD: "Put the password into a Secret, and set password.secretRef.name: NAME.",
    Reason.INVALID_SPEC: "Correct the field that the message names, and apply this release's CRDs.",
    Reason.INVALID_FROM_ADDRESS: "Set from: one mail address, such as Team <team@example.com>.",
    Reason.INVALID_RECIPIENT_ADDRESS: "Correct the entry of recipients that the message names.",
    Reason.RECIPIENT_NOT_ALLOWED: (
        "Take recipients of an allowed domain, or have the domain added to --allow-recipient-domain."
    ),
    Reason.SECRET_NOT_FOUND: "Create the Secret in the SmtpConfig's namespace, or correct its name.",
    Reason.SECRET_KEY_NOT_FOUND: "Add the key to the Secret, or correct its name.",
    Reason.SECRET_ACCESS_DENIED: f"{_ROLE} get on Secrets, and create on serviceaccounts/token.",
    Reason.SECRET_VALUE_EMPTY: "Write the value into the Secret.",
    Reason.SECRET_VALUE_INVALID: (
        "Write one line of text: data wants it in base64, stringData as it is; both must be UTF-8."
    ),
    Reason.SECRET_VALUE_TOO_LONG: "Write the value alone into that key, or name the key that holds it.",
    Reason.CONFIG_MAP_NOT_FOUND: "Create the ConfigMap in the SmtpConfig's namespace, or correct its name.",
    Reason.CONFIG_MAP_KEY_NOT_FOUND: "Add the key to the ConfigMap, or correct its name.",
    Reason.CONFIG_MAP_ACCESS_DENIED: f"{_ROLE} get on ConfigMaps.",
    Reason.CA_BUNDLE_INVALID: "Put PEM certificates there, from BEGIN CERTIFICATE to END CERTIFICATE.",
    Reason.CLIENT_CERTIFICATE_INVALID: (
        "Put a valid certificate and the key that belongs to it into the kubernetes.io/tls Secret."
    ),
    Reason.SERVICE_ACCOUNT_NOT_FOUND: "Create the ServiceAccount in that namespace, or correct its name.",
    Reason.SERVICE_ACCOUNT_TOKEN_FAILED: f"{_ROLE} create on serviceaccounts/token; see the message.",
    Reason.AUDIENCE_NOT_ALLOWED: (
        "Add the audience to the ServiceAccount's annotation smtp-operator.io/allowed-audiences. One of the"
        " API server itself is never allowed."
    ),
    Reason.SERVER_NOT_ALLOWED: (
        "Add host:port to the annotation smtp-operator.io/allowed-servers of what holds the password."
    ),
    Reason.CA_NOT_ALLOWED: (
        "Add the SHA-256 fingerprint of the CA certificate to the annotation smtp-operator.io/allowed-ca of"
        " what holds the password, or name the CA in the operator's --ca-file."
    ),
    Reason.DESTINATION_NOT_ALLOWED: (
        "Have the operator's --allow-network or --allow-smtp-port name it, or set server: another one."
    ),
    Reason.INSECURE_AUTH_REFUSED: (
        "Set smtpType: StartTLS or TLS; on a network that you trust set allowInsecureAuth: true."
    ),
    Reason.IDENTITY_PROVIDER_UNREACHABLE: (
        "See that the token endpoint is up, and that the operator may reach it: --allow-vault-port,"
        " --allow-network."
    ),
    Reason.OAUTH_TOKEN_FAILED: (
        "Correct the client's id, secret, scope or permissions; the message has the provider's number."
    ),
    Reason.VAULT_NOT_FOUND: "Create the vault object that vaultRef names, or correct its name.",
    Reason.VAULT_NOT_ALLOWED: (
        "Have the vault object's allowedNamespaces and allowedReferences name this one, or correct the field"
        " of it that the message names."
    ),
    Reason.VAULT_PROVIDER_MISMATCH: (
        "Let vaultRef name a vault object of the kind that the password asks for, or the other way round."
    ),
    Reason.VAULT_URL_NOT_ALLOWED: (
        "Correct the URL in the vault object, or have --allow-vault-port or --allow-network name it."
    ),
    Reason.VAULT_HOST_UNRESOLVED: "Correct the URL in the vault object, or create its name in DNS.",
    Reason.VAULT_UNREACHABLE: "See that the vault is up, and that the operator may reach it.",
    Reason.VAULT_TLS_FAILED: "Name the vault's CA in caRef of the vault object, or renew its certificate.",
    Reason.VAULT_ENDPOINT_INVALID: "Correct the URL in the vault object: another program answers there.",
    Reason.IDENTITY_UNAVAILABLE: (
        "Give the operator's Pod that managed identity, or choose another way to log in to the vault."
    ),
    Reason.VAULT_AUTH_FAILED: "Correct what the vault object logs in with; see the vault's words.",
    Reason.VAULT_TENANT_MISMATCH: "Correct tenantId in the vault object.",
    Reason.VAULT_ACCESS_DENIED: _VAULT_POLICY,
    Reason.VAULT_NETWORK_DENIED: "Have the vault's firewall let the cluster's egress address in.",
    Reason.VAULT_SECRET_NOT_FOUND: f"Correct the name, or create the secret. {_VAULT_POLICY}",
    Reason.VAULT_SECRET_DISABLED: "Enable that version in the vault, or name another one.",
    Reason.VAULT_SECRET_EXPIRED: "Renew the secret in the vault.",
    Reason.VAULT_SECRET_NOT_YET_VALID: "Nothing need be done. See the time of validity in the vault.",
    Reason.VAULT_SECRET_EXPIRING: "Renew the secret in the vault.",
    Reason.VAULT_SECRET_AMBIGUOUS: "Name the account more closely: folder, object, username, address.",
    Reason.VAULT_SECRET_CHANGING: _LATER,
    Reason.VAULT_SECRET_UNUSABLE: "Store the password there as one line of text, or correct the key.",
    Reason.VAULT_RATE_LIMITED: f"{_LATER} Where that lasts, let SmtpConfigs be tested less often.",
    Reason.VAULT_UNAVAILABLE: f"{_LATER} Where that lasts, see to the vault.",
    Reason.VAULT_REQUEST_INVALID: "Correct the names in the password's source; the vault refuses their form.",
    Reason.VAULT_RESPONSE_INVALID: "See what stands between the operator and the vault: a proxy, a gateway.",
    Reason.HOST_NOT_FOUND: "Set server: a name that exists, or create it in DNS.",
    Reason.DNS_UNAVAILABLE: f"{_LATER} Where that lasts, see to the cluster's DNS.",
    Reason.DNS_TIMEOUT: f"{_LATER} Where that lasts, see to the cluster's DNS.",
    Reason.CONNECTION_REFUSED: "Set port: the one that the server listens on, or start the server.",
    Reason.CONNECT_TIMEOUT: (
        "Let firewalls and NetworkPolicies pass the connection; many clouds block port 25, so set port: 587."
    ),
    Reason.NETWORK_UNREACHABLE: "Give the cluster a route to the server.",
    Reason.NO_USABLE_ADDRESS: "Give the server an address that the cluster can use.",
    Reason.TLS_EXPECTED_BY_SERVER: "Set smtpType: TLS.",
    Reason.PLAINTEXT_SERVER: "Set smtpType: StartTLS, or set port: 465.",
    Reason.NOT_AN_SMTP_SERVER: "Set port: 587 with smtpType: StartTLS, or port: 465 with smtpType: TLS.",
    Reason.BANNER_TIMEOUT: "See to the server, or to what stands before it.",
    Reason.CONNECTION_CLOSED_BY_SERVER: (
        "Have the server let the cluster's egress address in; it is tried again by itself."
    ),
    Reason.SERVER_NOT_ACCEPTING: _LATER,
    Reason.CLIENT_BLOCKED: "Ask the server's owner to allow the cluster's egress address.",
    Reason.HELO_REJECTED: "Set heloName: a full host name that exists in DNS.",
    Reason.START_TLS_NOT_OFFERED: "Set port: 465 with smtpType: TLS; on a trusted network smtpType: None.",
    Reason.START_TLS_UNAVAILABLE: f"{_LATER} Where that lasts, see to the server's certificate.",
    Reason.START_TLS_REQUIRED: "Set smtpType: StartTLS.",
    Reason.CERTIFICATE_UNTRUSTED: "Put the issuer's CA into a ConfigMap, and set tls.caRef.name: NAME.",
    Reason.CERTIFICATE_EXPIRED: "Have the server's certificate renewed.",
    Reason.CERTIFICATE_NOT_YET_VALID: "Have the server's certificate corrected, or the clock of a machine.",
    Reason.CERTIFICATE_HOSTNAME_MISMATCH: "Set server: or tls.serverName: a name of the certificate.",
    Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE: "Have the certificate made anew; the message names the rule.",
    Reason.TLS_PROTOCOL_MISMATCH: "Have the server offer TLS 1.2 or newer.",
    Reason.CLIENT_CERTIFICATE_REQUIRED: "Set tls.clientCertificateRef.name: a kubernetes.io/tls Secret.",
    Reason.TLS_HANDSHAKE_TIMEOUT: "See to the server, or to what stands before it.",
    Reason.TLS_HANDSHAKE_DROPPED: "See to the server, or to what stands before it.",
    Reason.AUTH_NOT_OFFERED: (
        "Set smtpType: StartTLS and port: 587, since many servers offer a login only there; or leave out"
        " username and password."
    ),
    Reason.AUTH_MECHANISM_UNSUPPORTED: "Set authMechanism: Auto, or one that the message lists.",
    Reason.AUTHENTICATION_FAILED: "Correct the user name or the password.",
    Reason.OAUTH_TOKEN_REJECTED: (
        "Set oauth2.scope: the one of the mail service, and give the application the right to send mail as"
        " that user."
    ),
    Reason.AUTH_DISABLED_BY_PROVIDER: "Set oauth2 in place of password, or have SMTP AUTH switched on.",
    Reason.APP_PASSWORD_REQUIRED: "Make an app password at the provider, and use it as the password.",
    Reason.AUTH_TEMPORARY_FAILURE: _LATER,
    Reason.TOO_MANY_LOGINS: f"{_LATER} Other programs may use the same account.",
    Reason.AUTH_CONNECTION_DROPPED: "Correct the user name or the password, or ask the server's owner.",
    Reason.AUTHENTICATION_REQUIRED: "Set username: USER and its password.",
    Reason.FROM_ADDRESS_REJECTED: "Set from: an address that belongs to the login.",
    Reason.RELAY_DENIED: "Set username: USER and its password, or have the server relay for this cluster.",
    Reason.RECIPIENTS_REFUSED: "Correct recipients; status.lastTest.recipients has each answer.",
    Reason.RECIPIENTS_PARTIALLY_REFUSED: ("Correct recipients; status.lastTest.recipients has each answer."),
    Reason.GREYLISTED: _LATER,
    Reason.RECIPIENT_DEFERRED: _LATER,
    Reason.ADDRESS_NEEDS_SMTP_UTF8: "Set from: and recipients: addresses in ASCII.",
    Reason.MESSAGE_TOO_LARGE: "Ask the server's owner: the test mail has a few kilobytes.",
    Reason.MESSAGE_REJECTED: "See to what the server names: SPF, DKIM or DMARC of from, spam filter.",
    Reason.QUOTA_OR_RATE_EXCEEDED: f"{_LATER} Where that lasts, have the quota raised.",
    Reason.DATA_TIMEOUT: "Look whether the mail has come; then ask for a test.",
    Reason.DISCONNECTED_IN_DATA: "Look whether the mail has come; then ask for a test.",
    Reason.SERVICE_CLOSING: _LATER,
    Reason.COMMAND_REJECTED: "Read what the server said, and ask its owner.",
    Reason.CONNECTION_LOST: _LATER,
    Reason.REPLY_TIMEOUT: _LATER,
    Reason.REPLY_INVALID: "See what stands between the operator and the server: a proxy, a firewall.",
    Reason.TOTAL_BUDGET_EXCEEDED: "Set test.timeout: more; status.lastTest.phases says what took it.",
    Reason.INTERNAL_ERROR: "Please report it, with the lines of the operator's log.",
}


def fix_for(reason: Reason) -> str:
    """What mends it."""
    if REASONS[reason].retry is Retry.PASSED:
        return _FIXES.get(reason, NO_ACTION)
    return _FIXES[reason]
