# SPDX-License-Identifier: Apache-2.0
"""Read values of Secrets and ConfigMaps, each object once per test, with a verdict for each failure."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.tls import ClientCertificate, ClientCertificateInvalid
from smtp_operator.secrets.interfaces import GetObject, ReadObject

_MISSING = {
    "Secret": Reason.SECRET_NOT_FOUND,
    "ConfigMap": Reason.CONFIG_MAP_NOT_FOUND,
    "SmtpVault": Reason.VAULT_NOT_FOUND,
    "ClusterSmtpVault": Reason.VAULT_NOT_FOUND,
}
_KEY_MISSING = {"Secret": Reason.SECRET_KEY_NOT_FOUND, "ConfigMap": Reason.CONFIG_MAP_KEY_NOT_FOUND}
_DENIED = {
    "Secret": Reason.SECRET_ACCESS_DENIED,
    "ConfigMap": Reason.CONFIG_MAP_ACCESS_DENIED,
    "SmtpVault": Reason.VAULT_NOT_ALLOWED,
    "ClusterSmtpVault": Reason.VAULT_NOT_ALLOWED,
}
_RESOURCES = {
    "Secret": "secrets",
    "ConfigMap": "configmaps",
    "SmtpVault": "smtpvaults.smtp-operator.io",
    "ClusterSmtpVault": "clustersmtpvaults.smtp-operator.io",
}

LONGEST_LINE: Final = 4096
"""Maximum bytes of a password, a username, or a one-line key."""
LONGEST_TOKEN: Final = 16 * 1024
LONGEST_FILE: Final = 64 * 1024
"""Maximum bytes of a certificate or key file."""
LONGEST_BUNDLE: Final = 512 * 1024
_SHARED_BYTES: Final = 4 * 1024 * 1024

_Keys = Callable[[Reference], Collection[str]]


@dataclass(frozen=True, slots=True)
class SecretLine:
    """A line of text from a Secret."""

    text: str = field(repr=False)
    newline_stripped: bool = False


class SecretReader:
    """Reads the objects of one test, each once, so that all values are of the same version."""

    def __init__(self, get: GetObject, *, owner: str = "", keys: _Keys | None = None) -> None:
        """``owner`` is the object that references them, if it is not the SmtpConfig itself.

        ``keys`` returns the keys of an object that are needed, so that no other value is kept in memory
        during the test; None: all.
        """
        self._get = get
        self._keys = keys
        self._bundles: dict[tuple[Reference, str], str] = {}
        self._of = f" of {owner}" if owner else ""
        self._objects: dict[Reference, JsonObject | VerdictError] = {}
        self._noted: dict[Reference, JsonObject | None] = {}
        self.login_objects: dict[Reference, ReadObject] = {}
        """The objects that a vault's login depends on, which an earlier test may have read."""

    @property
    def read(self) -> Mapping[Reference, JsonObject | None]:
        """Return all requested objects, None for missing ones; omit objects that may not be read."""
        return self._noted | {
            reference: None if isinstance(found, VerdictError) else found
            for reference, found in self._objects.items()
            if not isinstance(found, VerdictError) or found.verdict.reason in _MISSING.values()
        }

    def note(self, reference: Reference, found: JsonObject | None) -> None:
        """Record an object that other code read for this test; None: it does not exist."""
        self._noted[reference] = found

    async def get(self, reference: Reference, *, field_path: str) -> JsonObject:
        """Return the object that ``spec.<field_path>`` names.

        Raises:
            VerdictError: the object does not exist or may not be read.
            ApiUnavailable: the API server failed; no verdict, since the settings may be right.
        """
        if reference not in self._objects:
            self._objects[reference] = await self._ask(reference, field_path)
        found = self._objects[reference]
        if isinstance(found, VerdictError):
            raise VerdictError(found.verdict)
        return found

    async def line(
        self, reference: Reference, key: str, *, field_path: str, at_most: int = LONGEST_LINE
    ) -> SecretLine:
        """Return the line in a Secret's key, without a trailing newline.

        Raises:
            VerdictError: the object or key is missing, or its value is empty, too long, or not one line.
        """
        raw = await self._raw(reference, key, field_path=field_path, at_most=at_most)
        where = f"Secret {reference.namespace}/{reference.name}, key {key}"
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise failed(
                Reason.SECRET_VALUE_INVALID,
                f"{where} is not UTF-8 text (named by spec.{field_path}{self._of}). Store plain text:"
                " base64-encoded in data, or unencoded in stringData.",
            ) from None
        stripped = text.removesuffix("\n").removesuffix("\r")
        if not stripped.strip():
            raise failed(
                Reason.SECRET_VALUE_EMPTY,
                f"{where} is empty (named by spec.{field_path}{self._of}). Store the value; the test then"
                " starts automatically.",
            )
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in stripped):
            raise failed(
                Reason.SECRET_VALUE_INVALID,
                f"{where} holds a line break or control character (named by spec.{field_path}{self._of})."
                " The value must be one line; the operator removes one newline at its end.",
            )
        return SecretLine(stripped, newline_stripped=stripped != text)

    async def bundle(self, reference: Reference, key: str, *, field_path: str) -> str:
        """Return a PEM bundle from a Secret or ConfigMap.

        Raises:
            VerdictError: the object or key is missing, or its value is too long or has no PEM certificate.
        """
        if (reference, key) in self._bundles:
            return self._bundles[reference, key]
        raw = await self._raw(
            reference, key, field_path=field_path, at_most=LONGEST_BUNDLE, too_long=Reason.CA_BUNDLE_INVALID
        )
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        if "-----BEGIN CERTIFICATE-----" not in text:
            raise failed(
                Reason.CA_BUNDLE_INVALID,
                f"{reference}, key {key} holds no PEM certificate (named by spec.{field_path}{self._of})."
                " Store the CA certificate there, with its BEGIN and END lines.",
            )
        self._bundles[reference, key] = text = _shared(text)
        self._drop(reference, key)
        return text

    async def client_certificate(self, reference: Reference, *, field_path: str) -> ClientCertificate:
        """Return the certificate and key of a Secret of type kubernetes.io/tls.

        Raises:
            VerdictError: the object or key is missing, or certificate and key are unusable.
        """
        certificates, key = [
            await self._raw(reference, name, field_path=field_path, fixed=True, at_most=LONGEST_FILE)
            for name in ("tls.crt", "tls.key")
        ]
        try:
            return await asyncio.to_thread(ClientCertificate.of, certificates, key)
        except ClientCertificateInvalid as error:
            raise failed(
                Reason.CLIENT_CERTIFICATE_INVALID,
                f"{reference} is not a usable client certificate (named by spec.{field_path}{self._of}):"
                f" {error}. Store a certificate and its unencrypted key there, in the format of type"
                " kubernetes.io/tls.",
            ) from None

    async def _raw(
        self,
        reference: Reference,
        key: str,
        *,
        field_path: str,
        at_most: int,
        fixed: bool = False,
        too_long: Reason = Reason.SECRET_VALUE_TOO_LONG,
    ) -> bytes:
        found = await self.get(reference, field_path=field_path)
        try:
            raw = _value(found, key, at_most)
        except _TooLongError:
            what = "CA's certificates" if too_long is Reason.CA_BUNDLE_INVALID else "value"
            raise failed(
                too_long,
                f"{reference}, key {key} holds more than {at_most:,} bytes (named by"
                f" spec.{field_path}{self._of}). Store only the {what} there.",
            ) from None
        if raw is None:
            other = f", or set {field_path}.key{self._of} to the key of the value"
            raise failed(
                _KEY_MISSING[reference.kind],
                f'{reference} has no key "{key}" (named by spec.{field_path}{self._of}).'
                f" Add the key{'' if fixed else other}.",
            )
        return raw

    def _drop(self, reference: Reference, key: str) -> None:
        """Remove a value that is stored elsewhere."""
        found = self._objects.get(reference)
        if isinstance(found, dict):
            for name in _DATA:
                (found.get(name) or {}).pop(key, None)

    async def _ask(self, reference: Reference, field_path: str) -> JsonObject | VerdictError:
        try:
            found = await self._get(reference)
            return _bounded(found, None if self._keys is None else self._keys(reference))
        except ObjectNotFound:
            return failed(
                _MISSING[reference.kind],
                f"{reference} does not exist (named by spec.{field_path}{self._of}). Create it; the test"
                " then starts automatically.",
            )
        except AccessDenied:
            may_not = (
                f"The operator may not read {reference} (named by spec.{field_path}{self._of}): its role"
                f" lacks get on {_RESOURCES[reference.kind]}"
            )
            if not reference.namespace:
                return failed(
                    _DENIED[reference.kind],
                    f"{may_not}, as always when the operator serves single namespaces. Grant it for that"
                    f" name by a ClusterRole, or set {field_path}.kind: SmtpVault and describe the vault in"
                    " this namespace.",
                )
            return failed(
                _DENIED[reference.kind],
                f"{may_not} in namespace {reference.namespace}. Grant it, or run the operator for that"
                " namespace with --namespace.",
            )


