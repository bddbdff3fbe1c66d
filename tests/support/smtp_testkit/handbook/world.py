# SPDX-License-Identifier: Apache-2.0
"""The environment of the documentation's commands: a namespace, a mail server, a shell.

The documentation uses `smtp.example.com`, the standard mail ports and namespace `team-a`. Here these are a
mail server on loopback, its free ports, and a new namespace: names are replaced in commands and outputs.

Worlds: `bare` has no operator, the page starts one. `served` has one. `samples` has one that has tested the
SmtpConfigs of `docs/samples.yaml`. In all of them the mail server's CA is trusted like a public one; in
`private`, which also has an operator, it is not. Its certificate is in the file `ca.pem`. `argocd` has no
operator, but the ConfigMap that Argo CD reads. `fresh` is a cluster with nothing of ours, not even the CRDs;
tests/cluster/install runs it. In all worlds, `docker run` with the operator's image runs the installed
program, see `container.py`.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from smtp_testkit.handbook import container
from smtp_testkit.handbook.blocks import ROOT
from smtp_testkit.mailpeers import MailServer
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.kubeconfig import write_kubeconfig
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

FRESH = "fresh"
RUN = ".venv/bin/smtp-operator run"
SECONDS = 120.0
POLL_SECONDS = 0.05

SAMPLES = ROOT / "docs" / "samples.yaml"
HOST = "smtp.example.com"
USER, PASSWORD = "mailer@example.com", "s3cret"
REFUSED = "nobody@example.com"
UNKNOWN_USER = f"550 5.1.1 <{REFUSED}>: Recipient address rejected: User unknown"


@dataclass(frozen=True)
class Page:
    """The requirements of a page for its world."""

    world: str = "bare"
    namespace: str = "team-a"
    """The page's name of the namespace that its commands use."""
    text: str = ""


class CommandFailed(Exception):
    """A command of the documentation failed; the text has its output."""


