# SPDX-License-Identifier: Apache-2.0
"""The values of the chart: strict, explained, and with the defaults of the program."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.settings import FLAGS
from smtp_tools.generate.chart import CHART, values_schema

ROOT = Path(__file__).parents[3]

Schema = dict[str, Any]

OF_FLAGS = {
    "secretWatch": "--secret-watch",
    "allowedSmtpPorts": "--allow-smtp-port",
    "allowedVaultPorts": "--allow-vault-port",
    "maxConnectionsPerDestination": "--max-connections-per-destination",
    "maxTests": "--max-tests",
    "maxTestsPerNamespace": "--max-tests-per-namespace",
    "maxEmailsPerNamespace": "--max-emails-per-namespace",
    "maxEmailsPerMailbox": "--max-emails-per-mailbox",
    "maxRejectedLogins": "--max-rejected-logins",
    "logFormat": "--log-format",
    "logLevel": "--log-level",
}
"""Values whose flag is rendered only if they differ from its default."""


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


@pytest.mark.parametrize(("value", "option"), OF_FLAGS.items())
def test_its_default_is_that_of_the_flag(defaults: Schema, value: str, option: str) -> None:
    (flag,) = (it for it in FLAGS if it.option == option)
    default = defaults[value]
    assert (",".join(map(str, default)) if isinstance(default, list) else str(default)) == flag.default


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
    # What the profile is about may be said although it is the default.
    assert said <= {"policies.references", "policies.habits"}
