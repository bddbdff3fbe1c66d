# SPDX-License-Identifier: Apache-2.0
"""Users who may write our objects, but not read the referenced Secrets, cannot misuse the operator.

The owner wrote the object and may get everything. Mallory may write all our kinds, and nothing else.
"""

from copy import deepcopy
from typing import Any

import pytest

from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import WRITE_OURS, Right, Users, object_of, path_of, sentence

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

SMTP: Object = {"server": "smtp.example.com", "port": 587, "from": "a@example.com", "username": "u"}
CONFIG: Object = {**SMTP, "password": {"secretRef": {"name": "smtp"}}}
OAUTH: Object = {"tokenUrl": "https://login.example", "clientId": "c"}
BY_SECRET: Object = {**SMTP, "oauth2": {**OAUTH, "clientSecretRef": {"name": "smtp", "key": "k"}}}
PRINCIPAL: Object = {"tenantId": "t", "clientId": "c", "clientSecretRef": {"name": "smtp", "key": "k"}}
EVERYWHERE: Object = {"allowedServers": ["*:*"]}
AZURE: Object = {
    "azureKeyVault": {"vaultUrl": "https://corp.vault.azure.net", "auth": {"servicePrincipal": PRINCIPAL}},
    **EVERYWHERE,
}

EVIL = "https://evil.example"
UNVERIFIED: Object = {"tls": {"insecureSkipVerify": True}, "allowInsecureAuth": True}


def get_refused(path: str) -> str:
    return (
        f"you are not allowed to get the Secret smtp that {path} names, so an object of yours cannot use it"
    )


def mint_refused(path: str) -> str:
    return (
        f"you are not allowed to create tokens of the ServiceAccount cluster-admin that {path} names,"
        " so an object of yours cannot use them"
    )


@pytest.fixture(scope="module")
def mallory(all_users: Users) -> Api:
    return all_users.user("mallory", *WRITE_OURS)


@pytest.fixture
def owner(all_users: Users, namespace: str) -> Api:
    rights = (
        Right("get", "secrets", "", namespace),
        Right("use", "smtpvaults.smtp-operator.io", "", namespace),
    )
    return all_users.user(f"owner-of-{namespace}", *WRITE_OURS, *rights)


def changed(spec: Object, **fields: Any) -> Object:
    """Return the spec with replaced fields; `a__b` stands for `a.b`."""
    spec = deepcopy(spec)
    for path, value in fields.items():
        *parents, last = path.split("__")
        node = spec
        for part in parents:
            node = node[part]
        node[last] = value
    return spec


@pytest.mark.parametrize(
    ("kind", "spec", "attack", "path"),
    [
        ("SmtpConfig", CONFIG, {"server": "smtp.evil.example"}, "spec.password.secretRef"),
        ("SmtpConfig", CONFIG, {"port": 2525}, "spec.password.secretRef"),
        ("SmtpConfig", CONFIG, UNVERIFIED, "spec.password.secretRef"),
        ("SmtpConfig", BY_SECRET, {"oauth2__tokenUrl": EVIL}, "spec.oauth2.clientSecretRef"),
        (
            "SmtpVault",
            AZURE,
            {"azureKeyVault__authorityHost": EVIL},
            "spec.azureKeyVault.auth.servicePrincipal.clientSecretRef",
        ),
        (
            "SmtpVault",
            {
                "hashiCorpVault": {
                    "url": "https://vault.example",
                    "auth": {"tokenRef": {"name": "smtp", "key": "k"}},
                },
                **EVERYWHERE,
            },
            {"hashiCorpVault__url": EVIL},
            "spec.hashiCorpVault.auth.tokenRef",
        ),
        (
            "SmtpVault",
            {
                "cyberArkConjur": {
                    "url": "https://conjur.example",
                    "account": "a",
                    "auth": {"apiKey": {"login": "l", "apiKeyRef": {"name": "smtp", "key": "k"}}},
                },
                **EVERYWHERE,
            },
            {"cyberArkConjur__url": EVIL},
            "spec.cyberArkConjur.auth.apiKey.apiKeyRef",
        ),
    ],
    ids=["server", "port", "unverified", "tokenUrl", "authorityHost", "vault-url", "conjur-url"],
)
def test_an_object_of_somebody_else_cannot_be_turned_to_another_server(
    owner: Api, mallory: Api, namespace: str, kind: str, spec: Object, attack: Object, path: str
) -> None:
    collection = path_of(kind, namespace)
    owner.create(collection, object_of(kind, spec))

    with pytest.raises(ApiError) as refused:
        mallory.patch(f"{collection}/one", {"spec": changed(spec, **attack)})

    assert sentence(refused.value) == get_refused(path)


def test_it_cannot_be_deleted_and_created_again(owner: Api, mallory: Api, namespace: str) -> None:
    configs = path_of("SmtpConfig", namespace)
    owner.create(configs, object_of("SmtpConfig", CONFIG))
    mallory.delete(f"{configs}/one")

    with pytest.raises(ApiError) as refused:
        mallory.create(configs, object_of("SmtpConfig", {**CONFIG, "server": "smtp.evil.example"}))

    assert sentence(refused.value) == get_refused("spec.password.secretRef")


