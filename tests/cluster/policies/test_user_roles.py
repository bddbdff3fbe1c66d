# SPDX-License-Identifier: Apache-2.0
"""The roles for users, bound as administrators bind `edit` and `view`, with active policies."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import GROUP, RBAC, Right, Users, object_of, path_of, sentence
from smtp_tools.localcluster import LocalCluster

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies", "roles")]

ROLES = Path(__file__).parents[3] / "deploy" / "manifests" / "30-user-roles.yaml"
VIEW = f"{RBAC}/clusterroles/smtp-operator-view"
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-view"

SPEC: Object = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "a@example.com",
    "username": "u",
    "password": {"secretRef": {"name": "smtp"}},
}
VAULT: Object = {
    "hashiCorpVault": {"url": "https://vault.example", "auth": {"tokenRef": {"name": "t", "key": "k"}}},
    "allowedServers": ["*:*"],
}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def roles(cluster: LocalCluster) -> None:
    """The roles in our manifests."""
    cluster.kubectl("apply", "-f", str(ROLES))


@pytest.fixture
def bound(all_users: Users, namespace: str) -> Callable[[str], Api]:
    """Return a user with a role in the namespace."""

    def bind(role: str) -> Api:
        name = f"{role}-{next(_numbers)}"
        all_users.bind(name, role, namespace)
        return all_users.user(name)

    return bind


def soon(act: Callable[[], Object]) -> Object:
    """Return the result once it is not forbidden; the controller aggregates roles a moment later."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return act()
        except ApiError as error:
            if error.code != 403 or time.monotonic() > deadline:
                raise


@pytest.mark.parametrize("role", ["admin", "edit"])
def test_who_edits_a_namespace_writes_smtpconfigs_with_its_secrets(
    bound: Callable[[str], Api], namespace: str, role: str
) -> None:
    ann = bound(role)
    configs = path_of("SmtpConfig", namespace)

    assert soon(lambda: ann.create(configs, object_of("SmtpConfig", SPEC)))
    assert ann.patch(f"{configs}/one", {"spec": {"server": "other.example.com"}})
    ann.delete(f"{configs}/one")


@pytest.mark.parametrize("role", ["admin", "edit"])
def test_who_edits_a_namespace_makes_its_vaults_and_uses_them(
    bound: Callable[[str], Api], namespace: str, role: str
) -> None:
    ann = bound(role)
    password = {"hashiCorpVault": {"vaultRef": {"name": "one"}, "path": "p", "key": "k"}}

    assert soon(lambda: ann.create(path_of("SmtpVault", namespace), object_of("SmtpVault", VAULT)))
    assert ann.create(
        path_of("SmtpConfig", namespace), object_of("SmtpConfig", {**SPEC, "password": password})
    )


def test_who_edits_a_namespace_has_a_token_of_its_service_accounts(
    bound: Callable[[str], Api], namespace: str
) -> None:
    ann = bound("edit")
    oauth = {"tokenUrl": "https://login.example", "clientId": "c", "serviceAccountRef": {"name": "mailer"}}
    spec = {key: value for key, value in SPEC.items() if key != "password"} | {"oauth2": oauth}

    assert soon(lambda: ann.create(path_of("SmtpConfig", namespace), object_of("SmtpConfig", spec)))


@pytest.mark.parametrize("granted", [False, True])
def test_a_cluster_wide_vault_is_for_those_to_whom_its_use_is_granted(
    bound: Callable[[str], Api], all_users: Users, namespace: str, granted: bool
) -> None:
    ann = bound("edit")
    soon(lambda: ann.get(path_of("SmtpConfig", namespace)))
    vault = {"kind": "ClusterSmtpVault", "name": "corp"}
    spec = {**SPEC, "password": {"hashiCorpVault": {"vaultRef": vault, "path": "p", "key": "k"}}}
    if granted:
        name = f"edit-and-more-{next(_numbers)}"
        all_users.bind(name, "edit", namespace)
        ann = all_users.user(name, Right("use", "clustersmtpvaults.smtp-operator.io", "corp"))
        assert soon(lambda: ann.create(path_of("SmtpConfig", namespace), object_of("SmtpConfig", spec)))
        return

    with pytest.raises(ApiError) as refused:
        ann.create(path_of("SmtpConfig", namespace), object_of("SmtpConfig", spec))

    assert sentence(refused.value).startswith("you are not allowed to use the vault ClusterSmtpVault/corp ")


def test_who_edits_a_namespace_writes_no_cluster_wide_vault(
    bound: Callable[[str], Api], namespace: str
) -> None:
    ann = bound("admin")
    spec = {"cyberArkCCP": {"url": "https://ccp.example", "appId": "a"}, "allowedServers": ["*:*"]}

    with pytest.raises(ApiError) as refused:
        ann.create(path_of("ClusterSmtpVault", namespace), object_of("ClusterSmtpVault", spec))

    assert refused.value.code == 403


def test_who_views_a_namespace_sees_no_smtpconfig_since_it_may_hold_a_password(
    bound: Callable[[str], Api], namespace: str
) -> None:
    with pytest.raises(ApiError) as refused:
        bound("view").get(path_of("SmtpConfig", namespace))

    assert refused.value.code == 403


@pytest.fixture
def aggregated(api: Api, roles: None) -> Iterator[None]:
    """The role for viewers, aggregated to `view` as in the documentation."""
    api.patch(VIEW, {"metadata": {"labels": {AGGREGATED: "true"}}})
    yield
    api.patch(VIEW, {"metadata": {"labels": {AGGREGATED: None}}})
    of_users = f"{RBAC}/clusterroles"
    api.wait(of_users, "view", lambda it: GROUP not in str(it["rules"]), seconds=60)


@pytest.mark.usefixtures("aggregated")
def test_once_joined_to_view_viewers_see_them_and_write_nothing(
    bound: Callable[[str], Api], namespace: str
) -> None:
    ann = bound("view")

    assert soon(lambda: ann.get(path_of("SmtpConfig", namespace)))["kind"] == "SmtpConfigList"
    with pytest.raises(ApiError) as refused:
        ann.create(path_of("SmtpConfig", namespace), object_of("SmtpConfig", SPEC))
    assert refused.value.code == 403
