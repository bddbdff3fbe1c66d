# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator run``: creates the components and runs them until a signal or a failure."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, cast

import kopf

from smtp_operator.api.crd import KINDS
from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.cli.ca_file import read_ca_file
from smtp_operator.cli.log_format import set_up_logging
from smtp_operator.cli.run.event_loop import run_in_loop
from smtp_operator.cli.run.health import health_server
from smtp_operator.cli.run.mailboxes import Mailboxes
from smtp_operator.cli.run.metrics_endpoint import metrics_of, metrics_server
from smtp_operator.cli.run.replica import ReplicaState, lease_of
from smtp_operator.cli.run.vault_hosts import allowed_hosts, proxy_of
from smtp_operator.cluster.access import find_access
from smtp_operator.cluster.api_server import ApiServerAddresses
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.errors import ClusterUnknown
from smtp_operator.cluster.leader_election import LeaderLease
from smtp_operator.cluster.schema_check import Schema, check_schema
from smtp_operator.cluster.service_accounts import ServiceAccountTokens
from smtp_operator.cluster.traffic import ApiTraffic
from smtp_operator.handlers.event_filter import EventFilter
from smtp_operator.handlers.kopf_setup import informer_settings, log_in, mute_kopf, quieten_kopf, silence_kopf
from smtp_operator.handlers.lifecycle import OperatorLifecycle
from smtp_operator.handlers.watching import build_registry
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https
from smtp_operator.network.resolver import ThreadedResolver
from smtp_operator.reconcile.controller import Controller
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.secrets.oauth2.client import TokenCache
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.sender_authentication.service import SenderAuthentication
from smtp_operator.setting_parsers import PortRange, SecretWatch
from smtp_operator.settings import InvalidSetting, Settings
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.engine import Engine

if TYPE_CHECKING:
    from smtp_operator.metrics.registry import Metrics

STARTUP_TIMEOUT: Final = 30.0
"""Seconds to wait at startup for an API server that does not answer."""

KOPF_STOP_TIMEOUT: Final = 0.5
"""Seconds that kopf gets to stop after everything else has stopped."""

_ALLOCATIONS_PER_COLLECTION: Final = 10_000
"""New objects until the next garbage collection; Python's default of 700 means about ten per test."""

_KOPF_IDENTITY: Final = cast(Any, "smtp-operator")
# By default, kopf looks up the name of the user, which fails for a user id without a name, as in an image.
# The identity is for kopf's peering, which is off. Its type is not public, hence the cast.
_PLURALS: Final = {kind.name: kind.plural for kind in KINDS}

_log: Final = logging.getLogger(__name__)


class StopFlag(asyncio.Event):
    """Stops the operator; set by a signal, or when a component has stopped."""

    by_signal = False
    """Whether it was a signal."""


class UnusableError(Exception):
    """A flag or the kubeconfig cannot be used."""


def run_operator(settings: Settings, environment: Mapping[str, str]) -> None:
    """Run the operator; return after SIGTERM or SIGINT.

    Raises:
        UnusableError: a flag or the kubeconfig cannot be used.
        Exception: any error that stopped the operator.
    """
    set_up_logging(settings)
    quieten_kopf()
    _reduce_garbage_collection()
    try:
        run_in_loop(_run(settings, environment))
    except (InvalidSetting, ClusterUnknown) as error:
        raise UnusableError(str(error)) from error


