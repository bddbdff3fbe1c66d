# SPDX-License-Identifier: Apache-2.0
"""Users who reference a Secret, ServiceAccount or vault need the permissions that the operator uses."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from smtp_operator.api.crd import KINDS, CustomResource, structural_schema
from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import WRITE_OURS, Right, Users, object_of, path_of, sentence

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

SMTP: Object = {"server": "smtp.example.com", "port": 587, "from": "a@example.com"}
OAUTH: Object = {"tokenUrl": "https://login.example", "clientId": "c"}
SECRET: Object = {"name": "theirs", "key": "k"}
OWN: Object = {"name": "own", "key": "k"}
AZURE = "https://corp.vault.azure.net"


@dataclass(frozen=True)
class Case:
    """A reference: an object that has it, and the permissions that its writer needs."""

    kind: str
    path: str
    spec: Object
    needs: tuple[str, str]
    where: str = ""  # the namespace that the reference names; empty: the object's own

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}"


GET = ("get", "secrets")
MINT = ("create", "serviceaccounts/token")


def azure(**auth: Any) -> Object:
    return {"azureKeyVault": {"vaultUrl": AZURE, "auth": auth}}


def conjur(**auth: Any) -> Object:
    return {"cyberArkConjur": {"url": "https://conjur.example", "account": "a", "auth": auth}}


def vault(**auth: Any) -> Object:
    return {"hashiCorpVault": {"url": "https://vault.example", "auth": auth}}


def ccp(**more: Any) -> Object:
    return {"cyberArkCCP": {"url": "https://ccp.example", "appId": "a", **more}}


PRINCIPAL = {"tenantId": "t", "clientId": "c"}
NAMED = {"name": "theirs"}

OF_VAULTS: list[tuple[str, Object, Object, tuple[str, str]]] = [
    ("azureKeyVault.auth.servicePrincipal.clientSecretRef", azure(servicePrincipal=PRINCIPAL), SECRET, GET),
    ("azureKeyVault.auth.servicePrincipal.certificateRef", azure(servicePrincipal=PRINCIPAL), NAMED, GET),
    ("azureKeyVault.auth.workloadIdentity.serviceAccountRef", azure(workloadIdentity=PRINCIPAL), NAMED, MINT),
    ("cyberArkCCP.clientCertificateRef", ccp(), NAMED, GET),
    ("cyberArkConjur.auth.apiKey.apiKeyRef", conjur(apiKey={"login": "l"}), SECRET, GET),
    ("cyberArkConjur.auth.jwt.serviceAccountRef", conjur(jwt={"serviceId": "s"}), NAMED, MINT),
    ("hashiCorpVault.auth.jwt.serviceAccountRef", vault(jwt={"role": "r"}), NAMED, MINT),
    ("hashiCorpVault.auth.appRole.secretIdRef", vault(appRole={"roleId": "r"}), SECRET, GET),
    ("hashiCorpVault.auth.tokenRef", vault(), SECRET, GET),
]


def within(spec: Object, path: str, reference: Object) -> Object:
    """Return the spec with the reference at the path."""
    spec = deepcopy(spec)
    *parents, last = path.split(".")
    node = spec
    for part in parents:
        node = node.setdefault(part, {})
    node[last] = reference
    return spec


def smtp(path: str, reference: Object, needs: tuple[str, str] = GET, **more: Any) -> Case:
    return Case("SmtpConfig", path, within({**SMTP, **more}, path, reference), needs)


USE = ("use", "smtpvaults.smtp-operator.io")
PLAIN = {"value": "p"}
TEST = ("test", "smtpconfigs.smtp-operator.io")
OF_SMTP_CONFIGS = [
    smtp("usernameRef", NAMED, password=PLAIN),
    smtp("password.secretRef", NAMED, username="u"),
    smtp(
        "password.azureKeyVault.vaultRef",
        NAMED,
        USE,
        username="u",
        password={"azureKeyVault": {"secretName": "s"}},
    ),
    smtp("password.cyberArk.vaultRef", NAMED, USE, username="u", password={"cyberArk": {"variable": "v"}}),
    smtp(
        "password.hashiCorpVault.vaultRef",
        NAMED,
        USE,
        username="u",
        password={"hashiCorpVault": {"path": "p", "key": "k"}},
    ),
    smtp("oauth2.clientSecretRef", SECRET, username="u", oauth2=OAUTH),
    smtp("oauth2.serviceAccountRef", NAMED, MINT, username="u", oauth2=OAUTH),
    smtp(
        "oauth2.refreshTokenRef",
        SECRET,
        username="u",
        oauth2={**OAUTH, "clientSecretRef": OWN},
    ),
    smtp(
        "oauth2.caRef",
        {"kind": "Secret", **NAMED},
        username="u",
        oauth2={**OAUTH, "clientSecretRef": OWN},
    ),
    smtp("tls.caRef", {"kind": "Secret", **NAMED}),
    smtp("tls.clientCertificateRef", NAMED),
]


def once(case: Case) -> Case:
    """Return the case of a SmtpTest with the same settings, which may not have a password in plaintext."""
    settings = case.spec | ({"password": {"secretRef": OWN}} if case.spec.get("password") == PLAIN else {})
    return Case("SmtpTest", f"settings.{case.path}", {"settings": settings}, case.needs)


def of_mailbox(case: Case) -> Case:
    """Return the case of a mailbox with the same login."""
    own = {name: value for name, value in case.spec.items() if name not in SMTP}
    if not {"username", "usernameRef"} & own.keys():
        own |= {"username": "u", "password": PLAIN}
    mailbox = {"server": "imap.example.org", **own}
    spec = {**SMTP, "delivery": {"address": "probe@example.org", "mailbox": mailbox}}
    return Case("SmtpConfig", f"delivery.mailbox.{case.path}", spec, case.needs)


CASES = [
    *OF_SMTP_CONFIGS,
    *(of_mailbox(it) for it in OF_SMTP_CONFIGS if it.path != "tls.clientCertificateRef"),
    *map(once, OF_SMTP_CONFIGS),
    Case("SmtpTest", "configRef", {"configRef": NAMED}, TEST),
    *(
        Case("SmtpVault", path, within({**spec, "allowedServers": ["*:*"]}, path, ref), needs)
        for path, spec, ref, needs in OF_VAULTS
    ),
    *(
        Case(
            "ClusterSmtpVault",
            path,
            within({**spec, "allowedServers": ["*:*"]}, path, {**ref, "namespace": "default"}),
            needs,
            where="default",
        )
        for path, spec, ref, needs in OF_VAULTS
    ),
    Case(
        "SmtpVault",
        "caRef",
        {**vault(tokenRef=OWN), "allowedServers": ["*:*"], "caRef": {"kind": "Secret", **NAMED}},
        GET,
    ),
    Case(
        "ClusterSmtpVault",
        "caRef",
        {**ccp(), "allowedServers": ["*:*"], "caRef": {"kind": "Secret", **NAMED, "namespace": "default"}},
        GET,
        where="default",
    ),
]


def refusal(case: Case) -> str:
    name = f"{case.where}/theirs" if case.where else "theirs"
    match case.needs:
        case ("get", _):
            return (
                f"you are not allowed to get the Secret {name} that spec.{case.path} names,"
                " so an object of yours cannot use it"
            )
        case ("create", _):
            return (
                f"you are not allowed to create tokens of the ServiceAccount {name} that spec.{case.path}"
                " names,"
                " so an object of yours cannot use them"
            )
        case ("test", _):
            return (
                f"you are not allowed to test the SmtpConfig {name} that spec.{case.path} names:"
                " ask for the verb test on it"
            )
    return (
        f"you are not allowed to use the vault SmtpVault/{name} that spec.{case.path} names:"
        " ask a cluster admin for the verb use on it"
    )


def references(schema: Object, path: str) -> set[str]:
    """Return the paths of references in the schema."""
    below = schema.get("properties", {})
    return {f"{path}{name}" for name in below if name.endswith("Ref")} | {
        found for name, inner in below.items() for found in references(inner, f"{path}{name}.")
    }


@pytest.fixture(scope="module")
def team(api: Api) -> Iterator[str]:
    """A namespace for all cases; nothing is stored in it."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "policy-team"}})
    yield "policy-team"
    api.delete("/api/v1/namespaces/policy-team")


