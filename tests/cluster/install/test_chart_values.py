# SPDX-License-Identifier: Apache-2.0
"""The values of the chart: strict, explained, and with the defaults of the program."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.settings import FLAGS, CommandLineFlag
from smtp_tools.generate.chart import CHART, flags_of_values, values_schema

ROOT = Path(__file__).parents[3]

Schema = dict[str, Any]

RENDERED_OTHERWISE = {
    "--all-namespaces",
    "--namespace",
    "--ca-file",
    "--health-address",
    "--leader-elect",
    "--lease-name",
    "--metrics-address",
    "--publish",
    "--smtp-tests",
}
"""Flags that the chart renders from values of another form."""

NOT_FOR_PODS = {"--kubeconfig", "--context", "--lease-namespace", "--debug"}
"""Flags without a value; extraArgs can set them."""


def values(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    for name, value in schema["properties"].items():
        yield f"{prefix}{name}", value
        if "properties" in value:
            yield from values(value, f"{prefix}{name}.")


@pytest.fixture(scope="module")
def chart() -> Schema:
    found: Schema = yaml.safe_load((ROOT / CHART / "Chart.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def defaults() -> Schema:
    found: Schema = yaml.safe_load((ROOT / CHART / "values.yaml").read_text())
    return found


def test_unknown_values_are_refused_at_every_level() -> None:
    groups = [values_schema(), *(it for _, it in values(values_schema()) if "properties" in it)]
    assert [group["additionalProperties"] for group in groups] == [False] * len(groups)


def test_every_value_is_explained_in_a_sentence() -> None:
    for path, value in values(values_schema()):
        assert value["description"].endswith("."), path


def test_every_value_has_a_default() -> None:
    assert [
        path for path, it in values(values_schema()) if "properties" not in it and "default" not in it
    ] == []


def test_the_values_file_holds_exactly_these(defaults: Schema) -> None:
    def expected(schema: Schema) -> Schema:
        return {
            name: expected(it) if "properties" in it else it["default"]
            for name, it in schema["properties"].items()
        }

    assert defaults == expected(values_schema())


def test_no_value_repeats_a_default_of_the_program() -> None:
    flags = [it for _, it in values(values_schema()) if "x-flag" in it]
    assert len(flags) > 20
    for value in flags:
        assert value["default"] in ("", None, False) or value["default"] == [], value


def test_every_flag_has_a_value_or_a_reason_for_none() -> None:
    found = {flag.option for _, flag in flags_of_values()} | RENDERED_OTHERWISE | NOT_FOR_PODS
    assert found == {flag.option for flag in FLAGS}


@pytest.mark.parametrize(("path", "flag"), list(flags_of_values()), ids=lambda it: getattr(it, "name", it))
def test_the_reference_shows_the_default_of_the_program(path: str, flag: CommandLineFlag) -> None:
    text = (ROOT / "docs" / "reference" / "chart-values.md").read_text(encoding="utf-8")
    (line,) = (it for it in text.splitlines() if it.startswith(f"| `{path}` |"))
    assert f": the program's default, `{flag.default}` |" in line or not flag.default


def test_the_name_of_the_lease_is_that_of_the_chart(chart: Schema) -> None:
    (flag,) = (it for it in FLAGS if it.option == "--lease-name")
    assert flag.default == chart["name"]


def test_chart_and_program_have_one_version(chart: Schema) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])


def test_the_reference_has_a_line_for_every_value() -> None:
    text = (ROOT / "docs" / "reference" / "chart-values.md").read_text(encoding="utf-8")
    assert [path for path, _ in values(values_schema()) if f"\n| `{path}` |" not in text] == []


def test_the_schema_says_its_licence() -> None:
    text = json.loads((ROOT / CHART / "values.schema.json").read_text())["$comment"]
    assert text.startswith("SPDX-License-Identifier: Apache-2.0")


@pytest.mark.parametrize(
    "profile", sorted((ROOT / CHART / "profiles").glob("*.yaml")), ids=lambda it: it.stem
)
def test_a_profile_says_only_what_differs(profile: Path, defaults: Schema) -> None:
    def repeated(given: Schema, default: Schema, prefix: str) -> Iterator[str]:
        for name, value in given.items():
            if isinstance(value, dict):
                yield from repeated(value, default[name], f"{prefix}{name}.")
            elif value == default[name]:
                yield f"{prefix}{name}"

    said = set(repeated(yaml.safe_load(profile.read_text()), defaults, ""))
    # A profile may state its subject although it is the default.
    assert said <= {"policies.references", "policies.habits"}
