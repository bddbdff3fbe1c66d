# SPDX-License-Identifier: Apache-2.0
"""Counting requests in the API server's audit log."""

import json
from pathlib import Path
from typing import Any

from smtp_tools.bench.audit import AuditLog, count

OPERATOR = "system:serviceaccount:smtp-operator:smtp-operator"


def event(verb: str, resource: str, subresource: str = "", *, user: str = OPERATOR, code: int = 200) -> str:
    reference: dict[str, Any] = {"resource": resource, "namespace": "team-a", "name": "mail"}
    if subresource:
        reference["subresource"] = subresource
    return json.dumps(
        {
            "verb": verb,
            "user": {"username": user},
            "objectRef": reference,
            "responseStatus": {"code": code},
            "requestURI": "/apis/whatever",
        }
    )


def test_requests_are_counted_by_verb_and_resource_and_subresource() -> None:
    asked = count(
        [
            event("patch", "smtpconfigs", "status"),
            event("patch", "smtpconfigs", "status"),
            event("patch", "smtpconfigs"),
            event("get", "secrets"),
            event("create", "events"),
        ],
        OPERATOR,
    )
    assert asked.of("smtpconfigs/status", "patch", "update") == 2
    assert asked.of("secrets", "get") == 1
    assert asked.of("secrets", "list") == 0
    assert (asked.total, asked.writes) == (5, 4)


def test_others_and_watches_do_not_count() -> None:
    asked = count([event("get", "secrets", user="admin"), event("watch", "smtpconfigs")], OPERATOR)
    assert asked.total == 0


def test_a_request_without_an_object_counts_by_its_path() -> None:
    line = {"verb": "get", "user": {"username": OPERATOR}, "requestURI": "/version?timeout=32s"}
    assert [str(kind) for kind in count([json.dumps(line)], OPERATOR).counts] == ["get /version"]


def test_refused_requests_are_counted_too() -> None:
    asked = count([event("get", "secrets", code=404), event("get", "secrets")], OPERATOR)
    assert (asked.total, asked.refused) == (2, 1)


def test_a_log_is_read_from_the_mark_on_and_to_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(event("get", "secrets") + "\n")
    log = AuditLog(path)
    mark = log.mark()
    with path.open("a") as file:
        file.write(event("create", "events") + "\n" + event("create", "events")[:40])
    asked = log.since(mark, OPERATOR)
    assert (asked.of("events", "create"), asked.total) == (1, 1)
