# SPDX-License-Identifier: Apache-2.0
"""The container image: its build context, and for the tests its build with buildah and its run with runc."""

from smtp_tools.image.building import Builder, Image
from smtp_tools.image.container import Container, Pod
from smtp_tools.image.context import ROOT, Target, make_context

__all__ = ["ROOT", "Builder", "Container", "Image", "Pod", "Target", "make_context"]
