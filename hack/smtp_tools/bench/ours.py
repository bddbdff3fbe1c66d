# SPDX-License-Identifier: Apache-2.0
"""The side of this project: the operator, its manifests and its SmtpConfigs."""

import sys
from base64 import b64encode
from pathlib import Path

import yaml

from smtp_tools.bench.api import Object
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.mail import PASSWORD, USERNAME

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "deploy" / "manifests"
DEFINITIONS = ROOT / "deploy" / "crds"
NAMESPACE = "bench-mail"
COLLECTION = f"/apis/smtp-operator.io/v1alpha1/namespaces/{NAMESPACE}/smtpconfigs"


def command(kubeconfig: Path) -> list[str | Path]:
    """Return the command of the operator, which may connect to any port on loopback.

    All its SmtpConfigs are in one namespace and send to one mailbox, so that it has no limit of emails.
    """
    allowed = ["--allow-network", "127.0.0.0/8", "--allow-smtp-port", "1-65535"]
    allowed += ["--max-emails-per-namespace", "0", "--max-emails-per-mailbox", "0"]
    allowed += ["--sender-authentication=false"]  # the measured machine may have no DNS
    return [sys.executable, "-m", "smtp_operator", "run", "--kubeconfig", kubeconfig, *allowed]


def service_account(manifests: Path = MANIFESTS) -> tuple[str, str]:
    """Return namespace and name of the operator's ServiceAccount in the manifests.

    Raises:
        BenchError: the manifests do not have exactly one.
    """
    documents = [
        item for file in sorted(manifests.glob("*.yaml")) for item in yaml.safe_load_all(file.read_text())
    ]
    accounts = [item["metadata"] for item in documents if item and item["kind"] == "ServiceAccount"]
    if len(accounts) != 1:
        raise BenchError(f"{manifests} has {len(accounts)} ServiceAccounts, not one.")
    return accounts[0]["namespace"], accounts[0]["name"]


def smtp_config(name: str, smtp_type: str, port: int) -> Object:
    """Return an SmtpConfig that refers to the Secret of the same name."""
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": name},
        "spec": {
            "server": "127.0.0.1",
            "port": port,
            "smtpType": smtp_type,
            "username": USERNAME,
            "password": {"secretRef": {"name": name}},
            "from": "Bench <bench@example.com>",
            "recipients": {"to": ["ops@example.com"]},
            **({} if smtp_type == "None" else {"tls": {"caRef": {"kind": "ConfigMap", "name": "mail-ca"}}}),
        },
    }


def secrets(names: list[str]) -> list[Object]:
    """Return a Secret for each SmtpConfig."""
    data = {"password": b64encode(PASSWORD.encode()).decode()}
    return [{"metadata": {"name": name}, "data": data} for name in names]


def verdict(item: Object) -> str | None:
    """Return `True` or the reason in the status, if it is about the current generation."""
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return None
    ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
    return "True" if ready["status"] == "True" else f"{ready['reason']}: {ready['message']}"


def slow_tests(items: list[Object]) -> int:
    """Return the number of tests that took more than a second; such tests may write their progress."""
    durations = (item["status"]["lastTest"]["duration"] for item in items)
    return sum(not duration.endswith("ms") for duration in durations)
