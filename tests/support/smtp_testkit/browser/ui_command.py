# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp ui`` in a separate process."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster.processes import Process


class UiCommand:
    """The command as the user of a kubeconfig; a context manager. It never outlives this process."""

    def __init__(self, kubeconfig: Path, log: Path, *flags: str) -> None:
        self._log = log
        self._command: list[str | Path] = [
            Path(sys.executable).with_name("kubectl-smtp"),
            "ui",
            f"--kubeconfig={kubeconfig}",
            "--no-browser",
            *flags,
        ]

    def __enter__(self) -> Self:
        # Nothing of this process's environment: it could hold proxies, and a browser to open.
        environment = {"PATH": os.defpath, "HOME": str(self._log.parent), "PYTHONWARNINGS": "error"}
        self._process = Process(self._command, name="kubectl smtp ui", log=self._log, environment=environment)
        until(
            lambda: "Stop with Ctrl-C" in self._process.output() or self._process.exited() is not None,
            "kubectl smtp ui printed no URL",
        )
        assert self._process.exited() is None, self._process.described()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.end(30.0)

    @property
    def url(self) -> str:
        """The printed URL, with the one-time token."""
        return next(it for it in self._process.output().splitlines() if it.startswith("http://"))

    @property
    def origin(self) -> str:
        """The origin of the page."""
        return self.url.partition("/#")[0]

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid
