# SPDX-License-Identifier: Apache-2.0
"""Attacks of a user of one namespace: the operator's peak memory and the latency of its event loop."""

import http.client
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from smtp_tools.bench import hostile
from smtp_tools.bench.api import Object
from smtp_tools.bench.figures import Figure
from smtp_tools.bench.usage import peak_megabytes
from smtp_tools.bench.world import Side, World, say
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

NAMESPACE = "bench-attacks"
LIMIT_MEGABYTES = 256 * 1024 * 1024 / 1e6
"""The memory limit of our Deployment."""
STOP_MEGABYTES = 4 * LIMIT_MEGABYTES
"""The tolerance for a busy machine."""
SECONDS = 10.0
START_SECONDS = 60.0
PROBE_SECONDS = 30.0
MANY = 20
LESS_THAN = "<" * 1_200_000
_CORE = f"/api/v1/namespaces/{NAMESPACE}"
_CONFIGS = f"/apis/smtp-operator.io/v1alpha1/namespaces/{NAMESPACE}/smtpconfigs"


@dataclass
class Prepared:
    """An attack: objects by collection, and what runs in addition to them."""

    objects: list[tuple[str, Object]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    late: bool = False
    """Whether the objects are created after the operator has started."""
    idle: int = 0
    """Number of idle connections to the health port."""


Attack = Callable[[World, ExitStack], Prepared]


def _config(name: str, port: int, **spec: object) -> tuple[str, Object]:
    basic = {"server": "127.0.0.1", "port": port, "smtpType": "None", "from": "bench@example.com"}
    body = {"apiVersion": "smtp-operator.io/v1alpha1", "kind": "SmtpConfig", "metadata": {"name": name}}
    return _CONFIGS, body | {"spec": basic | {"test": {"mode": "Connect"}} | spec}


def _owned(name: str, owner: str) -> Object:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": "0"}
    return {"metadata": {"name": name, "ownerReferences": [reference]}}


def _long_objects(kind: str) -> list[tuple[str, Object]]:
    return [(f"{_CORE}/{kind}", _owned(f"long-{number}", LESS_THAN)) for number in range(MANY)]


def listed(world: World, stack: ExitStack) -> Prepared:
    """20 ConfigMaps of 7 MB as JSON before it starts."""
    return Prepared(_long_objects("configmaps"))


def watched(world: World, stack: ExitStack) -> Prepared:
    """20 Secrets of 7 MB as JSON while it runs."""
    return Prepared(_long_objects("secrets"), late=True)


def accounts(world: World, stack: ExitStack) -> Prepared:
    """20 ServiceAccounts of 7 MB as JSON while it runs."""
    return Prepared(_long_objects("serviceaccounts"), late=True)


def named(world: World, stack: ExitStack) -> Prepared:
    """20 ConfigMaps of 7 MB as JSON that SmtpConfigs refer to."""
    port = world.mail.ports["StartTLS"][0]
    configs = [
        _config(
            f"c-{it}", port, smtpType="StartTLS", tls={"caRef": {"kind": "ConfigMap", "name": f"long-{it}"}}
        )
        for it in range(MANY)
    ]
    return Prepared([*_long_objects("configmaps"), *configs])


def ours(world: World, stack: ExitStack) -> Prepared:
    """20 SmtpConfigs of 1.3 MB as JSON."""
    port = world.mail.ports["None"][0]
    configs = [_config(f"c-{it}", port) for it in range(MANY)]
    for _, config in configs:
        config["metadata"] |= _owned("", "<" * 200_000)["metadata"] | {"name": config["metadata"]["name"]}
    return Prepared(configs)


def passwords(world: World, stack: ExitStack) -> Prepared:
    """20 Secrets with passwords of 1 MB."""
    port = world.mail.ports["None"][0]
    objects: list[tuple[str, Object]] = []
    for it in range(MANY):
        secret = {"metadata": {"name": f"s-{it}"}, "stringData": {"password": "x" * 1_000_000}}
        objects.append((f"{_CORE}/secrets", secret))
        password = {"secretRef": {"name": f"s-{it}"}}
        objects.append(_config(f"c-{it}", port, username="mailer", password=password, test={"mode": "Login"}))
    return Prepared(objects)


def bundles(world: World, stack: ExitStack) -> Prepared:
    """20 CA bundles of 700 kB."""
    return _bundles(world, 700_000)


def fitting_bundles(world: World, stack: ExitStack) -> Prepared:
    """20 CA bundles of 240 kB."""
    return _bundles(world, 240_000)


def _bundles(world: World, size: int) -> Prepared:
    port = world.mail.ports["StartTLS"][0]
    pem = hostile.certificates(size)
    objects: list[tuple[str, Object]] = []
    for it in range(MANY):
        bundle = {"metadata": {"name": f"m-{it}"}, "data": {"ca.crt": f"# {it}\n{pem}"}}
        objects.append((f"{_CORE}/configmaps", bundle))
        reference = {"kind": "ConfigMap", "name": f"m-{it}"}
        objects.append(_config(f"c-{it}", port, smtpType="StartTLS", tls={"caRef": reference}))
    return Prepared(objects)


def headers(world: World, stack: ExitStack) -> Prepared:
    """12 token endpoints with long HTTP headers."""
    mail = world.mail.ports["None"][0]
    objects: list[tuple[str, Object]] = []
    secret = {"metadata": {"name": "client"}, "stringData": {"secret": "s3cret"}}
    objects.append((f"{_CORE}/secrets", secret))
    for it in range(12):
        server = stack.enter_context(hostile.LongHeaders())
        bundle = {"metadata": {"name": f"m-{it}"}, "data": {"ca.crt": server.ca_pem}}
        objects.append((f"{_CORE}/configmaps", bundle))
        oauth2 = {
            "tokenUrl": f"https://127.0.0.1:{server.port}/token",
            "clientId": "c",
            "clientSecretRef": {"name": "client", "key": "secret"},
            "caRef": {"kind": "ConfigMap", "name": f"m-{it}"},
        }
        objects.append(
            _config(f"c-{it}", mail, username="m", oauth2=oauth2, smtpType="StartTLS", test={"mode": "Login"})
        )
    return Prepared(objects, flags=["--allow-vault-port", "1-65535"])


def replies(world: World, stack: ExitStack) -> Prepared:
    """20 objects whose server replies with text that regular expressions need long for."""
    return _of_server(stack.enter_context(hostile.HardReplies()).port, MANY)


def segments(world: World, stack: ExitStack) -> Prepared:
    """20 objects whose server replies byte by byte."""
    return _of_server(stack.enter_context(hostile.Segments()).port, MANY)


def _of_server(port: int, number: int) -> Prepared:
    return Prepared([_config(f"c-{it}", port) for it in range(number)])


def names(world: World, stack: ExitStack) -> Prepared:
    """200 host names that the name server of this machine must resolve."""
    return Prepared([_config(f"c-{it}", 25, server=f"mail-{it}.bench.example") for it in range(200)])


def connections(world: World, stack: ExitStack) -> Prepared:
    """500 idle connections to the health port."""
    return Prepared(idle=500)


ATTACKS: Sequence[Attack] = (
    listed,
    watched,
    accounts,
    named,
    ours,
    passwords,
    bundles,
    fitting_bundles,
    headers,
    replies,
    segments,
    names,
    connections,
)


def measure(world: World) -> list[Figure]:
    """Run all attacks and return their figures."""
    side = world.smtp_configs
    world.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    figures: list[Figure] = []
    for attack in ATTACKS:
        what = str(attack.__doc__).rstrip(".")
        say(f"  {what}")
        with ExitStack() as stack:
            stack.callback(_clear, world)
            figures += _measured(world, side, what, attack(world, stack), stack)
    return figures


def _measured(world: World, side: Side, what: str, prepared: Prepared, stack: ExitStack) -> list[Figure]:
    if not prepared.late:
        _create(world, prepared)
    (port,) = free_ports(1)
    process = world.start(side, f"--health-address=127.0.0.1:{port}", *prepared.flags)
    stack.callback(process.kill)
    probe = _Probe(process, port)
    probe.until_ready(START_SECONDS)
    if prepared.late:
        _create(world, prepared)
    for _ in range(prepared.idle):
        with suppress(OSError):
            stack.enter_context(hostile.connection(port))
    probe.watch(SECONDS)
    row = f"{what} (loop: {1000 * probe.latency:,.0f} ms at most)"
    figures = [Figure(row, probe.peak, "MB", LIMIT_MEGABYTES)]
    say(f"    {row}: {probe.peak:,.0f} MB{f'; it {probe.ended}' if probe.ended else ''}")
    if probe.ended is not None:
        figures.append(Figure(f"  it {probe.ended}", 1, at_most=0))
    return figures


def _create(world: World, prepared: Prepared) -> None:
    for path, object_ in prepared.objects:
        world.api.text("POST", path, object_)


def _clear(world: World) -> None:
    for collection in (_CONFIGS, f"{_CORE}/configmaps", f"{_CORE}/secrets", f"{_CORE}/serviceaccounts"):
        world.api.text("DELETE", collection)


class _Probe:
    """Requests the health of a process, as the kubelet does, and watches its memory.

    The event loop answers, so an answer takes as long as the loop is blocked.
    """

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self._port = port
        self.latency = 0.0
        self.peak = 0.0
        self.ended: str | None = None

    def until_ready(self, seconds: float) -> None:
        """Watch the process until it is ready."""
        deadline = time.monotonic() + seconds
        while self._goes_on():
            if self._ask("/readyz"):
                return
            if time.monotonic() > deadline:
                self.ended = f"was not ready after {seconds:g} s"
                return
            time.sleep(0.02)

    def watch(self, seconds: float) -> None:
        """Watch the process under attack."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._goes_on():
            begun = time.monotonic()
            self._ask("/healthz")
            self.latency = max(self.latency, time.monotonic() - begun)
            time.sleep(0.01)

    def _goes_on(self) -> bool:
        code = self._process.exited()
        if code is not None:
            self.ended = f"ended with exit code {code}"
            return False
        if self.ended is not None:
            return False
        with suppress(LookupError, OSError):
            self.peak = max(self.peak, peak_megabytes(self._process.pid))
        if self.peak > STOP_MEGABYTES:
            self._process.kill()
            self.ended = f"was ended at {self.peak:,.0f} MB"
            return False
        return True

    def _ask(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
