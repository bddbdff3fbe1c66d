# SPDX-License-Identifier: Apache-2.0
"""Values of Secrets and ConfigMaps, each object read once per test, with every way in which that fails."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smtp_operator.api.objects import AccessDenied, JsonObject, ObjectNotFound, Reference
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.network.tls import ClientCertificate, ClientCertificateInvalid
from smtp_operator.secrets.interface import GetObject, Seen

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


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text out of a Secret."""

    text: str = field(repr=False)
    newline_stripped: bool = False


class ObjectValues:
    """The objects that one test reads. Each is asked for once, so that all values are of one version."""

    def __init__(self, get: GetObject, *, owner: str = "") -> None:
        """``owner`` names the object whose fields name them, where that is not the SmtpConfig itself."""
        self._get = get
        self._of = f" of {owner}" if owner else ""
        self._objects: dict[Reference, JsonObject | VerdictError] = {}
        self._noted: dict[Reference, JsonObject | None] = {}
        self.behind: dict[Reference, Seen] = {}
        """What a vault's login stands on, which may be that of an earlier test."""

    @property
    def read(self) -> Mapping[Reference, JsonObject | None]:
        """Every object asked for, None where there is none; those that may not be read are left out."""
        return self._noted | {
            reference: None if isinstance(found, VerdictError) else found
            for reference, found in self._objects.items()
            if not isinstance(found, VerdictError) or found.verdict.reason in _MISSING.values()
        }

    def note(self, reference: Reference, found: JsonObject | None) -> None:
        """Somebody else has read an object for this test; None: there is none."""
        self._noted[reference] = found

    async def get(self, reference: Reference, *, field_path: str) -> JsonObject:
        """The object that ``spec.<field_path>`` names.

        Raises:
            VerdictError: it does not exist or may not be read.
            ApiUnavailable: no fact about the user's settings, so it makes no verdict.
        """
        if reference not in self._objects:
            self._objects[reference] = await self._ask(reference, field_path)
        found = self._objects[reference]
        if isinstance(found, VerdictError):
            raise VerdictError(found.verdict)
        return found

    async def line(self, reference: Reference, key: str, *, field_path: str) -> Line:
        """One line of a Secret's key, one newline at its end left out.

        Raises:
            VerdictError: no such object or key, or the value is empty, not UTF-8 or more than a line.
        """
        raw = await self._raw(reference, key, field_path=field_path)
        where = f"Secret {reference.namespace}/{reference.name}, key {key}"
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _failed(
                Reason.SECRET_VALUE_INVALID,
                f"{where} is not UTF-8 text (named by spec.{field_path}{self._of})."
                " Write the value as plain text; data: is base64 of it, stringData: is the text itself.",
            ) from None
        stripped = text.removesuffix("\n").removesuffix("\r")
        if not stripped.strip():
            raise _failed(
                Reason.SECRET_VALUE_EMPTY,
                f"{where} is empty (named by spec.{field_path}{self._of}). Write the value into it;"
                " the test starts as soon as it is there.",
            )
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in stripped):
            raise _failed(
                Reason.SECRET_VALUE_INVALID,
                f"{where} holds a line break or control character (named by spec.{field_path}{self._of})."
                " It must be one line; one newline at its end is left out by itself.",
            )
        return Line(stripped, newline_stripped=stripped != text)

    async def bundle(self, reference: Reference, key: str, *, field_path: str) -> str:
        """A PEM bundle out of a Secret or ConfigMap.

        Raises:
            VerdictError: no such object or key, or the value holds no PEM certificate.
        """
        raw = await self._raw(reference, key, field_path=field_path)
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        if "-----BEGIN CERTIFICATE-----" not in text:
            raise _failed(
                Reason.CA_BUNDLE_INVALID,
                f"{reference}, key {key} holds no PEM certificate (named by spec.{field_path}{self._of})."
                " Put the CA's certificate there, from -----BEGIN CERTIFICATE----- on.",
            )
        return text

    async def client_certificate(self, reference: Reference, *, field_path: str) -> ClientCertificate:
        """Certificate and key of a Secret of type kubernetes.io/tls.

        Raises:
            VerdictError: no such object or key, or certificate and key are of no use.
        """
        certificates, key = [
            await self._raw(reference, name, field_path=field_path, fixed=True)
            for name in ("tls.crt", "tls.key")
        ]
        try:
            return ClientCertificate.of(certificates, key)
        except ClientCertificateInvalid as error:
            raise _failed(
                Reason.CLIENT_CERTIFICATE_INVALID,
                f"{reference} is no usable client certificate (named by spec.{field_path}{self._of}):"
                f" {error}. Store a certificate and its key without a password there, as a Secret of type"
                " kubernetes.io/tls has them.",
            ) from None

    async def _raw(self, reference: Reference, key: str, *, field_path: str, fixed: bool = False) -> bytes:
        found = await self.get(reference, field_path=field_path)
        raw = _value(found, key)
        if raw is None:
            other = f", or set {field_path}.key{self._of} to the one that holds the value"
            raise _failed(
                _KEY_MISSING[reference.kind],
                f'{reference} has no key "{key}" (named by spec.{field_path}{self._of}).'
                f" Add the key{'' if fixed else other}.",
            )
        return raw

    async def _ask(self, reference: Reference, field_path: str) -> JsonObject | VerdictError:
        try:
            return await self._get(reference)
        except ObjectNotFound:
            return _failed(
                _MISSING[reference.kind],
                f"{reference} does not exist (named by spec.{field_path}{self._of})."
                " Create it; the test starts as soon as it is there.",
            )
        except AccessDenied:
            may_not = (
                f"The operator may not read {reference} (named by spec.{field_path}{self._of}): its role"
                f" lacks get on {_RESOURCES[reference.kind]}"
            )
            if not reference.namespace:
                return _failed(
                    _DENIED[reference.kind],
                    f"{may_not}, as one that serves single namespaces does. Have a ClusterRole grant it for"
                    f" that name, or set {field_path}.kind: SmtpVault and describe the vault in this"
                    " namespace.",
                )
            return _failed(
                _DENIED[reference.kind],
                f"{may_not} in namespace {reference.namespace}. Grant it, or run the operator for that"
                " namespace with --namespace.",
            )


def _value(found: JsonObject, key: str) -> bytes | None:
    """The value of that key alone, since the others are not asked for; None: there is no such key."""
    data: Mapping[str, Any] = found.get("data") or {}
    if found.get("kind") != "ConfigMap":
        return _decoded(data[key]) if key in data else None
    binary: Mapping[str, Any] = found.get("binaryData") or {}
    if key in binary:
        return _decoded(binary[key])
    return str(data[key]).encode() if key in data else None


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""


def _failed(reason: Reason, message: str) -> VerdictError:
    return VerdictError(
        Verdict(reason=reason, message=message, retry=REASONS[reason].retry, phase=Phase.PASSWORD)
    )
