# SPDX-License-Identifier: Apache-2.0
"""A control plane that runs for a `with` block, and never longer than this process."""

import errno
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from smtp_tools.localcluster.assets import Assets, find_assets
from smtp_tools.localcluster.components import LOOPBACK, Components, prepare
from smtp_tools.localcluster.errors import ClusterError, KubectlError
from smtp_tools.localcluster.kubeconfig import write_kubeconfig
from smtp_tools.localcluster.processes import Process

START_SECONDS = 120.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
ATTEMPTS = 4


class LocalCluster:
    """etcd, kube-apiserver and kube-controller-manager on free ports of 127.0.0.1.

    RBAC is on, ServiceAccounts get real tokens, and the ambient KUBECONFIG is never read. There are no
    nodes: Deployments create Pods, and the Pods stay Pending.
    """

    def __init__(self, components: Components, *, remove_directory: bool) -> None:
        """Do not call this; use `start`."""
        self._components = components
        self._remove_directory = remove_directory
        self._processes: dict[str, Process] = {}
        self._tls = ssl.create_default_context(cafile=components.certificates.ca)

    @classmethod
    def start(cls, directory: Path | None = None, *, assets: Assets | None = None) -> Self:
        """Start a control plane and return when it answers, after about 4 seconds.

        Args:
            directory: folder for all its files and logs; created if missing, must be empty, stays when the
                cluster is stopped. None: a temporary one, which is removed unless the start fails.
            assets: the programs; None: those of `find_assets`, which builds them if necessary.

        Raises:
            ClusterError: it did not start; the text has the end of the log with the cause.
            BuildError: its programs could not be built.
        """
        assets = assets or find_assets()
        temporary = directory is None
        directory = Path(directory or tempfile.mkdtemp(prefix="localcluster-")).absolute()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ClusterError(f"{directory} is not empty. Use an empty or a new folder.")
        for attempt in range(1, ATTEMPTS + 1):
            cluster = cls(prepare(directory, assets), remove_directory=temporary)
            try:
                cluster._start_all()
            except ClusterError:
                taken = cluster._port_was_taken()
                cluster._kill_all()
                if not taken or attempt == ATTEMPTS:
                    raise
                _empty(directory)
            except BaseException:  # Ctrl-C: the logs are not needed
                cluster.stop()
                raise
            else:
                return cluster
        raise AssertionError("the last attempt returns or raises")

    @property
    def components(self) -> Components:
        """The files and addresses, with which another process can use the cluster."""
        return self._components

    @property
    def directory(self) -> Path:
        """The folder with all its files."""
        return self._components.directory

    @property
    def url(self) -> str:
        """The URL of the API server: `https://127.0.0.1:PORT`."""
        return self._components.url

    @property
    def ca_file(self) -> Path:
        """The CA certificate (PEM) of the API server."""
        return self._components.certificates.ca

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the administrator: user `admin`, group `system:masters`."""
        return self._components.kubeconfig

    @property
    def admin_token(self) -> str:
        """The bearer token of the administrator."""
        return self._components.admin_token

    @property
    def kubectl_path(self) -> Path:
        """The path of `kubectl`; its folder can be put on the PATH."""
        return self._components.assets.kubectl

    @property
    def helm_path(self) -> Path:
        """The path of `helm`."""
        return self._components.assets.helm

    @property
    def audit_log(self) -> Path:
        """The API server's audit log: one JSON object (`audit.k8s.io/v1` Event) per line, without bodies.

        There is one line for each request, written when the request is complete; for a watch, when it
        ends. A client may receive the response just before the line is written.
        """
        return self._components.audit_log

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the running programs, by name."""
        return {name: process.pid for name, process in self._processes.items()}

    def environment(self) -> dict[str, str]:
        """Return the environment of this process with KUBECONFIG, KUBECACHEDIR and PATH for this cluster."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self._components.home / ".kube" / "cache"),
            "PATH": f"{self.kubectl_path.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def kubectl(
        self,
        *args: str,
        input: str | None = None,
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or with another `kubeconfig`.

        Args:
            args: its arguments.
            input: its standard input; None: empty.
            kubeconfig: the kubeconfig to use; None: that of the administrator.
            check: whether to raise an error if it fails.

        Raises:
            KubectlError: it failed; the text has the arguments and the output of kubectl.
        """
        return self._client(self.kubectl_path, args, input, kubeconfig, check)

    def helm(
        self,
        *args: str,
        input: str | None = None,
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run helm 4; everything else as `kubectl`.

        Raises:
            KubectlError: it failed; the text has the arguments and the output of helm.
        """
        return self._client(self.helm_path, args, input, kubeconfig, check)

    def _client(
        self, program: Path, args: tuple[str, ...], input: str | None, kubeconfig: Path | None, check: bool
    ) -> subprocess.CompletedProcess[str]:
        # The user's preferences (~/.kube/kuberc, helm's repositories) could change the meaning of arguments.
        home = {"HOME": str(self._components.home), "KUBERC": "off"}
        environment = self.environment() | home | {"KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        environment = {
            name: value for name, value in environment.items() if not name.startswith(("HELM_", "XDG_"))
        }
        command = [str(program), *args]
        done = subprocess.run(
            command, check=False, input=input or "", env=environment, capture_output=True, text=True
        )
        if check and done.returncode != 0:
            raise KubectlError(done.returncode, command, done.stdout, done.stderr)
        return done

    def kubeconfig_for_service_account(self, namespace: str, name: str, *, duration: str = "24h") -> Path:
        """Return a kubeconfig with a token of the ServiceAccount, from TokenRequest.

        Args:
            namespace: namespace of the ServiceAccount, and the default one of the kubeconfig.
            name: name of the ServiceAccount, which must exist.
            duration: lifetime of the token, at least `10m`.

        Raises:
            KubectlError: the ServiceAccount does not exist, or the API server rejects the duration.
        """
        request = ["create", "token", name, f"--namespace={namespace}", f"--duration={duration}"]
        return write_kubeconfig(
            self.directory / f"{namespace}.{name}.kubeconfig",
            url=self.url,
            ca_file=self.ca_file,
            user=f"system:serviceaccount:{namespace}:{name}",
            token=self.kubectl(*request).stdout.strip(),
            namespace=namespace,
        )

    def stop_apiserver(self) -> None:
        """Kill the API server: connections break, new ones are refused, data is kept."""
        self._kill("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start the API server again, on the same port with the same data; return when it is ready.

        Raises:
            ClusterError: it did not start, or was not stopped before.
        """
        self._run("kube-apiserver", self._components.apiserver())
        self._wait("the API server", lambda: self._get("/readyz") == http.client.OK)

    def wait(self) -> None:
        """Block while all its processes run.

        Raises:
            ClusterError: a process stopped; the text has the end of its log.
        """
        while True:
            self._check()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Stop all processes, and remove the folder if it is temporary. A second call does nothing."""
        self._kill_all()
        if self._remove_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_all(self) -> None:
        self._run("etcd", self._components.etcd())
        # If its first call were refused, the API server would wait a second before the next one.
        self._wait("etcd", lambda: _listens(self._components.etcd_port))
        self.start_apiserver()
        self._run("kube-controller-manager", self._components.controller_manager())
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait("the controllers", lambda: self._get(account) == http.client.OK)

    def _run(self, name: str, command: Sequence[str | Path]) -> None:
        if name in self._processes:
            raise ClusterError(f"{name} is already running.")
        # Nothing else, because etcd reads settings from variables ETCD_*.
        environment = {"HOME": str(self._components.home), "PATH": os.defpath}
        log = self.directory / f"{name}.log"
        self._processes[name] = Process(command, name=name, log=log, environment=environment)

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self._check()
            if time.monotonic() > deadline:
                newest = list(self._processes.values())[-1]
                raise ClusterError(f"{what} did not answer within {START_SECONDS:g} s:\n{newest.described()}")
            time.sleep(POLL_SECONDS)

    def _check(self) -> None:
        for process in self._processes.values():
            if (code := process.exited()) is not None:
                raise ClusterError(f"{process.name} exited with {code}:\n{process.described()}")

    def _get(self, path: str) -> int | None:
        """Return the HTTP status of the API server, or None if it does not answer."""
        port = self._components.apiserver_port
        connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=30, context=self._tls)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.admin_token}"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _port_was_taken(self) -> bool:
        words = os.strerror(errno.EADDRINUSE).lower()
        return any(words in process.output().lower() for process in self._processes.values())

    def _kill(self, name: str) -> None:
        if process := self._processes.pop(name, None):
            process.kill()

    def _kill_all(self) -> None:
        for name in reversed(list(self._processes)):
            self._kill(name)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir(mode=0o700)
