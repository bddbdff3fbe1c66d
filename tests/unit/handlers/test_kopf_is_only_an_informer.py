# SPDX-License-Identifier: Apache-2.0
"""kopf lists and watches for us and does nothing else: no write, no Event, no whole body in a log."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec

import kopf
import pytest

from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.cli.run.event_loop import run_in_loop
from smtp_operator.cluster.access import find_access
from smtp_operator.handlers.event_filter import EventFilter
from smtp_operator.handlers.kopf_setup import informer_settings, log_in, quieten_kopf
from smtp_operator.handlers.watching import KopfLogin, build_registry
from smtp_operator.setting_parsers import ServedNamespaces
from smtp_operator.settings import Settings
from smtp_testkit.testbed import Api
from smtp_tools.localcluster import LocalCluster

EVERY_NAMESPACE = ServedNamespaces()

P = ParamSpec("P")


class RecordingSink:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.listed = asyncio.Event()
        self.known_generation = 0

    def on_change(self, object_: JsonObject) -> bool:
        metadata = object_["metadata"]
        if metadata["generation"] == self.known_generation:
            return False
        self.told.put_nowait(f"observe {metadata['name']} {metadata['generation']}")
        return True

    def forget(self, key: ObjectKey, uid: str) -> None:
        self.told.put_nowait(f"forget {key}")

    def known(self) -> list[tuple[ObjectKey, str]]:
        return []

    async def next(self) -> str:
        return await asyncio.wait_for(self.told.get(), 60)


async def _nothing() -> None:
    pass


async def _no_login() -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(server="https://example.com")


def filter_for(inbox: RecordingSink, *, served: ServedNamespaces = EVERY_NAMESPACE) -> EventFilter:
    return EventFilter({"smtpconfigs": inbox}, served=served, listed=inbox.listed.set)


def registry_for(event_filter: EventFilter, *, login: KopfLogin = _no_login) -> kopf.OperatorRegistry:
    return build_registry(event_filter, login=login, start=_nothing, stop=_nothing)


def in_the_operators_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Close the connections at the end, because a watch that kopf aborted would stay open."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_in_loop(test(*args, **kwargs))

    return run


@asynccontextmanager
async def informing(
    inbox: RecordingSink, kubeconfig: Path, *namespaces: str, served: ServedNamespaces = EVERY_NAMESPACE
) -> AsyncIterator[None]:
    access = await find_access(Settings(kubeconfig=str(kubeconfig)), {})
    stop_flag = asyncio.Event()
    event_filter = filter_for(inbox, served=served)
    registry = registry_for(event_filter, login=lambda: log_in(access, event_filter))
    running = asyncio.create_task(
        kopf.operator(
            registry=registry, settings=informer_settings(), namespaces=namespaces, stop_flag=stop_flag
        )
    )
    yield
    stop_flag.set()
    await running


def smtp_config(name: str = "mail", **spec: Any) -> JsonObject:
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": name},
        "spec": {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"} | spec,
    }


@in_the_operators_loop
async def test_what_happens_to_smtpconfigs_is_told(cluster: LocalCluster, api: Api, namespace: str) -> None:
    path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"
    inbox = RecordingSink()
    created = await asyncio.to_thread(api.create, path, smtp_config())
    async with informing(inbox, cluster.kubeconfig, namespace):
        assert await inbox.next() == "observe mail 1"
        await asyncio.to_thread(api.patch, f"{path}/mail", {"spec": {"port": 465}})
        assert await inbox.next() == "observe mail 2"
        now = await asyncio.to_thread(api.get, f"{path}/mail")
        await asyncio.to_thread(api.delete, f"{path}/mail")
        assert await inbox.next() == f"forget {namespace}/mail"
    left = {name: now["metadata"].get(name) for name in ("annotations", "finalizers", "labels")}
    assert left == {"annotations": None, "finalizers": None, "labels": None}
    assert [it["manager"] for it in now["metadata"]["managedFields"]] == [
        created["metadata"]["managedFields"][0]["manager"]
    ]


@in_the_operators_loop
async def test_irrelevant_changes_are_not_reported(cluster: LocalCluster, api: Api, namespace: str) -> None:
    path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"
    inbox = RecordingSink()
    await asyncio.to_thread(api.create, path, smtp_config())
    async with informing(inbox, cluster.kubeconfig, namespace):
        assert await inbox.next() == "observe mail 1"
        inbox.known_generation = 2
        await asyncio.to_thread(api.patch, f"{path}/mail", {"spec": {"port": 465}})
        await asyncio.to_thread(api.patch, f"{path}/mail", {"spec": {"port": 25}})
        assert await inbox.next() == "observe mail 3"


@pytest.fixture
def excluded(api: Api, namespace: str) -> Iterator[str]:
    """Another namespace."""
    name = f"{namespace}-excluded"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@in_the_operators_loop
async def test_changes_in_an_excluded_namespace_are_not_reported(
    cluster: LocalCluster, api: Api, namespace: str, excluded: str
) -> None:
    theirs, ours = (
        f"/apis/smtp-operator.io/v1alpha1/namespaces/{it}/smtpconfigs" for it in (excluded, namespace)
    )
    inbox = RecordingSink()
    await asyncio.to_thread(api.create, theirs, smtp_config("theirs"))
    await asyncio.to_thread(api.create, ours, smtp_config("ours"))
    served = ServedNamespaces(excluded=("*-excluded",))
    async with informing(inbox, cluster.kubeconfig, excluded, namespace, served=served):
        assert await inbox.next() == "observe ours 1"
        await asyncio.to_thread(api.patch, f"{theirs}/theirs", {"spec": {"port": 465}})
        await asyncio.to_thread(api.patch, f"{ours}/ours", {"spec": {"port": 465}})
        assert await inbox.next() == "observe ours 2"
        await asyncio.to_thread(api.delete, f"{theirs}/theirs")
        await asyncio.to_thread(api.delete, f"{ours}/ours")
        assert await inbox.next() == f"forget {namespace}/ours"
    assert inbox.told.empty()


@in_the_operators_loop
async def test_its_listings_are_told(cluster: LocalCluster, api: Api, namespace: str) -> None:
    path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"
    inbox = RecordingSink()
    await asyncio.to_thread(api.create, path, smtp_config())
    async with informing(inbox, cluster.kubeconfig, namespace):
        await inbox.next()
        assert inbox.listed.is_set()
        inbox.listed.clear()
        await asyncio.to_thread(api.patch, f"{path}/mail", {"spec": {"port": 465}})
        assert await inbox.next() == "observe mail 2"
        assert not inbox.listed.is_set()


@in_the_operators_loop
async def test_a_deletion_is_always_news(cluster: LocalCluster, api: Api, namespace: str) -> None:
    path = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"
    inbox = RecordingSink()
    await asyncio.to_thread(api.create, path, smtp_config())
    async with informing(inbox, cluster.kubeconfig, namespace):
        assert await inbox.next() == "observe mail 1"
        inbox.known_generation = 1
        await asyncio.to_thread(api.delete, f"{path}/mail")
        assert await inbox.next() == f"forget {namespace}/mail"


def test_no_handler_is_of_a_kind_that_writes_to_objects() -> None:
    registry = registry_for(filter_for(RecordingSink()))
    kinds = {name: len(kind.get_all_handlers()) for name, kind in vars(registry).items()}
    assert kinds == {
        "_activities": 3,
        "_watching": 1,
        "_indexing": 0,
        "_spawning": 0,
        "_changing": 0,
        "_webhooks": 0,
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("peering.standalone", True),
        ("scanning.disabled", True),
        ("posting.enabled", False),
        ("posting.loggers", False),
        ("watching.server_timeout", 300),
        ("watching.connect_timeout", 10),
        ("watching.inactivity_timeout", 70),
        ("networking.connect_timeout", 10),
        ("networking.request_timeout", 60),
        ("networking.error_backoffs", (1, 2, 3, 5, 8, 13, 21, 34)),
        ("networking.enforce_retry_after", True),
        ("networking.trust_env", False),
        ("process.ultimate_exiting_timeout", 25),
    ],
)
def test_its_settings(path: str, value: object) -> None:
    group, name = path.split(".")
    assert getattr(getattr(informer_settings(), group), name) == value


async def test_it_logs_in_as_our_own_client_does(cluster: LocalCluster) -> None:
    access = await find_access(Settings(kubeconfig=str(cluster.kubeconfig)), {})
    info = await log_in(access, filter_for(RecordingSink()))
    async with info.aiohttp_session as session:
        assert info.server == cluster.url
        assert session.headers["Authorization"] == f"Bearer {cluster.admin_token}"
        assert session.trust_env is False
        async with session.get(f"{cluster.url}/api/v1/namespaces") as answer:
            assert answer.status == 200


async def test_it_logs_in_again_long_before_a_token_rotates(cluster: LocalCluster) -> None:
    access = await find_access(Settings(kubeconfig=str(cluster.kubeconfig)), {})
    info = await log_in(access, filter_for(RecordingSink()))
    await info.aiohttp_session.close()
    assert info.expiration is not None
    assert timedelta(minutes=9) < info.expiration - datetime.now(UTC) <= timedelta(minutes=10)


class Collecting(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@pytest.fixture
def root_log() -> Iterator[list[logging.LogRecord]]:
    """Return what reaches the root logger at level debug, once kopf is silenced."""
    records: list[logging.LogRecord] = []
    handler, root = Collecting(records), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    quieten_kopf()
    yield records
    root.removeHandler(handler)
    root.setLevel(level)


def test_debug_lines_with_whole_bodies_never_come_through(root_log: list[logging.LogRecord]) -> None:
    logging.getLogger("kopf.objects").debug("Something is in progress: {'spec': {'password': 's3cret'}}")
    logging.getLogger("kopf._core.reactor").info("Starting.")
    assert root_log == []


def test_warnings_come_through_without_the_object_that_they_quote(root_log: list[logging.LogRecord]) -> None:
    logging.getLogger("kopf._cogs.clients.watching").warning(
        "Ignoring an unsupported event type: %r", {"object": {"spec": {"password": "s3cret"}}}
    )
    assert [it.getMessage() for it in root_log] == ["Ignoring an unsupported event type:"]


def test_errors_come_through_as_one_line(root_log: list[logging.LogRecord]) -> None:
    try:
        raise RuntimeError("s3cret")
    except RuntimeError:
        logging.getLogger("kopf._core").exception("Watcher has failed\nbadly")
    (record,) = root_log
    assert (record.getMessage(), record.exc_info) == ("Watcher has failed", None)
