# SPDX-License-Identifier: Apache-2.0
"""The side to compare with: cert-manager's Issuer controller and its CA issuers."""

import json
import os
import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smtp_tools.bench.api import Object
from smtp_tools.bench.errors import BenchError
from smtp_tools.gobuild import Program, cache_folder, program_folder
from smtp_tools.gobuild.toolchain import find_toolchain
from smtp_tools.paths import HACK

SOURCE = HACK / "issuer-peer"
MODULE = "github.com/cert-manager/cert-manager"
NAMESPACE = "bench-issuers"
ACCOUNT = "issuer-peer"
COLLECTION = f"/apis/cert-manager.io/v1/namespaces/{NAMESPACE}/issuers"

PROGRAM = Program(
    source=SOURCE,
    announcement=(
        "Building cert-manager's Issuer controller, the peer of the benchmark, from its Go module.\n"
        "This happens once and takes about 2 minutes on 2 cores beside a built control plane; it needs "
        "74 MB of disk."
    ),
)


def command(kubeconfig: Path) -> list[str | Path]:
    """Return the command of the controller; build it if it is not in the cache."""
    return [program_folder(PROGRAM) / PROGRAM.name, kubeconfig]


def definition() -> Path:
    """Return the file with the CustomResourceDefinition of Issuers, from cert-manager's Go module.

    Raises:
        BenchError: Go could not say where the module is.
    """
    toolchain = find_toolchain(SOURCE / "go.mod", os.environ)
    go, environment = toolchain.command(cache_folder()), toolchain.environment(cache_folder(), os.environ)
    done = subprocess.run(
        [go, "mod", "download", "-json", MODULE],
        cwd=SOURCE,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        raise BenchError(f"Go did not find the module {MODULE}: {done.stderr.strip() or done.stdout.strip()}")
    return Path(json.loads(done.stdout)["Dir"]) / "deploy" / "crds" / "cert-manager.io_issuers.yaml"


def issuer(name: str) -> Object:
    """Return a CA issuer that refers to the Secret of the same name."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": name},
        "spec": {"ca": {"secretName": name}},
    }


def secrets(names: list[str]) -> list[Object]:
    """Return a Secret for each issuer, as in cert-manager's documentation of CA issuers.

    It has no label `controller.cert-manager.io/fao`, which would make cert-manager keep the key in its
    memory; so both sides ask the API server for each Secret. With the label the peer takes about a
    quarter less.
    """
    certificate, key = _authority()  # one for all, because creating it takes long
    data = {"tls.crt": b64encode(certificate).decode(), "tls.key": b64encode(key).decode()}
    return [{"metadata": {"name": name}, "type": "kubernetes.io/tls", "data": data} for name in names]


def verdict(item: Object) -> str | None:
    """Return the verdict in the Issuer's status: `True` if it is ready."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return str(condition["status"])
    return None


def _authority() -> tuple[bytes, bytes]:
    # The kind of CA key in cert-manager's documentation.
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return certificate.public_bytes(encoding), private
