# SPDX-License-Identifier: Apache-2.0
"""Vault objects for a real OpenBao server, and SmtpConfigs that use them."""

from typing import Any

from smtp_operator.api.names import ALLOWED_CA
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed.api import Object
from smtp_testkit.testbed.bed import Bed
from smtp_testkit.testbed.operator_process import LOOPBACK

CLUSTER_WIDE = "/apis/smtp-operator.io/v1alpha1/clustersmtpvaults"
FLAGS = (*LOOPBACK, "--allow-vault-port=1-65535")
"""Flags of an operator that may use vaults on this machine."""


def vaults(bed: Bed) -> str:
    """Return the path of the SmtpVaults."""
    return f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}/smtpvaults"


def vault(
    bed: Bed,
    bao: OpenBao,
    kind: str = "SmtpVault",
    /,
    name: str = "bao",
    admits: MailServer | None = None,
    **spec: Any,
) -> Object:
    """Create a vault object for this server, with its token and CA in the namespace of the bed.

    It allows the CA of the mail server ``admits``.
    """
    there = {"namespace": bed.namespace} if kind == "ClusterSmtpVault" else {}
    bed.secret("bao-login", token=bao.root_token)
    bed.secret("bao-ca", **{"ca.crt": bao.ca_pem})
    token = {"name": "bao-login", "key": "token", **there}
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "annotations": {} if admits is None else {ALLOWED_CA: fingerprint(admits.ca_pem)},
        },
        "spec": {
            "hashiCorpVault": {"url": bao.url, "auth": {"tokenRef": token}},
            "caRef": {"kind": "Secret", "name": "bao-ca", **there},
            "allowedServers": ["*:*"],
            **spec,
        },
    }


def login(kind: str = "SmtpVault", name: str = "bao") -> dict[str, Any]:
    """Return the login of an SmtpConfig that reads its password through the vault object."""
    named = {"vaultRef": {"kind": kind, "name": name}, "path": "mail/smtp"}
    return {"username": "mailer", "password": {"hashiCorpVault": named}}
