# SPDX-License-Identifier: Apache-2.0
"""Record what a release stores in a cluster: the CRDs, and ``samples.yaml`` with statuses."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import yaml

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.releases.kept import CORE, KEPT, OURS, written
from smtp_testkit.testbed import Api, OperatorProcess
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(__file__).with_name("samples.yaml")
NAMESPACE = "mail"
LICENSE = "# SPDX-License-Identifier: Apache-2.0\n"
HEAD = LICENSE + "# Recorded by `python -m smtp_tools.release record VERSION`; never edited.\n"


def record(version: str) -> Path:
    """Write ``tests/cluster/upgrade/VERSION/`` and return this folder."""
    folder, definitions = KEPT / version, ROOT / "deploy" / "crds"
    crds = [file.read_text(encoding="utf-8") for file in sorted(definitions.glob("*.yaml"))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crds.yaml").write_text(LICENSE + "---\n".join(crds), encoding="utf-8")
    (folder / "objects.yaml").write_text(HEAD + _recorded(definitions), encoding="utf-8")
    return folder


def _recorded(crds: Path) -> str:
    with (
        LocalCluster.start() as cluster,
        MailServer.in_thread(
            users={"mailer": "s3cret"},
            refused_recipients={"nobody@example.com": "550 5.1.1 User unknown"},
        ) as server,
        tempfile.TemporaryDirectory() as logs,
    ):
        cluster.kubectl("apply", "--server-side", "-f", str(crds))
        cluster.kubectl("create", "namespace", NAMESPACE)
        ports = {
            "PLAIN_PORT": server.plain_port,
            "STARTTLS_PORT": server.starttls_port,
            "TLS_PORT": server.tls_port,
        }
        text = SAMPLES.read_text(encoding="utf-8")
        for name, port in ports.items():
            text = text.replace(name, str(port))
        samples = [it for it in yaml.safe_load_all(text) if it]
        bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mail-ca"}}
        samples.append({**bundle, "data": {"ca.crt": server.ca_pem}})
        with OperatorProcess(cluster.kubeconfig, Path(logs, "operator.log")) as operator:
            operator.start()
            return _objects(Api(cluster.url, cluster.ca_file, cluster.admin_token), samples)


def _objects(api: Api, samples: list[dict[str, object]]) -> str:
    kept = []
    for it in sorted(samples, key=lambda it: it["kind"] in OURS):
        assert isinstance(it["metadata"], dict)
        if it["kind"] in CORE:
            kept.append({**it, **api.create(f"/api/v1/namespaces/{NAMESPACE}/{CORE[str(it['kind'])]}", it)})
            continue
        collection = f"/apis/{it['apiVersion']}/namespaces/{NAMESPACE}/{OURS[str(it['kind'])]}"
        api.create(collection, it)
        seen = api.wait(
            collection, it["metadata"]["name"], lambda now: now["status"]["observedGeneration"] == 1
        )
        kept.append(seen)
    text = written(kept, datetime.now(UTC))
    api.close()
    return text
