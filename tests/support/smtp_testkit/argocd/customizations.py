# SPDX-License-Identifier: Apache-2.0
"""What lies in `deploy/argocd/`, in the shape of Argo CD's own `resource_customizations/`."""

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
        """Where they are."""
        return FOLDER / self.kind

    @property
    def health(self) -> str:
        """The script that judges an object."""
        return (self.folder / "health.lua").read_text(encoding="utf-8")

    @property
    def discovery(self) -> str:
        """The script that names the actions; empty where there are none."""
        path = self.folder / "actions" / "discovery.lua"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def actions(self) -> dict[str, str]:
        """The script of each action by its name."""
        found = sorted(self.folder.glob("actions/*/action.lua"))
        return {path.parent.name: path.read_text(encoding="utf-8") for path in found}

    @cached_property
    def health_tests(self) -> list[dict[str, Any]]:
        """Entries of `health_test.yaml`."""
        tests: list[dict[str, Any]] = self.read("health_test.yaml")["tests"]
        return tests

    def read(self, path: str) -> Any:
        """A YAML file of it."""
        return yaml.load((self.folder / path).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


CUSTOMIZATIONS: Final = tuple(Customization(kind.name) for kind in KINDS)


def config_map() -> dict[str, Any]:
    """The keys that make Argo CD use them, for `argocd-cm`."""
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
    """YAML with scripts as they are, line by line."""
    return yaml.dump(document, Dumper=_Literal, sort_keys=False, width=10_000)


class _Literal(yaml.SafeDumper):
    """Writes a text of several lines as a block."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Literal.add_representer(str, _represent)
