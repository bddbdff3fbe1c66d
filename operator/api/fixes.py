# SPDX-License-Identifier: Apache-2.0
"""Fixes: what to do about each reason, in one or two sentences. A verdict's message has the specific fix.

A change of a SmtpConfig is written ``Set FIELD: VALUE`` with a field of its spec, which a test checks. The
reference of reasons in ``docs/`` is generated from this table, and ``kubectl smtp explain`` shows it.
"""

from typing import Final

from smtp_operator.api.reasons import REASONS, Reason, Retry

NO_ACTION: Final = "No action needed."

_RETRIED: Final = "No action needed; the operator retries automatically."
_PERSISTS: Final = "If the error persists,"
_ROLE: Final = "Apply the roles of this release in deploy/manifests/, or grant the operator"
_VAULT_POLICY: Final = "In the vault, permit the vault object's identity to read the secret."
_RECIPIENTS: Final = "Correct recipients; status.lastTest.recipients has the server's reply for each one."
_CHECK_MAILBOX: Final = "Check whether the test email has arrived; then request a test."
_PUBLISH: Final = "Publish the DNS record that the message names."
_CORRECT_RECORD: Final = "Correct the DNS record that the message names."
_CHECK_SERVER: Final = "Check the mail server, and any load balancer or proxy in front of it."

