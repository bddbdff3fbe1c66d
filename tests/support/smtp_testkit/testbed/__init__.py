# SPDX-License-Identifier: Apache-2.0
"""Parts of the demo and the end-to-end tests: the operator as its ServiceAccount, and ways to observe it."""

from smtp_testkit.testbed.api import Api, ApiError, Object
from smtp_testkit.testbed.audit import AuditLog, Request
from smtp_testkit.testbed.bed import Bed
from smtp_testkit.testbed.manifests import Manifests
from smtp_testkit.testbed.operator_process import OperatorProcess, StartOperator
from smtp_testkit.testbed.seen import Condition, ObservedObject

__all__ = [
    "Api",
    "ApiError",
    "AuditLog",
    "Bed",
    "Condition",
    "Manifests",
    "Object",
    "ObservedObject",
    "OperatorProcess",
    "Request",
    "StartOperator",
]
