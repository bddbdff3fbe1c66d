# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator crds``: the CustomResourceDefinitions of this release."""

from typing import TextIO

import yaml

from smtp_operator.api.crd import KINDS


def print_crds(output: TextIO) -> None:
    """Write them as YAML, ready for ``kubectl apply --server-side -f -``."""
    yaml.safe_dump_all(
        [kind.crd() for kind in KINDS], output, sort_keys=False, explicit_start=True, allow_unicode=True
    )
