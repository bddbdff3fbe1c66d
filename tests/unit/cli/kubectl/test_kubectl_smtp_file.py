# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp test -f FILE` creates a SmtpTest, shows it run, prints the verdict, and deletes it."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.smtptest import SettingsToTest
from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_operator.cli.kubectl.smtp_test_requests import request_of_settings
from smtp_testkit.fakeapi import FakeApi
from smtp_testkit.fakeapi.smtpconfigs import condition, failed, passed, under_test
from smtp_testkit.fakeapi.smtptests import (
    SECRETS,
    SPEC,
    TESTS,
    WITH_PASSWORD,
    SmtpTestApi,
    followed,
    manifest,
    manifests,
)

Json = dict[str, Any]
Smtp = Callable[..., Any]


async def test_it_creates_a_smtp_test_shows_it_run_and_deletes_it(
    api: SmtpTestApi, smtp: Smtp, mail: str
) -> None:
    async with followed(api, smtp, "-f", mail) as task:
        name = api.test["metadata"]["name"]
        api.changes(under_test("Connect") | {"observedGeneration": -1, "conditions": []})
        api.changes(passed())
        ended = await task
    assert ended.code == 0
    assert ended.out == (
        "✓ TestEmailSent  team-a/mail\n  Accepted for delivery.\n"
        "  The server replied: 250 2.0.0 queued as 4F1B2\n"
    )
    assert ended.err == (
        f"  … team-a/mail: SmtpTest {name} created\n"
        "  … team-a/mail: phase Connect\n"
        "  ✓ Resolve 2ms\n  ✓ Connect 3ms\n"
    )
    assert api.kinds == ["SmtpTest"]
    assert api.objects == {}


async def test_the_smtp_test_has_the_settings_of_the_file(api: SmtpTestApi, smtp: Smtp, mail: str) -> None:
    async with followed(api, smtp, "-f", mail) as task:
        api.changes(passed())
        await task
    settings = {key: value for key, value in SPEC.items() if key not in ("recheck", "suspend")}
    assert api.test["spec"] == {"settings": settings, "ttlAfterFinished": "5m"}
    assert api.test["metadata"]["namespace"] == "team-a"
    assert api.test["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kubectl-smtp"}


def test_what_concerns_later_tests_is_left_out() -> None:
    fields = {it.alias for it in SmtpConfigSpec.model_fields.values()}
    later = fields - {it.alias for it in SettingsToTest.model_fields.values()}
    assert later == {"recheck", "suspend", "preferredNotifications", "publish", "delivery"}
    sent = request_of_settings("team-a", SPEC | dict.fromkeys(map(str, later))).spec["settings"]
    assert not later & sent.keys()


