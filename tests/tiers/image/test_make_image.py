# SPDX-License-Identifier: Apache-2.0
"""The command of the guide works, with a builder and a base that are available here."""

import os
import subprocess
import sys
from importlib.metadata import version

from smtp_tools.image import ROOT, Builder

NAME = "localhost/by-make:test"


def test_make_image_builds_what_it_is_told(builder: Builder, base: str) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["make", "image", f"BUILDER={builder.command}", f"BASE={base}", f"PYTHON_VERSION={python}"]
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    done = subprocess.run(
        [*command, f"IMAGE={NAME}"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    labels = builder.labels(NAME)
    assert labels["org.opencontainers.image.version"] == version("smtp-operator")
    assert not labels["org.opencontainers.image.created"].startswith("1970")
