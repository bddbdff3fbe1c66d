# SPDX-License-Identifier: Apache-2.0
"""Every request of Azure's SDK is one of ours: bounded, with our CAs, and sent once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.network.https import Https, HttpsLimits
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.secrets.vaults.azure.imds import MetadataService
from smtp_testkit.azurepeers.trial import NAME, POLICY, KeyVaultTrial
from smtp_testkit.mailpeers.listening import stop_listening

TOKEN_URL = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x"
METADATA = {"Metadata": "true"}


@pytest.fixture
def silent(trial: KeyVaultTrial) -> Iterator[None]:
    """The vault takes requests and answers none before the test has ended."""
    over = threading.Event()
    trial.key_vault.before_answer = lambda: over.wait(60)
    yield
    over.set()


@pytest.mark.usefixtures("silent")
async def test_a_vault_that_does_not_answer(trial: KeyVaultTrial) -> None:
    trial.https.close()
    limits = HttpsLimits(connect=20.0, read=0.5, total=20.0)
    trial.https = Https(policy=POLICY, resolver=trial.names, limits=limits)

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.retry) == (Reason.VAULT_UNREACHABLE, Retry.TRANSIENT)
    assert verdict.message == (
        f"{NAME}: the vault at {trial.key_vault.host}:{trial.key_vault.port} accepts connections but does"
        " not answer in time. No action needed; the operator retries automatically."
    )
    assert len(trial.key_vault.requests) == 1


async def test_an_answer_of_more_than_64_kib(trial: KeyVaultTrial) -> None:
    trial.key_vault.answers.append((200, b" " * 65537, {}))

    assert (await trial.verdict()).reason == Reason.VAULT_RESPONSE_INVALID


async def test_another_ca_than_the_vault_object_names(trial: KeyVaultTrial) -> None:
    trial.named.ca = None

    verdict = await trial.verdict()

    assert (verdict.reason, verdict.message) == (
        Reason.VAULT_TLS_FAILED,
        f"{NAME}: the certificate of the vault at {trial.key_vault.host}:{trial.key_vault.port} is signed"
        " by an unknown authority. Set caRef to the ConfigMap or Secret with its CA certificate.",
    )


async def test_what_is_no_ca(trial: KeyVaultTrial) -> None:
    trial.named.ca = "no certificate"

    assert (await trial.verdict()).reason == Reason.CA_BUNDLE_INVALID


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_the_environment_names_no_proxy(
    trial: KeyVaultTrial, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await trial.read()).value


async def test_the_sdk_does_not_describe_the_machine(trial: KeyVaultTrial) -> None:
    await trial.read()

    seen = [*trial.key_vault.headers, *trial.entra.headers]
    assert {it["user-agent"] for it in seen} == {"smtp-operator"}


@pytest.fixture
async def talker() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says what a test wants, and then nothing more; its port, and what it says."""
    says: list[bytes] = []
    over = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.writelines(says)
        if not says or says[-1]:
            writer.close()
        else:
            await over.wait()
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], says
    over.set()
    await stop_listening(server)
    # Unread data would stay in a transport that outlives its loop.
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("says", "trouble"),
    [
        ([b""], ErrorKind.TOO_SLOW),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b" " * 70000], ErrorKind.TOO_LARGE),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n{}"], ErrorKind.TOO_LARGE),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 3000], ErrorKind.TOO_LARGE),
        ([b"HTTP/1.1 200 OK\r\n\r\n{}", b""], ErrorKind.TOO_SLOW),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"X: y\r" * 12000 + b"\r\n\r\n{}"], ErrorKind.DROPPED),
        ([b"220 mail.example.com ESMTP\r\n"], ErrorKind.DROPPED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"], ErrorKind.DROPPED),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], ErrorKind.DROPPED),
        ([], ErrorKind.DROPPED),
    ],
)
async def test_the_metadata_service_is_bounded_too(
    talker: tuple[int, list[bytes]], says: list[bytes], trouble: ErrorKind
) -> None:
    port, talk = talker
    talk += says
    metadata = MetadataService(
        address="127.0.0.1", port=port, limit=0.5 if trouble is ErrorKind.TOO_SLOW else 60.0
    )

    with pytest.raises(HttpsError) as failed:
        await metadata.get(TOKEN_URL, METADATA)

    assert failed.value.kind is trouble


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/metadata/instance?api-version=2018-02-01",
        "http://169.254.169.254:8080/metadata/identity/oauth2/token",
        "http://localhost/metadata/identity/oauth2/token",
        "http://169.254.169.254@evil.example/metadata/identity/oauth2/token",
        "https://169.254.169.254/metadata/identity/oauth2/token",
    ],
)
async def test_nothing_else_is_asked_of_it(url: str) -> None:
    assert await MetadataService(address="127.0.0.1", port=1).get(url, METADATA) is None
