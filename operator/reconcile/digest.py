# SPDX-License-Identifier: Apache-2.0
"""Compute the digest of the settings that a verdict applies to, so that a restart need not test again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic.main import IncEx

from smtp_operator.api.smtpconfig import SmtpConfigSpec

_WITHOUT_EFFECT: Mapping[str, IncEx | bool] = {
    "recheck": True,
    "preferred_notifications": True,
    "suspend": True,
    "publish": True,
    "delivery": True,
    "test": {"timeout"},
    "password": {"value"},
}
"""Fields whose change alone keeps the verdict (rule 6). ``password.value`` has a separate rule, because its
digest in status would allow guesses to be checked."""

_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def settings_digest(spec: SmtpConfigSpec) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the settings of the dialogue, without ``password.value``.

    Defaults are left out, so that a field that a later release adds does not invalidate all verdicts.
    """
    settings = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_WITHOUT_EFFECT)
    if spec.password is not None and spec.password.value is not None:
        settings["password"] = {"value": True}
    return digest_of(_without_empty(settings))


def digest_of(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of settings, independent of their order."""
    return hashlib.sha256(_canonical(settings).encode()).hexdigest()


def _without_empty(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Remove empty members: ``tls: {}`` means the same as no ``tls``, like a ``test`` with only a timeout."""
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        reduced = _without_empty(value) if isinstance(value, dict) else value
        if reduced or not isinstance(reduced, dict | list):
            kept[key] = reduced
    return kept
