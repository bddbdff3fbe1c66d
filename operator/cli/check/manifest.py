# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig out of a file or out of flags, as the API server would hold it."""

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
"""Name of the Secret or ConfigMap that stands for what is given by flags; nobody sees it."""

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
_SHOULD: Final = re.compile(r"^(?:Input|String|List) should ")
_IN_SHORT: Final = {
    "missing": "is required",
    "extra_forbidden": "there is no such field",
    "model_type": "must be a map of fields",
    "dict_type": "must be a map of fields",
}


def is_object_name(text: str) -> bool:
    """Whether an object could be called that."""
    return _NAME.fullmatch(text) is not None


def metadata_of(document: JsonObject) -> JsonObject:
    """The metadata, whatever a file has in its place."""
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
    """The SmtpConfig among the documents.

    ``name`` and ``namespace`` choose one where there are several; a document without a namespace is of the
    one given. ``timeout`` takes the place of ``spec.test.timeout``.

    Raises:
        ManifestUnusable: there is none, or more than one to choose from, or it breaks a rule.
    """
    there = [it for it in documents if it.get("kind") == SMTP_CONFIG_KIND]
    found = [
        it
        for it in there
        if name in (None, metadata_of(it).get("name"))
        and (namespace is None or metadata_of(it).get("namespace") in (None, "", namespace))
    ]
    if not found:
        wanted = f"SmtpConfig {name}" if name else "SmtpConfig"
        where = f" in namespace {namespace}" if namespace and there else ""
        others = f"; there are: {_listed(there)}" if there else ""
        raise ManifestUnusable(f"{source} holds no {wanted}{where}{others}")
    if len(found) > 1:
        raise ManifestUnusable(
            f"{source} holds several SmtpConfigs ({_listed(found)}): name the one to check,"
            " with its namespace by -n where that tells them apart"
        )
    return _completed(found[0], source, namespace, timeout)


def config_of_flags(spec: Mapping[str, Any]) -> JsonObject:
    """A SmtpConfig of a spec that was given by flags.

    Raises:
        ManifestUnusable: it breaks a rule.
    """
    problems = []
    for field, text in _problems(spec):
        flag = _FLAG_OF.get(field.rstrip(".0123456789"))
        problems.append(f"{flag}: {text}" if flag else text)
    if problems:
        raise ManifestUnusable("\n  ".join(["the flags cannot be used:", *dict.fromkeys(problems)]))
    return _object(NAME_OF_FLAGS, DEFAULT_NAMESPACE, spec)


def _completed(config: JsonObject, source: str, namespace: str | None, timeout: str | None) -> JsonObject:
    metadata, spec = metadata_of(config), config.get("spec")
    name, own_namespace = metadata.get("name"), metadata.get("namespace") or namespace or DEFAULT_NAMESPACE
    problems = [f"{field}: there is no such field" for field in sorted(map(str, config.keys() - _FIELDS))]
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
    """Field and sentence of each rule that is broken; never a value."""
    if not isinstance(spec, Mapping):
        return [("", "is required" if spec is None else "must be a map of fields")]
    try:
        SmtpConfigSpec.model_validate(spec)
    except ValidationError as error:
        return [
            (
                ".".join(map(str, problem["loc"])),
                _IN_SHORT.get(problem["type"], _SHOULD.sub("must ", problem["msg"])),
            )
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    return []


def _object(name: str, namespace: str, spec: Any) -> JsonObject:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid4()),  # every check is a mail of its own
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
    return "/".join(parts) if good else "one without a proper name"
