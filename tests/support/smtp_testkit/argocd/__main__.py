# SPDX-License-Identifier: Apache-2.0
"""`python -m smtp_testkit.argocd` plays every scenario with a real operator and writes the test data."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from smtp_testkit.argocd.customizations import CUSTOMIZATIONS, FOLDER, as_text
from smtp_testkit.argocd.machine import run
from smtp_testkit.argocd.scenarios import SCENARIOS, ScenarioEnvironment
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, Bed, OperatorProcess
from smtp_testkit.testbed.manifests import ROOT
from smtp_testkit.testbed.vaults import FLAGS
from smtp_tools.localcluster import LocalCluster

_LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"
_WRITTEN = f"{_LICENCE}# Written by `python -m smtp_testkit.argocd` of what the operator wrote.\n"


def main() -> int:
    """Write all test data."""
    with LocalCluster.start() as cluster, OpenBao.start() as bao, tempfile.TemporaryDirectory() as folder:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "deploy" / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        api = Api(cluster.url, cluster.ca_file, cluster.admin_token)
        with OperatorProcess(cluster.kubeconfig, Path(folder, "operator.log"), FLAGS) as operator:
            operator.start()
            for number, scenario in enumerate(SCENARIOS):
                namespace = f"team-{number}"
                api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
                with MailServer.in_thread(users={"mailer": "s3cret"}) as server:
                    found = scenario.play(ScenarioEnvironment(Bed(api, namespace), server, bao, api))
                path = FOLDER / scenario.kind / "testdata" / f"{scenario.name}.yaml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_WRITTEN + as_text(_told(found, namespace)), encoding="utf-8")
                print(path.relative_to(ROOT), file=sys.stderr)
        api.close()
    _write_tests()
    return 0


def _told(object_: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return the object with the names that the documentation uses."""
    object_["metadata"].pop("managedFields", None)
    text = as_text(object_)
    text = re.sub(rf"\bcorp-{namespace}\b", "corp", text)
    text = re.sub(rf"\b{namespace}\b", "team-a", text)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _write_tests() -> None:
    for customization in CUSTOMIZATIONS:
        tests = []
        for scenario in SCENARIOS:
            if scenario.kind == customization.kind:
                path = f"testdata/{scenario.name}.yaml"
                said = run(customization.health, customization.read(path))
                status = {"status": scenario.health, "message": said["message"]}
                tests.append({"healthStatus": status, "inputPath": path})
        text = _LICENCE + as_text({"tests": tests})
        (customization.folder / "health_test.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
