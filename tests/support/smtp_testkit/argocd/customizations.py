# SPDX-License-Identifier: Apache-2.0
"""The files in `deploy/argocd/`, laid out like Argo CD's own `resource_customizations/`."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import GROUP

ROOT: Final = Path(__file__).parents[4]
FOLDER: Final = ROOT / "deploy" / "argocd" / "resource_customizations" / GROUP


@dataclass(frozen=True)
class Customization:
    """The scripts of one kind and their tests."""

    kind: str

    @property
    def folder(self) -> Path:
        """The folder of the scripts."""
        return FOLDER / self.kind

    @property
    def health(self) -> str:
        """Return the script that assesses the health of an object."""
        return (self.folder / "health.lua").read_text(encoding="utf-8")

    @property
    def discovery(self) -> str:
        """Return the script that lists the actions; empty if there are none."""
        path = self.folder / "actions" / "discovery.lua"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def actions(self) -> dict[str, str]:
        """Return the script of each action by name."""
        found = sorted(self.folder.glob("actions/*/action.lua"))
        return {path.parent.name: path.read_text(encoding="utf-8") for path in found}

    @cached_property
    def health_tests(self) -> list[dict[str, Any]]:
        """Return the entries of `health_test.yaml`."""
        tests: list[dict[str, Any]] = self.read("health_test.yaml")["tests"]
        return tests

    def read(self, path: str) -> Any:
        """Return the content of a YAML file in the folder."""
        return yaml.load((self.folder / path).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


CUSTOMIZATIONS: Final = tuple(Customization(kind.name) for kind in KINDS)


def config_map() -> dict[str, Any]:
    """Return the keys for `argocd-cm` with which Argo CD uses the scripts."""
    data = {}
    for it in CUSTOMIZATIONS:
        data[f"resource.customizations.health.{GROUP}_{it.kind}"] = it.health
        if it.actions:
            definitions = [{"name": name, "action.lua": script} for name, script in it.actions.items()]
            actions = {"discovery.lua": it.discovery, "definitions": definitions}
            text = yaml.dump(actions, Dumper=_Literal, sort_keys=False)
            data[f"resource.customizations.actions.{GROUP}_{it.kind}"] = text
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}


def as_text(document: Any) -> str:
    """Return YAML with scripts as literal blocks."""
    return yaml.dump(document, Dumper=_Literal, sort_keys=False, width=10_000)


class _Literal(yaml.SafeDumper):
    """A text that YAML writes as a literal block."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Literal.add_representer(str, _represent)
