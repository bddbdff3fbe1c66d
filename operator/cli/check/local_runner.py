# SPDX-License-Identifier: Apache-2.0
"""A test runner that connects from this computer, for ``check`` and for the Manage SMTP page."""

import ipaddress
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smtp_operator.cli.check.destinations import AnnouncedEngine, AnnouncedSender, Say
from smtp_operator.cli.run.vault_hosts import allowed_hosts, proxy_of
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsSender
from smtp_operator.network.resolver import ThreadedResolver
from smtp_operator.reconcile.ports import ReconcilePolicy, SmtpEngine
from smtp_operator.reconcile.smtpconfig.test_runner import SourceOf, TestRunner
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.oauth2.client import TokenCache
from smtp_operator.secrets.service_accounts import NoServiceAccounts, ServiceAccounts
from smtp_operator.secrets.sources import password_source
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.setting_parsers import PortRange
from smtp_operator.settings import Settings
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.engine import Engine


@asynccontextmanager
async def local_runner(
    get_object: GetObject,
    settings: Settings,
    *,
    accounts: ServiceAccounts | None = None,
    source_of: SourceOf = password_source,
    ca_file: str | None = None,
    announce: Say | None = None,
) -> AsyncIterator[TestRunner]:
    """Yield a runner for the block.

    Args:
        get_object: reads the objects that the settings name.
        settings: those of the command line, such as the proxy.
        accounts: issues tokens of ServiceAccounts; None: there are none.
        source_of: returns the source that reads a password.
        ca_file: PEM text of CAs to trust in addition to the system's.
        announce: receives a sentence about each destination before it receives anything; None: no one does.
    """
    # The user's machine connects, so the operator's limits on destinations do not apply.
    everywhere = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    policy = DestinationPolicy(allow_networks=everywhere, ports=[PortRange(1, 65535)])
    resolver = ThreadedResolver()
    own_engine = Engine(policy=policy, resolver=resolver, connections=ConnectionLimits(1), ca_file=ca_file)
    https = Https(policy=policy, resolver=resolver, proxy=proxy_of(settings), ca_file=ca_file)
    engine: SmtpEngine = AnnouncedEngine(own_engine, announce) if announce else own_engine
    sender: HttpsSender = AnnouncedSender(https, announce) if announce else https
    accounts = accounts or NoServiceAccounts()
    required = settings.require_allowed_servers
    vaults = VaultClients(
        get_object=get_object,
        accounts=accounts,
        https=sender,
        monotonic=time.monotonic,
        now=time.time,
        require_allowed_servers=required,
        allowed_hosts=allowed_hosts(settings, policy),
    )
    tokens = TokenCache(
        https=sender,
        accounts=accounts,
        monotonic=time.monotonic,
        now=time.time,
        require_allowed_servers=required,
    )
    try:
        yield TestRunner(
            get_object=get_object,
            engine=engine,
            policy=ReconcilePolicy(helo_name=settings.helo_name, require_allowed_servers=required),
            now=time.time,
            vaults=vaults,
            source_of=source_of,
            tokens=tokens,
        )
    finally:
        await vaults.close()
        https.close()
        own_engine.close()
