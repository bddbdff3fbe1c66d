# SPDX-License-Identifier: Apache-2.0
"""The field references show every field of the CRDs with its choices, default and bounds."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = {
    "smtpconfigs.yaml": ("fields.md", "# Fields of SmtpConfig"),
    "smtpvaults.yaml": ("vault-fields.md", "# Fields of SmtpVault"),
    "clustersmtpvaults.yaml": ("vault-fields.md", "## Fields of ClusterSmtpVault"),
}
Schema = dict[str, Any]


def fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield path and schema of each field, as the reference writes paths."""
    for name, child in schema.get("properties", {}).items():
        yield f"{prefix}{name}", child
        yield from fields(child, f"{prefix}{name}.")
        yield from fields(child.get("items", {}), f"{prefix}{name}[].")


def rows_of(page: str, heading: str, part: str) -> dict[str, list[str]]:
    """Return type, default and meaning of each field, from the table of spec or status."""
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    level = heading.count("#") + 1
    table = text.partition(f"\n{'#' * level} {part}\n")[2].partition(f"\n{'#' * level} ")[0]
    cells = (re.split(r"(?<!\\) \| ", line[2:-2]) for line in table.splitlines() if line.startswith("| `"))
    return {first.strip("`"): rest for first, *rest in cells}


def cases() -> Iterator[tuple[str, Schema, list[str]]]:
    for crd, (page, heading) in PAGES.items():
        document = yaml.safe_load((ROOT / "deploy" / "crds" / crd).read_text(encoding="utf-8"))
        schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in ("spec", "status"):
            rows = rows_of(page, heading, part)
            for path, field in fields(schema["properties"][part]):
                yield f"{document['spec']['names']['kind']}.{part}.{path}", field, rows.get(path, [])


CASES = {path: (field, row) for path, field, row in cases()}
each_field = pytest.mark.parametrize("path", CASES)


def numbers(schema: Schema) -> set[str]:
    """Return the bounds that the API server checks, of a value and of its items or values."""
    keys = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"}
    own = {f"{schema[key]:,}" for key in keys & schema.keys()}
    inner = [it for it in (schema.get("items"), schema.get("additionalProperties")) if isinstance(it, dict)]
    return own.union(*(numbers(it) for it in inner))


@each_field
def test_each_field_shows_its_choices_default_and_bounds(path: str) -> None:
    schema, row = CASES[path]
    assert row, "the reference has no such field"
    kind, default, meaning = row
    for choice in [*schema.get("enum", ()), *schema.get("items", {}).get("enum", ())]:
        assert f"`{choice}`" in kind
    if schema.get("default") not in (None, {}, [], ""):
        written = yaml.safe_dump(schema["default"], default_flow_style=True).splitlines()[0]
        assert default == f"`{written}`"
    for number in numbers(schema):
        assert re.search(rf"(?<![\d,]){re.escape(number)}(?![\d,]*\d)", meaning), f"{number} is missing"
    if schema.get("x-kubernetes-list-type") == "set":
        assert "No duplicates." in meaning


@pytest.mark.parametrize("path", [path for path, (schema, _) in CASES.items() if "pattern" in schema])
def test_each_pattern_is_described_in_words(path: str) -> None:
    schema, (_, _, meaning) = CASES[path]
    assert schema["pattern"] not in meaning
    assert re.search(r"letters, digits|Letters, digits|Digits\.|A name,", meaning)


def test_the_choices_of_a_list_are_those_of_its_items() -> None:
    kind, default, meaning = CASES["SmtpConfig.spec.preferredNotifications"][1]
    assert kind.startswith("list of `TestEmail`, ")
    assert kind.endswith("`None`")
    assert default == "`[TestEmail]`"
    assert "[None]: no emails" in meaning
    assert "At most 4 items." in meaning


def test_no_sentence_about_a_field_is_written_twice() -> None:
    for path, (_, (*_, meaning)) in CASES.items():
        sentences = re.split(r"(?<=\.) ", meaning)
        assert len(set(sentences)) == len(sentences), f"{path}: {meaning}"
