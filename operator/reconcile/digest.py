# SPDX-License-Identifier: Apache-2.0
"""What a verdict stands on: a digest of the settings, so that a restart need not test again."""

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
    "test": {"timeout"},
    "password": {"value"},
}
"""Fields whose change alone keeps the verdict (rule 6). password.value has a rule of its own: a digest of it
in status would be something to check guesses against."""

_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def settings_digest(spec: SmtpConfigSpec) -> str:
    """SHA-256 (64 hexadecimal digits) of the settings of the dialogue, without ``password.value``.

    Defaults are left out, so that a field which a later release adds does not make all verdicts stale.
    """
    settings = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_WITHOUT_EFFECT)
    if spec.password is not None and spec.password.value is not None:
        settings["password"] = {"value": True}
    return digest_of(_without_empty(settings))


def digest_of(settings: Mapping[str, Any]) -> str:
    """SHA-256 (64 hexadecimal digits) of settings, in whatever order."""
    return hashlib.sha256(_canonical(settings).encode()).hexdigest()


def _without_empty(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``tls: {}`` says no more than no ``tls``, as does a ``test`` of which only the timeout was set."""
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        said = _without_empty(value) if isinstance(value, dict) else value
        if said or not isinstance(said, dict | list):
            kept[key] = said
    return kept
