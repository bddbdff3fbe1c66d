# SPDX-License-Identifier: Apache-2.0
"""Parse a token endpoint's answer (RFC 6749 section 5): a token, or an error's name and number.

The error's text is never used: it may repeat what was sent.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.untrusted_json import json_object

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_ERROR_NAME: Final = re.compile(r"[a-z][a-z_]{0,39}")
_AADSTS: Final = re.compile(r"\bAADSTS(\d{5,9})\b")
_TEMPORARY: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, slots=True)
class TokenError:
    """An error of a token endpoint. ``name`` is empty if the answer is not from a token endpoint."""

    name: str
    """For example, ``invalid_client``."""
    number: str
    """Entra ID's error number, such as ``7000215``, or empty."""
    temporary: bool
    """Whether the endpoint has an internal error or limits its rate."""

    @property
    def code(self) -> str:
        """Return name and number for messages: ``invalid_client, AADSTS7000215``."""
        return ", ".join(part for part in (self.name, self.number and f"AADSTS{self.number}") if part)


def granted(answer: HttpsResponse) -> tuple[str | None, float]:
    """Return the token and its lifetime in seconds, 0 if unknown; no token: None."""
    body = json_object(answer.body) if answer.status == 200 else {}
    value, lifetime = body.get("access_token"), body.get("expires_in")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        return None, 0.0
    if str(body.get("token_type", "Bearer")).lower() != "bearer":
        return None, 0.0
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit() and len(lifetime) < 9:
        lifetime = int(lifetime)  # as in Entra ID's v1 endpoint
    return value, float(lifetime) if type(lifetime) is int and 0 < lifetime < 10**9 else 0.0


def token_error(answer: HttpsResponse) -> TokenError:
    """Return the error of an answer without a token."""
    body = json_object(answer.body)
    name = body.get("error")
    name = name if isinstance(name, str) and _ERROR_NAME.fullmatch(name) else ""
    temporary = answer.status == 429 or answer.status >= 500 or name in _TEMPORARY
    return TokenError(name, _number(body), temporary)


def _number(body: dict[str, Any]) -> str:
    numbers = body.get("error_codes")
    if isinstance(numbers, list) and numbers and type(numbers[0]) is int and 0 < numbers[0] < 10**9:
        return str(numbers[0])
    found = _AADSTS.search(str(body.get("error_description", ""))[:500])
    return found[1] if found else ""
