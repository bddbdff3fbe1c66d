# SPDX-License-Identifier: Apache-2.0
"""A vault object's passwords are readable only from allowed namespaces, for allowed mail servers."""

from typing import Any

import pytest

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vaultobject import vault_object
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.secrets.interfaces import Destination
from smtp_operator.secrets.vaults.access import check_use
from smtp_testkit.simulation import ObjectStore

BAO = {
    "hashiCorpVault": {"url": "https://bao.example.com", "auth": {"tokenRef": {"name": "bao", "key": "t"}}}
}
SAFE = {
    "cyberArkCCP": {
        "url": "https://ccp.example.com",
        "appId": "mail",
        "clientCertificateRef": {"name": "mail-client"},
    }
}
CONJUR = {
    "cyberArkConjur": {
        "url": "https://conjur.example.com",
        "account": "prod",
        "auth": {"apiKey": {"login": "host/mail", "apiKeyRef": {"name": "conjur", "key": "k"}}},
    }
}
KEY_VAULT = {
    "azureKeyVault": {
        "vaultUrl": "https://corp.vault.azure.net",
        "auth": {
            "servicePrincipal": {
                "tenantId": "t",
                "clientId": "c",
                "clientSecretRef": {"name": "azure", "key": "s"},
            }
        },
    }
}

IN_BAO = {"hashiCorpVault": {"vaultRef": {"name": "corp"}, "path": "mail/smtp"}}
IN_SAFE = {"cyberArk": {"vaultRef": {"name": "corp"}, "safe": "Mail", "object": "smtp"}}
IN_CONJUR = {"cyberArk": {"vaultRef": {"name": "corp"}, "variable": "prod/smtp"}}
IN_KEY_VAULT = {"azureKeyVault": {"vaultRef": {"name": "corp"}, "secretName": "smtp"}}

SERVER = Destination(server="smtp.example.com", port=587, verified_tls=True)


async def verdict(
    spec: dict[str, Any],
    password: dict[str, Any] = IN_BAO,
    *,
    cluster_wide: bool = False,
    namespace: str = "team-a",
    to: Destination = SERVER,
    store: ObjectStore | None = None,
) -> Verdict | None:
    """None: it is allowed. Only what the test is about is said in `spec`."""
    spec = {"allowedServers": ["*:*"]} | spec
    if cluster_wide:
        block = {"tokenRef": {"name": "bao", "key": "t", "namespace": "vaults"}}
        sound = {"hashiCorpVault": {"url": "https://bao.example.com", "auth": block}}
        spec = sound | {"allowedNamespaces": {"matchNames": ["*"]}} | spec
    metadata = {"name": "corp", "uid": "u", "generation": 1}
    if not cluster_wide:
        metadata["namespace"] = "team-a"
    item = Password.model_validate(password).vault_item
    assert item is not None
    store = store or ObjectStore()
    try:
        await check_use(
            vault_object(
                "ClusterSmtpVault" if cluster_wide else "SmtpVault", {"metadata": metadata, "spec": spec}
            ),
            item,
            namespace=namespace,
            destination=to,
            get_object=store.get,
        )
    except VerdictError as error:
        return error.verdict
    return None


async def reason(spec: dict[str, Any], **asked: Any) -> Reason | None:
    found = await verdict(spec, **asked)
    return None if found is None else found.reason


# Which kind of vault.


@pytest.mark.parametrize(
    ("spec", "password", "fits"),
    [
        (BAO, IN_BAO, True),
        (KEY_VAULT, IN_KEY_VAULT, True),
        (SAFE, IN_SAFE, True),
        (CONJUR, IN_CONJUR, True),
        (SAFE, IN_CONJUR, False),
        (CONJUR, IN_SAFE, False),
        (BAO, IN_KEY_VAULT, False),
        (KEY_VAULT, IN_BAO, False),
    ],
)
async def test_a_password_is_read_only_from_its_kind_of_vault(
    spec: dict[str, Any], password: dict[str, Any], fits: bool
) -> None:
    expected = None if fits else Reason.VAULT_PROVIDER_MISMATCH
    assert await reason(spec, password=password) is expected


async def test_a_vault_of_another_kind_is_named_with_the_field_to_set() -> None:
    found = await verdict(SAFE, IN_CONJUR)
    assert found is not None
    assert found.message == (
        "SmtpVault team-a/corp is of provider CyberArkCCP, but password.cyberArk with variable requires"
        " CyberArkConjur. Set password.cyberArk.vaultRef to a vault object of that provider, or set"
        " password.cyberArk with safe and object instead."
    )


# Which namespace.


@pytest.mark.parametrize(
    ("allowed", "may"),
    [
        (None, False),
        ({}, False),
        ({"matchNames": []}, False),
        ({"matchNames": ["team-b"]}, False),
        ({"matchNames": ["team"]}, False),
        ({"matchNames": ["team-*"]}, False),
        ({"matchNames": ["team-b", "team-a"]}, True),
        ({"matchNames": ["*"]}, True),
        ({"matchLabels": {}}, False),
        ({"matchLabels": {"mail": "yes"}}, True),
        ({"matchLabels": {"mail": "no"}}, False),
        ({"matchLabels": {"mail": "yes", "tier": "gold"}}, True),
        ({"matchLabels": {"mail": "yes", "other": "x"}}, False),
        ({"matchLabels": {"absent": ""}}, False),
        ({"matchNames": ["team-b"], "matchLabels": {"mail": "yes"}}, True),
    ],
)
async def test_a_cluster_wide_vault_is_for_the_namespaces_that_it_allows(
    allowed: dict[str, Any] | None, may: bool
) -> None:
    store = ObjectStore()
    store.label_namespace("team-a", mail="yes", tier="gold")
    spec = {"allowedNamespaces": allowed}
    assert await reason(spec, cluster_wide=True, store=store) is (None if may else Reason.VAULT_NOT_ALLOWED)


