# SPDX-License-Identifier: Apache-2.0
"""SmtpTests as their users read them."""

from smtp_testkit.testbed.api import Object
from smtp_testkit.testbed.bed import Bed


def ready(object_: Object) -> tuple[str, str]:
    """Return status and reason of Ready."""
    found = [it for it in object_["status"].get("conditions", ()) if it["type"] == "Ready"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


def verdict(bed: Bed, name: str = "try") -> str:
    """Wait for the verdict, and return its reason."""
    found = bed.api.wait(bed.tests, name, lambda it: ready(it)[0] in ("True", "False"))
    return ready(found)[1]
