# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator check``: the operator's own test, once, from the user's machine."""

import argparse
import asyncio
import ipaddress
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from smtp_operator.api.objects import ApiUnavailable, ClusterError, JsonObject, ObjectKey
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.cli.check_report import (
    TRANSIENT,
    Progress,
    as_json,
    as_text,
    exit_code,
    wants_colour,
)
from smtp_operator.cli.manifest import (
    PASSWORD_VARIABLE,
    USERNAME_VARIABLE,
    LocalObjects,
    ManifestUnusable,
    Supplied,
    config_of,
    config_of_flags,
    read_documents,
)
from smtp_operator.reconcile.interfaces import Policy
from smtp_operator.reconcile.outcome import Outcome
from smtp_operator.reconcile.plan import RunTest
from smtp_operator.reconcile.tester import Tester
from smtp_operator.reconcile.view import InvalidSpecError, view_of
from smtp_operator.secrets.interface import GetObject
from smtp_operator.settings import InvalidSetting, read_settings
from smtp_operator.smtp.destination import DestinationPolicy, PortRange
from smtp_operator.smtp.engine import Engine
from smtp_operator.smtp.limits import ConnectionLimits
from smtp_operator.smtp.resolver import ThreadedResolver

USAGE: Final = 2


class CheckFailed(Exception):
    """No test was made. The text says why and what to do."""

    def __init__(self, text: str, exit_code: int = USAGE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def run_check(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Makes the test, shows it, and gives the exit code.

    Raises:
        CheckFailed: there is nothing that could be tested.
    """
    try:
        if options.name is not None and options.file is None:
            return asyncio.run(_check_in_cluster(options, environment))
        return asyncio.run(_check_here(options, environment))
    except (ManifestUnusable, InvalidSetting) as error:
        raise CheckFailed(str(error)) from error
    except InvalidSpecError as error:
        raise CheckFailed(error.verdict.message) from error
    except ClusterError as error:
        raise CheckFailed(str(error), TRANSIENT if isinstance(error, ApiUnavailable) else USAGE) from error


async def _check_here(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    supplied = Supplied(
        password=_password(options, environment),
        username=environment.get(USERNAME_VARIABLE),
        ca_pem=_text_of(options.ca_file) if options.ca_file else None,
    )
    if options.file is not None:
        if options.server is not None:
            raise CheckFailed("give either -f FILE or --server, not both")
        documents = read_documents(options.file, sys.stdin)
        source = "standard input" if options.file == "-" else options.file
        config = config_of(documents, source=source, name=options.name)
    else:
        documents = []
        config = config_of_flags(_spec_of(options))
    return await _test(config, LocalObjects(documents, config, supplied).get, options, environment)


async def _check_in_cluster(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    # The client's packages take most of a second to import; a check of a file needs none of them.
    from smtp_operator.cluster.access import find_access
    from smtp_operator.cluster.client import KubernetesClient
    from smtp_operator.cluster.cluster import Cluster

    given = {"namespaces": [options.namespace]}
    given |= {"kubeconfig": [options.kubeconfig]} if options.kubeconfig else {}
    given |= {"context": [options.context]} if options.context else {}
    settings = read_settings(given, {})
    client = KubernetesClient(await find_access(settings, environment))
    try:
        cluster = Cluster(client, settings)
        key = ObjectKey(options.namespace, options.name)
        config = await cluster.get_smtp_config(key)
        if config is None:
            raise CheckFailed(f"SmtpConfig {key} does not exist on {client.server}")
        return await _test(config, cluster.get_object, options, environment)
    finally:
        await client.close()


async def _test(
    config: JsonObject, get_object: GetObject, options: argparse.Namespace, environment: Mapping[str, str]
) -> int:
    resolver = ThreadedResolver()
    # Here the user's own machine connects, so whom it may reach is not ours to say.
    everywhere = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    policy = DestinationPolicy(allow_networks=everywhere, ports=[PortRange(1, 65535)])
    engine = Engine(policy=policy, resolver=resolver, connections=ConnectionLimits(1))
    tester = Tester(
        get_object=get_object, engine=engine, policy=Policy(helo_name=options.helo_name), now=time.time
    )
    view = view_of(config)
    test = RunTest(Trigger.REQUESTED, Mode(options.mode) if options.mode else view.spec.test.mode)
    progress = Progress(
        sys.stderr,
        clock=time.monotonic,
        live=sys.stderr.isatty(),
        colour=wants_colour(sys.stderr, environment),
    )
    try:
        outcome = await tester.run(view, test, on_phase=progress.entered)
    finally:
        engine.close()
    progress.ended(passed=outcome.verdict.passed)
    _show(str(view.key), outcome, options, environment)
    return exit_code(outcome)


def _show(name: str, outcome: Outcome, options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    if options.output == "json":
        sys.stdout.write(as_json(name, outcome))
    else:
        sys.stdout.write(as_text(name, outcome, colour=wants_colour(sys.stdout, environment)))


def _spec_of(options: argparse.Namespace) -> dict[str, Any]:
    if options.server is None or options.port is None or options.from_ is None:
        raise CheckFailed("give -f FILE, or NAME, or --server with --port and --from; see --help")
    spec: dict[str, Any] = {"server": options.server, "port": options.port, "from": options.from_}
    if options.smtp_type is not None:
        spec["smtpType"] = options.smtp_type
    if options.username is not None:
        # The password is supplied apart, so that it is on no command line.
        spec |= {"username": options.username, "password": {"secretRef": {"name": "supplied"}}}
    if options.to:
        spec["recipients"] = {"to": options.to}
    if options.ca_file:
        spec["tls"] = {"caRef": {"name": "supplied"}}
    return spec


def _password(options: argparse.Namespace, environment: Mapping[str, str]) -> str | None:
    if options.password_file:
        return _text_of(options.password_file)
    return environment.get(PASSWORD_VARIABLE)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CheckFailed(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CheckFailed(f"{path} is not UTF-8 text") from None
