# SPDX-License-Identifier: Apache-2.0
"""Run kopf as an informer, and start and stop the operator."""
