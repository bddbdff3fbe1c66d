# SPDX-License-Identifier: Apache-2.0
"""The cluster is found by --kubeconfig, KUBECONFIG, the Pod's ServiceAccount or the home folder."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.aio.config import incluster_config

from smtp_operator.cluster.access import find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.errors import ClusterUnknown
from smtp_operator.settings import Settings
from smtp_tools.localcluster import LocalCluster


def write_kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    config = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "it", "user": "me"}},
            {"name": "there", "context": {"cluster": "other", "user": "me"}},
        ],
        "clusters": [
            {"name": "it", "cluster": {"server": server}},
            {"name": "other", "cluster": {"server": f"{server}/other"}},
        ],
        "users": [{"name": "me", "user": user or {"token": "t0ken"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a Pod whose ServiceAccount is mounted."""
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_text("a certificate")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    environment = {"KUBERNETES_SERVICE_HOST": "2001:db8::1", "KUBERNETES_SERVICE_PORT": "443"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


async def test_the_flag_comes_first(tmp_path: Path) -> None:
    flag = write_kubeconfig(tmp_path / "flag", "https://flag")
    variable = write_kubeconfig(tmp_path / "variable", "https://variable")
    access = await find_access(Settings(kubeconfig=str(flag)), {"KUBECONFIG": str(variable)})
    assert access.configuration.host == "https://flag"
    assert access.origin == f"kubeconfig {flag}"


async def test_kubeconfig_comes_before_the_pod(tmp_path: Path, pod: dict[str, str]) -> None:
    variable = write_kubeconfig(tmp_path / "variable", "https://variable")
    access = await find_access(Settings(), pod | {"KUBECONFIG": str(variable)})
    assert access.configuration.host == "https://variable"


async def test_kubeconfig_may_be_a_list_of_files(tmp_path: Path) -> None:
    second = write_kubeconfig(tmp_path / "second", "https://second")
    access = await find_access(Settings(), {"KUBECONFIG": f"{tmp_path}/missing:{second}"})
    assert access.configuration.host == "https://second"


async def test_the_pod_comes_before_the_home_folder(tmp_path: Path, pod: dict[str, str]) -> None:
    write_kubeconfig(tmp_path / ".kube" / "config", "https://home")
    access = await find_access(Settings(), pod | {"HOME": str(tmp_path)})
    assert access.configuration.host == "https://[2001:db8::1]:443"
    assert access.origin == "ServiceAccount of the Pod"
    assert await access.authorization() == "bearer pod-token"


async def test_a_pod_knows_its_namespace(tmp_path: Path, pod: dict[str, str]) -> None:
    assert (await find_access(Settings(), pod)).namespace == "default"
    (tmp_path / "namespace").write_text("smtp-operator-system\n")
    assert (await find_access(Settings(), pod)).namespace == "smtp-operator-system"


async def test_the_home_folder_comes_last(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / ".kube" / "config", "https://home")
    access = await find_access(Settings(), {"HOME": str(tmp_path)})
    assert access.configuration.host == "https://home"


async def test_a_context_can_be_chosen(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://server")
    access = await find_access(Settings(kubeconfig=str(path), context="there"), {})
    assert access.configuration.host == "https://server/other"


async def test_a_newline_behind_a_token_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    path = write_kubeconfig(tmp_path / "config", "https://server", {"tokenFile": "token"})
    access = await find_access(Settings(kubeconfig=str(path)), {})
    assert await access.authorization() == "Bearer from-a-file"


async def test_a_token_file_is_read_again_when_asked(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    path = write_kubeconfig(tmp_path / "config", "https://server", {"tokenFile": "token"})
    access = await find_access(Settings(kubeconfig=str(path)), {})
    (tmp_path / "token").write_text("new")
    await access.renew()
    assert await access.authorization() == "Bearer new"


async def test_the_pods_token_is_read_again_every_minute(
    pod: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=lambda: datetime(2026, 1, 31, 12, 0, 0))
    monkeypatch.setattr(incluster_config, "datetime", SimpleNamespace(datetime=clock, timedelta=timedelta))
    access = await find_access(Settings(), pod)
    (tmp_path / "token").write_text("rotated")
    assert await access.authorization() == "bearer pod-token"
    clock.now = lambda: datetime(2026, 1, 31, 12, 1, 0)
    assert await access.authorization() == "bearer rotated"


async def test_without_any_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnknown) as caught:
        await find_access(Settings(), {"HOME": str(tmp_path)})
    assert str(caught.value) == (
        "no cluster to connect to: give --kubeconfig, set KUBECONFIG, or run in a Pod"
    )


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnknown) as caught:
        await find_access(Settings(kubeconfig=f"{tmp_path}/nothing"), {})
    assert str(caught.value) == f"kubeconfig {tmp_path}/nothing: no such file"


async def test_an_unknown_context_is_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://server")
    with pytest.raises(ClusterUnknown) as caught:
        await find_access(Settings(kubeconfig=str(path), context="nowhere"), {})
    assert str(caught.value) == (
        f"kubeconfig {path}: Invalid kube-config file."
        f" Expected object with name nowhere in {path}/contexts list"
    )


@pytest.mark.parametrize(
    "text",
    [
        "users: [{name: me, user: {token: t0ken}",
        "{users: [{name: me, user: {token: t0ken, tokenFile: []}}], current-context: here,"
        " contexts: [{name: here, context: {user: me, cluster: it}}], clusters: [{name: it}]}",
        "just words t0ken",
        "users: t0ken",
    ],
)
async def test_a_broken_kubeconfig_never_shows_its_tokens(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ClusterUnknown) as caught:
        await find_access(Settings(kubeconfig=str(path)), {})
    assert str(caught.value).startswith(f"kubeconfig {path}: ")
    assert "t0ken" not in str(caught.value)


async def test_a_pod_without_its_token_is_told_so(pod: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(ClusterUnknown) as caught:
        await find_access(Settings(), pod)
    assert str(caught.value) == (
        "the Pod's ServiceAccount in /var/run/secrets/kubernetes.io/serviceaccount cannot be used:"
        " Service token file does not exist."
    )


async def test_the_server_says_as_whom_it_knows_us(real_client: KubernetesClient) -> None:
    assert await real_client.identity() == "admin"


async def test_the_servers_addresses_are_known(real_client: KubernetesClient, cluster: LocalCluster) -> None:
    assert real_client.server == cluster.url
    assert await real_client.addresses() == frozenset({"127.0.0.1"})


async def test_a_server_whose_name_does_not_resolve_has_no_addresses(real_client: KubernetesClient) -> None:
    real_client.access.configuration.host = "https://kubernetes.invalid"
    assert await real_client.addresses() == frozenset()
