# SPDX-License-Identifier: Apache-2.0
"""Finds the value that belongs into the field which was meant by an unknown one.

A value that could be a secret is replaced by an example.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from smtp_operator.api.crd import Schema
from smtp_operator.api.smtpconfig import AuthMechanism
from smtp_operator.cli.check.corrections import (
    Corrector,
    addresses_in,
)
from smtp_operator.cli.check.examples import (
    MISSING,
    Path,
    concealed,
    example_of,
)
from smtp_operator.cli.check.unknown_fields import Names, meant_by, normalized

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMES_A_SECRET: Final = ("ref", "from", "secretname", "secretkey", "existingsecret", "passwordsecret")
"""Ends of names whose value is the name of a Secret."""
_VERIFIES: Final = ("verify", "reject", "valid", "check", "trust")
_NOT: Final = ("skip", "no", "ignore", "insecure", "allow")
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")


def name_and_key(value: Any) -> dict[str, str] | None:
    """Return the name and key in a reference such as ``{secretKeyRef: {name: …, key: …}}``, at any depth."""
    if not isinstance(value, Mapping):
        return None
    key = _text(value, _KEY, "key", "secretKey")
    name = _text(value, _OBJECT_NAME, "name", "secretName", "existingSecret", *(["secret"] if key else []))
    if name:
        return {"name": name} | ({"key": key} if key else {})
    return next((found for part in value.values() if (found := name_and_key(part))), None)


def values_inside(corrector: Corrector, path: Path) -> dict[Names, Any]:
    """Return the fields that are meant by names in an unknown map such as ``smtp: {host: …, port: …}``."""
    value = corrector.value_at(path)
    if not isinstance(value, Mapping) or path[:-1]:
        return {}
    meant = {str(name): meant_by(str(name), (), corrector.schema) for name in value}
    return {
        target: _value_for(corrector, target, normalized(str(name)), part)
        for name, part in value.items()
        if (target := meant[str(name)])
    }


def target_and_value(corrector: Corrector, target: Names, path: Path) -> tuple[Names, Any]:
    """Return the field that was meant by an unknown one, and its value."""
    value, parents = corrector.value_at(path), path[:-1]
    if target == ("password",) and isinstance(value, str) and normalized(value) in _MECHANISMS:
        target = ("authMechanism",)
    if target == ("tls",) and not isinstance(value, Mapping):
        target = ("smtpType",)
    if parents == target[:1] == ("password",) and (found := name_and_key(corrector.value_at(parents))):
        return ("password", "secretRef"), found
    return target, _value_for(corrector, target, normalized(str(path[-1])), value)


def authority(path: Path, value: Any) -> dict[str, str] | None:
    """Return the reference to a CA that an unknown field of ``tls.caRef`` means, with the kind it names."""
    name = normalized(str(path[-1]))
    if path[:-1] != ("tls", "caRef") or not any(it in name for it in ("secret", "configmap")):
        return None
    named = isinstance(value, str) and _OBJECT_NAME.fullmatch(value)
    found = {"name": value} if named and not name.endswith("key") else name_and_key(value)
    return found and {"kind": "Secret" if "secret" in name else "ConfigMap", **found}


def smtp_type(corrector: Corrector, name: str, value: Any) -> str:
    """Return the type for a switch or word such as ``ssl: true``; ``name`` is normalized."""
    text = str(value).lower()
    if text in _TRUE:
        explicit = "tls" in name and "ssl" not in name and "implicit" not in name
        return "StartTLS" if explicit or "require" in name else "TLS"
    if text in _FALSE:
        return "None" if "tls" in name else "StartTLS"
    found = corrector.corrected(("smtpType",), value)
    return found if isinstance(found, str) else "StartTLS"


_MECHANISMS: Final = frozenset(normalized(it) for it in AuthMechanism)


def _value_for(corrector: Corrector, target: Names, name: str, value: Any) -> Any:
    node = corrector.node(target)
    if node is None:
        return MISSING
    if target[:1] == ("password",) and len(target) < 3:
        return _password(node, target, name, value)
    if target == ("username",) and addresses_in(value) == [value]:
        return value
    if target == ("smtpType",):
        return smtp_type(corrector, name, value)
    if node["type"] == "boolean":
        switch = str(value).lower() in _TRUE
        verifies = any(it in name for it in _VERIFIES) and not any(it in name for it in _NOT)
        return switch != (verifies or name in ("enabled", "enable", "active"))
    if target == ("from",) and name in ("fromname", "sendername", "displayname"):
        return _from_with_name(corrector, value)
    if not concealed(target, node) and corrector.accepts(target, value):
        return value
    corrected = corrector.corrected(target, value)
    return example_of(node, target) if corrected is MISSING else corrected


def _password(node: Schema, target: Names, name: str, value: Any) -> Any:
    if target[1:] == ("secretRef",) and (found := name_and_key(value)):
        return found
    named = target[1:] == ("secretRef",) and name.endswith(_NAMES_A_SECRET)
    if named and isinstance(value, str) and _OBJECT_NAME.fullmatch(value):
        return {"name": value}
    return example_of(node, target)


def _from_with_name(corrector: Corrector, name: Any) -> str:
    address = corrector.value_at(("from",))
    if isinstance(address, str) and isinstance(name, str) and "<" not in address:
        for text in (f"{name} <{address}>", f'"{name}" <{address}>'):
            if corrector.accepts(("from",), text):
                return text
    return "Platform Team <noreply@example.com>"


def _text(value: Mapping[Any, Any], pattern: re.Pattern[str], *names: str) -> str | None:
    found = (value.get(name) for name in names)
    return next((it for it in found if isinstance(it, str) and pattern.fullmatch(it)), None)
