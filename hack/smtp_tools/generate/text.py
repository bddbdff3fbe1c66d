# SPDX-License-Identifier: Apache-2.0
"""How YAML is written."""

from typing import Any

import yaml


def to_yaml(document: Any) -> str:
    """One YAML document in the order of its keys; a text of several lines stands there as such."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)