def _reduce_garbage_collection() -> None:
    """Enable garbage collection without imported objects: they stay, so scanning them is wasted."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, 10, 10)


async def _run(settings: Settings, environment: Mapping[str, str]) -> None:
    ca_file = read_ca_file(settings.ca_file)
    stop_flag = StopFlag()
    _stop_on_signals(stop_flag)
    replica = ReplicaState()
    metrics = metrics_of(settings, leads=replica.leads)
    async with _connected(settings, environment, metrics) as client:
        if await _stopped_first(stop_flag, introduce(client, settings)):
            return
        lease = replica.lease = lease_of(settings, client, environment)
        health = health_server(
            settings.health_address, failed_part=replica.failed_part, is_ready=replica.is_ready
        )
        async with health, metrics_server(settings, metrics):
            try:
                if lease is None or not await _stopped_first(stop_flag, _stand_by(client, lease, replica)):
                    await _work(client, settings, replica, metrics, stop_flag, ca_file=ca_file)
            finally:
                if lease is not None:
                    await lease.release()
    _log.info("stopped")


async def _stand_by(client: KubernetesClient, lease: LeaderLease, replica: ReplicaState) -> None:
    """Wait for the lease; before that, report a schema that the operator cannot use."""
    await check_schema(client, _crds())
    replica.is_standby = True
    await lease.acquire()


async def _work(
    client: KubernetesClient,
    settings: Settings,
    replica: ReplicaState,
    metrics: Metrics | None,
    stop_flag: StopFlag,
    *,
    ca_file: str | None,
) -> None:
    """Test SmtpConfigs until the operator stops."""
    lease = replica.lease
    cluster = KubernetesCluster(client, settings, lease)
    resolver = ThreadedResolver()
    vault_policy = await _destinations(client, settings, settings.allow_vault_port)
    https = Https(
        policy=vault_policy,
        resolver=resolver,
        proxy=proxy_of(settings),
        ca_file=ca_file,
    )
    smtp_policy = await _destinations(client, settings, settings.allow_smtp_port)
    imap_policy = await _destinations(client, settings, settings.allow_imap_port)
    api_server = ApiServerAddresses(
        client, (vault_policy, smtp_policy, imap_policy), clusterwide=settings.cluster_wide
    )
    await api_server.refresh()
    engine = Engine(
        policy=smtp_policy,
        resolver=resolver,
        connections=ConnectionLimits(settings.max_connections_per_destination),
        ca_file=ca_file,
    )
    senders = SenderAuthentication() if settings.sender_authentication else None
    mailboxes = Mailboxes(imap_policy, resolver, settings.max_connections_per_destination, ca_file)
    controller = Controller(
        cluster=cluster,
        engine=engine,
        policy=_policy(settings),
        now=time.time,
        vaults=lambda get_object: VaultClients(
            get_object=get_object,
            accounts=ServiceAccountTokens(client, get_object),
            https=https,
            monotonic=time.monotonic,
            now=time.time,
            require_allowed_servers=settings.require_allowed_servers,
            allowed_hosts=allowed_hosts(settings, vault_policy),
            observer=metrics,
        ),
        tokens=lambda get_object: TokenCache(
            https=https,
            accounts=ServiceAccountTokens(client, get_object),
            monotonic=time.monotonic,
            now=time.time,
            require_allowed_servers=settings.require_allowed_servers,
        ),
        senders=senders,
        mailboxes=mailboxes.reader,
        observer=metrics,
        may_send=None if lease is None else lease.check,
    )
    operation = replica.operation = OperatorLifecycle(
        client=client,
        cluster=cluster,
        core=controller,
        crds=_crds,
        secret_watch=settings.secret_watch,
        stop_flag=stop_flag,
        lease=lease,
    )
    if metrics is not None:
        metrics.attach(controller)
    refreshing = asyncio.create_task(api_server.follow(), name="API server addresses")
    try:
        await _inform(operation, controller, client, settings, stop_flag)
    finally:
        refreshing.cancel()
        await operation.stop()
        https.close()
        mailboxes.close()
        resolver.close()
        if senders is not None:
            senders.close()


def _crds() -> list[Schema]:
    return [kind.crd() for kind in KINDS]


def _stop_on_signals(stop_flag: StopFlag) -> None:
    def stop() -> None:
        mute_kopf()
        stop_flag.by_signal = True
        stop_flag.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


@asynccontextmanager
async def _connected(
    settings: Settings, environment: Mapping[str, str], traffic: ApiTraffic | None
) -> AsyncIterator[KubernetesClient]:
    client = KubernetesClient(await find_access(settings, environment), traffic)
    try:
        yield client
    finally:
        await client.close()


async def introduce(client: KubernetesClient, settings: Settings) -> None:
    """Log the API server and the identity used there; wait for an API server that is starting."""
    clock = asyncio.get_running_loop().time
    started = clock()
    for delay in growing_delays():
        try:
            identity = await client.identity()
        except ApiUnavailable as error:
            if clock() - started > STARTUP_TIMEOUT:
                raise
            _log.warning("%s; retrying", error)
            await asyncio.sleep(at_least(delay, error))
        else:
            break
    _log.info(
        "smtp-operator %s serves %s of %s as %s (%s)",
        version("smtp-operator"),
        settings.served,
        client.server,
        identity,
        client.access.origin,
    )


async def _stopped_first(stop_flag: StopFlag, work_: Coroutine[Any, Any, None]) -> bool:
    """Return whether the flag was set before the work finished; raise an error of the work."""
    work = asyncio.create_task(work_)
    stopped = asyncio.create_task(stop_flag.wait())
    await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        stopped.cancel()
        work.result()
        return False
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    return True


async def _inform(
    operation: OperatorLifecycle,
    controller: Controller,
    client: KubernetesClient,
    settings: Settings,
    stop_flag: StopFlag,
) -> None:
    """Run kopf until the operator stops; errors of the operator take precedence over those of kopf."""

    event_filter = EventFilter(
        {_PLURALS[kind]: sink for kind, sink in controller.sinks.items()},
        served=settings.served,
        listed=operation.deletions.listed,
    )

    async def start() -> None:
        await operation.start()
        _stop_on_signals(stop_flag)  # replaces those of kopf, which fail at a second signal

    informer = asyncio.create_task(
        kopf.operator(
            registry=build_registry(
                event_filter,
                login=lambda: log_in(client.access, event_filter, client.traffic),
                start=start,
                stop=operation.stop,
            ),
            settings=informer_settings(),
            identity=_KOPF_IDENTITY,
            clusterwide=settings.cluster_wide,
            namespaces=settings.namespaces,
            stop_flag=stop_flag,
        )
    )
    stopped = asyncio.create_task(operation.stopped.wait())
    await asyncio.wait([informer, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    silence_kopf()
    # If it is stopped during its first requests, kopf would wait 5 s for them.
    await asyncio.wait([informer], timeout=KOPF_STOP_TIMEOUT)
    informer.cancel()
    await conclude(informer, operation.failure, by_signal=stop_flag.by_signal)


async def conclude(informer: asyncio.Task[None], failure: BaseException | None, *, by_signal: bool) -> None:
    """Raise the error that stopped the operator; none after a signal.

    At its end, kopf also raises errors of other tasks. In this process, these are requests that nothing
    awaits any longer, such as a login that a vault has just rejected.
    """
    try:
        await informer
    except asyncio.CancelledError:
        _log.debug("kopf did not stop in time and was canceled")
    except Exception as error:
        if failure is not None:
            raise failure from error
        if not by_signal:
            raise
        _log.debug("ignored an error of a task at shutdown: %s", type(error).__name__)
    if failure is not None:
        raise failure


async def _destinations(
    client: KubernetesClient, settings: Settings, ports: Iterable[PortRange]
) -> DestinationPolicy:
    return DestinationPolicy(
        allow_networks=settings.allow_network,
        deny_networks=settings.deny_network,
        ports=ports,
        api_server=[ipaddress.ip_address(address) for address in await client.addresses()],
    )


def _policy(settings: Settings) -> ReconcilePolicy:
    return ReconcilePolicy(
        helo_name=settings.helo_name or None,
        cluster_name=settings.cluster_name,
        recipient_domains=settings.allow_recipient_domain,
        require_allowed_servers=settings.require_allowed_servers,
        defaults=settings.test_defaults,
        connections_per_destination=settings.max_connections_per_destination,
        max_tests=settings.max_tests,
        max_tests_per_namespace=settings.max_tests_per_namespace,
        emails_per_namespace=settings.max_emails_per_namespace,
        emails_per_mailbox=settings.max_emails_per_mailbox,
        rejected_logins=settings.max_rejected_logins,
        smtp_tests_per_namespace=settings.max_smtptests_per_namespace,
        tests_smtp_configs=settings.smtp_tests,
        publishes=settings.publish,
        # In label mode, no watch reports new objects without the label.
        watches_references=settings.secret_watch is SecretWatch.METADATA,
        watches_cluster_vaults=settings.cluster_wide,
    )