async def test_a_namespace_that_is_not_allowed_is_told_who_can_allow_it() -> None:
    found = await verdict({"allowedNamespaces": {}}, cluster_wide=True)
    assert found is not None
    assert found.message == (
        "ClusterSmtpVault corp does not allow namespace team-a. Ask the cluster admin to add it to"
        " spec.allowedNamespaces.matchNames there, or to label the namespace as matchLabels requires."
    )


async def test_labels_that_the_operator_may_not_read_allow_nothing() -> None:
    store = ObjectStore()
    store.locked.add(Reference("Namespace", "", "team-a"))
    found = await verdict({"allowedNamespaces": {"matchLabels": {"a": "b"}}}, cluster_wide=True, store=store)
    assert found is not None
    assert found.reason is Reason.VAULT_NOT_ALLOWED
    assert found.message == (
        "ClusterSmtpVault corp allows namespaces by label, but the operator may not read the labels of"
        " namespace team-a: its role lacks get on namespaces. Grant it, or add the namespace to"
        " spec.allowedNamespaces.matchNames there."
    )


async def test_labels_are_not_read_where_the_name_is_enough() -> None:
    store = ObjectStore()
    spec = {"allowedNamespaces": {"matchNames": ["team-a"], "matchLabels": {"a": "b"}}}
    assert await reason(spec, cluster_wide=True, store=store) is None
    assert store.reads == []


# What may be read.


@pytest.mark.parametrize(
    ("allowed", "may"),
    [
        (None, True),
        ([], False),
        (["mail/smtp"], True),
        (["mail/*"], True),
        (["*"], True),
        (["mail/s*"], True),
        (["mail"], False),
        (["mail/"], False),
        (["mail/smtp/*"], False),
        (["*/smtp"], False),
        (["MAIL/*"], False),
        (["other/*", "mail/*"], True),
    ],
)
@pytest.mark.parametrize("cluster_wide", [False, True])
async def test_a_vault_gives_the_references_that_it_allows(
    allowed: list[str] | None, may: bool, cluster_wide: bool
) -> None:
    spec = BAO | {"allowedReferences": allowed} if not cluster_wide else {"allowedReferences": allowed}
    assert await reason(spec, cluster_wide=cluster_wide) is (None if may else Reason.VAULT_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("cluster_wide", "vault", "owner"),
    [
        (True, "ClusterSmtpVault corp", "the cluster admin"),
        (False, "SmtpVault team-a/corp", "its owner"),
    ],
)
async def test_a_reference_that_is_not_allowed_is_named(cluster_wide: bool, vault: str, owner: str) -> None:
    spec = {} if cluster_wide else BAO
    found = await verdict(spec | {"allowedReferences": ["web/*"]}, cluster_wide=cluster_wide)
    assert found is not None
    assert found.message == (
        f'{vault} does not allow reading "mail/smtp" (named by spec.password.hashiCorpVault). Ask {owner}'
        " to add it to spec.allowedReferences there."
    )


# Where it may be sent.


@pytest.mark.parametrize(
    ("allowed", "server", "port", "may"),
    [
        ([], "smtp.example.com", 587, False),
        (["smtp.example.com:587"], "smtp.example.com", 587, True),
        (["smtp.example.com:587"], "SMTP.example.com.", 587, True),
        (["smtp.example.com:587"], "smtp.example.com", 465, False),
        (["smtp.example.com:587"], "smtp.example.com.evil.example", 587, False),
        (["*.example.com:587"], "smtp.example.com", 587, True),
        (["*.example.com:587"], "a.smtp.example.com", 587, False),
        (["smtp.example.com:*"], "smtp.example.com", 465, True),
        (["smtp.example.com:*"], "smtp.example.org", 465, False),
        (["*:587"], "anything.example", 587, True),
        (["*:587"], "anything.example", 25, False),
        (["*:587"], "2001:db8::1", 587, True),
        (["*:*"], "2001:db8::1", 25, True),
        (["[2001:db8::1]:*"], "2001:db8::1", 25, True),
        (["192.0.2.1:25"], "192.0.2.1", 25, True),
        (["192.0.2.1:25"], "192.0.2.2", 25, False),
    ],
)
async def test_a_password_goes_to_the_servers_that_its_vault_allows(
    allowed: list[str], server: str, port: int, may: bool
) -> None:
    to = Destination(server=server, port=port, verified_tls=True)
    found = await reason(BAO | {"allowedServers": allowed}, to=to)
    assert found is (None if may else Reason.SERVER_NOT_ALLOWED)


async def test_a_server_that_is_not_allowed_is_named() -> None:
    found = await verdict(BAO | {"allowedServers": ["smtp.example.com:465"]})
    assert found is not None
    assert found.message == (
        "SmtpVault team-a/corp does not allow its passwords to be sent to smtp.example.com:587. Ask its"
        " owner to add it to spec.allowedServers there, or set server and port to an entry of that list."
    )


@pytest.mark.parametrize("allowed", [["smtp.example.com:587"], ["*:*"]])
async def test_what_is_bound_to_servers_goes_over_verified_tls_only(allowed: list[str]) -> None:
    in_plaintext = Destination(server="smtp.example.com", port=587, verified_tls=False)
    found = await verdict(BAO | {"allowedServers": allowed}, to=in_plaintext)
    assert found is not None
    assert found.message == (
        "SmtpVault team-a/corp binds its passwords to its allowedServers, so the operator sends them over"
        " verified TLS only. Set smtpType: StartTLS or TLS, and tls.insecureSkipVerify: false."
    )
