# SPDX-License-Identifier: Apache-2.0
"""A Prometheus that scrapes one address every second and answers queries."""

import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process
from smtp_tools.monitoring.tools import program

SECONDS = 60.0
POLL_SECONDS = 0.1

Series = dict[str, Any]


class Prometheus:
    """A running Prometheus; created by `Prometheus.scraping`."""

    def __init__(self, port: int, process: Process, target: int) -> None:
        """Do not call this; use `scraping`."""
        self._target = target
        self._url = f"http://127.0.0.1:{port}"
        self._process = process

    @classmethod
    @contextmanager
    def scraping(cls, target: int, folder: Path, rules: Path | None = None) -> Iterator["Prometheus"]:
        """Start one that scrapes a port of 127.0.0.1 as job smtp-operator, for the block."""
        (port,) = free_ports(1)
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)] if rules else [],
            "scrape_configs": [
                {
                    "job_name": "smtp-operator",
                    "honor_labels": True,
                    "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                }
            ],
        }
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration))
        command: list[str | Path] = [program("prometheus"), f"--config.file={file}"]
        command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        environment = {"PATH": os.defpath, "HOME": str(folder)}
        process = Process(command, name="Prometheus", log=folder / "prometheus.log", environment=environment)
        try:
            yield cls(port, process, target)
        finally:
            process.end(20.0)

    def query(self, expression: str) -> list[Series]:
        """Return the series of the expression now."""
        answer = self._get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        found: list[Series] = answer["data"]["result"]
        return found

    def wait(self, expression: str) -> list[Series]:
        """Wait until the expression has a series, and return all.

        Raises:
            TimeoutError: there is no series.
        """
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                found = self.query(expression)
            except OSError:  # it is still starting
                found = []
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} has no series\n{self._process.described()}")
            time.sleep(POLL_SECONDS)

    def wait_rules(self) -> list[Series]:
        """Wait until all alert rules are evaluated; return their health by name.

        Raises:
            TimeoutError: some rule is not evaluated.
        """
        deadline = time.monotonic() + SECONDS
        while True:
            groups = self._get("/api/v1/rules")["data"]["groups"]
            rules: list[Series] = [rule for group in groups for rule in group["rules"]]
            if all(rule["health"] != "unknown" for rule in rules):
                return rules
            if time.monotonic() > deadline:
                raise TimeoutError("the alert rules are not evaluated")
            time.sleep(POLL_SECONDS)

    def scraped(self) -> str:
        """Return the scraped targets."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._target}/metrics", timeout=10) as response:
            text: str = response.read().decode()
        return text

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._url}{path}", timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
        return answer
