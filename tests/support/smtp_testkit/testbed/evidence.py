# SPDX-License-Identifier: Apache-2.0
"""The evidence of a failed test: everything that explains the failure, in one folder."""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed.api import Api, ApiError, Object
from smtp_testkit.testbed.bed import Bed
from smtp_testkit.testbed.operator_process import OperatorProcess
from smtp_tools.localcluster import LocalCluster

_COLLECTIONS = {
    "smtpconfigs": "/apis/smtp-operator.io/v1alpha1/namespaces/{}/smtpconfigs",
    "smtptests": "/apis/smtp-operator.io/v1alpha1/namespaces/{}/smtptests",
    "smtpvaults": "/apis/smtp-operator.io/v1alpha1/namespaces/{}/smtpvaults",
    "events": "/apis/events.k8s.io/v1/namespaces/{}/events",
    "secrets": "/api/v1/namespaces/{}/secrets",
    "configmaps": "/api/v1/namespaces/{}/configmaps",
}


class Evidence:
    """A folder of files, which replaces an older one with the same name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def of_test(self, found: Mapping[str, object], operators: Iterable[OperatorProcess]) -> None:
        """Collect logs and objects of the operators, mail servers, namespace and API server of a test.

        Args:
            found: fixtures of the test by name.
            operators: operators that the test started.
        """
        shared = [it for it in found.values() if isinstance(it, OperatorProcess)]
        for number, process in enumerate([*operators, *shared]):
            if process.log.exists():
                self.text(f"operator-{number}.log", process.log.read_text(errors="replace"))
        for name, value in found.items():
            if isinstance(value, MailServer):
                self.lines(f"{name}.transcript", list(value.transcript))
        cluster, bed = found.get("cluster"), found.get("bed")
        if isinstance(bed, Bed):
            self.objects(bed.api, bed.namespace)
            if isinstance(cluster, LocalCluster):
                self.audit(cluster.audit_log, bed.namespace)

    def objects(self, api: Api, namespace: str) -> None:
        """Write the objects in the namespace."""
        for plural, path in _COLLECTIONS.items():
            try:
                found = api.items(path.format(namespace))
            except (OSError, ApiError) as error:
                self.text(f"{plural}.txt", f"not to be had: {error}")
            else:
                self.text(f"{plural}.yaml", yaml.safe_dump_all(map(_brief, found), sort_keys=False))

    def text(self, name: str, content: str) -> None:
        """Write a file."""
        (self.folder / name).write_text(content)

    def lines(self, name: str, content: Iterable[str]) -> None:
        """Write a file of lines."""
        self.text(name, "".join(f"{line}\n" for line in content))

    def audit(self, log: Path, namespace: str) -> None:
        """Write short forms of the audit log's lines about the namespace."""
        with log.open() as file:
            mine = [json.loads(line) for line in file if f'"{namespace}"' in line and line.endswith("\n")]
        self.lines(
            "audit.log",
            (
                f"{it['requestReceivedTimestamp']} {it['user'].get('username')} {it['verb']} "
                f"{it['requestURI']} {it.get('responseStatus', {}).get('code')}"
                for it in mine
            ),
        )


def folder_name(test: str) -> str:
    """Return the ID of the test as a name that every file system accepts."""
    file, _, rest = test.partition("::")
    return re.sub(r"[^\w.-]+", "-", f"{Path(file).name}-{rest}").strip("-")[:120]


def _brief(object_: Object) -> Object:
    object_["metadata"].pop("managedFields", None)
    return object_
