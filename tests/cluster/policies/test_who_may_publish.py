# SPDX-License-Identifier: Apache-2.0
"""``spec.publish`` gives no one a Secret that they could not write, and the operator none but its own."""

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import GROUP, Right, Users, object_of, path_of, sentence
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster, find_assets

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "smtp-operator"
SOUND: Object = {"server": "a.example", "port": 25, "from": "a@b.example"}
PUBLISH: Object = {**SOUND, "publish": {"secretName": "proven"}}
OPERATOR = "system:serviceaccount:mail:smtp-operator"
ALL = ("create", "update", "get")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """A namespace for all tests, so that their users can be removed at the end."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "publishers"}})
    yield "publishers"
    api.delete("/api/v1/namespaces/publishers")


@pytest.fixture
def user(all_users: Users, namespace: str) -> Callable[..., Api]:
    """Return a user who may write SmtpConfigs, and has these rights, by default on the Secret proven."""

    def with_rights(*verbs: str, more: tuple[Right, ...] = ()) -> Api:
        write = [
            Right(it, f"smtpconfigs.{GROUP}", "", namespace) for it in ("create", "get", "update", "patch")
        ]
        on_secret = [Right(verb, "secrets", "proven", namespace) for verb in verbs]
        return all_users.user(f"publisher-{next(_numbers)}", *write, *on_secret, *more)

    return with_rights


def create(user: Api, namespace: str, spec: Object) -> Object:
    return user.create(
        path_of("SmtpConfig", namespace), object_of("SmtpConfig", spec, f"mail-{next(_numbers)}")
    )


def apply(user: Api, namespace: str, spec: Object) -> Object:
    name = f"mail-{next(_numbers)}"
    return user.apply(f"{path_of('SmtpConfig', namespace)}/{name}", object_of("SmtpConfig", spec, name))


@pytest.mark.parametrize("way", [create, apply])
@pytest.mark.parametrize("lacking", ALL)
def test_each_verb_on_the_secret_is_needed(
    user: Callable[..., Api], namespace: str, lacking: str, way: Callable[..., Object]
) -> None:
    with pytest.raises(ApiError) as refused:
        way(user(*(it for it in ALL if it != lacking)), namespace, PUBLISH)
    assert sentence(refused.value) == (
        f"you are not allowed to {lacking} the Secret proven that spec.publish names, so the operator does"
        " not write it for you"
    )
    way(user(*ALL), namespace, PUBLISH)


def test_rights_on_another_secret_do_not_help(user: Callable[..., Api], namespace: str) -> None:
    others = tuple(Right(verb, "secrets", "mine", namespace) for verb in ALL)
    with pytest.raises(ApiError) as refused:
        create(user(more=others), namespace, PUBLISH)
    assert "the Secret proven that spec.publish names" in sentence(refused.value)


def test_every_change_of_such_a_spec_is_checked(user: Callable[..., Api], api: Api, namespace: str) -> None:
    """A user who may not write the Secret cannot change its content by the spec of someone else."""
    made = create(api, namespace, PUBLISH)
    path = f"{path_of('SmtpConfig', namespace)}/{made['metadata']['name']}"
    other = user()
    for change in ({"server": "evil.example"}, {"publish": {"secretName": "other"}}, {"from": "x@y.example"}):
        with pytest.raises(ApiError) as refused:
            other.patch(path, {"spec": change})
        assert "you are not allowed to create the Secret" in sentence(refused.value)
    other.patch(path, {"metadata": {"annotations": {"smtp-operator.io/test-requested-at": "now"}}})
    other.patch(path, {"spec": {"publish": None}})


@pytest.mark.parametrize("kind", ["SmtpVault", "ClusterSmtpVault"])
def test_a_vault_needs_the_verb_publish(user: Callable[..., Api], namespace: str, kind: str) -> None:
    password = {"hashiCorpVault": {"vaultRef": {"kind": kind, "name": "bao"}, "path": "mail/smtp"}}
    spec = {**PUBLISH, "username": "mailer", "password": password}
    where = namespace if kind == "SmtpVault" else ""
    use = Right("use", f"{kind.lower()}s.{GROUP}", "bao", where)
    publish = Right("publish", f"{kind.lower()}s.{GROUP}", "bao", where)
    with pytest.raises(ApiError) as refused:
        create(user(*ALL, more=(use,)), namespace, spec)
    assert sentence(refused.value) == (
        f"you are not allowed to publish passwords of the vault {kind}/bao that"
        " spec.password.hashiCorpVault.vaultRef names: ask a cluster admin for the verb publish on it"
    )
    create(user(*ALL, more=(use, publish)), namespace, spec)


def test_the_verb_publish_is_in_no_aggregated_role() -> None:
    roles = (CHART / "templates" / "user-roles.yaml").read_text(encoding="utf-8")
    assert "publish" not in roles


# The operator's own user.


@pytest.fixture(scope="module")
def operator_policy(cluster: LocalCluster) -> Iterator[None]:
    """Apply the policies on the operator's user that the chart renders with publish."""
    words = [str(find_assets().helm), "template", "smtp-operator", str(CHART), "--namespace", "mail"]
    words += ["--set", "publish.namespaces={publishers}", "--show-only", "templates/operator-policy.yaml"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    items = [it for it in yaml.safe_load_all(text) if "-secrets." in it["metadata"]["name"]]
    documents = json.dumps({"kind": "List", "apiVersion": "v1", "items": items})
    cluster.kubectl("apply", "-f", "-", input=documents)
    yield
    cluster.kubectl("delete", "-f", "-", input=documents)


@pytest.fixture
def operator(operator_policy: None, all_users: Users, api: Api, namespace: str) -> Api:
    """Return the operator's user, with the rights of the chart's Role; the policy is in force."""
    rights = [Right(verb, "secrets", "", namespace) for verb in ("create", "get", "update", "delete")]
    it = all_users.user(OPERATOR, *rights)
    until(lambda: "smtp-operator writes" in refusal(lambda: put(it, namespace, secret())), "no policy came")
    return it


def secret(name: str = "", owner: Object | None = None, **changes: Any) -> Object:
    metadata: Object = {"name": name or f"secret-{next(_numbers)}"}
    if owner is not None:
        metadata["labels"] = {"smtp-operator.io/published": "true"}
        metadata["ownerReferences"] = [
            {
                "apiVersion": f"{GROUP}/v1alpha1",
                "kind": "SmtpConfig",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ]
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", **changes}


def put(user: Api, namespace: str, it: Object) -> Object:
    return user.create(f"/api/v1/namespaces/{namespace}/secrets", it)


def refusal(request: Callable[[], object]) -> str:
    try:
        request()
    except ApiError as error:
        return sentence(error) or str(error)
    return ""


ONLY = (
    "smtp-operator writes and deletes only Secrets with the label smtp-operator.io/published that belong to a"
    " SmtpConfig"
)


def test_the_operator_creates_only_secrets_of_a_smtp_config(operator: Api, api: Api, namespace: str) -> None:
    owner = create(api, namespace, SOUND)
    labeled = secret()
    labeled["metadata"]["labels"] = {"smtp-operator.io/published": "true"}
    unlabeled = secret(owner=owner)
    del unlabeled["metadata"]["labels"]
    for it in (secret(), labeled, unlabeled):
        assert refusal(partial(put, operator, namespace, it)) == ONLY
    token = secret(owner=owner, type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    assert refusal(lambda: put(operator, namespace, token)) == (
        "smtp-operator writes only Secrets of type Opaque or servicebinding.io/NAME"
    )
    put(operator, namespace, secret(owner=owner, type="servicebinding.io/smtp"))


def test_the_operator_takes_over_no_secret(operator: Api, api: Api, namespace: str) -> None:
    owner = create(api, namespace, SOUND)
    theirs = put(api, namespace, secret())
    path = f"/api/v1/namespaces/{namespace}/secrets/{theirs['metadata']['name']}"
    taken = secret(theirs["metadata"]["name"], owner)
    taken["metadata"]["resourceVersion"] = theirs["metadata"]["resourceVersion"]
    assert refusal(lambda: operator.replace(path, taken)) == ONLY
    labeled = secret()
    labeled["metadata"]["labels"] = {"smtp-operator.io/published": "true"}
    copied = put(api, namespace, labeled)
    other = f"/api/v1/namespaces/{namespace}/secrets/{copied['metadata']['name']}"
    read = {name: copied["metadata"][name] for name in ("uid", "resourceVersion")}
    assert refusal(lambda: operator.delete(other, {"preconditions": read})) == ONLY


def test_the_operator_changes_and_deletes_what_it_published(operator: Api, api: Api, namespace: str) -> None:
    owner = create(api, namespace, SOUND)
    made = put(operator, namespace, secret(owner=owner))
    path = f"/api/v1/namespaces/{namespace}/secrets/{made['metadata']['name']}"
    changed = secret(made["metadata"]["name"], owner, stringData={"host": "a.example"})
    changed["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    again = operator.replace(path, changed)
    assert refusal(lambda: operator.delete(path)) == (
        "smtp-operator deletes a Secret only with its uid and resourceVersion as preconditions"
    )
    read = {name: again["metadata"][name] for name in ("uid", "resourceVersion")}
    operator.delete(path, {"preconditions": read})
