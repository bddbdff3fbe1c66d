# SPDX-License-Identifier: Apache-2.0
"""A kubectl that always uses the same cluster and namespace."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtp_tools.gobuild.children import start_child
from smtp_tools.localcluster import KubectlError

_ONE_LINE = 'jsonpath={@}{"\\n"}'


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl. `words` are arguments for every call, such as the context; `namespace` may be empty."""

    program: Path
    environment: Mapping[str, str]
    words: tuple[str, ...] = ()
    namespace: str = ""

    def __call__(self, *words: str, text: str = "") -> str:
        """Return what kubectl prints on stdout; `text` is its stdin.

        Raises:
            KubectlError: kubectl failed.
        """
        command = self._command(*words)
        done = subprocess.run(
            command, input=text, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise KubectlError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def succeeds(self, *words: str) -> bool:
        """Return whether kubectl succeeds."""
        try:
            self(*words)
        except KubectlError:
            return False
        return True

    def json(self, *words: str) -> Any:
        """Return the output of kubectl with `-o json`."""
        return json.loads(self(*words, "-o", "json"))

    @contextmanager
    def watch(self, *words: str, seconds: float) -> Iterator[Iterator[dict[str, Any]]]:
        """Watch objects for so many seconds: first their current state, then each change."""
        command = self._command("get", *words, "--watch", "-o", _ONE_LINE)
        child = start_child(
            command, environment=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert child.stdout is not None
        end = threading.Timer(seconds, child.kill)
        end.start()
        try:
            yield map(json.loads, child.stdout)
        finally:
            end.cancel()
            end.join()
            child.kill()
            child.wait()
            child.stdout.close()

    def _command(self, *words: str) -> list[str]:
        namespace = (f"--namespace={self.namespace}",) if self.namespace else ()
        return [str(self.program), *self.words, *namespace, *words]


def quiet_environment(kubeconfig: str, home: Path | None = None) -> dict[str, str]:
    """Return an environment in which the user's kubectl preferences have no effect."""
    changes = {"KUBECONFIG": kubeconfig, "KUBERC": "off"}
    return {**os.environ, **changes, **({"HOME": str(home)} if home else {})}
