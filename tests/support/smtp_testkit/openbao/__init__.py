# SPDX-License-Identifier: Apache-2.0
"""A real OpenBao server on loopback, which speaks the protocol of HashiCorp Vault.

with OpenBao.start() as bao:
    bao.put("mail/smtp", password="s3cret")
"""

from smtp_testkit.openbao.server import OpenBao, OpenBaoError

__all__ = ["OpenBao", "OpenBaoError"]