def test_nor_by_server_side_apply(owner: Api, mallory: Api, namespace: str) -> None:
    configs = path_of("SmtpConfig", namespace)
    owner.create(configs, object_of("SmtpConfig", CONFIG))

    with pytest.raises(ApiError) as refused:
        mallory.apply(f"{configs}/one", object_of("SmtpConfig", {**CONFIG, "server": "smtp.evil.example"}))

    assert sentence(refused.value) == get_refused("spec.password.secretRef")


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("SmtpConfig", {**SMTP, "oauth2": OAUTH}, "spec.oauth2.serviceAccountRef"),
        (
            "SmtpVault",
            {"hashiCorpVault": {"url": EVIL, "auth": {"jwt": {"role": "r"}}}, **EVERYWHERE},
            "spec.hashiCorpVault.auth.jwt.serviceAccountRef",
        ),
        (
            "SmtpVault",
            {
                "cyberArkConjur": {"url": EVIL, "account": "a", "auth": {"jwt": {"serviceId": "s"}}},
                **EVERYWHERE,
            },
            "spec.cyberArkConjur.auth.jwt.serviceAccountRef",
        ),
    ],
)
def test_a_token_of_an_administrators_service_account_is_not_had_by_naming_it(
    mallory: Api, namespace: str, kind: str, spec: Object, path: str
) -> None:
    field = path.removeprefix("spec.").replace(".", "__")
    spec = changed(spec, **{field: {"name": "cluster-admin"}})

    with pytest.raises(ApiError) as refused:
        mallory.create(path_of(kind, namespace), object_of(kind, spec))

    assert sentence(refused.value) == mint_refused(path)


def test_a_vault_of_another_namespace_cannot_be_named(api: Api, namespace: str) -> None:
    vault = {"name": "theirs", "namespace": "kube-system"}
    password = {"hashiCorpVault": {"vaultRef": vault, "path": "p", "key": "k"}}
    strict = path_of("SmtpConfig", namespace) + "?fieldValidation=Strict"

    with pytest.raises(
        ApiError, match=r'unknown field \\?"spec.password.hashiCorpVault.vaultRef.namespace\\?"'
    ):
        api.create(strict, object_of("SmtpConfig", {**SMTP, "password": password}))


def test_a_vault_whose_use_is_granted_in_one_namespace_is_not_used_in_another(
    owner: Api, mallory: Api, namespace: str
) -> None:
    password = {"hashiCorpVault": {"vaultRef": {"name": "theirs"}, "path": "p", "key": "k"}}
    it = object_of("SmtpConfig", {**SMTP, "password": password})
    assert owner.create(path_of("SmtpConfig", namespace) + "?dryRun=All", it)

    with pytest.raises(ApiError) as refused:
        owner.create(path_of("SmtpConfig", "default") + "?dryRun=All", it)

    assert sentence(refused.value) == (
        "you are not allowed to use the vault SmtpVault/theirs that"
        " spec.password.hashiCorpVault.vaultRef names: ask a cluster admin for the verb use on it"
    )


def test_a_secret_of_another_namespace_is_not_read_through_a_cluster_wide_vault(
    owner: Api, namespace: str
) -> None:
    reference = {"name": "smtp", "key": "k", "namespace": "kube-system"}
    spec = {
        "hashiCorpVault": {"url": EVIL, "auth": {"tokenRef": reference}},
        **EVERYWHERE,
        "allowedNamespaces": {"matchNames": [namespace]},
    }

    with pytest.raises(ApiError) as refused:
        owner.create(path_of("ClusterSmtpVault", namespace), object_of("ClusterSmtpVault", spec))

    assert sentence(refused.value) == (
        "you are not allowed to get the Secret kube-system/smtp that"
        " spec.hashiCorpVault.auth.tokenRef names, so an object of yours cannot"
        " use it"
    )


@pytest.mark.parametrize("change", ["labels", "annotations"])
def test_a_label_or_a_request_for_a_test_by_somebody_else_still_works(
    owner: Api, mallory: Api, namespace: str, change: str
) -> None:
    configs = path_of("SmtpConfig", namespace)
    owner.create(configs, object_of("SmtpConfig", CONFIG))

    edited = mallory.patch(f"{configs}/one", {"metadata": {change: {"smtp-operator.io/x": "y"}}})

    assert edited["metadata"][change]["smtp-operator.io/x"] == "y"


def test_what_the_owner_may_get_he_may_change(owner: Api, namespace: str) -> None:
    configs = path_of("SmtpConfig", namespace)
    owner.create(configs, object_of("SmtpConfig", CONFIG))

    assert owner.patch(f"{configs}/one", {"spec": {"server": "other.example.com"}})


def test_the_operator_writes_status_whatever_the_object_names(
    owner: Api, all_users: Users, namespace: str
) -> None:
    configs = path_of("SmtpConfig", namespace)
    owner.create(configs, object_of("SmtpConfig", CONFIG))
    operator = all_users.user(
        f"operator-{namespace}", Right("patch", "smtpconfigs/status.smtp-operator.io", "", namespace)
    )

    written = operator.patch(
        f"{configs}/one/status", {"status": {"summary": "seen", "observedGeneration": 1}}
    )

    assert written["status"]["summary"] == "seen"
