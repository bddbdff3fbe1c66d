# SPDX-License-Identifier: Apache-2.0
"""List objects page by page, then watch them; reconnect without limit."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError, ObjectNotFound
from smtp_operator.api.objects import JsonObject
from smtp_operator.cli.kubectl.client import SILENCE_SECONDS, parsed_change
from smtp_operator.cli.kubectl.ui.errors import shown_error
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import JSON, KubernetesClient, Query
from smtp_operator.cluster.errors import ListExpired
from smtp_operator.cluster.kept_fields import OURS

PAGE_SIZE: Final = 100
_DENIED_SECONDS: Final = 60.0
"""Time between two attempts of a request that the user's roles do not allow."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Some objects as they are now, or a problem; several of these make up a list."""

    started: bool = False
    """Whether a list starts."""
    objects: Sequence[JsonObject] = ()
    deleted: Sequence[JsonObject] = ()
    complete: bool = False
    """Whether the list has ended: objects that were not in it do not exist."""
    problem: str | None = None
    """Why there are no changes at the moment; empty: they arrive again."""


async def follow(client: KubernetesClient, path: str, query: Query = ()) -> AsyncGenerator[Changes, None]:
    """Yield all objects of a path in pages, then each change. The generator never ends."""
    delays = growing_delays()
    version = ""
    while True:
        delay = 0.0
        try:
            if not version:
                yield Changes(started=True)
                async for page in client.pages(path, query=query, page_size=PAGE_SIZE, keep=OURS):
                    version = str(page["metadata"]["resourceVersion"])
                    yield Changes(objects=page.get("items") or ())
                yield Changes(complete=True, problem="")
            async for kind, object_ in _events(client, path, query, version):
                delays = growing_delays()
                version = str(object_.get("metadata", {}).get("resourceVersion", version))
                if kind == "DELETED":
                    yield Changes(deleted=(object_,))
                elif kind != "BOOKMARK":
                    yield Changes(objects=(object_,))
            delay = next(delays)
        except ListExpired:
            version, delay = "", next(delays)
        except (AccessDenied, ObjectNotFound) as error:  # a role can be granted, a CRD applied, later
            version, delay = "", _DENIED_SECONDS
            yield Changes(problem=shown_error(error))
        except ClusterError as error:
            delay = at_least(next(delays), error) if isinstance(error, ApiUnavailable) else _DENIED_SECONDS
            yield Changes(problem=shown_error(error))
        await asyncio.sleep(delay)


async def _events(
    client: KubernetesClient, path: str, query: Query, version: str
) -> AsyncGenerator[tuple[str, JsonObject], None]:
    watching = [
        *query,
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", version),
    ]
    async with client.lines(path, query=watching, accept=JSON, silence=SILENCE_SECONDS, keep=OURS) as lines:
        async for line in lines:
            yield parsed_change(line)
