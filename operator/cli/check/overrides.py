# SPDX-License-Identifier: Apache-2.0
"""Values from the user in addition to a SmtpConfig: objects of the file, a password, a username, a CA.

The flags --password-file and --ca-file take precedence over the objects that the SmtpConfig refers to. The
environment is used only if those are not available: a leftover variable must not replace the real password.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.cli.check.manifest import is_object_name, metadata_of
from smtp_operator.cli.check.yaml_documents import ManifestUnusable
from smtp_operator.reconcile.references.uses import references_of
from smtp_operator.secrets.interfaces import GetObject, PasswordSource, ResolvedPassword
from smtp_operator.secrets.sources import Reading, password_source
from smtp_operator.secrets.vaults.password_source import reference_of

PASSWORD_VARIABLE: Final = "SMTP_OPERATOR_PASSWORD"
USERNAME_VARIABLE: Final = "SMTP_OPERATOR_USERNAME"

CLUSTER: Final = "the cluster"
"""Value of ``SuppliedValues.place`` for objects in a cluster."""

_UNAVAILABLE: Final = frozenset(
    {
        Reason.SECRET_NOT_FOUND,
        Reason.SECRET_KEY_NOT_FOUND,
        Reason.SECRET_ACCESS_DENIED,
        Reason.VAULT_NOT_FOUND,
    }
)


@dataclass(frozen=True, slots=True)
class PasswordInput:
    """A password from the user, and its source."""

    text: str = field(repr=False)
    source: str
    """``File`` or ``Environment``."""
    reference: str
    """The file, or the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedValues:
    """All values from the user."""

    password_of_file: PasswordInput | None = None
    password_of_environment: PasswordInput | None = None
    username: str | None = field(default=None, repr=False)
    ca_pem: str | None = None
    place: str = ""
    """Source of the objects that the SmtpConfig refers to, such as ``mail.yaml``; empty: none."""

    @property
    def any_password(self) -> bool:
        """Whether the user supplied a password."""
        return self.password_of_file is not None or self.password_of_environment is not None