_FIXES: Final[dict[Reason, str]] = {
    Reason.TESTING: "No action needed; the verdict follows when the test has finished.",
    Reason.SUSPENDED: "Set suspend: false, or request a test.",
    Reason.TESTS_LIMITED: (
        "No action needed; the operator starts the test automatically. A cluster admin can raise the flag"
        " that the message names."
    ),
    Reason.KEPT_LAST_PROVEN: "Correct the newer settings, as the condition Ready says.",
    Reason.PUBLISHING: "No action needed; the Secret follows within a minute.",
    Reason.NOT_PROVEN_YET: "Correct the settings, as the condition Ready says, or wait for the test.",
    Reason.PUBLISH_NOT_ENABLED: (
        "Have a cluster admin set --publish, and add the namespace to the value publish.namespaces of the"
        " Helm chart."
    ),
    Reason.PUBLISH_NOT_ALLOWED: (
        "Ask the owner that the message names: annotate the object with smtp-operator.io/allow-publish=true,"
        " or allow it in the vault object."
    ),
    Reason.SECRET_NOT_OWNED: "Set publish.secretName: NAME, a name that no Secret of the namespace has.",
    Reason.SECRET_EDITED: "Delete the Secret, or correct the settings; the operator then writes it.",
    Reason.PUBLISH_FAILED: f"{_RETRIED} The message has the API server's answer.",
    Reason.SMTP_CONFIG_NOT_FOUND: "Create the SmtpConfig in the SmtpTest's namespace, or correct the name.",
    Reason.POLICIES_MISSING: (
        "Have a cluster admin install the admission policies and set --smtp-tests, then create another"
        " SmtpTest."
    ),
    Reason.TOO_MANY_TESTS: "Delete SmtpTests that are not needed, then create another one.",
    Reason.INTERRUPTED: "Check whether the email has arrived. If not, create another SmtpTest.",
    Reason.EMAILS_LIMITED: (
        "No action needed; the operator starts the test automatically. List fewer recipients, or have a"
        " cluster admin raise --max-emails-per-namespace and --max-emails-per-mailbox."
    ),
    Reason.LOGIN_ATTEMPTS_LIMITED: (
        "Correct the username and password in every SmtpConfig that uses them; the operator retries within"
        " an hour. A cluster admin can raise --max-rejected-logins."
    ),
    Reason.WAITING_FOR_DEPENDENCY: (
        "Create the object that the message of Ready names; the test then starts automatically."
    ),
    Reason.PROGRESSING_WITH_RETRY: "Follow the message of Ready.",
    Reason.TRAILING_NEWLINE_STRIPPED: (
        "No action needed. To remove this notice, store the value without a trailing newline."
    ),
    Reason.PLAINTEXT_PASSWORD: "Store the password in a Secret, and set password.secretRef.name: NAME.",
    Reason.INVALID_SPEC: "Correct the field that the message names, and apply the CRDs of this release.",
    Reason.INVALID_FROM_ADDRESS: "Set from to one email address, such as Team <team@example.com>.",
    Reason.INVALID_RECIPIENT_ADDRESS: "Correct the item of recipients that the message names.",
    Reason.RECIPIENT_NOT_ALLOWED: (
        "Use recipients in an allowed domain, or have a cluster admin add the domain to"
        " --allow-recipient-domain."
    ),
    Reason.SECRET_NOT_FOUND: "Create the Secret in the SmtpConfig's namespace, or correct the name.",
    Reason.SECRET_KEY_NOT_FOUND: "Add the key to the Secret, or correct the name of the key.",
    Reason.SECRET_ACCESS_DENIED: f"{_ROLE} get on Secrets, and create on serviceaccounts/token.",
    Reason.SECRET_VALUE_EMPTY: "Store a value in the Secret's key.",
    Reason.SECRET_VALUE_INVALID: (
        "Store one line of UTF-8 text: base64-encoded in data, or unencoded in stringData."
    ),
    Reason.SECRET_VALUE_TOO_LONG: "Store only the value in the key, or name the key that holds it.",
    Reason.CONFIG_MAP_NOT_FOUND: "Create the ConfigMap in the SmtpConfig's namespace, or correct the name.",
    Reason.CONFIG_MAP_KEY_NOT_FOUND: "Add the key to the ConfigMap, or correct the name of the key.",
    Reason.CONFIG_MAP_ACCESS_DENIED: f"{_ROLE} get on ConfigMaps.",
    Reason.CA_BUNDLE_INVALID: "Store PEM certificates there, from BEGIN CERTIFICATE to END CERTIFICATE.",
    Reason.CLIENT_CERTIFICATE_INVALID: (
        "Store a valid certificate and its private key in the kubernetes.io/tls Secret."
    ),
    Reason.SERVICE_ACCOUNT_NOT_FOUND: (
        "Create the ServiceAccount in the SmtpConfig's namespace, or correct the name."
    ),
    Reason.SERVICE_ACCOUNT_TOKEN_FAILED: (
        f"{_ROLE} create on serviceaccounts/token. The message has the API server's answer."
    ),
    Reason.AUDIENCE_NOT_ALLOWED: (
        "Add the audience to the ServiceAccount's annotation smtp-operator.io/allowed-audiences. Audiences of"
        " the API server are never allowed."
    ),
    Reason.SERVER_NOT_ALLOWED: (
        "Add host:port to the annotation smtp-operator.io/allowed-servers of the Secret or ServiceAccount, or"
        " to allowedServers of the vault object."
    ),
    Reason.CA_NOT_ALLOWED: (
        "Add the CA certificate's SHA-256 fingerprint to the annotation smtp-operator.io/allowed-ca of the"
        " Secret, ServiceAccount or vault object. Or have a cluster admin add the CA to --ca-file."
    ),
    Reason.DESTINATION_NOT_ALLOWED: (
        "Set server to an allowed destination, or have a cluster admin add it to --allow-network or"
        " --allow-smtp-port."
    ),
    Reason.INSECURE_AUTH_REFUSED: (
        "Set smtpType: StartTLS or TLS. On a trusted network, set allowInsecureAuth: true instead."
    ),
    Reason.IDENTITY_PROVIDER_UNREACHABLE: (
        "Check that the token endpoint is up, and that --allow-vault-port and --allow-network permit the"
        " connection."
    ),
    Reason.OAUTH_TOKEN_FAILED: (
        "Correct the client's ID, secret, scope or permissions; the message has the provider's error code."
    ),
    Reason.VAULT_NOT_FOUND: "Create the vault object that vaultRef names, or correct the name.",
    Reason.VAULT_NOT_ALLOWED: (
        "Add this namespace to the vault object's allowedNamespaces and this reference to its"
        " allowedReferences, or correct the vault object's field that the message names."
    ),
    Reason.VAULT_PROVIDER_MISMATCH: (
        "Change vaultRef to a vault object of the same kind as the password source, or change the password"
        " source."
    ),
    Reason.VAULT_URL_NOT_ALLOWED: (
        "Correct the URL in the vault object, or have a cluster admin add it to --allow-vault-port or"
        " --allow-network."
    ),
    Reason.VAULT_HOST_UNRESOLVED: "Correct the URL in the vault object, or create the host name in DNS.",
    Reason.VAULT_UNREACHABLE: "Check that the vault is up, and that the operator can reach it.",
    Reason.VAULT_TLS_FAILED: (
        "Set caRef of the vault object to the vault's CA, or renew the vault's certificate."
    ),
    Reason.VAULT_ENDPOINT_INVALID: "Correct the URL in the vault object.",
    Reason.IDENTITY_UNAVAILABLE: (
        "Assign the managed identity to the operator's Pod, or use another login method in the vault object."
    ),
    Reason.VAULT_AUTH_FAILED: (
        "Correct the login credentials of the vault object; the message quotes the vault."
    ),
    Reason.VAULT_TENANT_MISMATCH: "Correct tenantId in the vault object.",
    Reason.VAULT_ACCESS_DENIED: _VAULT_POLICY,
    Reason.VAULT_NETWORK_DENIED: "Allow the cluster's egress address in the vault's firewall.",
    Reason.VAULT_SECRET_NOT_FOUND: f"Correct the name, or create the secret. {_VAULT_POLICY}",
    Reason.VAULT_SECRET_DISABLED: "Enable the version in the vault, or name another version.",
    Reason.VAULT_SECRET_EXPIRED: "Renew the secret in the vault.",
    Reason.VAULT_SECRET_NOT_YET_VALID: (
        "No action needed. To remove this notice, correct the secret's validity period in the vault."
    ),
    Reason.VAULT_SECRET_EXPIRING: "Renew the secret in the vault.",
    Reason.VAULT_SECRET_AMBIGUOUS: (
        "Identify one account: set folder, object, username or address of the password source."
    ),
    Reason.VAULT_SECRET_CHANGING: _RETRIED,
    Reason.VAULT_SECRET_UNUSABLE: "Store the password in the vault as one line of text, or correct the key.",
    Reason.VAULT_RATE_LIMITED: f"{_RETRIED} {_PERSISTS} set recheck.interval to a longer time.",
    Reason.VAULT_UNAVAILABLE: f"{_RETRIED} {_PERSISTS} check the vault.",
    Reason.VAULT_REQUEST_INVALID: (
        "Correct the names in the password source; the vault does not accept their format."
    ),
    Reason.VAULT_RESPONSE_INVALID: "Check the proxies and gateways between the operator and the vault.",
    Reason.HOST_NOT_FOUND: "Set server to a host name that exists, or create it in DNS.",
    Reason.DNS_UNAVAILABLE: f"{_RETRIED} {_PERSISTS} check the cluster's DNS.",
    Reason.DNS_TIMEOUT: f"{_RETRIED} {_PERSISTS} check the cluster's DNS.",
    Reason.CONNECTION_REFUSED: "Set port to the port that the server listens on, or start the server.",
    Reason.CONNECT_TIMEOUT: (
        "Allow the connection in firewalls and NetworkPolicies. Many clouds block port 25: set port: 587."
    ),
    Reason.NETWORK_UNREACHABLE: "Check the route from the cluster to the server.",
    Reason.NO_USABLE_ADDRESS: "Publish an address of the server in DNS that the cluster can reach.",
    Reason.TLS_EXPECTED_BY_SERVER: "Set smtpType: TLS.",
    Reason.PLAINTEXT_SERVER: "Set smtpType: StartTLS, or set port: 465.",
    Reason.NOT_AN_SMTP_SERVER: "Set port: 587 with smtpType: StartTLS, or port: 465 with smtpType: TLS.",
    Reason.BANNER_TIMEOUT: _CHECK_SERVER,
    Reason.CONNECTION_CLOSED_BY_SERVER: (
        "Ask the mail server's admin to allow the cluster's egress address; the operator retries"
        " automatically."
    ),
    Reason.SERVER_NOT_ACCEPTING: _RETRIED,
    Reason.CLIENT_BLOCKED: "Ask the mail server's admin to allow the cluster's egress address.",
    Reason.HELO_REJECTED: "Set heloName to a fully qualified host name that exists in DNS.",
    Reason.START_TLS_NOT_OFFERED: (
        "Set port: 465 and set smtpType: TLS. On a trusted network, set smtpType: None instead."
    ),
    Reason.START_TLS_UNAVAILABLE: f"{_RETRIED} {_PERSISTS} check the server's certificate and its log.",
    Reason.START_TLS_REQUIRED: "Set smtpType: StartTLS.",
    Reason.CERTIFICATE_UNTRUSTED: "Store the issuer's CA in a ConfigMap, and set tls.caRef.name: NAME.",
    Reason.CERTIFICATE_EXPIRED: "Ask the mail server's admin to renew the certificate.",
    Reason.CERTIFICATE_NOT_YET_VALID: (
        "Check the clocks of the server and of the operator's node, or replace the server's certificate."
    ),
    Reason.CERTIFICATE_HOSTNAME_MISMATCH: (
        "Set server or tls.serverName to a host name in the certificate. If it has no subject alternative"
        " name, replace it."
    ),
    Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE: (
        "Replace the certificate that the message names; it also names the rule."
    ),
    Reason.TLS_PROTOCOL_MISMATCH: (
        "Ask the mail server's admin to enable TLS 1.2 or newer with current ciphers, keys and signatures;"
        " the message names the cause."
    ),
    Reason.CLIENT_CERTIFICATE_REQUIRED: (
        "Set tls.clientCertificateRef.name to the name of a kubernetes.io/tls Secret."
    ),
    Reason.TLS_HANDSHAKE_TIMEOUT: _CHECK_SERVER,
    Reason.TLS_HANDSHAKE_DROPPED: _CHECK_SERVER,
    Reason.AUTH_NOT_OFFERED: (
        "Set smtpType: StartTLS and set port: 587: many servers offer a login only there. Or remove username"
        " and password."
    ),
    Reason.AUTH_MECHANISM_UNSUPPORTED: "Set authMechanism: Auto, or use a mechanism that the message lists.",
    Reason.AUTHENTICATION_FAILED: "Check the username and password.",
    Reason.OAUTH_TOKEN_REJECTED: (
        "Set oauth2.scope to the mail provider's scope, and permit the application to send email as the user."
    ),
    Reason.AUTH_DISABLED_BY_PROVIDER: (
        "Set oauth2 instead of password, or enable SMTP AUTH at the mail provider."
    ),
    Reason.APP_PASSWORD_REQUIRED: "Create an app password at the mail provider, and use it as the password.",
    Reason.AUTH_TEMPORARY_FAILURE: _RETRIED,
    Reason.TOO_MANY_LOGINS: f"{_RETRIED} {_PERSISTS} check which other programs use the account.",
    Reason.AUTH_CONNECTION_DROPPED: "Check the username and password, or ask the mail server's admin.",
    Reason.AUTHENTICATION_REQUIRED: "Set username: USER and the password.",
    Reason.FROM_ADDRESS_REJECTED: "Set from to an address that the username may send from.",
    Reason.RELAY_DENIED: (
        "Set username: USER and the password, or ask the mail server's admin to relay for this cluster."
    ),
    Reason.RECIPIENTS_REFUSED: _RECIPIENTS,
    Reason.RECIPIENTS_PARTIALLY_REFUSED: _RECIPIENTS,
    Reason.GREYLISTED: _RETRIED,
    Reason.RECIPIENT_DEFERRED: _RETRIED,
    Reason.ADDRESS_NEEDS_SMTP_UTF8: "Use only ASCII addresses in from and recipients.",
    Reason.MESSAGE_TOO_LARGE: (
        "Ask the mail server's admin to raise the size limit; the test email has a few kilobytes."
    ),
    Reason.MESSAGE_REJECTED: (
        "Check what the server names: the spam filter, or SPF, DKIM or DMARC of the From domain."
    ),
    Reason.QUOTA_OR_RATE_EXCEEDED: f"{_RETRIED} {_PERSISTS} ask the mail server's admin to raise the quota.",
    Reason.DATA_TIMEOUT: _CHECK_MAILBOX,
    Reason.DISCONNECTED_IN_DATA: _CHECK_MAILBOX,
    Reason.IN_JUNK: (
        "Correct what the message names: SPF, DKIM and DMARC of the From domain. If all of them pass, ask the"
        " receiver's admin why the spam filter chose this folder."
    ),
    Reason.NOT_SEEN: (
        "Search the mail server's log for the Message-ID in the message. Then check delivery.address, the"
        " filters of the mailbox, and that it is not full."
    ),
    Reason.BOUNCED: "Read the receiver's reply in the message, and correct what it names.",
    Reason.ADDRESS_REFUSED: "Correct delivery.address, or have the mail server accept it.",
    Reason.SENDER_AUTHENTICATION_FAILED: (
        "Publish an SPF record for the From domain that includes the mail server, and have the mail server"
        " sign with DKIM. If DKIM failed, check its key in DNS, and that no server changes signed emails."
    ),
    Reason.WAITING: "No action needed; the operator reads the mailbox until delivery.within is over.",
    Reason.NOT_SENT: "Follow the message. The operator sends the next email automatically.",
    Reason.MAILBOX_UNAVAILABLE: "Correct the field of delivery.mailbox that the message names.",
    Reason.SERVICE_CLOSING: _RETRIED,
    Reason.COMMAND_REJECTED: "Read the server's reply in the message, and ask the mail server's admin.",
    Reason.CONNECTION_LOST: _RETRIED,
    Reason.REPLY_TIMEOUT: _RETRIED,
    Reason.REPLY_INVALID: "Check the proxies and firewalls between the operator and the server.",
    Reason.TOTAL_BUDGET_EXCEEDED: (
        "Set test.timeout to a longer time; status.lastTest.phases shows the slow phase."
    ),
    Reason.INTERNAL_ERROR: "Report the error with the operator's log lines.",
    Reason.SENDER_DOMAIN_NOT_FOUND: "Correct from, or publish the records of the domain.",
    Reason.NO_SPF_RECORD: _PUBLISH,
    Reason.SPF_INVALID: _CORRECT_RECORD,
    Reason.SPF_LACKS_PROVIDER: _PUBLISH,
    Reason.NO_DMARC_RECORD: _PUBLISH,
    Reason.DMARC_INVALID: _CORRECT_RECORD,
    Reason.NO_MAIL_EXCHANGER: _PUBLISH,
    Reason.SENDER_DNS_UNAVAILABLE: (
        "No action needed; the operator reads the records again within 10 minutes. If the error persists,"
        " check the DNS of the cluster."
    ),
}


def fix_for(reason: Reason) -> str:
    """Return the fix for a reason."""
    if REASONS[reason].retry is Retry.PASSED:
        return _FIXES.get(reason, NO_ACTION)
    return _FIXES[reason]
