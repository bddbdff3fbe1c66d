# SPDX-License-Identifier: Apache-2.0
"""Everything about one object: conditions, last test, Events, and its spec for the form."""

from typing import Any, Final

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.fixes import fix_for
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cli.kubectl.ui.draft import as_yaml, shown_spec
from smtp_operator.cli.kubectl.ui.errors import shown_error
from smtp_operator.cli.kubectl.ui.ownership import owner_of
from smtp_operator.cli.kubectl.ui.rows import row_of
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import KubernetesClient

_MOST_EVENTS: Final = 200


async def object_shown(client: KubernetesClient, reference: Reference, now: float) -> JsonObject:
    """Return the details of an object.

    Keys: ``row``, as in the list; ``uid``, ``generation``; ``spec`` without ``password.value``;
    ``inlinePassword``, whether the spec has one; ``owner``, who would revert a change, or empty; ``status``;
    ``delivery``, what became of the last email in the mailbox of ``spec.delivery``, or empty; ``fix``, what
    to do about the reason; ``events``, newest first, with ``time``, ``type``, ``reason``,
    ``note`` and ``count``; ``eventsProblem``, why there are none; ``yaml``.

    Raises:
        ClusterError: the object cannot be read.
    """
    object_ = await client.request("GET", paths.object_path(reference))
    metadata, spec = object_["metadata"], object_.get("spec") or {}
    row = row_of(reference.kind, object_, now)
    events, problem = await _events(client, reference)
    password = spec.get("password")
    inline = isinstance(password, dict) and "value" in password
    shown = shown_spec(spec)
    manifest = {
        "apiVersion": object_.get("apiVersion"),
        "kind": reference.kind,
        "metadata": {key: metadata[key] for key in ("name", "namespace") if key in metadata},
        "spec": shown,
    }
    return {
        "row": row,
        "uid": metadata.get("uid"),
        "generation": metadata.get("generation"),
        "spec": {key: value for key, value in spec.items() if not (inline and key == "password")},
        "inlinePassword": inline,
        "owner": owner_of(object_),
        "status": object_.get("status") or {},
        "delivery": _delivery(object_) if reference.kind == "SmtpConfig" else "",
        "fix": fix_of(row["reason"]),
        "events": events,
        "eventsProblem": problem,
        "yaml": as_yaml(manifest),
    }


def fix_of(reason: str | None) -> str:
    """Return what to do about a reason; empty if this release does not know it."""
    known = next((it for it in Reason if it == reason), None)
    return fix_for(known) if known else ""


def _delivery(object_: JsonObject) -> str:
    config = ConfigSnapshot.of(object_)
    condition, found = config.status.condition("Delivered"), config.status.delivery
    if condition is None or not config.has_verdict:
        return ""
    sent = None if found is None else from_timestamp(found.sent_time)
    if condition.status != "True" or found is None or sent is None:
        return condition.message
    address = object_["spec"]["delivery"]["address"]
    return (
        f"The last email to {address}, sent at {to_timestamp(sent)}, arrived in the inbox after"
        f" {found.latency}."
    )


async def _events(client: KubernetesClient, reference: Reference) -> tuple[list[JsonObject], str]:
    namespace = reference.namespace or paths.EVENTS_OF_THE_CLUSTER
    selector = f"regarding.name={reference.name},regarding.kind={reference.kind}"
    query = [("fieldSelector", selector), ("limit", str(_MOST_EVENTS))]
    try:
        answer = await client.request("GET", paths.events(namespace), query=query)
    except ClusterError as error:
        return [], shown_error(error)
    found = [_event(it) for it in answer.get("items") or ()]
    return sorted(found, key=lambda it: str(it["time"]), reverse=True), ""


def _event(object_: dict[str, Any]) -> JsonObject:
    series = object_.get("series") or {}
    time = (
        series.get("lastObservedTime")
        or object_.get("eventTime")
        or object_.get("deprecatedLastTimestamp")
        or (object_.get("metadata") or {}).get("creationTimestamp")
    )
    return {
        "time": time,
        "type": object_.get("type"),
        "reason": object_.get("reason"),
        "note": object_.get("note"),
        "count": series.get("count") or object_.get("deprecatedCount") or 1,
    }
