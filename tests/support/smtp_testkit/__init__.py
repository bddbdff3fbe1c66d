# SPDX-License-Identifier: Apache-2.0
"""Test support: servers, simulated clusters, the operator as a process, and rules for statuses."""
