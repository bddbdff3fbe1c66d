# SPDX-License-Identifier: Apache-2.0
"""Write YAML."""

from typing import Any

import yaml


def to_yaml(document: Any) -> str:
    """Return one YAML document with its keys in order and multi-line texts as blocks."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes multi-line texts as blocks."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)
