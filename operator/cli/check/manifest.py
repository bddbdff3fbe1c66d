# SPDX-License-Identifier: Apache-2.0
"""Builds a SmtpConfig from a file or from flags, as the API server would store it."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from smtp_operator.api.fields import field_path
from smtp_operator.api.names import API_VERSION, SMTP_CONFIG_KIND
from smtp_operator.api.objects import JsonObject
from smtp_operator.cli.check.corrections import as_name
from smtp_operator.cli.check.spec_problems import (
    errors_of,
    field_names,
    meant_in_spec,
    short_text,
    spec_problems,
)
from smtp_operator.cli.check.unknown_fields import normalized
from smtp_operator.cli.check.yaml_documents import Manifest, ManifestUnusable
from smtp_operator.cli.check.yaml_errors import hints

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
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62} ?")
_KEY: Final = re.compile(r"[A-Za-z][\w-]{0,62}", re.ASCII)


def is_object_name(text: str) -> bool:
    """Return whether the text is a valid object name."""
    return _NAME.fullmatch(text) is not None


def metadata_of(document: JsonObject) -> JsonObject:
    """Return the metadata; empty if the document has none, or no map."""
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def config_of(
    manifest: Manifest,
    *,
    name: str | None = None,
    namespace: str | None = None,
    timeout: str | None = None,
    default_namespace: str = DEFAULT_NAMESPACE,
) -> JsonObject:
    """Return the SmtpConfig of a file.

    ``name`` and ``namespace`` select one of several; documents without a namespace are in ``namespace``, else
    in ``default_namespace``. ``timeout`` replaces ``spec.test.timeout``.

    Raises:
        ManifestUnusable: no SmtpConfig or several match, or the SmtpConfig is invalid.
    """
    source = manifest.source
    configs = [it for it in manifest.documents if it.get("kind") == SMTP_CONFIG_KIND]
    found = [
        it
        for it in configs
        if name in (None, metadata_of(it).get("name"))
        and (namespace is None or metadata_of(it).get("namespace") in (None, "", namespace))
    ]
    if not configs:
        raise ManifestUnusable(_without_config(manifest, f"SmtpConfig {name}" if name else "SmtpConfig"))
    if not found:
        wanted = f"SmtpConfig {name}" if name else "SmtpConfig"
        where = f" in namespace {namespace}" if namespace else ""
        raise ManifestUnusable(f"{source} contains no {wanted}{where}; it contains: {_listed(configs)}")
    if len(found) > 1:
        raise ManifestUnusable(
            f"{source} contains several SmtpConfigs ({_listed(found)}): specify the NAME of the one to check,"
            " and its namespace with -n if needed"
        )
    return _completed(found[0], manifest, namespace or default_namespace, timeout)


def _without_config(manifest: Manifest, wanted: str) -> str:
    """Return why a file has no SmtpConfig: what it contains, and how to write one."""
    source, documents = manifest.source, manifest.documents
    if not documents and not manifest.others:
        only = "only comments" if manifest.text.strip() and "#" in manifest.text else "no YAML"
        return f"{source} contains no {wanted}; it " + (
            "is empty" if not manifest.text.strip() else f"has {only}"
        )
    kinds = list(dict.fromkeys([*manifest.others, *map(_kind_of, documents)]))
    text = f"{source} contains no {wanted}; it contains: {', '.join(kinds)}"
    if any(map(_means_smtp_config, documents)):
        text += f"; write: kind: {SMTP_CONFIG_KIND}"
    elif any("kind" not in it for it in documents):
        text += f"; an object starts with apiVersion: {API_VERSION} and kind: {SMTP_CONFIG_KIND}"
    elif manifest.others[:1] == ["a list"]:
        text += "; remove the dash before each object, and separate objects by a line with ---"
    return "\n  ".join([text, *_hints(manifest)])


def _kind_of(document: JsonObject) -> str:
    kind = document.get("kind")
    if kind is None:
        return "an object without a kind"
    return kind if isinstance(kind, str) and _KIND.fullmatch(kind) else "an object without a valid kind"


def _means_smtp_config(document: JsonObject) -> bool:
    """Return whether the kind of an object is a misspelled SmtpConfig."""
    kind = next((value for key, value in document.items() if str(key).lower().strip() == "kind"), "")
    text = normalized(str(kind))
    near = difflib.SequenceMatcher(None, text, SMTP_CONFIG_KIND.lower()).ratio()
    return near > 0.8 or text in ("smtp", "smtps", "smtpconfiguration", "smtpsettings")


def config_of_flags(spec: Mapping[str, Any]) -> JsonObject:
    """Return a SmtpConfig with a spec from flags.

    Raises:
        ManifestUnusable: the spec is invalid.
    """
    problems = []
    for error in errors_of(spec):
        flag, text = _FLAG_OF.get(_INDEX.sub("", field_path(error["loc"]))), short_text(error)
        problems.append(f"{flag}: {text}" if flag else text)
    if problems:
        raise ManifestUnusable("\n  ".join(["the flags cannot be used:", *dict.fromkeys(problems)]))
    return _object(NAME_OF_FLAGS, DEFAULT_NAMESPACE, spec)


def _completed(config: JsonObject, manifest: Manifest, namespace: str, timeout: str | None) -> JsonObject:
    metadata, spec = metadata_of(config), config.get("spec")
    name, own_namespace = metadata.get("name"), metadata.get("namespace") or namespace
    problems = [_unknown_key(field, config) for field in sorted(map(str, config.keys() - _FIELDS))]
    if config.get("apiVersion") != API_VERSION:
        problems.append(f"apiVersion: must be {API_VERSION}; write: apiVersion: {API_VERSION}")
    if not isinstance(name, str) or not is_object_name(name):
        meant = name if "metadata" in config and name is not None else config.get("metadata")
        problems.append(_name_problem("name", "corporate-mail", meant))
    if not isinstance(own_namespace, str) or not is_object_name(own_namespace):
        problems.append(_name_problem("namespace", "team-a", own_namespace))
    if timeout is not None and isinstance(spec, dict) and isinstance(spec.get("test") or {}, dict):
        spec = {**spec, "test": {**(spec.get("test") or {}), "timeout": timeout}}
    problems += map(str, spec_problems(spec))
    if problems:
        problems = list(dict.fromkeys([*problems, *_hints(manifest)]))
        raise ManifestUnusable(
            "\n  ".join([f"{manifest.source}: this SmtpConfig cannot be used:", *problems])
        )
    return _object(str(name), str(own_namespace), spec)


def _unknown_key(key: str, config: JsonObject) -> str:
    """Return the problem of a key that is no field of an object."""
    if not _KEY.fullmatch(key):
        return "unknown field with an invalid name"
    text = f"{key}: unknown field"
    if key in ("name", "namespace", "labels", "annotations"):
        return f"{text}; the field is metadata.{key}"
    near = difflib.get_close_matches(key.lower(), {it.lower(): it for it in _FIELDS}, 1, 0.7)
    if near:
        return f"{text}; the field is {next(it for it in _FIELDS if it.lower() == near[0])}"
    target = meant_in_spec(key)
    return f"{text}; the field is {'.'.join(('spec', *target))}: indent it below spec" if target else text


def _name_problem(field: str, example: str, found: Any) -> str:
    name = as_name(str(found)) if isinstance(found, str | int) else ""
    shown = name if is_object_name(name) and name != "none" else example
    text = f"metadata.{field}: must be a name of lowercase letters, digits, - and ., such as {example}"
    return f"{text}; write: {field}: {shown}"


def _hints(manifest: Manifest) -> list[str]:
    """Return what looks wrong in the text of a file that YAML accepts."""
    return [f"line {line}: {text}" for line, text in hints(manifest.text, field_names() | _FIELDS | {"name"})]


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
