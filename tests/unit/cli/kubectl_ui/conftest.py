# SPDX-License-Identifier: Apache-2.0
"""The page's server with a fake API server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui.command import PageOptions, ServedPage, serving
from smtp_operator.cluster.client import KubernetesClient
from smtp_testkit.fakeapi import Answer, FakeApi, Stream
from smtp_testkit.fakeapi.smtpconfigs import LIST, listed
from smtp_testkit.page_visitor import PageVisitor

IDENTITY = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
VAULTS = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpvaults"
CLUSTER_VAULTS = "/apis/smtp-operator.io/v1alpha1/clustersmtpvaults"

Serve = Callable[..., AbstractAsyncContextManager[ServedPage]]


@pytest.fixture
def serve(fake: FakeApi, client: KubernetesClient) -> Serve:
    """Serve the page; arguments are the options of the command."""

    @asynccontextmanager
    async def served(*configs: Any, **options: Any) -> AsyncIterator[ServedPage]:
        watch = Stream()
        user = {"status": {"userInfo": {"username": "jane"}}}
        fake.always("POST", IDENTITY, Answer(201, user))
        for path, found in ((LIST, configs), (VAULTS, ()), (CLUSTER_VAULTS, ())):
            fake.always("GET", path, Answer(body=listed(*found)))
            fake.on("WATCH", path, watch if path == LIST else Stream())
        async with serving(client, PageOptions(namespace="team-a", **options)) as page:
            yield page

    return served


@pytest.fixture
async def page(serve: Serve) -> AsyncIterator[ServedPage]:
    """The page of namespace team-a, without objects."""
    async with serve() as running:
        yield running


@pytest.fixture
async def visitor(page: ServedPage) -> AsyncIterator[PageVisitor]:
    """A browser that has opened the page."""
    async with PageVisitor.of(page.session) as it:
        assert (await it.open()).status == 200
        yield it
