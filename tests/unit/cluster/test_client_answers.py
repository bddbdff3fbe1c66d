# SPDX-License-Identifier: Apache-2.0
"""Error responses of the API server become our errors, whose text never quotes an object."""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from urllib.parse import unquote

import pytest
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.api.errors import (
    AccessDenied,
    ApiUnavailable,
    ClusterError,
    ObjectNotFound,
    RequestRefused,
)
from smtp_operator.api.objects import JsonObject
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.errors import Conflict, ListExpired
from smtp_testkit.fakeapi import Answer, FakeApi, Stream

PATH = "/api/v1/secrets"

FORBIDDEN = 'secrets is forbidden: User "u" cannot list resource "secrets"'
INVALID = 'SmtpConfig.smtp-operator.io "x" is invalid: spec.password.value: Invalid value: "s3cret"'
UNTYPED = (
    "failed to create typed patch object (team-a/x; smtp-operator.io/v1alpha1, Kind=SmtpConfig):"
    " .status.suggestion: field not declared in schema"
)


def status(reason: str, message: str = "", **details: object) -> JsonObject:
    return {"kind": "Status", "reason": reason, "message": message, "details": details}


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (
            Answer(403, status("Forbidden", FORBIDDEN)),
            AccessDenied,
            f"GET /api/v1/secrets: 403 Forbidden: {FORBIDDEN}",
        ),
        (
            Answer(404, status("NotFound", 'secrets "x" not found')),
            ObjectNotFound,
            'GET /api/v1/secrets: 404 NotFound: secrets "x" not found',
        ),
        (
            Answer(409, status("Conflict", "the object has been modified")),
            Conflict,
            "GET /api/v1/secrets: 409 Conflict",
        ),
        (Answer(410, status("Expired")), ListExpired, "GET /api/v1/secrets: 410 Expired"),
        (
            Answer(422, status("Invalid", INVALID, causes=[{"field": "spec.password.value"}])),
            RequestRefused,
            "GET /api/v1/secrets: 422 Invalid: spec.password.value",
        ),
        (
            Answer(500, status("", UNTYPED)),
            RequestRefused,
            "GET /api/v1/secrets: 500: .status.suggestion: field not declared in schema",
        ),
        (
            Answer(500, status("InternalError", "etcdserver: no leader")),
            ApiUnavailable,
            "GET /api/v1/secrets: 500 InternalError",
        ),
        (Answer(503, b"upstream connect error"), ApiUnavailable, "GET /api/v1/secrets: 503"),
        (Answer(200, b"<html>"), ApiUnavailable, "GET /api/v1/secrets: the response is not JSON"),
        (Answer(200, b'{"data": "\xff"}'), ApiUnavailable, "GET /api/v1/secrets: the response is not JSON"),
        (Answer(200, []), ApiUnavailable, "GET /api/v1/secrets: the response is not an object"),
        (Answer(cut=True), ApiUnavailable, "GET /api/v1/secrets: Server disconnected"),
    ],
)
async def test_each_answer_has_its_error(
    fake: FakeApi, client: KubernetesClient, answer: Answer, kind: type[ClusterError], text: str
) -> None:
    fake.on("GET", PATH, *[answer] * 2)
    with pytest.raises(ClusterError) as caught:
        await client.request("GET", PATH)
    assert type(caught.value) is kind
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, headers={"Retry-After": "7"}), 7.0),
        (Answer(503, headers={"Retry-After": "0"}), 0.0),
        (Answer(500, status("ServerTimeout", retryAfterSeconds=3)), 3.0),
        (Answer(503, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), None),
        (Answer(503), None),
    ],
)
async def test_what_the_server_asks_to_wait_is_known(
    fake: FakeApi, client: KubernetesClient, answer: Answer, seconds: float | None
) -> None:
    fake.on("GET", PATH, answer)
    with pytest.raises(ApiUnavailable) as caught:
        await client.request("GET", PATH)
    assert caught.value.retry_after == seconds


async def test_a_server_that_is_not_there_is_unavailable(client: KubernetesClient) -> None:
    client.access.configuration.host = "http://127.0.0.1:1"
    with pytest.raises(ApiUnavailable) as caught:
        await client.request("GET", PATH)
    assert str(caught.value).startswith("GET /api/v1/secrets: Cannot connect to host 127.0.0.1:1 ")


