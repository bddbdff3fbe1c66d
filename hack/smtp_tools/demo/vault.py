# SPDX-License-Identifier: Apache-2.0
"""An OpenBao server that accepts the cluster's ServiceAccounts and holds the mail server's password."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from smtp_testkit.openbao import OpenBao
from smtp_tools.demo.kubectl import Kubectl

PATH = "mail/smtp"
ACCOUNT = "mailer"


@contextmanager
def vault(kubectl: Kubectl, password: str) -> Iterator[OpenBao]:
    """Let ServiceAccount mailer of the namespace read the password, as role smtp of auth/kubernetes.

    Raises:
        OpenBaoError: the server did not start.
        KubectlError: the cluster does not publish the keys of its tokens.
    """
    issuer = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    jwks = kubectl("get", "--raw", "/openid/v1/jwks")
    with OpenBao.start() as bao:
        bao.put(PATH, password=password)
        bao.policy("mail", f'path "secret/data/{PATH}" {{ capabilities = ["read"] }}')
        bao.know_cluster(issuer=issuer, jwks=jwks)
        namespace = kubectl.namespace or "default"
        bao.jwt_role("smtp", "mail", subject=f"system:serviceaccount:{namespace}:{ACCOUNT}")
        yield bao
