# SPDX-License-Identifier: Apache-2.0
"""Tokens like those of a cluster's ServiceAccounts (RFC 7519, ES256), signed with a test key."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://kubernetes.default.svc.cluster.local"
SUBJECT = "system:serviceaccount:team-a:mailer"


class Issuer:
    """The token issuer of a cluster."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """The public key, as PEM."""
        key = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return key.decode()

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a JWKS (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        point = {"x": _text(numbers.x.to_bytes(32)), "y": _text(numbers.y.to_bytes(32))}
        return {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "one"} | point]}

    def token(self, audience: str, **changes: Any) -> str:
        """Return a token for this audience, valid for 10 minutes; `changes` are claims."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "kubernetes.io": {"namespace": "team-a", "serviceaccount": {"name": "mailer"}},
        }
        signed = f"{_encoded({'alg': 'ES256', 'kid': 'one'})}.{_encoded(claims | changes)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_text(r.to_bytes(32) + s.to_bytes(32))}"


def _encoded(content: dict[str, Any]) -> str:
    return _text(json.dumps(content).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_keys(jwks: str) -> list[str]:
    """Return the keys in `jwks` (RFC 7517), which sign an API server's ServiceAccount tokens, as PEM."""

    def number(key: dict[str, str], name: str) -> int:
        text = key[name]
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    found: list[str] = []
    for key in json.loads(jwks)["keys"]:
        made: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
        if key["kty"] == "RSA":
            made = rsa.RSAPublicNumbers(number(key, "e"), number(key, "n")).public_key()
        else:
            x, y = number(key, "x"), number(key, "y")
            made = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        found.append(made.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    return found