@pytest.fixture(scope="module")
def writer(all_users: Users, team: str) -> Api:
    """A user who may write all our kinds, and get the Secret `own`."""
    return all_users.user("writer", *WRITE_OURS, Right("get", "secrets", "own", team))


@pytest.fixture(scope="module")
def entitled(all_users: Users, team: str) -> Api:
    """A user who also has all permissions that any case needs for the objects `theirs`."""
    rights = {Right(*case.needs, "theirs", case.where or team) for case in CASES}
    return all_users.user("entitled", *WRITE_OURS, Right("get", "secrets", "own", team), *rights)


def tried(case: Case, namespace: str) -> tuple[str, Object]:
    return f"{path_of(case.kind, namespace)}?dryRun=All", object_of(case.kind, case.spec)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_who_may_not_do_it_himself_is_refused(writer: Api, team: str, case: Case) -> None:
    with pytest.raises(ApiError) as refused:
        writer.create(*tried(case, team))

    assert (refused.value.code, sentence(refused.value)) == (403, refusal(case))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_who_may_do_it_himself_may_name_it(entitled: Api, team: str, case: Case) -> None:
    assert entitled.create(*tried(case, team))["kind"] == case.kind


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_no_reference_is_forgotten(kind: CustomResource) -> None:
    known = {case.path for case in CASES if case.kind == kind.name}
    assert references(structural_schema(kind.spec), "") == known


