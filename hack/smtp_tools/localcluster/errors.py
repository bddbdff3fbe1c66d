# SPDX-License-Identifier: Apache-2.0
"""What can go wrong."""

import subprocess


class ClusterError(Exception):
    """The control plane could not be started or does not answer; the text says why and what to do."""


class KubectlError(subprocess.CalledProcessError):
    """kubectl or helm failed; unlike its base class it says with which words."""

    def __str__(self) -> str:
        """The command, its exit code and what it said."""
        said = (self.stderr or self.stdout or "nothing").strip()
        return f"`{' '.join(map(str, self.cmd))}` ended with {self.returncode} and said: {said}"
