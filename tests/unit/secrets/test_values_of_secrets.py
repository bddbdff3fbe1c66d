# SPDX-License-Identifier: Apache-2.0
"""Values of Secrets and ConfigMaps: what is taken, and each way in which it fails, with its whole message."""

from collections.abc import Awaitable
from typing import Any

import pytest

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.secrets.secret_reader import SecretLine, SecretReader
from smtp_testkit.simulation import ObjectStore

SECRET = Reference("Secret", "team-a", "smtp-password")
CONFIG_MAP = Reference("ConfigMap", "team-a", "corp-ca")
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


async def line(store: ObjectStore) -> SecretLine:
    return await store.values.line(SECRET, "password", field_path="password.secretRef")


async def bundle(store: ObjectStore) -> str:
    return await store.values.bundle(CONFIG_MAP, "ca.crt", field_path="tls.caRef")


async def refused(asking: Awaitable[Any]) -> Verdict:
    with pytest.raises(VerdictError) as caught:
        await asking
    return caught.value.verdict


@pytest.mark.parametrize(
    ("stored", "text", "stripped"),
    [
        ("s3cret", "s3cret", False),
        ("s3cret\n", "s3cret", True),
        ("s3cret\r\n", "s3cret", True),
        ("  s3 cret  ", "  s3 cret  ", False),
        ("sécret€ 密码", "sécret€ 密码", False),
        ("x" * 4096, "x" * 4096, False),
    ],
    ids=["plain", "newline", "CRLF", "blanks", "Unicode", "long"],
)
async def test_a_line_is_taken_as_it_stands_but_for_one_newline(
    store: ObjectStore, stored: str, text: str, stripped: bool
) -> None:
    store.put("Secret", "smtp-password", {"password": stored})
    assert await line(store) == SecretLine(text, newline_stripped=stripped)


EMPTY = (
    "Secret team-a/smtp-password, key password is empty (named by spec.password.secretRef). Store the"
    " value; the test then starts automatically."
)
SEVERAL = (
    "Secret team-a/smtp-password, key password holds a line break or control character (named by"
    " spec.password.secretRef). The value must be one line; the operator removes one newline at its end."
)
NOT_TEXT = (
    "Secret team-a/smtp-password, key password is not UTF-8 text (named by spec.password.secretRef). Store"
    " plain text: base64-encoded in data, or unencoded in stringData."
)


@pytest.mark.parametrize(
    ("stored", "reason", "retry", "message"),
    [
        pytest.param(b"", Reason.SECRET_VALUE_EMPTY, Retry.DEPENDENCY, EMPTY, id="empty"),
        pytest.param(b"\n", Reason.SECRET_VALUE_EMPTY, Retry.DEPENDENCY, EMPTY, id="a newline"),
        pytest.param(b"\r\n", Reason.SECRET_VALUE_EMPTY, Retry.DEPENDENCY, EMPTY, id="CRLF"),
        pytest.param(b"  ", Reason.SECRET_VALUE_EMPTY, Retry.DEPENDENCY, EMPTY, id="blanks"),
        pytest.param(b"a\n\n", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="two newlines"),
        pytest.param(b"a\nb", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="two lines"),
        pytest.param(b"\na", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="newline first"),
        pytest.param(b"a\rb", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="CR"),
        pytest.param(b"a\x00b", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="NUL"),
        pytest.param(b"a\x7f", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="DEL"),
        pytest.param(b"a\tb", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, SEVERAL, id="tab"),
        pytest.param(b"s\xe9cret", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, NOT_TEXT, id="Latin-1"),
        pytest.param(
            b"\xff\xfea\x00", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, NOT_TEXT, id="UTF-16"
        ),
        pytest.param(b"\x80", Reason.SECRET_VALUE_INVALID, Retry.CONFIGURATION, NOT_TEXT, id="binary"),
    ],
)
async def test_a_value_that_is_no_line_is_told_without_it(
    store: ObjectStore, stored: bytes, reason: Reason, retry: Retry, message: str
) -> None:
    store.put("Secret", "smtp-password", {"password": stored})
    assert await refused(line(store)) == Verdict(
        reason=reason, message=message, retry=retry, phase=Phase.PASSWORD
    )


async def test_a_missing_secret(store: ObjectStore) -> None:
    assert await refused(line(store)) == Verdict(
        reason=Reason.SECRET_NOT_FOUND,
        message="Secret team-a/smtp-password does not exist (named by spec.password.secretRef). Create it;"
        " the test then starts automatically.",
        retry=Retry.DEPENDENCY,
        phase=Phase.PASSWORD,
    )


