# SPDX-License-Identifier: Apache-2.0
"""Numbered rules that every status of this operator follows, at every write.

Modeled on Flux's ``runtime/conditions/check``. Numbers never change, so you can look up a violation here.
"""

import base64
from collections.abc import Collection, Iterable

from smtp_operator.api.names import PUBLISHED_LABEL
from smtp_operator.api.objects import JsonObject
from smtp_testkit.statuslint import of_conditions, of_facts
from smtp_testkit.statuslint.case import RULES, Case

__all__ = ["lint", "of_conditions", "of_facts", "texts_to_hide"]


def lint(object_: JsonObject, status: JsonObject, *, now: float, hidden: Collection[str] = ()) -> list[str]:
    """Return the violations of a status that is about to be written.

    Args:
        object_: the object as stored, with the status before.
        status: the whole new status.
        now: seconds since the epoch.
        hidden: texts that must not be in it: secrets and bcc addresses.
    """
    case = Case(object_, status, now, hidden)
    return [
        f"{number} {case}: {text}"
        for number, (kind, check) in sorted(RULES.items())
        if kind in ("", case.kind)
        for text in check(case)
    ]


def texts_to_hide(smtp_configs: Iterable[JsonObject], objects: Iterable[JsonObject]) -> set[str]:
    """Return values of Secrets, passwords in specs and bcc addresses, if they are long enough.

    Of a published Secret it is only the password: the rest is in the spec.
    """
    texts: set[str] = set()
    for object_ in smtp_configs:
        spec = object_["spec"]
        texts |= set((spec.get("recipients") or {}).get("bcc") or ())
        texts.add((spec.get("password") or {}).get("value") or "")
    for object_ in objects:
        if object_["kind"] == "Secret":
            published = PUBLISHED_LABEL in (object_["metadata"].get("labels") or {})
            data = object_["data"].items()
            values = (base64.b64decode(it) for key, it in data if not published or key == "password")
            texts |= {value.decode("utf-8", "replace").strip() for value in values}
    return {text for text in texts if len(text) >= 4}
