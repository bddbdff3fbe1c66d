# SPDX-License-Identifier: Apache-2.0
"""Select the fields that are read of a long object; a short object is parsed whole."""

from typing import Final

from smtp_operator.api.names import ALLOWED_AUDIENCES, ALLOWED_SERVERS, GROUP, TEST_REQUESTED_AT
from smtp_operator.cluster.json_filter import Keep

_KIB: Final = 1024
_MIB: Final = 1024 * 1024

_TEXT: Final = Keep(4 * _KIB)
_TYPE: Final = {"kind": _TEXT, "apiVersion": _TEXT}
_IDENTITY: Final = {
    "namespace": _TEXT,
    "name": _TEXT,
    "uid": _TEXT,
    "generation": _TEXT,
    "resourceVersion": _TEXT,
    "creationTimestamp": _TEXT,
    "deletionTimestamp": _TEXT,
}
_FAILURE: Final = {"code": _TEXT, "reason": _TEXT, "message": _TEXT}
"""Fields of a Status, with which a watch reports why it ends."""

_ANNOTATION: Final = Keep(64 * _KIB)
_ANNOTATIONS: Final = Keep(
    320 * _KIB,
    {
        ALLOWED_AUDIENCES: _ANNOTATION,
        ALLOWED_SERVERS: _ANNOTATION,
        TEST_REQUESTED_AT: _ANNOTATION,
        f"{GROUP}/allowed-ca": _ANNOTATION,
        f"{GROUP}/allow-publish": _ANNOTATION,
    },
)
_LABELS: Final = Keep(128 * _KIB, {}, others=_TEXT)

_KEYS: Final = Keep(16 * _KIB)
_WRITES: Final = Keep(
    16 * _KIB,
    {
        "manager": _TEXT,
        "operation": _TEXT,
        "time": _TEXT,
        "fieldsV1": Keep(16 * _KIB, {"f:data": _KEYS, "f:binaryData": _KEYS, "f:stringData": _KEYS}),
    },
)
"""With more entries, the writer of a key is unknown, and a change of the object is in doubt (rule 6)."""

_DATA: Final = Keep(3 * _MIB // 2, {}, others=Keep(_MIB, instead=b"false"), instead=b"false")
"""A Secret's data has at most 1 MiB in base64; a single value is longer than any that is used, even with
escaped characters. False means that the value exists and is too long."""

METADATA: Final = Keep(
    64 * _KIB, {**_TYPE, **_FAILURE, "metadata": Keep(64 * _KIB, {**_IDENTITY, "managedFields": _WRITES})}
)
"""Fields of an object of which only the metadata is used."""

OURS: Final = Keep(
    3 * _MIB,
    {
        **_TYPE,
        **_FAILURE,
        "metadata": Keep(512 * _KIB, {**_IDENTITY, "annotations": _ANNOTATIONS}),
        "spec": Keep(_MIB),
        "status": Keep(_MIB),
    },
)
"""Fields of an object of one of our kinds."""

REFERRED: Final = Keep(
    6 * _MIB,
    {
        **_TYPE,
        "metadata": Keep(
            _MIB, {**_IDENTITY, "annotations": _ANNOTATIONS, "labels": _LABELS, "managedFields": _WRITES}
        ),
        "data": _DATA,
        "binaryData": _DATA,
        "spec": Keep(_MIB),
        "status": Keep(_MIB),
    },
)
"""Fields of an object that a SmtpConfig or a vault object references, with its data."""


def page_of(item: Keep) -> Keep:
    """Return the selection for a list with one item."""
    return Keep(
        item.at_most + 64 * _KIB,
        {**_TYPE, "metadata": Keep(32 * _KIB), "items": Keep(item.at_most, item.members)},
    )


def change_of(object_: Keep) -> Keep:
    """Return the selection for a line of a watch."""
    return Keep(object_.at_most + 4 * _KIB, {"type": _TEXT, "object": object_})
