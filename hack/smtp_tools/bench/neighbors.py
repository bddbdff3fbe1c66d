# SPDX-License-Identifier: Apache-2.0
"""The delay of a verdict next to each kind of attacker in another namespace."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from smtp_tools.bench import hostile, ours
from smtp_tools.bench.api import Object, VerdictWatch
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.figures import Figure
from smtp_tools.bench.mail import PASSWORD, MailProcess
from smtp_tools.bench.replicas import LEADER_ELECT, WORKS, wait_for
from smtp_tools.bench.world import World, say
from smtp_tools.localcluster.processes import Process

ATTACKER = "bench-attacker"
NEIGHBOR = "bench-neighbor"
VAULT = "bench-shared"
VAULTS = "/apis/smtp-operator.io/v1alpha1/clustersmtpvaults"
HEAD_START_SECONDS = 5.0
"""Until the first statuses of the attacker are written."""
PATIENCE = 600.0
MANY = 200
SILENT_SERVERS = 150
RECIPIENTS = 10
SHARED_DELAY = 0.1
SLOW_DELAY = 1.0
AT_ONCE_SECONDS = 2.0
ONE_TEST_SECONDS = 2 * SHARED_DELAY * (RECIPIENTS + 8)
"""Bound for one test of the attacker at the shared mail server, with a tolerance for a busy machine."""
MAIL_DELAYS = {"own": 0.0, "shared": SHARED_DELAY, "slow": SLOW_DELAY}


@dataclass
class Scene:
    """Servers of attackers and neighbors."""

    world: World
    stack: ExitStack
    ports: dict[str, int]
    """Plaintext ports of the mail servers, by name."""
    tls_port: int
    """The port of the mail server ``own`` for StartTLS."""


@dataclass
class Attack:
    """SmtpConfigs of the attacker, and those of the neighbor that they could delay."""

    configs: list[Object]
    neighbor: Object
    at_most: float = AT_ONCE_SECONDS
    flags: list[str] = field(default_factory=list)
    head_start: float = HEAD_START_SECONDS


def _path(namespace: str) -> str:
    return f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}/smtpconfigs"


def _config(name: str, port: int, **spec: object) -> Object:
    config = ours.smtp_config(name, "None", port)
    config["spec"]["password"] = {"secretRef": {"name": "mail"}}
    config["spec"] |= spec
    return config


def _with_vault(name: str, port: int, item: str) -> Object:
    password = {"hashiCorpVault": {"vaultRef": {"kind": "ClusterSmtpVault", "name": VAULT}, "path": item}}
    return _config(name, port, smtpType="StartTLS", password=password)


def names(scene: Scene) -> Attack:
    """200 names with a silent name server"""
    own = scene.ports["own"]
    configs = [_config(f"a-{it}", own, server=f"mail-{it}.hangs.example") for it in range(MANY)]
    return Attack(configs, _config("neighbor", own, server="localhost"))


def connections(scene: Scene) -> Attack:
    """200 long tests at the mail server of both"""
    to = [f"user-{it}@example.com" for it in range(RECIPIENTS)]
    port = scene.ports["shared"]
    configs = [_config(f"a-{it}", port, recipients={"to": to}) for it in range(MANY)]
    return Attack(configs, _config("neighbor", port), at_most=ONE_TEST_SECONDS)


def emails(scene: Scene) -> Attack:
    """200 emails at a slow mail server, with leader election"""
    configs = [_config(f"a-{it}", scene.ports["slow"]) for it in range(MANY)]
    return Attack(configs, _config("neighbor", scene.ports["own"]), flags=[LEADER_ELECT])


def vault(scene: Scene) -> Attack:
    """200 failing items of the vault of both"""
    configs = [_with_vault(f"a-{it}", scene.tls_port, f"mail/broken-{it}") for it in range(MANY)]
    return Attack(configs, _with_vault("neighbor", scene.tls_port, "mail/good"))


def https(scene: Scene) -> Attack:
    """150 silent token endpoints, and a vault"""
    configs = []
    for it in range(SILENT_SERVERS):
        silent = scene.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        oauth2 = {
            "tokenUrl": f"https://127.0.0.1:{silent.getsockname()[1]}/token",
            "clientId": "c",
            "clientSecretRef": {"name": "mail", "key": "password"},
        }
        config = _config(f"a-{it}", scene.tls_port, smtpType="StartTLS", oauth2=oauth2)
        del config["spec"]["password"]
        configs.append(config)
    return Attack(configs, _with_vault("neighbor", scene.tls_port, "mail/good"))


def queue(scene: Scene) -> Attack:
    """many SmtpConfigs at the mail server of both"""
    own = scene.ports["own"]
    configs = [_config(f"a-{it}", own) for it in range(len(scene.world.names))]
    return Attack(configs, _config("neighbor", own), head_start=0.0)


ATTACKS: Sequence[Callable[[Scene], Attack]] = (names, connections, emails, vault, https, queue)


def measure(world: World) -> list[Figure]:
    """Run all attacks, one after another, and return the delays."""
    side = world.smtp_configs
    for namespace in (ATTACKER, NEIGHBOR):
        world.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        secret = {"metadata": {"name": "mail"}, "stringData": {"password": PASSWORD, "token": "t"}}
        world.api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
    figures = []
    with ExitStack() as stack:
        shared = stack.enter_context(hostile.Vault(PASSWORD))
        _create_vault(world, shared)
        stack.callback(world.api.text, "DELETE", f"{VAULTS}/{VAULT}")
        mail = stack.enter_context(MailProcess(world.cluster.directory, list(MAIL_DELAYS.values())))
        ports = dict(zip(MAIL_DELAYS, mail.ports["None"], strict=True))
        script = Path(__file__).with_name("silent_names.py")
        plain = list(side.command)
        plain[1:3] = [script]
        with_silent_names = replace(side, command=plain)
        ca_file = world.cluster.directory / "neighbors-ca.pem"
        ca_file.write_text(mail.ca_pem + shared.ca_pem)
        flags: list[str | Path] = ["--ca-file", ca_file, "--allow-vault-port", "1-65535"]
        for attack in ATTACKS:
            with ExitStack() as inner:
                prepared = attack(Scene(world, inner, ports, mail.ports["StartTLS"][0]))
                process = world.start(with_silent_names, *flags, *prepared.flags)
                inner.callback(process.kill)
                if LEADER_ELECT in prepared.flags:
                    wait_for(process, WORKS)
                figures += _delay(world, str(attack.__doc__), prepared, process)
            for namespace in (ATTACKER, NEIGHBOR):
                world.api.text("DELETE", _path(namespace))
    return figures


def _delay(world: World, name: str, attack: Attack, process: Process) -> list[Figure]:
    _time(world, attack.neighbor, "warm-up", process)
    alone = _time(world, attack.neighbor, "alone", process)
    world.api.create(_path(ATTACKER), attack.configs)
    time.sleep(attack.head_start)
    delay = max(0.0, _time(world, attack.neighbor, "next-to-it", process) - alone)
    say(f"  {name}: {delay:.1f} s later than alone ({alone:.1f} s).")
    return [Figure(f"delay of a verdict next to {name}", delay, "s", attack.at_most)]


def _time(world: World, config: Object, name: str, process: Process) -> float:
    """Return the seconds until a new SmtpConfig of the neighbor passes, including failures and retries."""
    path = _path(NEIGHBOR)
    failures: list[str] = []

    def passed(item: Object) -> str | None:
        verdict = ours.verdict(item)
        if verdict not in (None, "True"):
            failures.append(str(verdict))
        return verdict if verdict == "True" else None

    with VerdictWatch(world.api, path, {name}, passed) as watch:
        begun = time.monotonic()
        world.api.create(path, [config | {"metadata": {"name": name}}])
        try:
            watch.wait(PATIENCE, lambda: process.exited() is None)
        except BenchError as error:
            raise BenchError(f"{error} {' '.join(failures)}\n{process.described()}") from None
    for failure in failures:
        say(f"  The neighbor failed: {failure}")
    return watch.last - begun


def _create_vault(world: World, vault_: hostile.Vault) -> None:
    block = {
        "url": f"https://127.0.0.1:{vault_.port}",
        "auth": {"tokenRef": {"name": "mail", "key": "token", "namespace": NEIGHBOR}},
    }
    spec = {
        "hashiCorpVault": block,
        "allowedNamespaces": {"matchNames": [ATTACKER, NEIGHBOR]},
        "allowedServers": ["*:*"],
    }
    body = {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "ClusterSmtpVault"}
    world.api.request("POST", VAULTS, body | {"metadata": {"name": VAULT}, "spec": spec})
