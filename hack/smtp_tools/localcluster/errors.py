# SPDX-License-Identifier: Apache-2.0
"""Errors of the control plane."""

import subprocess


class ClusterError(Exception):
    """The control plane could not be started or does not answer; the text says why and what to do."""


class KubectlError(subprocess.CalledProcessError):
    """kubectl or helm failed; the text also has the arguments."""

    def __str__(self) -> str:
        """Return the command, its exit code and its output."""
        said = (self.stderr or self.stdout or "nothing").strip()
        return f"`{' '.join(map(str, self.cmd))}` exited with {self.returncode} and said: {said}"
