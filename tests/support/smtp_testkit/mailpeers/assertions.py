# SPDX-License-Identifier: Apache-2.0
"""Verifies JSON Web Tokens of other issuers by their keys, as servers that trust them do."""

import base64
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def verified(assertion: str, keys: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the claims of a JWT (RFC 7519) if one of the keys has signed it, else None."""
    try:
        signed, _, signature = assertion.rpartition(".")
        head, _, body = signed.partition(".")
        header, claims = json.loads(decoded(head)), json.loads(decoded(body))
    except ValueError:
        return None
    for key in keys["keys"]:
        if key["kid"] == header.get("kid"):
            with contextlib.suppress(InvalidSignature):
                _verify(key, header.get("alg"), decoded(signature), signed.encode())
                return dict(claims)
    return None


def _verify(key: Mapping[str, str], algorithm: str, signature: bytes, signed: bytes) -> None:
    """Verify RS256 (most clusters) or ES256 (the local control plane). Raises InvalidSignature."""

    def number(name: str) -> int:
        return int.from_bytes(decoded(key[name]))

    if (key["kty"], algorithm) == ("RSA", "RS256"):
        public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        public.verify(signature, signed, padding.PKCS1v15(), SHA256())
    elif (key["kty"], algorithm) == ("EC", "ES256"):
        curve = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
        parts = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        curve.verify(encode_dss_signature(*parts), signed, ec.ECDSA(SHA256()))
    else:
        raise InvalidSignature


def decoded(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
