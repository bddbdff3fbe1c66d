# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp suggest NAME` prints status.suggestion as a patch."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config

Smtp = Callable[..., Coroutine[Any, Any, Any]]
Json = dict[str, Any]

SUGGESTED = failed("PlaintextServer", suggestion={"smtpType": "StartTLS", "port": 587})


async def test_it_is_yaml_for_kubectl_patch(smtp: Smtp, fake: FakeApi) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(SUGGESTED))))
    ended = await smtp("suggest", "mail")
    assert (ended.code, ended.out) == (0, "spec:\n  smtpType: StartTLS\n  port: 587\n")
    assert ended.err == (
        "To apply it: kubectl patch smtpconfig mail -n team-a --type=merge -p"
        """ '{"spec":{"smtpType":"StartTLS","port":587}}'\n"""
    )


async def test_the_command_is_for_the_same_cluster(smtp: Smtp, fake: FakeApi, kubeconfig: object) -> None:
    fake.on("GET", LIST.replace("team-a", "team-b"), Answer(body=listed(smtp_config(SUGGESTED))))
    ended = await smtp("suggest", "mail", "--context", "there", "--kubeconfig", str(kubeconfig))
    assert f" --kubeconfig={kubeconfig} --context=there --type=merge -p " in ended.err


async def test_json_has_patch_and_command(smtp: Smtp, fake: FakeApi) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(SUGGESTED))))
    ended = await smtp("suggest", "mail", "-o", "json")
    assert ended.json == {
        "namespace": "team-a",
        "name": "mail",
        "patch": {"spec": {"smtpType": "StartTLS", "port": 587}},
        "command": (
            "kubectl patch smtpconfig mail -n team-a --type=merge -p"
            """ '{"spec":{"smtpType":"StartTLS","port":587}}'"""
        ),
    }
    assert ended.err == ""
    assert list(ended.json) == list(JSON_KEYS["suggest"])


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (passed(), "its last test passed (TestEmailSent)"),
        (
            failed("RelayDenied"),
            "no second attempt found working settings for RelayDenied. Set username: USER and the password,"
            " or ask the mail server's admin to relay for this cluster.",
        ),
        (failed("OfALaterRelease"), "no second attempt found working settings for OfALaterRelease."),
        (SUGGESTED | {"observedGeneration": 0}, "its spec has no verdict yet. See: kubectl smtp status mail"),
        ({"observedGeneration": -1}, "its spec has no verdict yet. See: kubectl smtp status mail"),
    ],
)
async def test_a_missing_suggestion_is_explained(smtp: Smtp, fake: FakeApi, status: Json, why: str) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    ended = await smtp("suggest", "mail")
    assert (ended.code, ended.out, ended.err) == (
        1,
        "",
        f"kubectl smtp: team-a/mail has no suggestion: {why}\n",
    )
