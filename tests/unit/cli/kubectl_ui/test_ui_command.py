# SPDX-License-Identifier: Apache-2.0
"""The command: one URL, loopback only, the browser without the token in its arguments, and the end."""

import asyncio
import os
import signal
import socket
import stat
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import aiohttp
import pytest

from smtp_operator.cli.kubectl.main import run_plugin
from smtp_operator.cli.kubectl.ui.command import PageOptions, ServedPage, run_page, serving
from smtp_operator.cluster.client import KubernetesClient
from smtp_testkit.fakeapi import Answer, FakeApi

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "manage-smtp-page.md"
IDENTITY = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture(autouse=True)
def scripted(fake: FakeApi) -> None:
    """The API server knows the user, and denies everything else."""
    fake.always("POST", IDENTITY, Answer(201, {"status": {"userInfo": {"username": "jane"}}}))


async def test_the_server_listens_on_loopback_only(page: ServedPage) -> None:
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", page.session.port), timeout=5)


async def test_it_prints_one_url_and_ends_with_ctrl_c(
    client: KubernetesClient, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(run_page(client, PageOptions(namespace="team-a", browser=False), {}))
    printed = await _printed(capsys)
    assert printed.startswith("http://127.0.0.1:")
    async with aiohttp.ClientSession() as http, http.get(printed.partition("#")[0]) as answer:
        assert answer.status == 200
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(running, 30) == 0
    assert capsys.readouterr().err.endswith("Stopped.\n")


async def test_it_ends_without_a_page(client: KubernetesClient, capsys: pytest.CaptureFixture[str]) -> None:
    options = PageOptions(namespace="team-a", browser=False)
    assert await asyncio.wait_for(run_page(client, options, {}, idle_seconds=0.05), 30) == 0
    shown = capsys.readouterr()
    first = "Manage SMTP: namespace team-a. The link works once. Stop with Ctrl-C.\n"
    assert shown.err.startswith(first)
    assert first in PAGE.read_text(encoding="utf-8")
    assert shown.err.endswith("minutes: stopped.\n")


async def test_the_browser_opens_a_file_that_only_the_user_can_read(
    client: KubernetesClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[tuple[str, int, str]] = []

    def browse(url: str) -> bool:
        file = file_of(url)
        opened.append((url, stat.S_IMODE(file.parent.stat().st_mode), file.read_text(encoding="utf-8")))
        os.kill(os.getpid(), signal.SIGTERM)
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    options = PageOptions(namespace="team-a", all_namespaces=True, read_only=True)
    await asyncio.wait_for(run_page(client, options, {"DISPLAY": ":0"}), 30)
    ((url, mode, content),) = opened
    shown = capsys.readouterr()
    token = shown.out.strip().partition("#token=")[2]
    assert token not in url
    assert token in content
    assert mode == 0o700
    assert not file_of(url).exists()
    assert shown.err.startswith("Manage SMTP: all namespaces, read-only.")


async def test_a_browser_is_opened_only_where_it_can_show_the_page(
    client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    for options, environment in (
        (PageOptions(namespace="team-a"), {}),
        (PageOptions(namespace="team-a", browser=False), {"DISPLAY": ":0"}),
    ):
        await asyncio.wait_for(run_page(client, options, environment, idle_seconds=0.05), 30)


async def test_a_port_in_use_is_named(client: KubernetesClient, page: ServedPage) -> None:
    port = page.session.port
    with pytest.raises(
        Exception, match=rf"--port: cannot listen on 127\.0\.0\.1:{port}: Address already in use"
    ):
        async with serving(client, PageOptions(namespace="team-a", port=port)):
            pass


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--port", "x"], "--port: 'x' is not a port"),
        (["--port", "65536"], "--port: '65536' is not a port"),
        (["--port", "²"], "--port: '²' is not a port"),
        (["-A", "-n", "team-a"], "--namespace cannot be combined with --all-namespaces"),
        (["-n", "Team A"], "--namespace: 'Team A' is not the name of a namespace"),
    ],
)
def test_arguments_that_cannot_be_used(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_plugin(["ui", *words], {}) == 2
    assert capsys.readouterr().err == f"kubectl smtp: {text}\n"


def file_of(url: str) -> Path:
    """Return the path of a file URL."""
    return Path(url2pathname(urlsplit(url).path))


async def _printed(outputs: pytest.CaptureFixture[str]) -> str:
    """Return the first line of standard output."""
    text = ""
    while "\n" not in text:
        text += outputs.readouterr().out
        await asyncio.sleep(0)
    return text.partition("\n")[0]
