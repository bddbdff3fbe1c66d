# SPDX-License-Identifier: Apache-2.0
"""Kubeconfig files with one cluster and one user with a token. They are JSON, and so also YAML."""

import base64
import json
import tempfile
from pathlib import Path


def write_kubeconfig(
    path: Path, *, url: str, ca_file: Path, user: str, token: str, namespace: str = "default"
) -> Path:
    """Write `path`, which only the owner can read. It includes the CA certificate."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    context = {"cluster": "local", "user": user, "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": context}],
        "current-context": "local",
    }
    # Written to a temporary file and moved into place: a reader may open the file at any time, and another
    # process may write it at the same time.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as partial:
        json.dump(content, partial, indent=2)
    return Path(partial.name).rename(path)
