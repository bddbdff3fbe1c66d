# SPDX-License-Identifier: Apache-2.0
"""Runs the scripts of `deploy/argocd/` as Argo CD does: Lua 5.1, the object as `obj`, almost no libraries.

`python -m smtp_testkit.argocd` updates their test data from the statuses that a real operator writes on a
real API server.
"""

from smtp_testkit.argocd.customizations import CUSTOMIZATIONS, Customization, config_map
from smtp_testkit.argocd.machine import run

__all__ = ["CUSTOMIZATIONS", "Customization", "config_map", "run"]
