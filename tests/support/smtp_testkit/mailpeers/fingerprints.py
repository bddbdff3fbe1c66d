# SPDX-License-Identifier: Apache-2.0
"""How ``smtp-operator.io/allowed-ca`` names a CA."""

import hashlib
import ssl


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of a certificate's DER encoding."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
