# SPDX-License-Identifier: Apache-2.0
"""The rows of the list: one for each SmtpConfig and vault object.

A row is JSON with these keys, which are only added, never renamed:

id, kind, namespace, name: the object; ``id`` is ``KIND/NAMESPACE/NAME``, without a namespace for a cluster.
state: ``green``, ``red`` or ``grey``.
words: the state in words: Passed, Failed, Testing, Suspended or Not tested.
reason, message, summary: of the condition Ready; null without a verdict.
server, port: of the mail server; for a vault object, ``server`` is its provider.
from: the From address; null for a vault object.
nextTestTime, nextText: when the next test starts, and the same in words where no time is known.
since: when the verdict last changed. lastTestTime: when the last test started.
certificateExpires: notAfter of the server's certificate; null if it is not known.
"""

from typing import Any, Final

from smtp_operator.api.objects import JsonObject
from smtp_operator.api.smtpvault import Provider
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cli.kubectl.vaults import VaultRow

Row = dict[str, Any]

_STATES: Final = {True: "green", False: "red", None: "grey"}
_WORDS: Final = {True: "Passed", False: "Failed", None: "Not tested"}


def row_id(kind: str, object_: JsonObject) -> str:
    """Return the id of an object's row."""
    metadata = object_["metadata"]
    return f"{kind}/{metadata.get('namespace') or ''}/{metadata['name']}"


def row_of(kind: str, object_: JsonObject, now: float) -> Row:
    """Return the row of an object. It contains no value of a password."""
    row = _config_row(object_, now) if kind == "SmtpConfig" else _vault_row(kind, object_)
    return {"id": row_id(kind, object_), "kind": kind, **row}


def _config_row(object_: JsonObject, now: float) -> Row:
    config = ConfigSnapshot.of(object_)
    status, ready, last = config.status, config.ready, config.status.last_test
    spec = object_.get("spec") or {}
    server = last.server if last else None
    words = _WORDS[config.passed]
    if config.under_test:
        words = "Testing"
    elif config.suspended:
        words = f"{words}, suspended" if config.passed is not None else "Suspended"
    return {
        "namespace": config.key.namespace,
        "name": config.key.name,
        "state": _STATES[config.passed],
        "words": words,
        "reason": config.reason,
        "message": ready.message if ready else None,
        "summary": config.summary,
        "server": config.server,
        "port": spec.get("port"),
        "from": str(spec.get("from", "")),
        "nextTestTime": None if config.suspended else status.next_test_time,
        "nextText": config.retry_description(now),
        "since": ready.last_transition_time if ready else None,
        "lastTestTime": last.start_time if last else None,
        "certificateExpires": server.certificate.not_after if server and server.certificate else None,
    }


def _vault_row(kind: str, object_: JsonObject) -> Row:
    vault = VaultRow.of(kind, object_)
    status = object_.get("status") or {}
    ready: Row = next((it for it in status.get("conditions") or () if it.get("type") == "Ready"), {})
    return {
        "namespace": vault.namespace,
        "name": vault.name,
        "state": _STATES[vault.passed],
        "words": _WORDS[vault.passed],
        "reason": vault.reason,
        "message": vault.message,
        "summary": vault.summary,
        "server": vault.provider or _provider(object_.get("spec") or {}),
        "port": None,
        "from": None,
        "nextTestTime": vault.next_check_time,
        "nextText": "",
        "since": ready.get("lastTransitionTime") if vault.reason else None,
        "lastTestTime": status.get("lastCheckTime"),
        "certificateExpires": None,
    }


def _provider(spec: JsonObject) -> str:
    """Return the provider of a vault object that the operator has not read yet."""
    fields = {f"{it[0].lower()}{it[1:]}": str(it) for it in Provider}
    return next((provider for field, provider in fields.items() if field in spec), "")
