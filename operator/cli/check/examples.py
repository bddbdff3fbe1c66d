# SPDX-License-Identifier: Apache-2.0
"""Examples of values for each field of a spec, and which values could be secrets."""

from typing import Any, Final

from smtp_operator.api.crd import Schema, required_fields

Path = tuple[int | str, ...]

MISSING: Final = object()
"""Stands for the value of an absent field."""

SECRET_BY_NAME: Final = {"secretRef": {"name": "smtp-password"}}

_MAILBOX: Final = {
    "server": "imap.example.org",
    "username": "probe@example.org",
    "password": {"secretRef": {"name": "probe"}},
}
_EXAMPLES: Final[dict[str, Any]] = {
    "server": "smtp.example.com",
    "port": 587,
    "username": "mailer@example.com",
    "usernameRef": {"name": "smtp-user", "key": "username"},
    "password": SECRET_BY_NAME,
    "value": "...",
    "secretRef": {"name": "smtp-password"},
    "vaultRef": {"name": "corporate-vault"},
    "from": "noreply@example.com",
    "oauth2": {
        "tokenUrl": "https://login.example.com/token",
        "clientId": "my-client",
        "clientSecretRef": {"name": "smtp-client", "key": "secret"},
    },
    "clientSecretRef": {"name": "smtp-client", "key": "secret"},
    "refreshTokenRef": {"name": "smtp-client", "key": "refresh-token"},
    "clientCertificateRef": {"name": "smtp-client"},
    "serviceAccountRef": {"name": "smtp-operator-login"},
    "recipients": {"to": ["ops@example.com"]},
    "to": ["ops@example.com"],
    "cc": ["team@example.com"],
    "bcc": ["audit@example.com"],
    "preferredNotifications": ["TestEmail"],
    "tls": {"serverName": "mail.example.com"},
    "caRef": {"name": "mail-ca"},
    "serverName": "mail.example.com",
    "heloName": "mail.example.com",
    "test": {"timeout": "45s"},
    "recheck": {"interval": "1h"},
    "publish": {"secretName": "corporate-mail-proven"},
    "keys": [{"name": "SMTP_HOST", "field": "Host"}],
    "type": "Opaque",
    "delivery": {"address": "probe@example.org", "mailbox": _MAILBOX},
    "mailbox": _MAILBOX,
    "address": "probe@example.org",
    "within": "10m",
    "timeout": "45s",
    "interval": "1h",
    "tokenUrl": "https://login.example.com/token",
    "audience": "api://AzureADTokenExchange",
    "secretName": "smtp",
    "cyberArk": {"vaultRef": {"name": "corporate-vault"}, "safe": "Mail", "object": "smtp-relay"},
    "version": "1",
    "path": "mail/smtp",
    "key": "password",
    "name": "smtp-password",
}
_CONCEALED: Final = frozenset(
    {"username", "value", "clientId", "scope", "audience", "safe", "folder", "object", "address", "variable"}
    | {"path", "version"}
)
"""Fields of free text, where a password could have been written."""


def concealed(path: Path, node: Schema) -> bool:
    """Return whether a value of the field could be a secret."""
    names = [part for part in path if isinstance(part, str)]
    if node.get("type") == "object":
        return names[-1] in ("password", "oauth2") if names else True
    return not names or names[-1] in _CONCEALED


def example_of(node: Schema, path: Path) -> Any:
    """Return a valid value of a field."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if path and isinstance(path[-1], int):
        whole = _EXAMPLES.get(name, [])
        return whole[0] if whole else MISSING
    parent = path[-2] if len(path) > 1 else ""
    if name == "name" and isinstance(parent, str) and isinstance(_EXAMPLES.get(parent), dict):
        return _EXAMPLES[parent]["name"]
    if parent == "azureKeyVault" and name == "version":
        return "0" * 32
    if name in _EXAMPLES and _fits(_EXAMPLES[name], node):
        return _EXAMPLES[name]
    if "enum" in node:
        return node.get("default", node["enum"][0])
    if node.get("type") == "object":
        properties = node["properties"]
        return {it: example_of(properties[it], (*path, it)) for it in required_fields(node)}
    return {"integer": 1, "boolean": False, "array": []}.get(node.get("type", ""), "...")


def _fits(example: Any, node: Schema) -> bool:
    kinds: dict[str, type | tuple[type, ...]] = {"object": dict, "array": list, "integer": int, "string": str}
    return isinstance(example, kinds.get(node.get("type", ""), ()))
