# SPDX-License-Identifier: Apache-2.0
"""What an API server says, in the few words that tests need."""

from typing import Any

JsonObject = dict[str, Any]


def partial(name: str, version: int, *, uid: str = "", namespace: str = "team-a") -> JsonObject:
    """A PartialObjectMetadata; `uid` defaults to one made of the name."""
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
    """A page of a list; `items` is null where there are none, as the real one does it."""
    metadata = {"resourceVersion": str(version)} | ({"continue": following} if following else {})
    return {"kind": "PartialObjectMetadataList", "metadata": metadata, "items": list(items) or None}


def event(type_: str, object_: JsonObject) -> JsonObject:
    """A line of a watch."""
    return {"type": type_, "object": object_}


def bookmark(version: int) -> JsonObject:
    """A line that only says how far the watch is."""
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}})


def expired() -> JsonObject:
    """The Status of a resourceVersion that the API server has forgotten."""
    return {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}


def error_event(status: JsonObject) -> JsonObject:
    """The last line of a watch that failed."""
    return event("ERROR", status)