async def test_a_password_is_only_in_a_secret_that_the_smtp_test_owns(
    api: SmtpTestApi, fake: FakeApi, smtp: Smtp, mail_with_password: str
) -> None:
    async with followed(api, smtp, "-f", mail_with_password, "-o", "json") as task:
        name, uid = api.test["metadata"]["name"], api.test["metadata"]["uid"]
        owners = api.objects[f"{SECRETS}/{name}"]["metadata"]["ownerReferences"]
        api.changes(failed("AuthenticationFailed"))
        ended = await task
    assert api.test["spec"]["settings"]["password"] == {"secretRef": {"name": name, "key": "password"}}
    assert api.secret["metadata"]["name"] == name
    assert api.secret["data"] == {"password": base64.b64encode(b"s3cret-password").decode()}
    assert owners == [
        {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpTest", "name": name, "uid": uid}
    ]
    assert api.objects == {}
    assert "s3cret" not in ended.out + ended.err + str(api.test)
    writes = [(it.method, it.path, it.query.get("dryRun", "")) for it in fake.seen if it.method != "WATCH"]
    assert [it for it in writes if it[1].startswith((TESTS, SECRETS))] == [
        ("POST", TESTS, "All"),
        ("POST", SECRETS, ""),
        ("POST", TESTS, ""),
        ("PATCH", f"{SECRETS}/{name}", ""),
        ("DELETE", f"{TESTS}/{name}", ""),
        ("DELETE", f"{SECRETS}/{name}", ""),
    ]
    accepted = {it.headers["Accept"] for it in fake.seen if it.path.startswith(SECRETS)}
    assert accepted == {"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


@pytest.mark.parametrize(
    ("changed", "bound"),
    [
        ({}, "smtp.example.com:587"),
        ({"server": "2001:db8::1", "smtpType": "TLS"}, "[2001:db8::1]:587"),
        (
            {"server": "192.0.2.1", "tls": {"serverName": "mail.example.com"}},
            "192.0.2.1:587,mail.example.com:587",
        ),
        ({"smtpType": "None", "allowInsecureAuth": True}, None),
        ({"tls": {"insecureSkipVerify": True}, "allowInsecureAuth": True}, None),
        ({"tls": {"caRef": {"name": "corp-ca"}}}, None),
        ({"server": "postfix"}, None),
        ({"server": "postfix.mail"}, None),
        ({"server": "postfix.mail.svc"}, None),
    ],
)
async def test_the_password_is_bound_to_the_server_where_that_changes_no_verdict(
    api: SmtpTestApi, smtp: Smtp, tmp_path: Path, changed: Json, bound: str | None
) -> None:
    path = manifest(tmp_path / "mail.yaml", WITH_PASSWORD | changed)
    async with followed(api, smtp, "-f", path) as task:
        api.changes(passed())
        await task
    annotations = api.secret["metadata"].get("annotations", {})
    assert annotations.get("smtp-operator.io/allowed-servers") == bound


SECRET = """
---
apiVersion: v1
kind: Secret
metadata:
  name: smtp-password
  annotations:
    smtp-operator.io/allowed-servers: "*.example.com:587"
    note: "theirs"
stringData:
  password: s3cret-of-file
"""


async def test_a_secret_of_the_file_is_used_with_its_bindings(
    api: SmtpTestApi, smtp: Smtp, tmp_path: Path
) -> None:
    spec = WITH_PASSWORD | {"password": {"secretRef": {"name": "smtp-password"}}}
    path = manifest(tmp_path / "mail.yaml", spec, more=SECRET)
    async with followed(api, smtp, "-f", path) as task:
        api.changes(passed())
        ended = await task
    assert api.secret["data"] == {"password": base64.b64encode(b"s3cret-of-file").decode()}
    assert api.secret["metadata"]["annotations"] == {"smtp-operator.io/allowed-servers": "*.example.com:587"}
    named = api.test["spec"]["settings"]["password"]["secretRef"]["name"]
    assert named == api.secret["metadata"]["name"] != "smtp-password"
    assert "s3cret" not in ended.out + ended.err
    assert api.objects == {}


async def test_a_secret_that_the_file_lacks_is_that_of_the_cluster(
    api: SmtpTestApi, smtp: Smtp, tmp_path: Path
) -> None:
    spec = WITH_PASSWORD | {"password": {"secretRef": {"name": "smtp-password"}}}
    path = manifest(tmp_path / "mail.yaml", spec)
    async with followed(api, smtp, "-f", path) as task:
        api.changes(passed())
        await task
    assert api.kinds == ["SmtpTest"]
    assert api.test["spec"]["settings"]["password"] == {"secretRef": {"name": "smtp-password"}}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (passed(), 0),
        (failed("RelayDenied"), 1),
        (failed("Greylisted"), 3),
        (
            failed("SecretNotFound")
            | {
                "conditions": [
                    condition("Ready", "False", "SecretNotFound"),
                    condition("PasswordResolved", "False", "SecretNotFound"),
                ]
            },
            4,
        ),
    ],
    ids=lambda it: it if isinstance(it, int) else it["summary"],
)
async def test_the_exit_code_reports_the_verdict(
    api: SmtpTestApi, smtp: Smtp, mail: str, status: Json, code: int
) -> None:
    async with followed(api, smtp, "-f", mail) as task:
        api.changes(status)
        assert (await task).code == code


async def test_a_limit_that_holds_the_test_back_is_shown(api: SmtpTestApi, smtp: Smtp, mail: str) -> None:
    waits: Json = {"summary": "TestsLimited: 10 a minute allowed", "observedGeneration": -1}
    waits["conditions"] = [condition("Reconciling", "True", "TestsLimited")]
    async with followed(api, smtp, "-f", mail) as task:
        api.changes(waits)
        api.changes(passed())
        ended = await task
    name = api.test["metadata"]["name"]
    assert ended.err.splitlines()[1] == (
        f"  … team-a/mail: SmtpTest {name} created; TestsLimited: 10 a minute allowed"
    )


async def test_json_has_the_same_keys_and_the_name_of_the_smtp_test(
    api: SmtpTestApi, smtp: Smtp, mail: str
) -> None:
    async with followed(api, smtp, "-f", mail, "-o", "json") as task:
        api.changes(failed("PlaintextServer", suggestion={"smtpType": "StartTLS"}))
        ended = await task
    (item,) = ended.json["items"]
    assert list(item) == list(JSON_KEYS["item"])
    assert (item["namespace"], item["name"], item["server"]) == ("team-a", "mail", "smtp.example.com")
    assert (item["reason"], item["suggestion"]) == ("PlaintextServer", {"smtpType": "StartTLS"})
    assert item["smtpTest"] == api.test["metadata"]["name"]
    assert ended.json["exitCode"] == ended.code == 1


