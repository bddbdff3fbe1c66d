# SPDX-License-Identifier: Apache-2.0
"""Builds a SmtpConfig from a file or from flags, as the API server would store it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError

from smtp_operator.api.names import API_VERSION, SMTP_CONFIG_KIND
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.cli.check.yaml_documents import ManifestUnusable

NAME_OF_FLAGS: Final = "check"
DEFAULT_NAMESPACE: Final = "default"
SUPPLIED: Final = "supplied"
"""Internal name of the Secret or ConfigMap for values from flags; not shown to users."""

_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FLAG_OF: Final = {
    "server": "--server",
    "port": "--port",
    "smtpType": "--smtp-type",
    "username": "--username",
    "from": "--from",
    "recipients.to": "--to",
    "recipients.cc": "--cc",
    "recipients.bcc": "--bcc",
    "tls.insecureSkipVerify": "--insecure-skip-verify",
    "allowInsecureAuth": "--allow-insecure-auth",
    "test.timeout": "--timeout",
}
_INDEX: Final = re.compile(r"\[\d+\]$")
_SHOULD: Final = re.compile(r"^(?:Input|String|List) should ")
_SHORT_TEXTS: Final = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "model_type": "must be a map of fields",
    "dict_type": "must be a map of fields",
}


def is_object_name(text: str) -> bool:
    """Return whether the text is a valid object name."""
    return _NAME.fullmatch(text) is not None


def metadata_of(document: JsonObject) -> JsonObject:
    """Return the metadata; empty if the document has none, or no map."""
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def config_of(
    documents: Iterable[JsonObject],
    *,
    source: str,
    name: str | None = None,
    namespace: str | None = None,
    timeout: str | None = None,
) -> JsonObject:
    """Return the SmtpConfig among the documents.

    ``name`` and ``namespace`` select one of several; documents without a namespace are in ``namespace``.
    ``timeout`` replaces ``spec.test.timeout``.

    Raises:
        ManifestUnusable: no SmtpConfig or several match, or the SmtpConfig is invalid.
    """
    configs = [it for it in documents if it.get("kind") == SMTP_CONFIG_KIND]
    found = [
        it
        for it in configs
        if name in (None, metadata_of(it).get("name"))
        and (namespace is None or metadata_of(it).get("namespace") in (None, "", namespace))
    ]
    if not found:
        wanted = f"SmtpConfig {name}" if name else "SmtpConfig"
        where = f" in namespace {namespace}" if namespace and configs else ""
        others = f"; it contains: {_listed(configs)}" if configs else ""
        raise ManifestUnusable(f"{source} contains no {wanted}{where}{others}")
    if len(found) > 1:
        raise ManifestUnusable(
            f"{source} contains several SmtpConfigs ({_listed(found)}): specify the NAME of the one to check,"
            " and its namespace with -n if needed"
        )
    return _completed(found[0], source, namespace, timeout)


def config_of_flags(spec: Mapping[str, Any]) -> JsonObject:
    """Return a SmtpConfig with a spec from flags.

    Raises:
        ManifestUnusable: the spec is invalid.
    """
    problems = []
    for field, text in _problems(spec):
        flag = _FLAG_OF.get(_INDEX.sub("", field))
        problems.append(f"{flag}: {text}" if flag else text)
    if problems:
        raise ManifestUnusable("\n  ".join(["the flags cannot be used:", *dict.fromkeys(problems)]))
    return _object(NAME_OF_FLAGS, DEFAULT_NAMESPACE, spec)


def _completed(config: JsonObject, source: str, namespace: str | None, timeout: str | None) -> JsonObject:
    metadata, spec = metadata_of(config), config.get("spec")
    name, own_namespace = metadata.get("name"), metadata.get("namespace") or namespace or DEFAULT_NAMESPACE
    problems = [f"{field}: unknown field" for field in sorted(map(str, config.keys() - _FIELDS))]
    if config.get("apiVersion") != API_VERSION:
        problems.append(f"apiVersion: must be {API_VERSION}")
    if not isinstance(name, str) or not is_object_name(name):
        problems.append("metadata.name: must be a name such as corporate-mail")
    if not isinstance(own_namespace, str) or not is_object_name(own_namespace):
        problems.append("metadata.namespace: must be a name such as team-a")
    if timeout is not None and isinstance(spec, dict) and isinstance(spec.get("test") or {}, dict):
        spec = {**spec, "test": {**(spec.get("test") or {}), "timeout": timeout}}
    problems += [f"spec.{field}: {text}" if field else f"spec: {text}" for field, text in _problems(spec)]
    if problems:
        raise ManifestUnusable("\n  ".join([f"{source}: this SmtpConfig cannot be used:", *problems]))
    return _object(str(name), str(own_namespace), spec)


def _problems(spec: Any) -> list[tuple[str, str]]:
    """Return field and problem of each violated rule; never a value."""
    if not isinstance(spec, Mapping):
        return [("", "is required" if spec is None else "must be a map of fields")]
    try:
        SmtpConfigSpec.model_validate(spec)
    except ValidationError as error:
        return [
            (
                _field_path(problem["loc"]),
                _SHORT_TEXTS.get(problem["type"], _SHOULD.sub("must ", problem["msg"])),
            )
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    return []


def _field_path(location: Iterable[int | str]) -> str:
    """Return the path of a field, such as ``recipients.cc[0]``; empty for the spec itself."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(
        "."
    )


def _object(name: str, namespace: str, spec: Any) -> JsonObject:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid4()),  # every check sends a separate email
            "generation": 1,
            "resourceVersion": "",
        },
        "spec": spec,
    }


def _listed(configs: Iterable[JsonObject]) -> str:
    return ", ".join(_shown(metadata_of(it)) for it in configs)


def _shown(metadata: JsonObject) -> str:
    parts = [part for part in (metadata.get("namespace"), metadata.get("name")) if part]
    good = parts and all(isinstance(part, str) and is_object_name(part) for part in parts)
    return "/".join(parts) if good else "one without a valid name"
