# SPDX-License-Identifier: Apache-2.0
"""Every field in a hint exists in the spec of a shipped CRD."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[4]
SOURCES = sorted(
    it for layer in ("network", "smtp", "secrets") for it in (ROOT / "operator" / layer).rglob("*.py")
)
SETTING = re.compile(r"\bset\b(?:[^.;]|\.(?=\w))*", re.IGNORECASE)
FIELD = re.compile(r"(?<![\w.])([a-z]\w*(?:\.[a-z]\w*)*): ")  # other paths are not checked
TARGET = re.compile(r"set ((?!it\b)[a-z]\w*(?:\.[a-z]\w*)*) to ", re.IGNORECASE)


@cache
def specs() -> list[dict[str, Any]]:
    files = sorted((ROOT / "deploy" / "crds").glob("*.yaml"))
    crds = [yaml.load(it.read_text(), Loader=yaml.CSafeLoader) for it in files]
    return [crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] for crd in crds]


def exists(path: str) -> bool:
    return any(has(schema, path.split(".")) for schema in specs())


def has(schema: Any, names: list[str]) -> bool:
    for name in names:
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return False
    return True


def texts(source: Path) -> Iterator[str]:
    """Yield the texts of a module, with its constants in place of their names."""
    module = vars(
        import_module(
            ".".join(("smtp_operator", *source.relative_to(ROOT / "operator").with_suffix("").parts))
        )
    )
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(written(part, module) for part in node.values)


def written(part: ast.expr, module: dict[str, Any]) -> str:
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
        constant = module.get(part.value.id)
        return constant if isinstance(constant, str) else ""
    return str(part.value) if isinstance(part, ast.Constant) else ""


@cache
def hinted(source: Path) -> set[str]:
    sentences = (part for text in texts(source) for part in re.split(r"(?<=[.;])\s", text))
    settings = (found[0] for sentence in sentences for found in SETTING.finditer(f"{sentence} "))
    return {field for setting in settings for field in (*FIELD.findall(setting), *TARGET.findall(setting))}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_fields_exist(source: Path) -> None:
    assert {field for field in hinted(source) if not exists(field)} == set()


def test_hints_are_found() -> None:
    found = set().union(*map(hinted, SOURCES))

    assert {"smtpType", "port", "username", "heloName", "from", "server", "authMechanism"} <= found
    assert {"oauth2.tokenUrl", "oauth2.scope", "oauth2.caRef", "tls.clientCertificateRef"} <= found
    assert {"caRef", "azureKeyVault.vaultUrl", "azureKeyVault.authorityHost"} <= found
