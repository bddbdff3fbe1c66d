# SPDX-License-Identifier: Apache-2.0
"""Both images in runc: that of the Dockerfile, and the released one.

They have the settings of the Deployment and a real token, on the real API server.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, Bed, Manifests
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.image import Container, Image, Pod
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.ports import free_ports

SECONDS = 60.0


@pytest.fixture(scope="module", params=["image", "released"])
def tested_image(request: pytest.FixtureRequest) -> Image:
    """The image of the Dockerfile, or the released one."""
    image: Image = request.getfixturevalue(request.param)
    return image


@pytest.fixture(scope="module")
def manifests(cluster: LocalCluster) -> Manifests:
    """The manifests of deploy/manifests, with applied permissions."""
    manifests = Manifests.read()
    cluster.kubectl("apply", "-f", "-", input=str(manifests.permissions()))
    return manifests


@pytest.fixture(scope="module")
def health_port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
def pod(
    cluster: LocalCluster, manifests: Manifests, health_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Pod:
    """The Pod of the Deployment."""
    namespace, name = manifests.service_account
    account = tmp_path_factory.mktemp("serviceaccount")
    account.chmod(0o755)
    token = cluster.kubectl("create", "token", name, "--namespace", namespace).stdout.strip()
    files = {"token": token, "ca.crt": cluster.ca_file.read_text(), "namespace": namespace}
    for file, text in files.items():
        (account / file).write_text(text)
    (deployment,) = (it for it in manifests.documents if it["kind"] == "Deployment")
    server = urlsplit(cluster.url)
    return Pod(
        template=deployment["spec"]["template"],
        account=account,
        environment={
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        },
        more_args=[*LOOPBACK, *_listening(health_port)],
    )


@pytest.fixture(scope="module")
def container(
    tested_image: Image, pod: Pod, health_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """The ready operator."""
    with Container("smtp-operator", tested_image, pod, tmp_path_factory.mktemp("container")) as container:
        _until(lambda: _answer(health_port, "/readyz") == http.client.OK, container)
        yield container


def test_a_smtpconfig_becomes_ready(container: Container, api: Api, namespace: str) -> None:
    with MailServer.in_thread() as server:
        seen = Bed(api, namespace).verdict_of(server)

        assert (seen.ready.status, seen.reason) == ("True", "TestEmailSent")
        assert len(server.mails) == 1
    assert container.pid


def test_it_says_as_whom_it_serves(container: Container) -> None:
    assert (
        "as system:serviceaccount:smtp-operator-system:smtp-operator (ServiceAccount of the Pod)"
        in container.log.read_text()
    )


def test_it_has_no_rights(container: Container) -> None:
    facts = container.facts()

    assert facts["Uid"].split() == ["65532"] * 4
    assert facts["Gid"].split() == ["65532"] * 4
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


def test_its_root_file_system_cannot_be_written(container: Container) -> None:
    tried = container.run("python3", "-c", "open('/opt/smtp-operator/x', 'w')")

    assert "Read-only file system" in tried.stderr or "Permission denied" in tried.stderr
    assert tried.returncode == 1


def test_liveness_and_startup_probes_find_it_well(container: Container, health_port: int) -> None:
    assert _answer(health_port, "/healthz") == http.client.OK
    assert not container.ended


def test_it_ends_when_the_kubelet_asks_it_to(
    tested_image: Image, pod: Pod, tmp_path: Path, health_port: int
) -> None:
    (port,) = free_ports(1)
    args = [*pod.more_args, *_listening(port)]
    own = Pod(template=pod.template, account=pod.account, environment=pod.environment, more_args=args)
    with Container("smtp-operator-ends", tested_image, own, tmp_path / "container") as container:
        _until(lambda: _answer(port, "/readyz") == http.client.OK, container)

        assert container.end(pod.template["spec"]["terminationGracePeriodSeconds"]) == 0


def _listening(health_port: int) -> list[str]:
    """Return listening addresses on this machine's network, which all containers here share."""
    (metrics_port,) = free_ports(1)
    return [f"--health-address=127.0.0.1:{health_port}", f"--metrics-address=127.0.0.1:{metrics_port}"]


def _until(holds: Callable[[], bool], container: Container) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert not container.ended, container.log.read_text()
        assert time.monotonic() < deadline, container.log.read_text()
        time.sleep(0.05)


def _answer(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
