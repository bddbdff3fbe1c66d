# SPDX-License-Identifier: Apache-2.0
"""The source types of spec.password: where each reads, and what the status shows."""

from typing import Any

import pytest

from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.interfaces import ResolvedPassword
from smtp_operator.secrets.sources import described, password_source
from smtp_testkit.simulation import ObjectStore


def password(**fields: Any) -> Password:
    return Password.model_validate(fields)


async def resolved(store: ObjectStore, it: Password) -> ResolvedPassword:
    return await password_source(it, store.reading()).resolve(it, "team-a")


async def test_input_text(store: ObjectStore) -> None:
    assert await resolved(store, password(value="s3cret")) == ResolvedPassword(
        value="s3cret",
        source="InputText",
        reference="spec.password.value",
        origin="spec.password.value",
        version=None,
        reason=Reason.PLAINTEXT_PASSWORD,
        message="spec.password.value holds the password in plaintext, readable for everyone who can get"
        " this object. Store it in a Secret and set password.secretRef instead.",
    )


async def test_input_text_is_taken_as_it_stands(store: ObjectStore) -> None:
    assert (await resolved(store, password(value=" s3cret\n"))).value == " s3cret\n"


async def test_a_secret(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"password": "s3cret"})
    found = await resolved(store, password(secretRef={"name": "smtp-password"}))
    assert found == ResolvedPassword(
        value="s3cret",
        source="KubernetesSecret",
        reference="smtp-password/password",
        origin="Secret smtp-password, key password",
        version="1042",
        reason=Reason.PASSWORD_READ,
        message="The password was read from Secret smtp-password, key password.",
    )


async def test_a_secret_with_a_newline_at_its_end(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"pw": "s3cret\n"})
    found = await resolved(store, password(secretRef={"name": "smtp-password", "key": "pw"}))
    assert (found.value, found.reason) == ("s3cret", Reason.TRAILING_NEWLINE_STRIPPED)
    assert found.message == (
        'The password in Secret smtp-password, key pw ends with a newline (made by "echo | base64"?),'
        " which the operator removed. Store it without the newline: other programs may not remove it."
    )


async def test_a_secret_of_another_namespace_is_out_of_reach(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"password": "s3cret"})
    it = password(secretRef={"name": "smtp-password"})
    with pytest.raises(VerdictError, match="SecretNotFound"):
        await password_source(it, store.reading()).resolve(it, "team-b")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"value": "s3cret"}, ("InputText", "spec.password.value")),
        ({"secretRef": {"name": "pw"}}, ("KubernetesSecret", "pw/password")),
        ({"secretRef": {"name": "pw", "key": "smtp"}}, ("KubernetesSecret", "pw/smtp")),
    ],
)
def test_a_source_is_described_without_reading_it(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert described(password(**fields)) == expected


async def test_what_was_resolved_does_not_show_the_password(store: ObjectStore) -> None:
    found = await resolved(store, password(value="s3cret-canary"))
    assert "canary" not in repr(found)