_DATA: Final = ("data", "binaryData")
_LONGEST: Final = LONGEST_BUNDLE * 4 // 3 + 4
"""Maximum characters of any value, in base64."""


class _TooLongError(ValueError):
    """The value is too long."""


def _bounded(found: JsonObject, keys: Collection[str] | None) -> JsonObject:
    """Return the object with only these values; False replaces values beyond every length limit."""
    kept = dict(found)
    for name in _DATA:
        data = found.get(name)
        if data is False:
            kept[name] = dict.fromkeys(keys or (), False)
        elif isinstance(data, dict):
            kept[name] = {
                key: False if isinstance(value, str) and len(value) > _LONGEST else value
                for key, value in data.items()
                if keys is None or key in keys
            }
    return kept


def _value(found: JsonObject, key: str, at_most: int) -> bytes | None:
    """Return the decoded value of one key; None: there is no such key.

    Raises:
        _TooLongError: the value has more than ``at_most`` bytes.
    """
    data: Mapping[str, Any] = found.get("data") or {}
    binary: Mapping[str, Any] = data
    if found.get("kind") == "ConfigMap":
        binary = found.get("binaryData") or {}
    if key in binary:
        value = binary[key]
        if value is False or (isinstance(value, str) and len(value) > at_most * 4 // 3 + 4):
            raise _TooLongError
        raw = _decoded(value)
    elif key in data:
        if data[key] is False or len(str(data[key])) > at_most:
            raise _TooLongError
        raw = str(data[key]).encode(errors="replace")
    else:
        return None
    if len(raw) > at_most:
        raise _TooLongError
    return raw


_bundles: dict[str, str] = {}


def _shared(text: str) -> str:
    """Return an equal bundle read earlier, if any, to save memory: tests keep bundles for minutes."""
    if text in _bundles:
        return _bundles[text]
    size = len(text)
    while _bundles and sum(map(len, _bundles)) + size > _SHARED_BYTES:
        del _bundles[next(iter(_bundles))]
    _bundles[text] = text
    return text


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""
