# SPDX-License-Identifier: Apache-2.0
"""An issuer of ServiceAccount tokens like those of an API server."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class Issuer:
    """An issuer with a separate key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def keys(self) -> dict[str, Any]:
        """Return its JWKS."""
        numbers = self._key.public_key().public_numbers()
        point = {"x": numbers.x.to_bytes(32), "y": numbers.y.to_bytes(32)}
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1"}
        return {"keys": [key | {name: _encoded(raw) for name, raw in point.items()}]}

    def token(self, *, subject: str, audience: str, lifetime: int = 600) -> str:
        """Return a token that is valid for so many seconds."""
        now = int(time.time())
        claims = {
            "iss": self.name,
            "sub": subject,
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
        }
        parts = [{"alg": "ES256", "kid": "1"}, claims]
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