@pytest.mark.looptime
async def test_a_request_has_a_time_limit(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", PATH, Stream())
    with pytest.raises(ApiUnavailable) as caught:
        await client.request("GET", PATH, timeout=5)
    assert str(caught.value) == "GET /api/v1/secrets: no response in time"
    assert 5 <= asyncio.get_running_loop().time() < 6


@pytest.mark.parametrize("name", ["mail", "a b", "a?b", "a#b", "a%2Fb", "é", "a:b;c@d", "a\tb"])
async def test_any_name_arrives_as_it_is(fake: FakeApi, client: KubernetesClient, name: str) -> None:
    fake.on("GET", f"{PATH}/{name}", Answer(body={"ok": True}))
    assert await client.request("GET", f"{PATH}/{name}") == {"ok": True}
    assert not fake.seen[0].query


async def test_any_value_of_a_query_arrives_as_it_is(fake: FakeApi, client: KubernetesClient) -> None:
    query = {
        "labelSelector": "smtp-operator.io/watch=true",
        "continue": "eyJ2+/==",
        "limit": "",
        "other": "a b&é%#",
    }
    fake.on("GET", PATH, Answer())
    await client.request("GET", PATH, query=list(query.items()))
    assert fake.seen[0].query == query


@pytest.mark.parametrize("place", ["/k8s/clusters/c-1", "/k8s/clusters/c-1/", "/a%20b", "/"])
async def test_a_server_may_be_below_a_path(fake: FakeApi, client: KubernetesClient, place: str) -> None:
    client.access.configuration.host = fake.url + place
    await asyncio.gather(client.request("GET", PATH), return_exceptions=True)
    assert [it.path for it in fake.seen] == [unquote(place).rstrip("/") + PATH]


@pytest.mark.parametrize("server", ["https://[", "https://127.0.0.1:99999", "ftp://127.0.0.1"])
async def test_a_server_without_a_usable_url_is_unavailable(client: KubernetesClient, server: str) -> None:
    client.access.configuration.host = server
    with pytest.raises(ApiUnavailable) as caught:
        await client.request("GET", PATH)
    assert str(caught.value) == f"GET {PATH}: {server}{PATH}"


async def test_it_says_who_it_is(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", PATH, Answer())
    await client.request("GET", PATH)
    assert fake.seen[0].headers["User-Agent"] == f"smtp-operator/{version('smtp-operator')}"


async def test_proxies_of_the_environment_never_see_api_traffic(
    fake: FakeApi, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    fake.on("GET", PATH, Answer(body={"ok": True}))
    assert await client.request("GET", PATH) == {"ok": True}


class RotatingToken:
    """A kubeconfig's loader: a new token each time it is asked."""

    def __init__(self) -> None:
        self.loads = 0

    async def load_and_set(self, client_configuration: Configuration) -> None:
        self.loads += 1
        client_configuration.api_key["BearerToken"] = f"Bearer token-{self.loads}\n"


@pytest.fixture
async def rotating(fake: FakeApi) -> AsyncIterator[KubernetesClient]:
    access = Access(Configuration(host=fake.url), RotatingToken(), "test")
    await access.renew()
    it = KubernetesClient(access)
    yield it
    await it.close()


async def test_a_refused_token_is_read_again_once(fake: FakeApi, rotating: KubernetesClient) -> None:
    fake.on("GET", PATH, Answer(401), Answer(body={"ok": True}))
    assert await rotating.request("GET", PATH) == {"ok": True}
    assert [it.headers["Authorization"] for it in fake.seen] == ["Bearer token-1", "Bearer token-2"]


async def test_a_token_that_stays_refused_is_an_error(fake: FakeApi, rotating: KubernetesClient) -> None:
    fake.on("GET", PATH, Answer(401, status("Unauthorized", "Unauthorized")), Answer(401))
    with pytest.raises(AccessDenied) as caught:
        await rotating.request("GET", PATH)
    assert str(caught.value) == "GET /api/v1/secrets: 401"
    assert len(fake.seen) == 2
