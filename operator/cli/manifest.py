# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig out of a file or out of flags, with the Secrets and ConfigMaps that go with it."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import uuid4

import yaml
from pydantic import ValidationError

from smtp_operator.api.names import API_VERSION, SMTP_CONFIG_KIND
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.reconcile.view import spec_problems

PASSWORD_VARIABLE: Final = "SMTP_OPERATOR_PASSWORD"
USERNAME_VARIABLE: Final = "SMTP_OPERATOR_USERNAME"


class ManifestUnusable(Exception):
    """What was given is no SmtpConfig that could be tested. The text names the place and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What the user gives beside the manifest, where it only refers to it."""

    password: str | None = None
    username: str | None = None
    ca_pem: str | None = None


def read_documents(path: str, stdin: TextIO) -> list[JsonObject]:
    """The YAML documents of a file; ``-`` is standard input.

    Raises:
        ManifestUnusable: it cannot be read, or is not YAML.
    """
    try:
        text = stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestUnusable(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ManifestUnusable(f"{path} is not UTF-8 text") from None
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ManifestUnusable(
            f"{path}{line}: not YAML ({getattr(error, 'problem', 'unreadable')})"
        ) from None
    return [document for document in documents if isinstance(document, dict)]


def config_of(documents: Iterable[JsonObject], *, source: str, name: str | None) -> JsonObject:
    """The SmtpConfig among the documents, as the API server would hold it.

    Raises:
        ManifestUnusable: there is none, or more than one and no name to choose by, or it breaks a rule.
    """
    found = [it for it in documents if it.get("kind") == SMTP_CONFIG_KIND]
    if name is not None:
        found = [it for it in found if (it.get("metadata") or {}).get("name") == name]
    if not found:
        which = f"SmtpConfig {name}" if name else "SmtpConfig"
        raise ManifestUnusable(f"{source} holds no {which}")
    if len(found) > 1:
        names = ", ".join(str((it.get("metadata") or {}).get("name")) for it in found)
        raise ManifestUnusable(f"{source} holds several SmtpConfigs ({names}); name the one to check")
    config = found[0]
    if config.get("apiVersion") != API_VERSION:
        raise ManifestUnusable(f"{source}: apiVersion must be {API_VERSION}")
    metadata = config.get("metadata") or {}
    return _completed(str(metadata.get("namespace") or "default"), metadata, config.get("spec"), source)


def config_of_flags(spec: Mapping[str, Any]) -> JsonObject:
    """A SmtpConfig of a spec that was given by flags.

    Raises:
        ManifestUnusable: it breaks a rule.
    """
    return _completed("default", {"name": "check"}, dict(spec), "the flags")


def _completed(namespace: str, metadata: Mapping[str, Any], spec: Any, source: str) -> JsonObject:
    try:
        SmtpConfigSpec.model_validate(spec)
    except ValidationError as error:
        problems = "".join(f"\n  {problem}" for problem in spec_problems(error))
        raise ManifestUnusable(f"{source}: the spec breaks a rule{problems}") from None
    return {
        "metadata": {
            "name": str(metadata.get("name") or "check"),
            "namespace": namespace,
            "uid": str(uuid4()),  # every check is a mail of its own
            "generation": 1,
            "resourceVersion": "0",
        },
        "spec": spec,
    }


class LocalObjects:
    """Secrets and ConfigMaps out of the manifest's file, and what the user supplies instead."""

    def __init__(self, documents: Iterable[JsonObject], config: JsonObject, supplied: Supplied) -> None:
        self._namespace = config["metadata"]["namespace"]
        self._supplied = supplied
        self._spec = SmtpConfigSpec.model_validate(config["spec"])
        self._documents = {
            (it.get("kind"), (it.get("metadata") or {}).get("name")): it
            for it in documents
            if ((it.get("metadata") or {}).get("namespace") or self._namespace) == self._namespace
        }

    async def get(self, reference: Reference) -> JsonObject:
        """The object, as the API server would send it.

        Raises:
            VerdictError: it is not at hand.
        """
        values = self._values(reference)
        document = self._documents.get((reference.kind, reference.name))
        if document is None and not values:
            raise _not_at_hand(reference)
        return self._as_stored(reference, document or {}, values)

    def _values(self, reference: Reference) -> dict[str, str]:
        """What was supplied for the keys that the spec names; it goes before what the file says."""
        spec, supplied, values = self._spec, self._supplied, {}
        if reference.kind == "Secret":
            password = spec.password.secret_ref if spec.password else None
            if password and password.name == reference.name and supplied.password is not None:
                values[password.key] = supplied.password
            username = spec.username_ref
            if username and username.name == reference.name and supplied.username is not None:
                values[username.key] = supplied.username
        bundle = spec.tls.ca_ref if spec.tls else None
        if bundle and (bundle.kind, bundle.name) == (reference.kind, reference.name) and supplied.ca_pem:
            values[bundle.key] = supplied.ca_pem
        return values

    def _as_stored(self, reference: Reference, document: JsonObject, values: dict[str, str]) -> JsonObject:
        data = dict(document.get("data") or {})
        texts = values
        if reference.kind == "Secret":
            plain = (document.get("stringData") or {}) | values
            texts = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        metadata = document.get("metadata") or {}
        return {
            "kind": reference.kind,
            "metadata": {
                "name": reference.name,
                "namespace": reference.namespace,
                "uid": "local",
                "resourceVersion": "0",
                "annotations": metadata.get("annotations") or {},
            },
            "data": data | texts,
        }


def _not_at_hand(reference: Reference) -> VerdictError:
    reason = Reason.SECRET_NOT_FOUND if reference.kind == "Secret" else Reason.CONFIG_MAP_NOT_FOUND
    return VerdictError(
        Verdict(
            reason=reason,
            message=f"{reference} is not at hand here: put it into the same file, or give its value with"
            f" --password-file or {PASSWORD_VARIABLE} (a password), {USERNAME_VARIABLE} (a user name) or"
            " --ca-file (a CA).",
            retry=REASONS[reason].retry,
            phase=Phase.PASSWORD,
        )
    )