class World:
    """A running world; created by `World.entered`."""

    def __init__(
        self, folder: Path, cluster: LocalCluster, namespace: str, server: MailServer, page: Page
    ) -> None:
        """Do not call this; use `entered`."""
        self._folder = folder
        self._server = server
        self._stack = ExitStack()
        self._count = 0
        closed, other, metrics, more_metrics = free_ports(4)
        self._names = {
            "587": str(server.starttls_port),
            "465": str(server.tls_port),
            "25": str(server.plain_port),
            "588": str(closed),
            "2525": str(other),
            "8080": str(metrics),
            "8082": str(more_metrics),
            page.namespace: namespace,
        }
        if page.world == "samples" or HOST in page.text:  # else the page uses the real names of this machine
            self._names |= {HOST: "localhost", "192.0.2.10": "127.0.0.1"}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / ".venv").symlink_to(sys.prefix)
        authority = folder / "ca.pem"
        authority.write_text(server.ca_pem)
        kubeconfig = write_kubeconfig(
            folder / "kubeconfig",
            url=cluster.url,
            ca_file=cluster.ca_file,
            user="admin",
            token=cluster.admin_token,
            namespace=namespace,
        )
        self._environment = {
            "PATH": os.pathsep.join(
                str(place)
                for place in (
                    container.install(folder),
                    cluster.kubectl_path.parent,
                    cluster.helm_path.parent,
                    Path(sys.executable).parent,
                    os.defpath,
                )
            ),
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "KUBERC": "off",
            "SMTP_OPERATOR_ALLOW_NETWORK": "127.0.0.0/8",
            "SMTP_OPERATOR_ALLOW_SMTP_PORT": "1-65535",
            "SMTP_OPERATOR_NAMESPACE": namespace,
            "SMTP_OPERATOR_SMTP_TESTS": "true",
            "SMTP_OPERATOR_SENDER_AUTHENTICATION": "false",  # the documentation needs no DNS
        }

        if page.world != "private":
            self._environment["SSL_CERT_FILE"] = str(authority)

    @classmethod
    @contextmanager
    def entered(cls, page: Page, *, folder: Path, cluster: LocalCluster, namespace: str) -> Iterator["World"]:
        """Start the world of a page for the block; its files are in `folder`, which must be new."""
        with MailServer.in_thread(
            hostname=HOST, users={USER: PASSWORD}, refused_recipients={REFUSED: UNKNOWN_USER}
        ) as server:
            world = cls(folder, cluster, namespace, server, page)
            with world._stack:
                if page.world == "argocd":
                    world.run(
                        "kubectl create configmap argocd-cm --from-literal=url=https://argocd.example.com"
                    )
                elif page.world not in ("bare", FRESH):
                    world.start(RUN, "says serves")
                if page.world == "samples":
                    world.save("samples.yaml", SAMPLES.read_text(encoding="utf-8"))
                    world.run("kubectl apply -f samples.yaml")
                    world.run("kubectl wait --for=jsonpath='{.status.observedGeneration}'=1 smtpconfig --all")
                yield world

    def save(self, name: str, text: str) -> None:
        """Write a file."""
        (self._folder / name).write_text(self._inward(text) + "\n", encoding="utf-8")

    def run(self, command: str) -> str:
        """Run a command and return its output of stdout and stderr.

        Raises:
            CommandFailed: its exit code is not 0, or it takes too long.
        """
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", self._inward(command)],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"$ {command}\ntook longer than {SECONDS:g} s{self._logs()}") from error
        output = self._outward(done.stdout)
        if done.returncode != 0:
            raise CommandFailed(f"$ {command}\nended with {done.returncode}\n{output}{self._logs()}")
        return output.rstrip()

    def tidy_up_by(self, command: str) -> None:
        """Run a command when this world ends, after everything started later has stopped."""
        self._stack.callback(self.run, command)

    def mail(self, name: str) -> str:
        """Return the email that the SmtpConfig with this name sent, as received."""
        ending = f"/{name}".encode()
        mail = self._server.wait_for_mail(
            lambda it: any(
                line.startswith(b"X-Smtp-Operator: ") and line.endswith(ending)
                for line in it.content.splitlines()
            )
        )
        return self._outward(mail.content.decode().replace("\r\n", "\n")).rstrip()

    def start(self, command: str, until: str) -> None:
        """Start a command in the background; return when it `listens PORT` or `says TEXT`.

        Raises:
            CommandFailed: it stops, or takes too long.
        """
        self._count += 1
        script = f"cd {shlex.quote(str(self._folder))} && exec {self._inward(command)}"
        log = self._folder / f"background-{self._count}.log"
        process = Process(["bash", "-c", script], name=command, log=log, environment=self._environment)
        self._stack.callback(process.end, 10.0)
        what, _, value = until.partition(" ")
        deadline = time.monotonic() + SECONDS
        while not (_listens(int(self._inward(value))) if what == "listens" else value in process.output()):
            if process.exited() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"$ {command}\ndoes not get ready: {process.output()}")
            time.sleep(POLL_SECONDS)

    def start_operator(self, words: Sequence[str]) -> None:
        """Start an operator with these flags, after `NAME=VALUE` of its environment; `-` is no flag."""
        environment = [it for it in words if "=" in it and not it.startswith("-")]
        flags = [it for it in words if it.startswith("--")]
        until = "says works: holds the lease" if "--leader-elect" in flags else "says serves"
        self.start(" ".join(["env", *environment, RUN, *flags]), until)

    def _inward(self, text: str) -> str:
        return _exchanged(text, self._names)

    def _outward(self, text: str) -> str:
        return _exchanged(text, {real: name for name, real in self._names.items()})

    def _logs(self) -> str:
        logs = sorted(self._folder.glob("background-*.log"))
        return "".join(f"\n{log.name}:\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


def _exchanged(text: str, names: dict[str, str]) -> str:
    pattern = "|".join(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)" for name in names)
    return re.sub(pattern, lambda found: names[found[0]], text)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
