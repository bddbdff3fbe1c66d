# SPDX-License-Identifier: Apache-2.0
"""What demo and end-to-end tests are made of: the operator as its ServiceAccount, and ways to watch it."""

from testbed.api import Api, ApiError, Object
from testbed.audit import AuditLog, Request
from testbed.bed import Bed
from testbed.manifests import Manifests
from testbed.operator_process import OperatorProcess, StartOperator
from testbed.seen import Condition, Seen

__all__ = [
    "Api",
    "ApiError",
    "AuditLog",
    "Bed",
    "Condition",
    "Manifests",
    "Object",
    "OperatorProcess",
    "Request",
    "Seen",
    "StartOperator",
]
