# SPDX-License-Identifier: Apache-2.0
"""Client for the SmtpConfigs of a cluster: lists them, watches them and requests tests."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.errors import ApiUnavailable, ClusterError, RequestRefused
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import JSON, MERGE_PATCH, KubernetesClient, Query
from smtp_operator.cluster.errors import ListExpired
from smtp_operator.cluster.kept_fields import OURS

FIELD_MANAGER: Final = "kubectl-smtp"

_PAGE_SIZE: Final = 100
_LIST_ATTEMPTS: Final = 5
SILENCE_SECONDS: Final = 180.0
"""A watch is dead after this time without a line: the API server sends a bookmark about every minute."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The SmtpConfigs that the user selected."""

    namespace: str | None
    """None: all namespaces."""
    names: Sequence[str] = ()
    """Empty: all that match the other fields."""
    labels: str = ""
    server: str = ""

    @property
    def where(self) -> str:
        """The namespaces as text, such as ``in namespace team-a``."""
        return "in any namespace" if self.namespace is None else f"in namespace {self.namespace}"


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A change of a SmtpConfig, reported by a watch."""

    config: ConfigSnapshot
    deleted: bool = False


class SmtpConfigClient:
    """Reads and changes the SmtpConfigs of a selection."""

    def __init__(self, client: KubernetesClient, selection: Selection) -> None:
        self._client = client
        self._selection = selection
        self._path = paths.objects("SmtpConfig", selection.namespace)

    @property
    def client(self) -> KubernetesClient:
        """The connection to the API server."""
        return self._client

    async def list_configs(self) -> tuple[list[ConfigSnapshot], str]:
        """Return all SmtpConfigs, sorted by namespace and name, and the resourceVersion to watch from.

        Raises:
            PluginFailed: one of the names does not exist, or the selector is invalid.
            ClusterError: the request failed.
        """
        try:
            found, version = await self._list(self._query(labels=True))
        except RequestRefused as error:
            if not self._selection.labels:
                raise
            raise PluginFailed(
                f"the API server rejected the selector {self._selection.labels!r}; use labels such as"
                " team=a,stage!=test"
            ) from error
        names = self._selection.names
        if names:
            missing = [it for it in dict.fromkeys(names) if it not in {config.key.name for config in found}]
            if missing:
                text = f"SmtpConfig {', '.join(missing)} does not exist {self._selection.where}"
                raise PluginFailed(f"{text} on {self._client.server}")
            found = [config for config in found if config.key.name in names]
        return sorted(found, key=lambda it: it.key), version

    async def request_test(self, config: ConfigSnapshot, value: str) -> ConfigSnapshot:
        """Request a test of exactly this object; return the patched object.

        Raises:
            ClusterError: the request failed; Conflict if the object has been replaced.
        """
        metadata = {"uid": config.uid, "annotations": {TEST_REQUESTED_AT: value}}
        answer = await self._client.request(
            "PATCH",
            paths.object_path(Reference("SmtpConfig", *config.key)),
            query=[("fieldManager", FIELD_MANAGER)],
            body={"metadata": metadata},
            content_type=MERGE_PATCH,
            keep=OURS,
        )
        return ConfigSnapshot.of(answer)

    async def watch_configs(
        self, configs: Iterable[ConfigSnapshot], version: str
    ) -> AsyncGenerator[ConfigChange, None]:
        """Yield the changes of the SmtpConfigs that were listed at ``version``; reconnect without limit.

        The watch ignores labels: a SmtpConfig that loses its label is still selected.

        Raises:
            AccessDenied: watching is not allowed.
        """
        known = {config.key: config for config in configs}
        delays = growing_delays()
        while True:
            try:
                if not version:
                    found, version = await self._list(self._query(labels=False))
                    for change in _differences(known, found):
                        yield change
                async with self._lines(version) as lines:
                    async for line in lines:
                        delays = growing_delays()
                        kind, object_ = parsed_change(line)
                        version = str(object_.get("metadata", {}).get("resourceVersion", version))
                        if kind == "BOOKMARK":
                            continue
                        config = ConfigSnapshot.of(object_)
                        known[config.key] = config
                        yield ConfigChange(config, deleted=kind == "DELETED")
                delay = next(delays)
            except ListExpired:
                version, delay = "", 0.0
            except ApiUnavailable as error:
                delay = at_least(next(delays), error)
            await asyncio.sleep(delay)

    async def _list(self, query: Query) -> tuple[list[ConfigSnapshot], str]:
        for attempt in range(1, _LIST_ATTEMPTS + 1):
            found, version = [], ""
            try:
                pages = self._client.pages(self._path, query=query, page_size=_PAGE_SIZE, keep=OURS)
                async for page in pages:
                    found += [ConfigSnapshot.of(item) for item in page.get("items") or ()]
                    version = str(page["metadata"]["resourceVersion"])
            except ListExpired:
                if attempt == _LIST_ATTEMPTS:
                    raise
            else:
                break
        return found, version

    def _query(self, *, labels: bool) -> list[tuple[str, str]]:
        selection, fields = self._selection, []
        if len(set(selection.names)) == 1:
            fields.append(f"metadata.name={selection.names[0]}")
        if selection.server:
            fields.append(f"spec.server={selection.server}")
        query = [("fieldSelector", ",".join(fields))] if fields else []
        return [*query, ("labelSelector", selection.labels)] if labels and selection.labels else query

    @asynccontextmanager
    async def _lines(self, version: str) -> AsyncIterator[AsyncIterator[bytes]]:
        query = [
            *self._query(labels=False),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
        ]
        watching = self._client.lines(
            self._path, query=query, accept=JSON, silence=SILENCE_SECONDS, keep=OURS
        )
        async with watching as lines:
            yield lines


def _differences(
    known: dict[ObjectKey, ConfigSnapshot], found: Sequence[ConfigSnapshot]
) -> list[ConfigChange]:
    """Return the changes between the known SmtpConfigs and a new list; update the known ones."""
    current = {config.key: config for config in found}
    deleted = [ConfigChange(config, deleted=True) for key, config in known.items() if key not in current]
    known.clear()
    known.update(current)
    return [*deleted, *(ConfigChange(config) for config in found)]


def parsed_change(line: bytes) -> tuple[str, JsonObject]:
    """Return the type and the object of a line of a watch.

    Raises:
        ListExpired, ApiUnavailable: the watch ended.
    """
    try:
        change = json.loads(line)
        kind, object_ = str(change["type"]), dict(change["object"])
    except (ValueError, KeyError, TypeError):
        raise ApiUnavailable("the watch sent a line that is not an event") from None
    if kind == "ERROR":
        text = f"the watch ended: {object_.get('code')} {object_.get('reason')}"
        error: type[ClusterError] = ListExpired if object_.get("code") == 410 else ApiUnavailable
        raise error(text)
    return kind, object_
