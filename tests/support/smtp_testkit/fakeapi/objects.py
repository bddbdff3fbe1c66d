# SPDX-License-Identifier: Apache-2.0
"""Minimal responses of an API server."""

from typing import Any

JsonObject = dict[str, Any]


def partial(name: str, version: int, *, uid: str = "", namespace: str = "team-a") -> JsonObject:
    """Return a PartialObjectMetadata; the default of `uid` is derived from the name."""
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "resourceVersion": str(version),
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:data": {"f:password": {}}}}],
        },
    }


def page(*items: JsonObject, version: int, following: str = "") -> JsonObject:
    """Return a page of a list; `items` is null if there are none, as in real responses."""
    metadata = {"resourceVersion": str(version)} | ({"continue": following} if following else {})
    return {"kind": "PartialObjectMetadataList", "metadata": metadata, "items": list(items) or None}


def event(type_: str, object_: JsonObject) -> JsonObject:
    """Return a line of a watch."""
    return {"type": type_, "object": object_}


def bookmark(version: int) -> JsonObject:
    """Return a line that only has the watch's resourceVersion."""
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}})


def expired() -> JsonObject:
    """Return the Status for an expired resourceVersion."""
    return {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}


def error_event(status: JsonObject) -> JsonObject:
    """Return the last line of a failed watch."""
    return event("ERROR", status)
