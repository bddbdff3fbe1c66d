# SPDX-License-Identifier: Apache-2.0
"""The cluster as the core reads it: objects by name, lists by pages, and watches that learn from reads."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.api.objects import JsonObject, ObjectMetadata, Reference
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.errors import ListExpired
from smtp_operator.setting_parsers import SecretWatch
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, error_event, expired, page, partial

CONFIGS = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
VAULTS = "/apis/smtp-operator.io/v1alpha1/smtpvaults"
CLUSTER_VAULTS = "/apis/smtp-operator.io/v1alpha1/clustersmtpvaults"
SECRETS = "/api/v1/namespaces/team-a/secrets"
MAIL = Reference("Secret", "team-a", "mail")
OURS = Reference("SmtpConfig", "team-a", "mail")


def secret(version: int, **labels: str) -> JsonObject:
    it = partial("mail", version)
    it["metadata"]["labels"] = labels
    return it | {"data": {"password": "czNjcmV0"}}


async def names(cluster: KubernetesCluster) -> list[Any]:
    return [it["metadata"]["name"] async for it in cluster.list_objects("SmtpConfig")]


async def test_an_object_that_is_gone_is_not_found(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpconfigs/mail", Answer(404))
    with pytest.raises(ObjectNotFound):
        await KubernetesCluster(client, Settings()).get_object(OURS)


async def test_an_object_comes_as_it_is(fake: FakeApi, client: KubernetesClient) -> None:
    path = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpconfigs/mail"
    fake.on("GET", path, Answer(body=partial("mail", 3)))
    found = await KubernetesCluster(client, Settings()).get_object(OURS)
    assert found == partial("mail", 3)


async def test_a_secret_comes_with_its_data(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", f"{SECRETS}/mail", Answer(body=secret(3)))
    assert await KubernetesCluster(client, Settings()).get_object(MAIL) == secret(3)


async def test_a_secret_that_is_not_there_is_an_error(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", f"{SECRETS}/mail", Answer(404))
    with pytest.raises(ObjectNotFound):
        await KubernetesCluster(client, Settings()).get_object(MAIL)


async def test_smtpconfigs_come_from_all_namespaces(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", CONFIGS, Answer(body=page(partial("a", 1), version=9, following="t")))
    fake.on("GET", CONFIGS, Answer(body=page(partial("b", 1), version=9)))
    assert await names(KubernetesCluster(client, Settings())) == ["a", "b"]


async def test_smtpconfigs_come_from_the_namespaces_served(fake: FakeApi, client: KubernetesClient) -> None:
    for name in ("team-a", "team-b"):
        path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{name}/smtpconfigs"
        fake.on("GET", path, Answer(body=page(partial(f"of-{name}", 1, namespace=name), version=9)))
    cluster = KubernetesCluster(client, Settings(namespaces=("team-a", "team-b")))
    assert await names(cluster) == ["of-team-a", "of-team-b"]


ALL_BUT_TEAM_B = Settings(exclude_namespace=("team-b",))


def in_three_namespaces() -> JsonObject:
    found = [partial(f"of-{it}", 1, namespace=it) for it in ("team-a", "team-b", "team-c")]
    return page(*found, version=9)


async def test_smtpconfigs_of_excluded_namespaces_are_left_out(
    fake: FakeApi, client: KubernetesClient
) -> None:
    fake.on("GET", CONFIGS, Answer(body=in_three_namespaces()))
    assert await names(KubernetesCluster(client, ALL_BUT_TEAM_B)) == ["of-team-a", "of-team-c"]


async def test_so_are_their_vaults(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", VAULTS, Answer(body=in_three_namespaces()))
    found = [
        it["metadata"]["name"]
        async for it in KubernetesCluster(client, ALL_BUT_TEAM_B).list_objects("SmtpVault")
    ]
    assert found == ["of-team-a", "of-team-c"]


async def test_vaults_of_the_cluster_come_whatever_is_excluded(
    fake: FakeApi, client: KubernetesClient
) -> None:
    corp = partial("corp", 1)
    del corp["metadata"]["namespace"]
    fake.on("GET", CLUSTER_VAULTS, Answer(body=page(corp, version=9)))
    cluster = KubernetesCluster(client, Settings(exclude_namespace=("*c*", "team-b")))
    assert [it async for it in cluster.list_objects("ClusterSmtpVault")] == [corp]


async def test_what_is_there_does_not_count_what_is_excluded(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", CONFIGS, Answer(body=in_three_namespaces()))
    assert await KubernetesCluster(client, ALL_BUT_TEAM_B).uids("SmtpConfig") == {
        "uid-of-of-team-a",
        "uid-of-of-team-c",
    }


async def test_a_secret_of_an_excluded_namespace_is_read_for_a_vault_of_the_cluster(
    fake: FakeApi, client: KubernetesClient
) -> None:
    fake.on("GET", f"{SECRETS}/mail", Answer(body=secret(3)))
    cluster = KubernetesCluster(client, Settings(exclude_namespace=("team-a",)))
    assert await cluster.get_object(MAIL) == secret(3)


async def test_a_list_that_expires_half_way_is_started_again(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("GET", CONFIGS, Answer(body=page(partial("a", 1), version=9, following="t")))
    fake.on("GET", CONFIGS, Answer(410, expired()))
    fake.on("GET", CONFIGS, Answer(body=page(partial("a", 1), partial("b", 1), version=12)))
    assert await names(KubernetesCluster(client, Settings())) == ["a", "a", "b"]


async def test_a_list_that_expires_for_ever_is_an_error(fake: FakeApi, client: KubernetesClient) -> None:
    fake.always("GET", CONFIGS, Answer(410, expired()))
    with pytest.raises(ListExpired):
        await names(KubernetesCluster(client, Settings()))


@pytest.mark.parametrize(
    ("mode", "scope", "watches"),
    [
        (
            SecretWatch.METADATA,
            Settings(),
            [
                "watch of Secrets in all namespaces",
                "watch of ConfigMaps in all namespaces",
                "watch of ServiceAccounts in all namespaces",
            ],
        ),
        (
            # Those that a ClusterSmtpVault names may be anywhere.
            SecretWatch.METADATA,
            Settings(exclude_namespace=("team-a",)),
            [
                "watch of Secrets in all namespaces",
                "watch of ConfigMaps in all namespaces",
                "watch of ServiceAccounts in all namespaces",
            ],
        ),
        (
            SecretWatch.LABEL,
            Settings(namespaces=("a", "b")),
            [
                "watch of Secrets in namespace a",
                "watch of ConfigMaps in namespace a",
                "watch of ServiceAccounts in namespace a",
                "watch of Secrets in namespace b",
                "watch of ConfigMaps in namespace b",
                "watch of ServiceAccounts in namespace b",
            ],
        ),
        (SecretWatch.NONE, Settings(), []),
    ],
)
async def test_what_is_watched(
    client: KubernetesClient, mode: SecretWatch, scope: Settings, watches: list[str]
) -> None:
    cluster = KubernetesCluster(client, replace(scope, secret_watch=mode))
    made = cluster.watch_references(wanted=lambda _: True, changed=lambda *_: None)
    assert [str(it) for it in made] == watches


@pytest.mark.parametrize(
    ("mode", "labels", "told"),
    [
        (SecretWatch.METADATA, {}, ["mail"]),
        (SecretWatch.LABEL, {"smtp-operator.io/watch": "true"}, ["mail"]),
        (SecretWatch.LABEL, {}, []),
    ],
)
async def test_what_was_read_is_missed_when_it_is_gone_if_the_watch_would_have_seen_it(
    fake: FakeApi, client: KubernetesClient, mode: SecretWatch, labels: dict[str, str], told: list[str]
) -> None:
    gone: list[str] = []

    def changed(reference: Reference, metadata: ObjectMetadata | None) -> None:
        assert metadata is None
        gone.append(reference.name)

    cluster = KubernetesCluster(client, Settings(secret_watch=mode))
    watch = cluster.watch_references(wanted=lambda it: it == MAIL, changed=changed)[0]
    stream, again = Stream(), Stream()
    fake.on("GET", "/api/v1/secrets", Answer(body=page(version=9)), Answer(body=page(version=30)))
    fake.on("WATCH", "/api/v1/secrets", stream, again)
    fake.on("GET", f"{SECRETS}/mail", Answer(body=secret(12, **labels)))
    running = asyncio.create_task(watch.run())
    await stream.open.wait()
    await cluster.get_object(MAIL)
    stream.say(error_event(expired()))
    await again.open.wait()
    running.cancel()
    await asyncio.wait([running])
    assert gone == told
