# SPDX-License-Identifier: Apache-2.0
"""Runs an image with runc as the kubelet does: with the Pod's security context, token and environment."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from smtp_tools.image.building import Image

Spec = dict[str, Any]

_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_DEFAULT_PROFILE: Final = Path("/usr/share/containers/seccomp.json")
_MACHINE: Final = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
_NAMESPACES: Final = ("pid", "ipc", "uts", "mount")  # but not the network: the API server is on loopback
_READ_ONLY: Final = ("nosuid", "nodev", "noexec", "ro")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The Pod template of a Deployment with one container, and what the cluster adds to it."""

    template: Spec
    account: Path
    """Folder with ``token``, ``ca.crt`` and ``namespace``."""
    environment: Mapping[str, str]
    """Environment variables of the cluster, such as KUBERNETES_SERVICE_HOST."""
    more_args: Sequence[str] = ()
    more_files: Mapping[str, Path] = field(default_factory=dict)
    """More read-only mounts: path in the container, and file on this machine."""

    @property
    def container(self) -> Spec:
        """The only container."""
        (container,) = self.template["spec"]["containers"]
        return dict(container)

    def runtime_spec(self, image: Image) -> Spec:
        """Return the ``config.json`` of an OCI bundle; raise ValueError for an unknown security context."""
        context = {**self.template["spec"]["securityContext"], **self.container["securityContext"]}
        if context["seccompProfile"] != {"type": "RuntimeDefault"} or context["capabilities"] != {
            "drop": ["ALL"]
        }:
            raise ValueError(f"unsupported security context: {context}")
        environment = [*image.config["Env"], *(f"{name}={value}" for name, value in self.environment.items())]
        args = [
            *image.config["Entrypoint"],
            *(self.container.get("args") or image.config["Cmd"]),
            *self.more_args,
        ]
        user = {"uid": context["runAsUser"], "gid": context["runAsGroup"]}
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": user,
                "args": args,
                "env": environment,
                "cwd": image.config["WorkingDir"],
                "capabilities": {},
                "noNewPrivileges": not context["allowPrivilegeEscalation"],
            },
            "root": {"path": str(image.root), "readonly": context["readOnlyRootFilesystem"]},
            "mounts": list(self._mounts()),
            "linux": {
                "namespaces": [{"type": kind} for kind in _NAMESPACES],
                "seccomp": _default_seccomp(),
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        }

    def _mounts(self) -> Sequence[Spec]:
        mounts: list[Spec] = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/etc/resolv.conf", "type": "bind", "source": "/etc/resolv.conf",
             "options": ["bind", *_READ_ONLY]},
            {"destination": _ACCOUNT, "type": "bind", "source": str(self.account),
             "options": ["bind", *_READ_ONLY]},
        ]  # fmt: skip
        volumes = {it["name"]: it for it in self.template["spec"].get("volumes", ())}
        for mount in self.container.get("volumeMounts", ()):
            if "emptyDir" in volumes[mount["name"]]:
                options = ["nosuid", "nodev", "mode=1777"]
                tmpfs = {"type": "tmpfs", "source": "tmpfs", "options": options}
                mounts.append({"destination": mount["mountPath"], **tmpfs})
        mounts += [
            {"destination": path, "type": "bind", "source": str(file), "options": ["bind", *_READ_ONLY]}
            for path, file in self.more_files.items()
        ]
        return mounts


class Container:
    """A container of runc that runs for a ``with`` block. ``log`` has its output."""

    def __init__(self, name: str, image: Image, pod: Pod, folder: Path) -> None:
        self._name = name
        self._state = folder / "state"
        self._bundle = folder / "bundle"
        self._bundle.mkdir(parents=True)
        (self._bundle / "config.json").write_text(json.dumps(pod.runtime_spec(image)))
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as output:
            command = ["runc", "--root", str(self._state), "run", "--bundle", str(self._bundle), self._name]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runc("kill", self._name, "KILL")
        if self._process is not None:
            self._process.wait()
        self._runc("delete", "--force", self._name)

    @property
    def pid(self) -> int:
        """The process id of its first process, on this machine."""
        return int(json.loads(self._runc("state", self._name).stdout)["pid"])

    def facts(self) -> dict[str, str]:
        """Return the lines of ``/proc/PID/status`` of its first process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as its user."""
        return self._runc("exec", self._name, *command)

    def end(self, seconds: float) -> int:
        """Stop the container as the kubelet does, and return its exit code."""
        assert self._process is not None
        self._runc("kill", self._name, "TERM")
        return self._process.wait(seconds)

    @property
    def ended(self) -> bool:
        """Return whether the container has stopped."""
        return self._process is not None and self._process.poll() is not None

    def _runc(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["runc", "--root", str(self._state), *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _default_seccomp() -> Spec:
    """Return the RuntimeDefault profile, as containers without capabilities get it on this machine."""
    profile = json.loads(_DEFAULT_PROFILE.read_text())
    (architectures,) = (
        it for it in profile["archMap"] if it["architecture"] == f"SCMP_ARCH_{os.uname().machine.upper()}"
    )
    rules = [_rule(it) for it in profile["syscalls"] if _applies(it)]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [architectures["architecture"], *architectures["subArchitectures"]],
        "syscalls": rules,
    }


def _applies(rule: Spec) -> bool:
    included, excluded = rule.get("includes") or {}, rule.get("excludes") or {}
    if included.get("caps") or _MACHINE in (excluded.get("arches") or ()):
        return False
    return not included.get("arches") or _MACHINE in included["arches"]


def _rule(rule: Spec) -> Spec:
    kept = {key: rule[key] for key in ("names", "action", "args") if rule.get(key)}
    if "errnoRet" in rule:
        kept["errnoRet"] = rule["errnoRet"]
    return kept