async def test_a_missing_key_names_no_other_key(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"canary": "s3cret-canary"})
    assert await refused(line(store)) == Verdict(
        reason=Reason.SECRET_KEY_NOT_FOUND,
        message='Secret team-a/smtp-password has no key "password" (named by spec.password.secretRef).'
        " Add the key, or set password.secretRef.key to the key of the value.",
        retry=Retry.DEPENDENCY,
        phase=Phase.PASSWORD,
    )


async def test_a_secret_that_may_not_be_read(store: ObjectStore) -> None:
    store.locked.add(store.put("Secret", "smtp-password", {"password": "s3cret"}))
    assert await refused(line(store)) == Verdict(
        reason=Reason.SECRET_ACCESS_DENIED,
        message="The operator may not read Secret team-a/smtp-password (named by spec.password.secretRef):"
        " its role lacks get on secrets in namespace team-a. Grant it, or run the operator for that namespace"
        " with --namespace.",
        retry=Retry.SLOW,
        phase=Phase.PASSWORD,
    )


async def test_a_missing_config_map(store: ObjectStore) -> None:
    assert await refused(bundle(store)) == Verdict(
        reason=Reason.CONFIG_MAP_NOT_FOUND,
        message="ConfigMap team-a/corp-ca does not exist (named by spec.tls.caRef). Create it; the test"
        " then starts automatically.",
        retry=Retry.DEPENDENCY,
        phase=Phase.PASSWORD,
    )


async def test_a_missing_key_of_a_config_map(store: ObjectStore) -> None:
    store.put("ConfigMap", "corp-ca", {"other": PEM})
    assert await refused(bundle(store)) == Verdict(
        reason=Reason.CONFIG_MAP_KEY_NOT_FOUND,
        message='ConfigMap team-a/corp-ca has no key "ca.crt" (named by spec.tls.caRef). Add the key, or'
        " set tls.caRef.key to the key of the value.",
        retry=Retry.DEPENDENCY,
        phase=Phase.PASSWORD,
    )


async def test_a_config_map_that_may_not_be_read(store: ObjectStore) -> None:
    store.locked.add(store.put("ConfigMap", "corp-ca", {"ca.crt": PEM}))
    assert await refused(bundle(store)) == Verdict(
        reason=Reason.CONFIG_MAP_ACCESS_DENIED,
        message="The operator may not read ConfigMap team-a/corp-ca (named by spec.tls.caRef): its role lacks"
        " get on configmaps in namespace team-a. Grant it, or run the operator for that namespace with"
        " --namespace.",
        retry=Retry.SLOW,
        phase=Phase.PASSWORD,
    )


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"MIIB",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        b"\xff\xfe",
        PEM.encode("utf-16"),
    ],
    ids=["empty", "base64 alone", "a key", "binary", "UTF-16"],
)
async def test_a_bundle_without_a_certificate(store: ObjectStore, stored: bytes) -> None:
    store.put("ConfigMap", "corp-ca", {"ca.crt": stored})
    assert await refused(bundle(store)) == Verdict(
        reason=Reason.CA_BUNDLE_INVALID,
        message="ConfigMap team-a/corp-ca, key ca.crt holds no PEM certificate (named by spec.tls.caRef)."
        " Store the CA certificate there, with its BEGIN and END lines.",
        retry=Retry.CONFIGURATION,
        phase=Phase.PASSWORD,
    )


@pytest.mark.parametrize("stored", [PEM, PEM.encode(), f"# corporate CA\n{PEM}{PEM}"])
async def test_a_bundle_is_taken_whole(store: ObjectStore, stored: str | bytes) -> None:
    store.put("ConfigMap", "corp-ca", {"ca.crt": stored})
    assert await bundle(store) == (stored if isinstance(stored, str) else stored.decode())


async def test_a_bundle_may_lie_in_a_secret(store: ObjectStore) -> None:
    secret = store.put("Secret", "ca", {"ca.crt": PEM})
    assert await store.values.bundle(secret, "ca.crt", field_path="tls.caRef") == PEM


async def test_one_object_is_read_once(store: ObjectStore) -> None:
    """All values of a test are of one version."""
    store.put("Secret", "smtp-password", {"username": "mailer", "password": "s3cret"})
    values = store.values
    await values.line(SECRET, "password", field_path="password.secretRef")
    await values.line(SECRET, "username", field_path="usernameRef")
    assert store.reads == [SECRET]


async def test_a_failure_is_remembered_too(store: ObjectStore) -> None:
    values = store.values
    for _ in range(2):
        await refused(values.line(SECRET, "password", field_path="password.secretRef"))
    assert store.reads == [SECRET]


