# SPDX-License-Identifier: Apache-2.0
"""The completions of `kubectl_complete-smtp` for the last word."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.cli.kubectl.completion import completed, main
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config

Offered = Callable[..., Coroutine[Any, Any, list[str]]]


@pytest.fixture
def offered(environment: dict[str, str]) -> Offered:
    """Returns the completions of the last word, without files."""

    async def values(*words: str) -> list[str]:
        offers, directive = await asyncio.to_thread(completed, words, environment)
        assert directive == 4
        return [value for value, _ in offers]

    return values


async def test_commands(offered: Offered) -> None:
    assert await offered("") == ["test", "status", "version", "explain", "suggest", "ui"]
    assert await offered("-n", "team-b", "st") == ["status"]
    assert await offered("s") == ["status", "suggest"]
    assert await offered() == ["test", "status", "version", "explain", "suggest", "ui"]


async def test_no_completions_after_an_unknown_command(offered: Offered) -> None:
    assert await offered("tset", "") == []


async def test_only_unused_flags_are_offered(offered: Offered) -> None:
    assert await offered("test", "--ti") == ["--timeout"]
    assert await offered("test", "--timeout", "5s", "--ti") == []
    assert await offered("status", "--reason", "Connected", "--rea") == ["--reason"]
    assert "-n" in await offered("test", "-")


async def test_values_of_flags(offered: Offered) -> None:
    assert await offered("status", "-o", "") == ["text", "wide", "json"]
    assert await offered("status", "--output=j") == ["json"]
    assert await offered("status", "--nonsense=j") == []
    assert await offered("test", "--timeout", "") == []


async def test_reasons(offered: Offered) -> None:
    assert await offered("explain", "") == list(Reason)
    assert await offered("status", "--reason", "Relay") == ["RelayDenied"]
    assert await offered("explain", "RelayDenied", "") == []


async def test_contexts_of_the_kubeconfig(offered: Offered, kubeconfig: object) -> None:
    assert await offered("status", "--context", "") == ["here", "there"]
    assert await offered("status", "--kubeconfig", str(kubeconfig), "--context", "t") == ["there"]
    assert await offered("status", "--kubeconfig", "/nowhere", "--context", "") == []


async def test_a_kubeconfig_is_a_file(environment: dict[str, str]) -> None:
    assert completed(["test", "--kubeconfig", ""], environment) == ([], 0)
    assert completed(["test", "-f", ""], environment) == ([], 0)
    assert completed(["test", "--mode", "L"], environment) == ([("Login", "")], 4)


async def test_names_of_the_cluster_with_their_verdicts(fake: FakeApi, environment: dict[str, str]) -> None:
    answer = listed(smtp_config(passed(), "good"), smtp_config(failed("RelayDenied"), "bad"))
    fake.always("GET", LIST, Answer(body=answer))
    offers, _ = await asyncio.to_thread(completed, ["test", ""], environment)
    assert offers == [("good", "TestEmailSent"), ("bad", "RelayDenied in Connect")]
    offers, _ = await asyncio.to_thread(completed, ["test", "good", ""], environment)
    assert offers == [("bad", "RelayDenied in Connect")]


async def test_names_in_the_given_namespace(offered: Offered, fake: FakeApi) -> None:
    fake.on("GET", LIST.replace("team-a", "other"), Answer(body=listed(smtp_config(name="there"))))
    assert await offered("suggest", "-n", "other", "th") == ["there"]


async def test_namespaces(offered: Offered, fake: FakeApi) -> None:
    items = [{"metadata": {"name": name}} for name in ("default", "team-a")]
    fake.on("GET", "/api/v1/namespaces", Answer(body={"items": items}))
    assert await offered("test", "-n", "t") == ["team-a"]


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_no_completions_on_errors_of_the_cluster(offered: Offered, fake: FakeApi, status: int) -> None:
    fake.on("GET", LIST, Answer(status))
    assert await offered("test", "") == []


async def test_no_completions_without_a_cluster(environment: dict[str, str]) -> None:
    del environment["KUBECONFIG"]
    assert await asyncio.to_thread(completed, ["test", ""], environment) == ([], 4)


def test_output_is_values_with_descriptions_and_the_directive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["kubectl_complete-smtp", "s"])
    assert main() == 0
    assert capsys.readouterr().out == (
        "status\tshow verdicts, reasons and next tests\nsuggest\tprint the suggested patch\n:4\n"
    )