@pytest.mark.parametrize("path", ["tls.caRef", "oauth2.caRef"])
def test_a_configmap_is_no_secret(writer: Api, team: str, path: str) -> None:
    spec = {**SMTP, "username": "u", "oauth2": {**OAUTH, "clientSecretRef": OWN}}
    reference = {"kind": "ConfigMap", "name": "theirs"}

    assert writer.create(*tried(Case("SmtpConfig", path, within(spec, path, reference), GET), team))


@pytest.fixture(scope="module")
def through_a_cluster_vault() -> Case:
    theirs = {"kind": "ClusterSmtpVault", "name": "theirs"}
    password = {"hashiCorpVault": {"vaultRef": theirs, "path": "p", "key": "k"}}
    spec = {**SMTP, "username": "u", "password": password}
    return Case("SmtpConfig", "password.hashiCorpVault.vaultRef", spec, USE)


def test_the_right_to_a_vault_of_the_namespace_is_none_to_a_cluster_wide_one_of_that_name(
    entitled: Api, team: str, through_a_cluster_vault: Case
) -> None:
    with pytest.raises(ApiError) as refused:
        entitled.create(*tried(through_a_cluster_vault, team))

    assert sentence(refused.value) == (
        "you are not allowed to use the vault ClusterSmtpVault/theirs that"
        " spec.password.hashiCorpVault.vaultRef names: ask a cluster admin for the verb use on it"
    )


def test_who_may_use_the_cluster_wide_vault_may_name_it(
    all_users: Users, team: str, through_a_cluster_vault: Case
) -> None:
    right = Right("use", "clustersmtpvaults.smtp-operator.io", "theirs")
    user = all_users.user("user-of-the-cluster-vault", *WRITE_OURS, right)

    assert user.create(*tried(through_a_cluster_vault, team))["kind"] == "SmtpConfig"
