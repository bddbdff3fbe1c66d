# SPDX-License-Identifier: Apache-2.0
"""Kubernetes API conventions, as kube-api-linter checks them for Go types: here on the CRDs as shipped."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

CRDS = Path(__file__).parents[3] / "deploy" / "crds"

Schema = dict[str, Any]


class Node(NamedTuple):
    """A schema, and where it stands: `spec.recipients.to[]`."""

    path: str
    schema: Schema


def nodes(schema: Schema, path: str = "") -> Iterator[Node]:
    yield Node(path, schema)
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def read(file: Path) -> Schema:
    crd: Schema = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return crd


def version_of(crd: Schema) -> Schema:
    (version,) = crd["spec"]["versions"]
    assert isinstance(version, dict)
    return version


FILES = sorted(CRDS.glob("*.yaml"))


@pytest.fixture(scope="module", params=FILES, ids=lambda file: file.stem)
def crd(request: pytest.FixtureRequest) -> Schema:
    return read(request.param)


@pytest.fixture(scope="module")
def root(crd: Schema) -> Schema:
    schema: Schema = version_of(crd)["schema"]["openAPIV3Schema"]
    return schema


@pytest.fixture(scope="module")
def fields(root: Schema) -> list[Node]:
    """All that we define: what is below spec and status, with themselves."""
    return [node for name in ("spec", "status") for node in nodes(root["properties"][name], name)]


@pytest.fixture(scope="module")
def smtpconfigs() -> Schema:
    return read(CRDS / "smtpconfigs.yaml")


@pytest.fixture(scope="module")
def smtpconfig_fields(smtpconfigs: Schema) -> dict[str, Schema]:
    return dict(nodes(version_of(smtpconfigs)["schema"]["openAPIV3Schema"]))


# every CRD


def test_name_is_plural_and_group(crd: Schema) -> None:
    names = crd["spec"]["names"]
    assert crd["metadata"] == {"name": f"{names['plural']}.smtp-operator.io"}
    assert names["singular"] == names["kind"].lower()
    assert names["listKind"] == f"{names['kind']}List"


def test_category_is_smtp_operator(crd: Schema) -> None:
    assert crd["spec"]["names"]["categories"] == ["smtp-operator"]


def test_v1alpha1_is_served_and_stored(crd: Schema) -> None:
    version = version_of(crd)
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)


def test_status_is_a_subresource(crd: Schema) -> None:
    assert version_of(crd)["subresources"] == {"status": {}}


def test_spec_is_required_and_status_is_not(root: Schema) -> None:
    assert root["required"] == ["spec"]


def test_root_has_the_five_fields_of_any_object(root: Schema) -> None:
    assert list(root["properties"]) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert root["description"]


def test_schema_is_structural(root: Schema) -> None:
    untyped = [node.path for node in nodes(root) if "type" not in node.schema]
    assert untyped == []
    indirect = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "definitions", "const", "title"}
    assert [node.path for node in nodes(root) if indirect & node.schema.keys()] == []


def test_no_unknown_fields_are_kept(root: Schema) -> None:
    open_ended = {
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    }
    assert [node.path for node in nodes(root) if open_ended & node.schema.keys()] == []


def test_objects_name_their_fields_or_are_maps_of_texts(fields: list[Node]) -> None:
    objects = [node for node in fields if node.schema["type"] == "object"]
    assert [
        node.path
        for node in objects
        if bool(node.schema.get("properties")) == ("additionalProperties" in node.schema)
    ] == []


def test_labels_are_the_only_maps(root: Schema) -> None:
    """Use a map only where users choose the keys; keys of this API are fields."""
    maps = [node for node in nodes(root) if "additionalProperties" in node.schema]
    labels = [f"spec.{name}.matchLabels" for name in ("allowedNamespaces", "publishNamespaces")]
    assert [node.path for node in maps] in ([], labels)
    for node in maps:
        assert node.schema["additionalProperties"]["type"] == "string"
        assert "maxProperties" in node.schema


def test_everything_is_described(fields: list[Node]) -> None:
    named = [node for node in fields if not node.path.endswith("{}")]
    assert [node.path for node in named if not node.schema.get("description", "").strip()] == []


def test_field_names_are_camel_case(fields: list[Node]) -> None:
    names = {re.sub(r"\[\]|\{\}", "", node.path.rpartition(".")[2]) for node in fields}
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*", name)] == []


def test_only_tests_have_a_field_called_phase(fields: list[Node]) -> None:
    paths = [node.path for node in fields if node.path.endswith(".phase")]
    assert [it for it in paths if not re.search(r"\.(lastTest|currentTest)\.phase$", it)] == []


def test_nothing_is_nullable(fields: list[Node]) -> None:
    assert [node.path for node in fields if node.schema.get("nullable")] == []


def test_strings_have_an_end(fields: list[Node]) -> None:
    ended = {"maxLength", "enum"}
    endless = [
        node.path
        for node in fields
        if node.schema["type"] == "string"
        and not ended & node.schema.keys()
        and node.schema.get("format") != "date-time"
    ]
    assert endless == []


def test_lists_have_an_end(fields: list[Node]) -> None:
    lists = [node for node in fields if node.schema["type"] == "array"]
    assert lists
    assert [node.path for node in lists if "maxItems" not in node.schema] == []


def test_lists_say_how_two_appliers_share_them(fields: list[Node]) -> None:
    types = {
        node.path: node.schema.get("x-kubernetes-list-type")
        for node in fields
        if node.schema["type"] == "array"
    }
    assert [path for path, kind in types.items() if kind not in ("set", "map", "atomic")] == []


def test_lists_that_are_maps_have_keys_that_are_required(fields: list[Node]) -> None:
    maps = [node for node in fields if node.schema.get("x-kubernetes-list-type") == "map"]
    assert maps
    for node in maps:
        keys = node.schema["x-kubernetes-list-map-keys"]
        assert keys
        assert set(keys) <= set(node.schema["items"]["required"]), node.path


def test_no_number_is_a_float(fields: list[Node]) -> None:
    assert [node.path for node in fields if node.schema["type"] == "number"] == []


def test_integers_have_a_size(fields: list[Node]) -> None:
    sizes = {node.path: node.schema.get("format") for node in fields if node.schema["type"] == "integer"}
    assert [path for path, size in sizes.items() if size not in ("int32", "int64")] == []


def test_integers_of_spec_have_bounds(fields: list[Node]) -> None:
    integers = [node for node in fields if node.schema["type"] == "integer" and node.path.startswith("spec.")]
    assert [node.path for node in integers if not {"minimum", "maximum"} <= node.schema.keys()] == []


def test_switches_are_off_when_absent(fields: list[Node]) -> None:
    switches = [node for node in fields if node.schema["type"] == "boolean" and node.path.startswith("spec.")]
    assert [node.path for node in switches if node.schema.get("default") is not False] == []


def test_required_fields_have_no_default(fields: list[Node]) -> None:
    for node in fields:
        for name in node.schema.get("required", ()):
            assert "default" not in node.schema["properties"][name], f"{node.path}.{name}"


def test_each_rule_has_a_message(fields: list[Node]) -> None:
    rules = [(node.path, rule) for node in fields for rule in node.schema.get("x-kubernetes-validations", ())]
    assert rules
    for path, rule in rules:
        assert rule.keys() == {"rule", "message"}, path  # a messageExpression could repeat a value
        assert rule["message"].strip(), path
        assert not rule["message"].endswith("."), path
        assert "\n" not in rule["message"], path


def test_status_only_starts_as_never_seen(root: Schema) -> None:
    status = root["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    below = [node.path for node in nodes(status, "status") if node.path != "status"]
    assert "status.observedGeneration" in below
    defaults = [node.path for node in nodes(status, "status") if "default" in node.schema]
    assert defaults == ["status"]


def test_nothing_in_status_is_required_at_its_top(root: Schema) -> None:
    assert "required" not in root["properties"]["status"]


def test_status_can_always_be_written(root: Schema) -> None:
    """No choice, pattern or rule: they could refuse the verdict of a newer release."""
    refusing = {"enum", "pattern", "x-kubernetes-validations"}
    status = [
        node.path
        for node in nodes(root["properties"]["status"], "status")
        if refusing & node.schema.keys() and not node.path.startswith("status.conditions[].")
    ]
    assert status == []


def test_conditions_are_those_of_metav1(root: Schema) -> None:
    conditions = root["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert sorted(conditions["items"]["properties"]) == [
        "lastTransitionTime",
        "message",
        "observedGeneration",
        "reason",
        "status",
        "type",
    ]
    assert sorted(conditions["items"]["required"]) == [
        "lastTransitionTime",
        "message",
        "reason",
        "status",
        "type",
    ]
    assert conditions["items"]["properties"]["status"]["enum"] == ["True", "False", "Unknown"]


# SmtpConfig


def test_short_name_is_smtp(smtpconfigs: Schema) -> None:
    assert smtpconfigs["spec"]["names"]["shortNames"] == ["smtp"]
    assert smtpconfigs["spec"]["names"]["plural"] == "smtpconfigs"


def test_smtpconfig_is_namespaced(smtpconfigs: Schema) -> None:
    assert smtpconfigs["spec"]["scope"] == "Namespaced"


def test_columns(smtpconfigs: Schema) -> None:
    columns = version_of(smtpconfigs)["additionalPrinterColumns"]
    always = [column["name"] for column in columns if not column.get("priority")]
    wide = [column["name"] for column in columns if column.get("priority")]
    assert always == ["Server", "Port", "Type", "Ready", "Status", "Age"]
    assert wide == ["From", "Password-From", "Last-Test", "Message"]


def test_columns_show_fields_that_exist(smtpconfigs: Schema, smtpconfig_fields: dict[str, Schema]) -> None:
    for column in version_of(smtpconfigs)["additionalPrinterColumns"]:
        path = re.sub(r"\[\?\(.*?\)\]", "[]", column["jsonPath"]).removeprefix(".")
        assert path in smtpconfig_fields or path == "metadata.creationTimestamp", column["name"]


def test_no_column_shows_a_password_or_a_blind_copy(smtpconfigs: Schema) -> None:
    paths = [column["jsonPath"] for column in version_of(smtpconfigs)["additionalPrinterColumns"]]
    assert [path for path in paths if "password.value" in path or "bcc" in path] == []


def test_selectable_fields(smtpconfigs: Schema) -> None:
    assert version_of(smtpconfigs)["selectableFields"] == [
        {"jsonPath": ".spec.server"},
        {"jsonPath": ".spec.password.secretRef.name"},
    ]


def test_password_value_has_no_rule_that_could_repeat_it(smtpconfig_fields: dict[str, Schema]) -> None:
    assert smtpconfig_fields["spec.password.value"].keys() == {
        "type",
        "format",
        "description",
        "minLength",
        "maxLength",
    }
    assert smtpconfig_fields["spec.password.value"]["format"] == "password"


def test_no_other_rule_looks_into_the_password(smtpconfig_fields: dict[str, Schema]) -> None:
    rules = [
        rule["rule"]
        for schema in smtpconfig_fields.values()
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    looks = [rule for rule in rules if re.search(r"\.value\b", rule.replace("has(self.value)", ""))]
    assert looks == []


@pytest.mark.parametrize("field", ["spec.test.timeout", "spec.recheck.interval"])
def test_durations_are_texts_with_bounds_in_cel(smtpconfig_fields: dict[str, Schema], field: str) -> None:
    schema = smtpconfig_fields[field]
    assert schema["type"] == "string"
    (rule,) = schema["x-kubernetes-validations"]
    assert "duration(self) >= duration(" in rule["rule"]
    assert "duration(self) <= duration(" in rule["rule"]


def test_objects_with_nested_defaults_default_to_an_empty_object(
    smtpconfig_fields: dict[str, Schema],
) -> None:
    assert smtpconfig_fields["spec.test"]["default"] == {}
    assert "required" not in smtpconfig_fields["spec.test"]


@pytest.mark.parametrize(
    "field", ["spec.recheck", "spec.recheck.interval", "spec.recheck.mode", "spec.test.timeout"]
)
def test_the_operators_flags_have_the_defaults_of_these(
    smtpconfig_fields: dict[str, Schema], field: str
) -> None:
    assert "default" not in smtpconfig_fields[field]


def test_three_fields_of_spec_are_required(smtpconfig_fields: dict[str, Schema]) -> None:
    assert smtpconfig_fields["spec"]["required"] == ["server", "port", "from"]


@pytest.mark.parametrize("role", ["to", "cc", "bcc"])
def test_recipients_are_a_set_of_ten(smtpconfig_fields: dict[str, Schema], role: str) -> None:
    recipients = smtpconfig_fields[f"spec.recipients.{role}"]
    assert recipients["x-kubernetes-list-type"] == "set"
    assert recipients["maxItems"] == 10


def test_summary_fits_its_column(smtpconfig_fields: dict[str, Schema]) -> None:
    assert smtpconfig_fields["status.summary"]["maxLength"] == 80