async def test_recipients_and_mode_can_be_replaced(api: SmtpTestApi, smtp: Smtp, mail: str) -> None:
    words = ("-f", mail, "--to", "me@example.com", "--to", "you@example.com", "--mode", "Envelope")
    async with followed(api, smtp, *words) as task:
        api.changes(passed())
        await task
    assert api.test["spec"]["settings"]["recipients"] == {"to": ["me@example.com", "you@example.com"]}
    assert api.test["spec"]["mode"] == "Envelope"


@pytest.mark.parametrize("notifications", [["None"], [], ["Recovered"]])
async def test_copies_receive_the_email_only_as_the_smtpconfig_says(
    api: SmtpTestApi, smtp: Smtp, tmp_path: Path, notifications: list[str]
) -> None:
    path = manifest(tmp_path / "mail.yaml", SPEC | {"preferredNotifications": notifications})
    async with followed(api, smtp, "-f", path) as task:
        api.changes(passed())
        await task
    assert api.test["spec"]["settings"]["recipients"] == {"to": ["ops@example.com"]}


async def test_the_namespace_of_the_file_counts(api: SmtpTestApi, smtp: Smtp, tmp_path: Path) -> None:
    path = manifest(tmp_path / "mail.yaml", SPEC, namespace="team-a")
    async with followed(api, smtp, "-f", path, "--context", "there") as task:
        api.changes(passed())
        ended = await task
    assert ended.out.startswith("✓ TestEmailSent  team-a/mail\n")


async def test_another_namespace_than_that_of_the_file_is_refused(
    smtp: Smtp, tmp_path: Path, fake: FakeApi
) -> None:
    path = manifest(tmp_path / "mail.yaml", SPEC, namespace="team-a")
    ended = await smtp("test", "-f", path, "-n", "team-b")
    assert (ended.code, ended.err) == (
        2,
        f"kubectl smtp: {path} contains no SmtpConfig in namespace team-b; it contains: team-a/mail\n",
    )
    assert fake.seen == []


async def test_a_name_selects_one_of_several(api: SmtpTestApi, smtp: Smtp, tmp_path: Path) -> None:
    both = manifests(tmp_path / "both.yaml", "one", "two")
    ended = await smtp("test", "-f", both)
    assert (ended.code, ended.out) == (2, "")
    assert "contains several SmtpConfigs (one, two)" in ended.err
    async with followed(api, smtp, "two", "-f", both) as task:
        api.changes(passed())
        assert (await task).out.startswith("✓ TestEmailSent  team-a/two\n")


async def test_an_invalid_spec_is_reported_before_any_request(
    smtp: Smtp, tmp_path: Path, fake: FakeApi
) -> None:
    path = manifest(tmp_path / "mail.yaml", WITH_PASSWORD | {"port": "587"})
    ended = await smtp("test", "-f", path)
    assert (ended.code, ended.out) == (2, "")
    assert (
        "spec.port: must be a whole number without quotes, not text in quotes; write: port: 587" in ended.err
    )
    assert "s3cret" not in ended.err
    assert fake.seen == []


@pytest.mark.parametrize(
    ("password", "text"),
    [
        (
            "s3cret\n",
            "spec.password.value contains a line break or a control character: write it on one line,"
            " in quotation marks",
        ),
        ("  ", "spec.password.value contains only spaces: write the password"),
    ],
)
async def test_a_password_that_a_secret_would_change_is_refused(
    smtp: Smtp, tmp_path: Path, fake: FakeApi, password: str, text: str
) -> None:
    path = manifest(tmp_path / "mail.yaml", WITH_PASSWORD | {"password": {"value": password}})
    ended = await smtp("test", "-f", path)
    assert (ended.code, ended.err) == (2, f"kubectl smtp: {text}\n")
    assert fake.seen == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("-f", "mail.yaml", "-A"),
            "--filename can be combined with one NAME, which selects a SmtpConfig of the file",
        ),
        (
            ("-f", "mail.yaml", "a", "b"),
            "--filename can be combined with one NAME, which selects a SmtpConfig of the file",
        ),
        (("--to", "me@example.com"), "--to and --mode require --filename or one NAME"),
        (("--mode", "Login", "--all"), "--to and --mode require --filename or one NAME"),
        (("mail", "--to", "me"), "--to: String should have at least 3 characters"),
    ],
)
async def test_arguments_that_cannot_be_combined(smtp: Smtp, words: tuple[str, ...], text: str) -> None:
    ended = await smtp("test", *words)
    assert (ended.code, ended.err) == (2, f"kubectl smtp: {text}\n")
