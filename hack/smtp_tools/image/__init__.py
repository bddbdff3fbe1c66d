# SPDX-License-Identifier: Apache-2.0
"""The container image: its build context, and for the tests its build by buildah and its run by runc."""

from image.building import Builder, Image
from image.container import Container, Pod
from image.context import ROOT, Target, make_context

__all__ = ["ROOT", "Builder", "Container", "Image", "Pod", "Target", "make_context"]
