# SPDX-License-Identifier: Apache-2.0
"""A SmtpTest gives no one access to a SmtpConfig beyond the verbs test and update on it."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import GROUP, Right, Users, object_of, path_of, sentence

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

CONFIG: Object = {"configRef": {"name": "mail"}}
OTHERS: Object = {**CONFIG, "recipients": {"to": ["me@example.com"]}}
OPERATOR = "system:serviceaccount:smtp-operator-system:smtp-operator"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """A namespace for all tests, so that their users can be removed at the end."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "testers"}})
    yield "testers"
    api.delete("/api/v1/namespaces/testers")


@pytest.fixture
def user(all_users: Users, namespace: str) -> Callable[..., Api]:
    """Return a user who may create SmtpTests, and has these verbs on the SmtpConfig mail."""

    def with_verbs(*verbs: str) -> Api:
        create = [Right(verb, f"smtptests.{GROUP}", "", namespace) for verb in ("create", "get", "patch")]
        on_mail = [Right(verb, f"smtpconfigs.{GROUP}", "mail", namespace) for verb in verbs]
        return all_users.user(f"tester-{next(_numbers)}", *create, *on_mail)

    return with_verbs


def new_name() -> str:
    return f"try-{next(_numbers)}"


def by_create(user: Api, namespace: str, spec: Object) -> None:
    user.create(path_of("SmtpTest", namespace), object_of("SmtpTest", spec, new_name()))


def by_generated_name(user: Api, namespace: str, spec: Object) -> None:
    body = object_of("SmtpTest", spec) | {"metadata": {"generateName": "try-"}}
    user.create(path_of("SmtpTest", namespace), body)


def by_server_side_apply(user: Api, namespace: str, spec: Object) -> None:
    name = new_name()
    user.apply(f"{path_of('SmtpTest', namespace)}/{name}", object_of("SmtpTest", spec, name))


each_path = pytest.mark.parametrize("way", [by_create, by_generated_name, by_server_side_apply])
Way = Callable[[Api, str, Object], None]


@each_path
def test_config_ref_needs_the_verb_test(user: Callable[..., Api], namespace: str, way: Way) -> None:
    with pytest.raises(ApiError) as refused:
        way(user("get", "update"), namespace, CONFIG)
    assert sentence(refused.value) == (
        "you are not allowed to test the SmtpConfig mail that spec.configRef names: ask for the verb test"
        " on it"
    )
    way(user("test"), namespace, CONFIG)


@each_path
def test_recipients_need_the_verb_update(user: Callable[..., Api], namespace: str, way: Way) -> None:
    with pytest.raises(ApiError) as refused:
        way(user("test"), namespace, OTHERS)
    assert sentence(refused.value) == (
        "you are not allowed to set recipients for the SmtpConfig mail that spec.configRef names: ask for the"
        " verb update on it"
    )
    way(user("test", "update"), namespace, OTHERS)


@each_path
@pytest.mark.parametrize("mode", ["Login", "Envelope", "SendEmail"])
def test_a_mode_that_may_be_deeper_needs_the_verb_update(
    user: Callable[..., Api], namespace: str, way: Way, mode: str
) -> None:
    with pytest.raises(ApiError) as refused:
        way(user("test"), namespace, {**CONFIG, "mode": mode})
    assert sentence(refused.value) == (
        "you are not allowed to set mode for the SmtpConfig mail that spec.configRef names: ask for the verb"
        " update on it"
    )
    way(user("test", "update"), namespace, {**CONFIG, "mode": mode})


def test_the_shallowest_mode_needs_no_update(user: Callable[..., Api], namespace: str) -> None:
    by_create(user("test"), namespace, {**CONFIG, "mode": "Connect"})


@pytest.fixture
def operator(cluster: object, all_users: Users, namespace: str) -> Api:
    """The operator's user, with more rights than its role has."""
    verbs = ("delete", "get", "list", "patch")
    kinds = (f"smtptests.{GROUP}", f"smtpconfigs.{GROUP}", "secrets")
    return all_users.user(OPERATOR, *(Right(verb, kind, "", namespace) for verb in verbs for kind in kinds))


def deletion(user: Api, path: str, **preconditions: str) -> str:
    """Delete an object as the operator does; return the refusal of the policy, empty if there is none."""
    try:
        user.delete(path, {"preconditions": preconditions} if preconditions else None)
    except ApiError as error:
        return sentence(error) or str(error)
    return ""


def test_the_operator_deletes_finished_smtp_tests_alone(operator: Api, api: Api, namespace: str) -> None:
    tests, settings = (
        path_of("SmtpTest", namespace),
        {"server": "a.example", "port": 25, "from": "a@b.example"},
    )
    kept = api.create(tests, object_of("SmtpTest", {"settings": settings}, "kept"))
    passing = api.create(
        tests, object_of("SmtpTest", {"settings": settings, "ttlAfterFinished": "1m"}, "passing")
    )

    def as_read(it: Object) -> dict[str, str]:
        return {name: it["metadata"][name] for name in ("uid", "resourceVersion")}

    unfinished = "smtp-operator deletes only finished SmtpTests whose spec.ttlAfterFinished is set"
    assert deletion(operator, f"{tests}/passing", **as_read(passing)) == unfinished
    ready = {"type": "Ready", "status": "True", "reason": "Connected", "message": "m"}
    ready["lastTransitionTime"] = "2026-11-30T00:00:00Z"
    for name in ("kept", "passing"):
        api.patch(f"{tests}/{name}/status", {"status": {"observedGeneration": 1, "conditions": [ready]}})
    passed, kept = api.get(f"{tests}/passing"), api.get(f"{tests}/kept")
    assert deletion(operator, f"{tests}/kept", **as_read(kept)) == unfinished
    without = "smtp-operator deletes a SmtpTest only with its uid and resourceVersion as preconditions"
    assert deletion(operator, f"{tests}/passing") == without
    assert deletion(operator, f"{tests}/passing", uid=passed["metadata"]["uid"]) == without
    api.create(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "theirs"}})
    secret = f"/api/v1/namespaces/{namespace}/secrets/theirs"
    assert deletion(operator, secret, **as_read(api.get(secret))) == "smtp-operator deletes only SmtpTests"

    assert deletion(operator, f"{tests}/passing", **as_read(passed)) == ""
    api.wait_gone(tests, "passing")
