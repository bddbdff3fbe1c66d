# SPDX-License-Identifier: Apache-2.0
"""Finds the field that was meant by an unknown one: by other tools' names for it, by place, by spelling."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from smtp_operator.api.crd import Schema

Names = tuple[str, ...]

_SEPARATOR: Final = re.compile(r"[^a-z0-9]")
_PREFIX: Final = re.compile(r"^(?:smtp|mail|email)(?=.)")
SYNONYMS: Final = {
    "server": (
        "host hostname smarthost smtphost smtpserver mailserver mailhost mailrelay relay relayhost "
        "smtprelay serverhost serveraddress smtpaddress smtpaddr address addr endpoint url uri smtpurl "
        "fqdnserver serverurl"
    ),
    "port": "smtpport serverport portnumber targetport tcpport",
    "smtpType": (
        "type encryption security connectionsecurity secure securemode tlsmode sslmode starttls "
        "usestarttls enablestarttls starttlsenabled requiretls smtprequiretls starttlspolicy "
        "starttlsrequired smtpstarttls ssl usessl sslenabled enablessl smtpssl tlsenabled enabletls "
        "usetls implicittls protocol smtptls tlstype mandatorystarttls forcetls smtpencryption "
        "connectiontype"
    ),
    "username": (
        "user login loginname smtpuser smtpusername authuser authusername smtpauthusername account "
        "userid uid principal userlogin mailuser accountname"
    ),
    "usernameRef": (
        "usernamesecretref usernamesecret usernamefrom userref usersecretref userfrom usernamevaluefrom"
    ),
    "password": (
        "credentials credential auth authentication smtpauth smtpcredentials authorization smtpauthentication"
    ),
    "password.secretRef": (
        "pass passwd pwd passphrase secret apikey smtppass smtppassword smtppasswd authpassword "
        "smtpauthpassword userpassword passwordfrom passwordsecret passwordsecretref passwordref "
        "secretref secretname secretkeyref existingsecret existingsecretname valuefrom passwordvaluefrom "
        "passwordsecretname passwordsecretkeyref existingsecretpasswordkey smtppasswordsecret "
        "authsecretname credentialsecret credentialssecret credentialsref passwordfile passwordkey "
        "authsecret authpasswordsecret smtpsecret secretkey authpasswordfile passwordvalue mailpassword "
        "token"
    ),
    "password.value": "plaintext inputtext text plain literal stringdata",
    "password.azureKeyVault": "azure keyvault azurekv azurekeyvaultref akv azurevault",
    "password.hashiCorpVault": "vault hashicorp hcvault openbao hashicorpvaultref bao vaultpath",
    "password.cyberArk": "cyberarkccp cyberarkconjur conjur ccp",
    "oauth2": "oauth xoauth2 oauthbearer accesstoken refreshtoken bearer bearertoken oauth2config",
    "oauth2.tokenUrl": "tokenendpoint tokenuri authurl tokenserver",
    "from": (
        "sender mailfrom fromaddress fromemail fromaddr smtpfrom senderaddress senderemail senderfrom "
        "envelopefrom envelopesender emailfrom defaultfrom fromname sendername displayname returnpath "
        "defaultsender smtpsender fromheader smtpfromaddress smtpmailfrom authidentity"
    ),
    "recipients.to": (
        "recipient mailto receiver receivers toaddress toaddresses toemail toemails emailto emails "
        "emailaddress emailaddresses rcpt rcptto tos destination sendto recipientlist testrecipient "
        "destinations"
    ),
    "recipients.cc": "ccs mailcc ccaddress ccaddresses mailtocc ccrecipients carboncopy",
    "recipients.bcc": "bccs mailbcc bccaddress bccaddresses mailtobcc bccrecipients blindcopy",
    "preferredNotifications": "notifications notify notifyon notificationtypes alerts events notification",
    "tls.insecureSkipVerify": (
        "verify verifyssl sslverify tlsverify skipverify skiptlsverify insecure tlsinsecure "
        "rejectunauthorized tlsrejectunauthorized insecureskiptlsverify verifycertificate verifycert "
        "skipcertverify validatecerts allowselfsigned ignorecertificate sslnoverify tlsskipverify "
        "insecuretls verifypeer checkcert tlsinsecureskipverify smtpinsecure insecurecertificate "
        "trustserver noverify"
    ),
    "tls.caRef": (
        "ca cacert cacertificate cabundle cafile capath rootca rootcas caconfigmap casecret caref "
        "certificateauthority trustedca trustedcas truststore cacerts tlsca caconfigmapref casecretref "
        "sslca cacertificates tlstrustedcertsfile trustedcertificates"
    ),
    "tls.clientCertificateRef": (
        "cert certificate clientcert clientcertificate certfile keyfile tlscert certsecret clientcertref "
        "tlssecret keysecret clientkey privatekey mtls clientauth certificateref clientcertificatesecret"
    ),
    "tls.serverName": (
        "sni tlsservername expectedhost verifyhost servernameindication commonname hostoverride"
    ),
    "heloName": (
        "helo ehlo heloname ehloname localname heloheader helohostname ehlohostname hello helodomain "
        "fqdn clienthostname mydomain myhostname helohost localhostname ehloidentity hellohost ehlohost"
    ),
    "authMechanism": (
        "mechanism mechanisms authtype authmethod auth_type authenticationtype saslmechanism sasl "
        "authmechanisms authprotocol authenticationmethod loginmethod smtpauthtype saslmech"
    ),
    "test.timeout": (
        "connecttimeout connectiontimeout timeoutseconds testtimeout deadline sockettimeout readtimeout "
        "smtptimeout timeouts maxduration timelimit totaltimeout"
    ),
    "test.mode": "depth testmode level testtype testdepth mode testlevel",
    "recheck.interval": (
        "schedule cron every period checkinterval refreshinterval recheckinterval testinterval frequency "
        "syncinterval intervalseconds pollinterval resyncperiod checkevery refresh retryinterval"
    ),
    "recheck.mode": "recheckmode checkmode",
    "allowInsecureAuth": (
        "allowinsecure insecureauth allowplaintext plaintextauth allowplaintextauth allowunencryptedauth "
        "insecureauthentication allowinsecurelogin allowcleartext allowplain"
    ),
    "suspend": "suspended pause paused disabled disable enabled enable active",
}
"""Names of other tools for each field, without case and separators."""

_TARGET_OF: Final = {
    synonym.replace("_", ""): tuple(target.split("."))
    for target, synonyms in SYNONYMS.items()
    for synonym in synonyms.split()
}
_LOCAL: Final[dict[Names, dict[str, str]]] = {
    ("password",): {
        "name": "secretRef",
        "key": "secretRef",
        "secret": "secretRef",
        "from": "secretRef",
        "kubernetes": "secretRef",
        "ref": "secretRef",
        "password": "value",
    },
    ("password", "azureKeyVault"): {
        "vaultname": "vaultRef",
        "keyvaultname": "vaultRef",
        "vault": "vaultRef",
        "vaulturl": "vaultRef",
        "name": "secretName",
        "secret": "secretName",
        "key": "secretName",
        "objectname": "secretName",
    },
    ("oauth2",): {
        "clientsecret": "clientSecretRef",
        "secret": "clientSecretRef",
        "secretref": "clientSecretRef",
        "token": "refreshTokenRef",
        "accesstoken": "refreshTokenRef",
        "refreshtoken": "refreshTokenRef",
        "scopes": "scope",
        "url": "tokenUrl",
        "endpoint": "tokenUrl",
    },
    ("recipients",): {"email": "to", "address": "to", "addresses": "to", "recipients": "to", "mail": "to"},
    ("tls",): {
        "ca": "caRef",
        "enabled": "smtpType",
        "mode": "smtpType",
        "secretname": "clientCertificateRef",
    },
    ("recheck",): {"timeout": "interval", "enabled": "interval", "seconds": "interval"},
    ("test",): {"interval": "recheck", "seconds": "timeout"},
}
_IN_REFERENCES: Final = {
    "secret": "name",
    "secretname": "name",
    "configmap": "name",
    "configmapname": "name",
    "existingsecret": "name",
    "id": "name",
    "field": "key",
    "property": "key",
    "secretkey": "key",
    "subpath": "key",
    "filename": "key",
    "item": "key",
    "type": "kind",
}
_EMAIL_TEXT: Final = frozenset(
    {
        "subject",
        "body",
        "text",
        "html",
        "message",
        "template",
        "headers",
        "content",
        "contenttype",
        "charset",
        "replyto",
    }
)
_NEAR: Final = 0.75


def normalized(name: str) -> str:
    """Return a name without case and separators."""
    return _SEPARATOR.sub("", name.lower())


def is_email_text(name: str) -> bool:
    """Return whether the name asks for the text of the test email, which cannot be set."""
    return normalized(name) in _EMAIL_TEXT


def meant_by(name: str, parents: Names, schema: Schema) -> Names | None:
    """Return the path of the field that was meant by an unknown name; None if there is none."""
    node: Schema = schema
    for parent in parents:
        node = node.get("properties", {}).get(parent, {})
    siblings = list(node.get("properties", {}))
    key = normalized(name)
    stem = _PREFIX.sub("", key)
    same = next((it for it in siblings if normalized(it) in (key, stem)), None)
    if same is not None:
        return (*parents, same)
    local = _LOCAL.get(parents, {}).get(key) or (
        _IN_REFERENCES.get(key) if parents and parents[-1].endswith("Ref") else None
    )
    if local is not None:
        if local in siblings:
            return (*parents, local)
        return ("recheck", "interval") if local == "recheck" else (local,)
    paths = list(paths_of(schema))
    elsewhere = [it for it in paths if normalized(it[-1]) in (key, stem)]
    named = _TARGET_OF.get(key) or _TARGET_OF.get(stem)
    if named is not None:
        return named
    joined = [it for it in paths if normalized("".join(it)) == key]
    if found := joined or sorted(elsewhere, key=lambda it: (len(it), it[0] == "oauth2")):
        return found[0]
    return _near(key, siblings, parents, paths)


def paths_of(schema: Schema, above: Names = ()) -> Iterator[Names]:
    """Yield the paths of all fields, those of one map together."""
    for name, child in schema.get("properties", {}).items():
        yield (*above, name)
        yield from paths_of(child, (*above, name))


def _near(key: str, siblings: Sequence[str], parents: Names, paths: Sequence[Names]) -> Names | None:
    by_name = {normalized(it): (*parents, it) for it in siblings}
    if close := difflib.get_close_matches(key, by_name, 1, _NEAR):
        return by_name[close[0]]
    synonyms = {normalized(it): _TARGET_OF[it] for it in _TARGET_OF if len(it) > 4}
    everywhere = {normalized(it[-1]): it for it in reversed(paths)} | {
        normalized("".join(it)): it for it in paths
    }
    candidates: dict[str, Any] = synonyms | everywhere
    close = difflib.get_close_matches(key, candidates, 1, 0.8)
    return candidates[close[0]] if close else None