async def test_what_was_read_is_told_with_what_does_not_exist(store: ObjectStore) -> None:
    secret = store.put("Secret", "smtp-password", {"password": "s3cret"})
    locked = store.put("Secret", "locked", {"password": "s3cret"})
    store.locked.add(locked)
    values = store.values
    await values.get(secret, field_path="x")
    await refused(values.get(CONFIG_MAP, field_path="x"))
    await refused(values.get(locked, field_path="x"))
    assert values.read == {secret: store.objects[secret], CONFIG_MAP: None}


async def test_an_api_server_that_does_not_answer_is_no_verdict(store: ObjectStore) -> None:
    async def unavailable(reference: Reference) -> JsonObject:
        raise ApiUnavailable("503")

    with pytest.raises(ApiUnavailable):
        await SecretReader(unavailable).line(SECRET, "password", field_path="password.secretRef")


@pytest.mark.parametrize("data", [None, {}, {"password": None}, {"password": "not base64!"}])
async def test_data_in_strange_shapes_is_as_good_as_none(store: ObjectStore, data: object) -> None:
    secret = store.put("Secret", "smtp-password", {})
    store.objects[secret]["data"] = data
    assert (await refused(line(store))).retry is Retry.DEPENDENCY


def test_a_line_does_not_show_its_text() -> None:
    assert "s3cret" not in repr(SecretLine("s3cret"))


@pytest.mark.parametrize("stored", ["a\ns3cret-canary", "s3cret-canary\x00", "s3cret-canary\n\n"])
async def test_no_message_shows_the_value(store: ObjectStore, stored: str) -> None:
    store.put("Secret", "smtp-password", {"password": stored})
    verdict = await refused(line(store))
    assert "canary" not in repr(verdict)


@pytest.mark.parametrize("size", [4097, 700_000, 1_000_000])
async def test_a_password_of_many_bytes_is_refused_before_it_is_decoded(
    store: ObjectStore, size: int
) -> None:
    store.put("Secret", "smtp-password", {"password": "x" * size})
    verdict = await refused(line(store))
    assert (verdict.reason, verdict.retry) == (Reason.SECRET_VALUE_TOO_LONG, Retry.CONFIGURATION)
    assert verdict.message == (
        "Secret team-a/smtp-password, key password holds more than 4,096 bytes (named by"
        " spec.password.secretRef). Store only the value there."
    )


async def test_a_bundle_of_more_than_512_kib_is_refused(store: ObjectStore) -> None:
    store.put("ConfigMap", "corp-ca", {"ca.crt": PEM + "x" * 512 * 1024})
    verdict = await refused(bundle(store))
    assert verdict.reason is Reason.CA_BUNDLE_INVALID
    assert verdict.message == (
        "ConfigMap team-a/corp-ca, key ca.crt holds more than 524,288 bytes (named by spec.tls.caRef)."
        " Store only the CA's certificates there."
    )


async def test_certificate_and_key_files_of_more_than_64_kib_are_refused(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"tls.crt": "x" * 65_537, "tls.key": "x"})
    verdict = await refused(store.values.client_certificate(SECRET, field_path="tls.clientCertificateRef"))
    assert verdict.reason is Reason.SECRET_VALUE_TOO_LONG


@pytest.mark.parametrize("data", [False, {"password": False}])
async def test_a_value_that_was_too_long_to_be_read_is_too_long(store: ObjectStore, data: object) -> None:
    store.put("Secret", "smtp-password", {})
    store.objects[SECRET]["data"] = data
    values = SecretReader(store.get, keys=lambda _: ("password",))
    verdict = await refused(values.line(SECRET, "password", field_path="password.secretRef"))
    assert verdict.reason is Reason.SECRET_VALUE_TOO_LONG


async def test_values_that_are_not_named_are_not_held(store: ObjectStore) -> None:
    store.put("Secret", "smtp-password", {"password": "s3cret", "other": "x" * 1_000_000})
    values = SecretReader(store.get, keys=lambda _: ("password",))
    await values.line(SECRET, "password", field_path="password.secretRef")
    read = values.read[SECRET]
    assert read is not None
    assert list(read["data"]) == ["password"]


async def test_equal_bundles_are_held_once(store: ObjectStore) -> None:
    store.put("ConfigMap", "corp-ca", {"ca.crt": PEM})
    store.put("ConfigMap", "other-ca", {"ca.crt": "".join(list(PEM))})
    other = Reference("ConfigMap", "team-a", "other-ca")
    assert await bundle(store) is await store.values.bundle(other, "ca.crt", field_path="tls.caRef")
    assert await bundle(store) == PEM