class SuppliedPasswordSource:
    """The password source of ``check``."""

    def __init__(self, supplied: SuppliedValues, fallback: PasswordSource) -> None:
        self._supplied = supplied
        self._fallback = fallback

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Return the password of --password-file, else that of the spec, else that of the environment."""
        if self._supplied.password_of_file is not None:
            return _resolved(self._supplied.password_of_file)
        try:
            return await self._fallback.resolve(password, namespace)
        except VerdictError as error:
            supplied = self._supplied.password_of_environment
            if supplied is None or error.verdict.reason not in _UNAVAILABLE:
                raise
            return _resolved(supplied)


def source_of(supplied: SuppliedValues) -> Callable[[Password, Reading], PasswordSource]:
    """Return ``password_source`` with the supplied passwords around it."""
    return lambda password, reading: SuppliedPasswordSource(supplied, password_source(password, reading))


def _resolved(supplied: PasswordInput) -> ResolvedPassword:
    where = "file" if supplied.source == "File" else "environment variable"
    origin = f"{where} {supplied.reference}"
    text = supplied.text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise _unresolved(Reason.SECRET_VALUE_EMPTY, f"The {origin} is empty. Put the password into it.")
    if any(ord(char) < 0x20 or ord(char) == 0x7F or "\ud800" <= char <= "\udfff" for char in text):
        raise _unresolved(
            Reason.SECRET_VALUE_INVALID,
            f"The {origin} must contain one line of UTF-8 text without control characters; one newline at its"
            " end is removed automatically.",
        )
    return ResolvedPassword(
        value=text,
        source=supplied.source,
        reference=supplied.reference,
        origin=origin,
        message=f"The password was read from {origin}.",
    )


def _unresolved(reason: Reason, message: str) -> VerdictError:
    return failed(reason, message, retry=Retry.CONFIGURATION)


@dataclass(frozen=True, slots=True)
class _Need:
    """A key of an object that the spec refers to, and the alternative way to supply its value."""

    reference: Reference
    key: str
    alternative: str


def _needs(spec: SmtpConfigSpec, namespace: str, supplied: SuppliedValues) -> list[_Need]:
    """Return the keys to read, without those that the user supplied."""
    needs = []
    alternative = f"supply the password with --password-file FILE or in {PASSWORD_VARIABLE}"
    password = spec.password.secret_ref if spec.password else None
    if password is not None and not supplied.any_password:
        reference = Reference("Secret", namespace, password.name)
        needs.append(_Need(reference, password.key, alternative))
    item = spec.password.vault_item if spec.password else None
    if item is not None and not supplied.any_password:
        needs.append(_Need(reference_of(item.vault_ref, namespace), "", alternative))
    if spec.username_ref is not None and supplied.username is None:
        reference = Reference("Secret", namespace, spec.username_ref.name)
        needs.append(_Need(reference, spec.username_ref.key, f"supply the username in {USERNAME_VARIABLE}"))
    bundle = spec.tls.ca_ref if spec.tls else None
    if bundle is not None and supplied.ca_pem is None:
        reference = Reference(bundle.kind, namespace, bundle.name)
        needs.append(_Need(reference, bundle.key, "supply the CA with --ca-file FILE"))
    return needs


class InOtherNamespace(ObjectNotFound):
    """A file has an object of this kind and name, but in another namespace."""

    def __init__(self, reference: Reference, namespace: str) -> None:
        super().__init__(str(reference))
        self.namespace = namespace


class LocalObjects:
    """The objects that a spec refers to, with the values from the user."""

    def __init__(
        self, find: GetObject, spec: SmtpConfigSpec, *, namespace: str, supplied: SuppliedValues
    ) -> None:
        self._find = find
        self._spec = spec
        self._references = {use.reference for use in references_of(spec, namespace)}
        self._supplied = supplied
        self._needs = _needs(spec, namespace, supplied)

    async def get(self, reference: Reference) -> JsonObject:
        """Return the object.

        Raises:
            VerdictError: the object is not available; the message says how to supply its value.
            ClusterError: the request to the cluster failed.
        """
        overriding, fallback = self._overriding_data(reference), self._fallback_data(reference)
        try:
            found = await self._find(reference)
        except (ObjectNotFound, AccessDenied) as error:
            if reference.kind == "Namespace":
                raise  # the caller, which needs its labels, explains this error
            if not overriding and not fallback:
                elsewhere = error.namespace if isinstance(error, InOtherNamespace) else ""
                denied = isinstance(error, AccessDenied)
                raise self._unavailable(reference, denied=denied, elsewhere=elsewhere) from None
            found = _empty(reference)
        return found | {"data": fallback | (found.get("data") or {}) | overriding}

    def _overriding_data(self, reference: Reference) -> dict[str, str]:
        bundle, pem = (self._spec.tls.ca_ref if self._spec.tls else None), self._supplied.ca_pem
        if pem is None or bundle is None or (bundle.kind, bundle.name) != (reference.kind, reference.name):
            return {}
        return {bundle.key: _encoded(pem) if reference.kind == "Secret" else pem}

    def _fallback_data(self, reference: Reference) -> dict[str, str]:
        username_ref, username = self._spec.username_ref, self._supplied.username
        if (
            username is None
            or username_ref is None
            or ("Secret", username_ref.name) != (reference.kind, reference.name)
        ):
            return {}
        return {username_ref.key: _encoded(username)}

    def _unavailable(self, reference: Reference, *, denied: bool, elsewhere: str) -> VerdictError:
        alternatives = [need.alternative for need in self._needs if need.reference == reference]
        if reference not in self._references:  # a vault object needs it
            alternatives = [need.alternative for need in self._needs if need.reference.is_vault]
        if not self._supplied.place:
            return _unresolved(
                Reason.SECRET_NOT_FOUND, f"--username requires a password: {' or '.join(alternatives)}."
            )
        kind = {"Secret": "SECRET", "ConfigMap": "CONFIG_MAP"}.get(reference.kind, "VAULT")
        if reference.is_vault and self._supplied.place != CLUSTER:
            return _unresolved(
                Reason.VAULT_NOT_FOUND,
                f"The password is in {reference}, which exists only in a cluster."
                f" {_sentence([*alternatives, 'check the SmtpConfig in the cluster by its NAME'])}",
            )
        if denied:
            problem = f"You are not allowed to read {reference} in {self._supplied.place}."
            fix = "Ask an admin for access"
            reason = Reason.SECRET_ACCESS_DENIED if reference.is_vault else Reason[f"{kind}_ACCESS_DENIED"]
        else:
            problem = f"{reference} is not in {self._supplied.place}."
            if elsewhere:
                problem += f" The one there has the namespace {elsewhere}."
            fix = f"Set its metadata.namespace: {reference.namespace}" if elsewhere else "Add it"
            reason = Reason[f"{kind}_NOT_FOUND"]
        return _unresolved(reason, f"{problem} {_sentence([fix, *alternatives])}")


def _sentence(alternatives: list[str]) -> str:
    text = ", or ".join(alternatives)
    return f"{text[0].upper()}{text[1:]}."


def objects_of_file(
    documents: Iterable[JsonObject], spec: SmtpConfigSpec, *, namespace: str, source: str
) -> Callable[[Reference], Awaitable[JsonObject]]:
    """Return a function that finds Secrets and ConfigMaps in the documents of a file.

    Raises:
        ManifestUnusable: the API server would reject an object that the spec refers to.
    """
    references = {use.reference for use in references_of(spec, namespace)}
    wanted = {it for it in references if it.kind in _PARTS}
    objects: dict[Reference, JsonObject] = {}
    elsewhere: dict[Reference, str] = {}
    problems: list[str] = []
    for document in documents:
        metadata = metadata_of(document)
        for reference in wanted:
            if (document.get("kind"), metadata.get("name")) != (reference.kind, reference.name):
                continue
            own = metadata.get("namespace") or namespace
            if own == namespace:
                objects[reference] = _read(reference, document, problems)
            elif is_object_name(str(own)):
                elsewhere[reference] = str(own)
    if problems:
        raise ManifestUnusable("\n  ".join([f"{source} cannot be used:", *problems]))

    async def find(reference: Reference) -> JsonObject:
        if reference not in objects and reference in elsewhere:
            raise InOtherNamespace(reference, elsewhere[reference])
        if reference not in objects:
            raise ObjectNotFound(str(reference))
        return objects[reference]

    return find


_PARTS: Final = {"Secret": ("data", "stringData"), "ConfigMap": ("data", "binaryData")}


def _read(reference: Reference, document: JsonObject, problems: list[str]) -> JsonObject:
    """Return the object as the API server would store it; add what it would reject to the problems."""
    found = _empty(reference)
    annotations = metadata_of(document).get("annotations")
    found["metadata"]["annotations"] = annotations if isinstance(annotations, dict) else {}
    for part in _PARTS[reference.kind]:
        values = document.get(part) or {}
        if not isinstance(values, Mapping):
            problems.append(f"{reference}: {part} must be a map of strings")
            continue
        for key, value in values.items():
            where = f"{reference}: {part}.{key}"
            if not isinstance(value, str):
                problems.append(f"{where} must be a string; put it in quotes")
            elif part == "stringData":
                found["data"][key] = _encoded(value)
            elif (reference.kind, part) == ("ConfigMap", "data"):
                found["data"][key] = value
            elif _is_base64(value):
                found[part][key] = "".join(value.split())
            else:
                alternative = "put the plain text in stringData" if reference.kind == "Secret" else ""
                problems.append("; ".join(filter(None, [f"{where} is not base64", alternative])))
    return found


def _empty(reference: Reference) -> JsonObject:
    metadata = {"name": reference.name, "namespace": reference.namespace, "uid": "", "resourceVersion": ""}
    return {"kind": reference.kind, "metadata": metadata, "data": {}, "binaryData": {}}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
