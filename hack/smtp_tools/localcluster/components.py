# SPDX-License-Identifier: Apache-2.0
"""The command lines of etcd, kube-apiserver and kube-controller-manager, and the files they read."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from smtp_tools.localcluster.assets import Assets
from smtp_tools.localcluster.certificates import Certificates, write_certificates
from smtp_tools.localcluster.kubeconfig import write_kubeconfig
from smtp_tools.localcluster.ports import free_ports

LOOPBACK = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
ISSUER = "https://kubernetes.default.svc"
ETCD_QUOTA_BYTES = 4 << 30
AUDIT_LOG_MEGABYTES = 2048

CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "validatingadmissionpolicy-status-controller",
)

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # One line per request, when it is complete; for a watch, when it ends.
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class Components:
    """The settings of one control plane, which stay the same when a component restarts."""

    directory: Path
    assets: Assets
    certificates: Certificates
    admin_token: str
    apiserver_port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def url(self) -> str:
        """The URL of the API server."""
        return f"https://{LOOPBACK}:{self.apiserver_port}"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the administrator."""
        return self.directory / "kubeconfig"

    @property
    def manager_kubeconfig(self) -> Path:
        """The kubeconfig of kube-controller-manager."""
        return self.directory / "controller-manager.kubeconfig"

    @property
    def home(self) -> Path:
        """The HOME of all programs, with their caches."""
        return self.directory / "home"

    @property
    def audit_log(self) -> Path:
        """The audit log, as JSON lines."""
        return self.directory / "audit.log"

    def etcd(self) -> list[str | Path]:
        """Return the command of etcd: one member, without syncing to disk."""
        pair, authority = self.certificates.etcd, self.certificates.etcd_ca
        client, peer = f"https://{LOOPBACK}:{self.etcd_port}", f"https://{LOOPBACK}:{self.etcd_peer_port}"
        return [
            self.assets.etcd,
            "--name=local",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            f"--cert-file={pair.certificate}",
            f"--key-file={pair.key}",
            f"--trusted-ca-file={authority}",
            "--client-cert-auth",
            f"--peer-cert-file={pair.certificate}",
            f"--peer-key-file={pair.key}",
            f"--peer-trusted-ca-file={authority}",
            "--peer-client-cert-auth",
            "--unsafe-no-fsync",
            f"--quota-backend-bytes={ETCD_QUOTA_BYTES}",
            # The only member elects itself; no need to wait a second for others.
            "--heartbeat-interval=10",
            "--election-timeout=100",
            "--log-level=warn",
        ]

    def apiserver(self) -> list[str | Path]:
        """Return the command of the API server: RBAC, default admission plug-ins, audit log, high limits."""
        certificates = self.certificates
        return [
            self.assets.kube_apiserver,
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self.apiserver_port}",
            f"--tls-cert-file={certificates.apiserver.certificate}",
            f"--tls-private-key-file={certificates.apiserver.key}",
            f"--client-ca-file={certificates.ca}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            f"--etcd-servers=https://{LOOPBACK}:{self.etcd_port}",
            f"--etcd-cafile={certificates.etcd_ca}",
            f"--etcd-certfile={certificates.etcd.certificate}",
            f"--etcd-keyfile={certificates.etcd.key}",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            # There is no address at which Pods could reach this API server.
            "--endpoint-reconciler-type=none",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-signing-key-file={certificates.service_account_key}",
            f"--service-account-key-file={certificates.service_account_key}",
            "--max-requests-inflight=4000",
            "--max-mutating-requests-inflight=2000",
            f"--audit-policy-file={self.directory / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
            # Written before the request ends, so that no line is lost when the server is killed.
            "--audit-log-mode=blocking",
            f"--audit-log-maxsize={AUDIT_LOG_MEGABYTES}",
            "--audit-log-maxbackup=1",
            "--profiling=false",
        ]

    def controller_manager(self) -> list[str | Path]:
        """Return the command of the controllers that need no nodes, each with a separate ServiceAccount."""
        return [
            self.assets.kube_controller_manager,
            f"--kubeconfig={self.manager_kubeconfig}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.certificates.service_account_key}",
            f"--root-ca-file={self.certificates.ca}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--profiling=false",
        ]


def prepare(directory: Path, assets: Assets) -> Components:
    """Choose ports and write all files into `directory`, which exists and is empty."""
    apiserver_port, etcd_port, etcd_peer_port = free_ports(3)
    components = Components(
        directory=directory,
        assets=assets,
        certificates=write_certificates(directory / "pki"),
        admin_token=secrets.token_urlsafe(24),
        apiserver_port=apiserver_port,
        etcd_port=etcd_port,
        etcd_peer_port=etcd_peer_port,
    )
    components.home.mkdir()
    manager_token = secrets.token_urlsafe(24)
    tokens = directory / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(
        f"{components.admin_token},admin,admin,system:masters\n"
        f"{manager_token},system:kube-controller-manager,system:kube-controller-manager\n"
    )
    (directory / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY, indent=2))
    for path, user, token in (
        (components.kubeconfig, "admin", components.admin_token),
        (components.manager_kubeconfig, "kube-controller-manager", manager_token),
    ):
        write_kubeconfig(path, url=components.url, ca_file=components.certificates.ca, user=user, token=token)
    return components
