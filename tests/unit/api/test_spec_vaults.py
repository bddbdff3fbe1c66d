# SPDX-License-Identifier: Apache-2.0
"""Vault objects: one provider with one way to log in, and bounds on who may use a cluster-wide one."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.crd import SMTP_VAULT

Judge = Callable[[dict[str, Any]], str]
Words = Callable[[str, str], str]
Fill = Callable[[dict[str, Any]], dict[str, Any]]

SECRET = {"name": "vault-login", "key": "secret"}
CERTIFICATE = {"name": "vault-client"}
ACCOUNT = {"name": "mailer"}
OF_TEAM = {"namespace": "vaults"}

PRINCIPAL = {"tenantId": "contoso.example", "clientId": "6731de76", "clientSecretRef": SECRET}
IDENTITY = {"tenantId": "contoso.example", "clientId": "6731de76", "serviceAccountRef": ACCOUNT}


def azure(**auth: Any) -> dict[str, Any]:
    """A Key Vault that is logged in to so."""
    return {
        "cyberArkCCP": ...,
        "azureKeyVault": {"vaultUrl": "https://corp.vault.azure.net", "auth": auth},
    }


def ccp(**fields: Any) -> dict[str, Any]:
    """A CCP by certificate, with these fields beside its own; `...` stands for one that is left out."""
    sound = {"url": "https://ccp.example.com", "appId": "smtp-operator", "clientCertificateRef": CERTIFICATE}
    return {"cyberArkCCP": {name: value for name, value in (sound | fields).items() if value is not ...}}


def ccp_by_address(**fields: Any) -> dict[str, Any]:
    """A CCP that knows the operator by its address."""
    return ccp(clientCertificateRef=..., **fields)


def conjur(**auth: Any) -> dict[str, Any]:
    """A Conjur that is logged in to so."""
    return {
        "cyberArkCCP": ...,
        "cyberArkConjur": {"url": "https://conjur.example.com/api", "account": "prod", "auth": auth},
    }


def hashicorp(**auth: Any) -> dict[str, Any]:
    """A Vault that is logged in to so."""
    return {
        "cyberArkCCP": ...,
        "hashiCorpVault": {"url": "https://vault.example.com:8200", "auth": auth},
    }


def without(block: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name not in fields}


ACCEPTED: dict[str, dict[str, Any]] = {
    "Key Vault by client secret": azure(servicePrincipal=PRINCIPAL),
    "Key Vault by certificate": azure(
        servicePrincipal=without(PRINCIPAL, "clientSecretRef") | {"certificateRef": CERTIFICATE}
    ),
    "Key Vault by ServiceAccount": azure(workloadIdentity=IDENTITY),
    "Key Vault by ServiceAccount and audience": azure(
        workloadIdentity=IDENTITY | {"serviceAccountRef": ACCOUNT | {"audience": "api://corp"}}
    ),
    "CCP by client certificate": ccp(),
    "CCP of another web service": ccp(webService="AIM_Web.Service-2"),
    "Conjur by API key": conjur(apiKey={"login": "host/smtp-operator", "apiKeyRef": SECRET}),
    "Conjur by ServiceAccount": conjur(jwt={"serviceId": "kubernetes", "serviceAccountRef": ACCOUNT}),
    "Conjur by ServiceAccount and host": conjur(
        jwt={"serviceId": "kubernetes", "serviceAccountRef": ACCOUNT, "hostId": "host/mail"}
    ),
    "Vault by ServiceAccount": hashicorp(jwt={"role": "mail", "serviceAccountRef": ACCOUNT}),
    "Vault by AppRole": hashicorp(appRole={"roleId": "5f1b", "secretIdRef": SECRET}),
    "Vault by token": hashicorp(tokenRef=SECRET),
    "CA of a ConfigMap": {"caRef": {"name": "corp-ca"}},
    "CA of a Secret": {"caRef": {"kind": "Secret", "name": "corp-ca", "key": "tls.crt"}},
    "one server": {"allowedServers": ["smtp.example.com:587"]},
    "servers of all forms": {
        "allowedServers": [
            "*.mail.example.com:465",
            "*:587",
            "smtp.example.com:*",
            "*:*",
            "192.0.2.7:25",
            "[2001:db8::7]:25",
        ]
    },
    "no server": {"allowedServers": []},
    "every server, on purpose": {"allowedServers": ["*:*"]},
    "some references": {"allowedReferences": ["Mail/*", "smtp"]},
    "null": {"caRef": None, "allowedReferences": None, "azureKeyVault": None},
}

ONE_PROVIDER = "spec: set exactly one of azureKeyVault, cyberArkCCP, cyberArkConjur, hashiCorpVault"
NO_SERVERS = (
    "spec: set allowedServers to the mail servers that may receive passwords from this vault, such"
    ' as ["smtp.example.com:587"]; ["*:*"] allows all'
)
NO_CERTIFICATE = (
    "spec.cyberArkCCP: set clientCertificateRef: without it the operator's IP address is the"
    " credential, which only a ClusterSmtpVault can use"
)
SERVER = "must be host:port such as smtp.example.com:587 or *.mail.example.com:465"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no provider": ({"cyberArkCCP": ...}, ONE_PROVIDER),
    "two providers": (hashicorp(tokenRef=SECRET) | ccp(), ONE_PROVIDER),
    "Key Vault without login": (
        azure(),
        "spec.azureKeyVault.auth: set exactly one of servicePrincipal, workloadIdentity",
    ),
    "Key Vault with two logins": (
        azure(servicePrincipal=PRINCIPAL, workloadIdentity=IDENTITY),
        "spec.azureKeyVault.auth: set exactly one of servicePrincipal, workloadIdentity",
    ),
    "service principal without credential": (
        azure(servicePrincipal=without(PRINCIPAL, "clientSecretRef")),
        "spec.azureKeyVault.auth.servicePrincipal: set exactly one of clientSecretRef, certificateRef",
    ),
    "service principal with two credentials": (
        azure(servicePrincipal=PRINCIPAL | {"certificateRef": CERTIFICATE}),
        "spec.azureKeyVault.auth.servicePrincipal: set exactly one of clientSecretRef, certificateRef",
    ),
    "Conjur with two logins": (
        conjur(
            apiKey={"login": "host/mail", "apiKeyRef": SECRET},
            jwt={"serviceId": "kubernetes", "serviceAccountRef": ACCOUNT},
        ),
        "spec.cyberArkConjur.auth: set exactly one of apiKey, jwt",
    ),
    "Vault without login": (
        hashicorp(),
        "spec.hashiCorpVault.auth: set exactly one of jwt, appRole, tokenRef",
    ),
    "servers left out": ({"allowedServers": ...}, NO_SERVERS),
    "servers that are null": ({"allowedServers": None}, NO_SERVERS),
    "CCP by the operator's address": (ccp_by_address(), NO_CERTIFICATE),
    "CCP by a certificate that is null": (ccp(clientCertificateRef=None), NO_CERTIFICATE),
    "URL in clear": (ccp(url="http://ccp.example.com"), "spec.cyberArkCCP.url: must be an https:// URL"),
    "URL with a user": (
        ccp(url="https://me@ccp.example.com"),
        "spec.cyberArkCCP.url: must be an https:// URL without user, query or fragment",
    ),
    "URL with a query": (
        ccp(url="https://ccp.example.com?AppID=other"),
        "spec.cyberArkCCP.url: must be an https:// URL without user, query or fragment",
    ),
    "AppID that CCP cannot find": (
        ccp(appId="mail & more"),
        "spec.cyberArkCCP.appId: must not contain +, &, %, ; or control or invisible characters:"
        " CyberArk cannot find such values",
    ),
    "server without port": ({"allowedServers": ["smtp.example.com"]}, f"spec.allowedServers[0]: {SERVER}"),
    "server by URL": (
        {"allowedServers": ["smtp://smtp.example.com:587"]},
        f"spec.allowedServers[0]: {SERVER}",
    ),
    "IPv6 without brackets": ({"allowedServers": ["2001:db8::7:25"]}, f"spec.allowedServers[0]: {SERVER}"),
    "star within a name": (
        {"allowedServers": ["smtp.*.example.com:587"]},
        f"spec.allowedServers[0]: {SERVER}",
    ),
}


@pytest.mark.parametrize("fragment", ACCEPTED.values(), ids=ACCEPTED)
def test_vault_is_accepted(vault_judge: Judge, fragment: dict[str, Any]) -> None:
    assert vault_judge(fragment) == ""


PLACE = "must not contain '//', ?, #, % or \\, or '.' or '..' between slashes"
ELSEWHERE = (
    *("..", ".", "../sys", "secret/../sys", "secret/./x", "secret/..", "a//b"),
    *("a%2e%2e/b", "%2e%2e", "..%2fsys", "a\\..\\sys", "secret?list=true", "secret#x"),
)


@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.parametrize("field", ["mount", "namespace"])
def test_a_mount_or_namespace_does_not_lead_elsewhere(vault_judge: Judge, field: str, place: str) -> None:
    fragment = hashicorp(tokenRef=SECRET)
    fragment["hashiCorpVault"] |= {field: place}
    assert vault_judge(fragment) == f"spec.hashiCorpVault.{field}: {PLACE}"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_the_mount_of_a_login_does_not_lead_elsewhere(vault_judge: Judge, place: str) -> None:
    jwt = {"mount": place, "role": "smtp", "serviceAccountRef": {"name": "smtp"}}
    assert vault_judge(hashicorp(jwt=jwt)) == f"spec.hashiCorpVault.auth.jwt.mount: {PLACE}"


@pytest.mark.parametrize("name", [".", "..", "a/b", "a%2fb", "a\\b", "a?b"])
def test_a_web_service_does_not_lead_elsewhere(vault_judge: Judge, name: str) -> None:
    assert vault_judge(ccp(webService=name)).startswith("spec.cyberArkCCP.webService: ")


@pytest.mark.parametrize("place", ["secret", "team/kv", "/secret/", "kv v2", "a..b", "...", "ns1/ns2/"])
def test_other_mounts_are_accepted(vault_judge: Judge, place: str) -> None:
    fragment = hashicorp(tokenRef=SECRET)
    fragment["hashiCorpVault"] |= {"mount": place}
    assert vault_judge(fragment) == ""


@pytest.mark.parametrize(("fragment", "refusal"), REFUSED.values(), ids=REFUSED)
def test_vault_is_refused(vault_judge: Judge, fragment: dict[str, Any], refusal: str) -> None:
    assert vault_judge(fragment) == refusal


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "the operator's own identity": (
        azure(servicePrincipal=PRINCIPAL, managedIdentity={}),
        "spec.azureKeyVault.auth.managedIdentity",
    ),
    "a Secret of another namespace": (
        hashicorp(tokenRef=SECRET | OF_TEAM),
        "spec.hashiCorpVault.auth.tokenRef.namespace",
    ),
    "a certificate of another namespace": (
        ccp(clientCertificateRef=CERTIFICATE | OF_TEAM),
        "spec.cyberArkCCP.clientCertificateRef.namespace",
    ),
    "a CA of another namespace": ({"caRef": {"name": "corp-ca"} | OF_TEAM}, "spec.caRef.namespace"),
    "namespaces": ({"allowedNamespaces": {"matchNames": ["*"]}}, "spec.allowedNamespaces"),
}


@pytest.mark.parametrize(("fragment", "field"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_of_the_cluster_is_not_of_a_namespace(
    vault_judge: Judge, in_words_of: Words, fragment: dict[str, Any], field: str
) -> None:
    assert vault_judge(fragment) == in_words_of(
        f"{field}: Extra inputs are not permitted",
        'SmtpVault in version "v1alpha1" cannot be handled as a SmtpVault:'
        f' strict decoding error: unknown field "{field}"',
    )


@pytest.mark.parametrize(
    ("fragment", "path", "audience"),
    [
        (
            azure(workloadIdentity=IDENTITY),
            ("azureKeyVault", "auth", "workloadIdentity"),
            "api://AzureADTokenExchange",
        ),
        (
            conjur(jwt={"serviceId": "kubernetes", "serviceAccountRef": ACCOUNT}),
            ("cyberArkConjur", "auth", "jwt"),
            "conjur",
        ),
        (
            hashicorp(jwt={"role": "mail", "serviceAccountRef": ACCOUNT}),
            ("hashiCorpVault", "auth", "jwt"),
            "vault",
        ),
    ],
    ids=["Key Vault", "Conjur", "Vault"],
)
def test_each_product_has_its_audience(
    vault_filled: Fill, fragment: dict[str, Any], path: tuple[str, ...], audience: str
) -> None:
    block = vault_filled(fragment)
    for name in path:
        block = block[name]
    assert block["serviceAccountRef"] == {"name": "mailer", "audience": audience}


def test_defaults_of_the_providers(vault_filled: Fill) -> None:
    assert vault_filled(ccp())["cyberArkCCP"]["webService"] == "AIMWebService"
    assert vault_filled(hashicorp(tokenRef=SECRET))["hashiCorpVault"]["mount"] == "secret"
    azures = vault_filled(azure(servicePrincipal=PRINCIPAL))["azureKeyVault"]
    assert azures["authorityHost"] == "https://login.microsoftonline.com"


def test_the_schema_itself_requires_nothing_that_an_object_may_be_stored_without() -> None:
    """Else the API server would refuse every later write of such an object, of its status too."""
    spec = SMTP_VAULT.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert "required" not in spec
    assert spec["properties"]["cyberArkCCP"]["required"] == ["url", "appId"]


def test_the_schema_for_editors_lists_required_fields() -> None:
    spec = SMTP_VAULT.json_schema()["properties"]["spec"]
    assert spec["required"] == ["allowedServers"]
    assert spec["properties"]["cyberArkCCP"]["required"] == ["url", "appId", "clientCertificateRef"]


ACCEPTED_OF_THE_CLUSTER: dict[str, dict[str, Any]] = {
    "nobody may use it": {},
    "named namespaces": {"allowedNamespaces": {"matchNames": ["team-a", "team-b"]}},
    "every namespace": {"allowedNamespaces": {"matchNames": ["*"]}},
    "namespaces by label": {"allowedNamespaces": {"matchLabels": {"smtp.example.com/vault": "", "a": "b"}}},
    "some references": {"allowedReferences": ["Mail/*", "smtp"]},
    "every server, on purpose": {"allowedServers": ["*:*"]},
    "no server": {"allowedServers": []},
    "CCP by the operator's address": ccp_by_address(),
    "the operator's own identity": azure(managedIdentity={}),
    "an identity of the user's": azure(managedIdentity={"clientId": "6731de76"}),
    "a Secret of a namespace": hashicorp(tokenRef=SECRET | OF_TEAM),
    "a ServiceAccount of a namespace": hashicorp(
        jwt={"role": "mail", "serviceAccountRef": ACCOUNT | OF_TEAM}
    ),
    "a certificate of a namespace": ccp(clientCertificateRef=CERTIFICATE | OF_TEAM),
    "a CA of a namespace": {"caRef": {"name": "corp-ca"} | OF_TEAM},
}


@pytest.mark.parametrize("fragment", ACCEPTED_OF_THE_CLUSTER.values(), ids=ACCEPTED_OF_THE_CLUSTER)
def test_cluster_vault_is_accepted(cluster_vault_judge: Judge, fragment: dict[str, Any]) -> None:
    assert cluster_vault_judge(fragment) == ""


def test_cluster_vault_says_where_passwords_may_go(cluster_vault_judge: Judge, in_words_of: Words) -> None:
    assert cluster_vault_judge({"allowedServers": ...}) == in_words_of(
        "spec.allowedServers: Field required", "spec.allowedServers: Required value"
    )


@pytest.mark.parametrize(
    ("fragment", "field"),
    [
        (hashicorp(tokenRef=SECRET), "spec.hashiCorpVault.auth.tokenRef.namespace"),
        (ccp(), "spec.cyberArkCCP.clientCertificateRef.namespace"),
        ({"caRef": {"name": "corp-ca"}}, "spec.caRef.namespace"),
    ],
    ids=["Secret", "certificate", "CA"],
)
def test_references_of_a_cluster_vault_name_their_namespace(
    cluster_vault_judge: Judge, in_words_of: Words, fragment: dict[str, Any], field: str
) -> None:
    assert cluster_vault_judge(fragment) == in_words_of(
        f"{field}: Field required", f"{field}: Required value"
    )


def test_a_cluster_vault_has_three_ways_into_a_key_vault(cluster_vault_judge: Judge) -> None:
    assert cluster_vault_judge(azure()) == (
        "spec.azureKeyVault.auth: set exactly one of servicePrincipal, workloadIdentity, managedIdentity"
    )
