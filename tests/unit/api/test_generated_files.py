# SPDX-License-Identifier: Apache-2.0
"""Check that the files of `make generate` are up to date, and valid for their readers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.crd import SMTP_CONFIG
from smtp_operator.api.documentation import reason_page
from smtp_operator.api.reasons import Reason
from smtp_tools.generate.files import generated_files, generated_links, stale_files, stale_links

ROOT = Path(__file__).parents[3]

Schema = dict[str, Any]

SAMPLE = """
apiVersion: smtp-operator.io/v1alpha1
kind: SmtpConfig
metadata: {name: corporate-mail, namespace: team-a}
spec:
  server: smtp.example.com
  port: 587
  smtpType: StartTLS
  username: mailer@example.com
  password:
    secretRef: {name: smtp-password, key: password}
  from: Platform Team <noreply@example.com>
  recipients:
    to: [ops@example.com]
    cc: [team@example.com]
    bcc: [audit@example.com]
  preferredNotifications: [TestEmail]
  tls:
    caRef: {kind: ConfigMap, name: corp-ca, key: ca.crt}
    serverName: mail.example.com
    insecureSkipVerify: false
  heloName: mail.example.com
  test: {mode: SendEmail, timeout: 45s}
  recheck: {interval: 1h, mode: Login}
  allowInsecureAuth: false
  suspend: false
"""

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}
KEYWORDS = {
    "$schema",
    "title",
    "description",
    "type",
    "format",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "maxItems",
    "uniqueItems",
}


def schemas(schema: Schema) -> list[Schema]:
    below = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [schema, *(inner for child in below for inner in schemas(child))]


def problems(schema: Schema, value: object, path: str = "") -> list[str]:
    """Return what a JSON Schema validator reports, for the keywords that this schema uses."""
    if "const" in schema and value != schema["const"]:
        return [f"{path}: not {schema['const']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: not one of {schema['enum']}"]
    if "type" in schema and (
        not isinstance(value, TYPES[schema["type"]])
        or isinstance(value, bool) != (schema["type"] == "boolean")
    ):
        return [f"{path}: no {schema['type']}"]
    found = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in known:
                found += problems(known[name], inner, f"{path}.{name}")
            elif schema.get("additionalProperties", True) is False:
                found.append(f"{path}.{name}: unknown")
    if isinstance(value, list):
        if schema.get("uniqueItems") and len(set(value)) != len(value):
            found.append(f"{path}: not unique")
        if len(value) > schema.get("maxItems", len(value)):
            found.append(f"{path}: too many")
        found += [
            text
            for index, item in enumerate(value)
            for text in problems(schema["items"], item, f"{path}[{index}]")
        ]
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            found.append(f"{path}: length")
        if not re.search(schema.get("pattern", ""), value):
            found.append(f"{path}: pattern")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: range")
    return found


@pytest.fixture
def json_schema() -> Schema:
    schema: Schema = json.loads((ROOT / "deploy" / "schemas" / "smtpconfig.schema.json").read_text("utf-8"))
    return schema


@pytest.fixture
def sample() -> Schema:
    manifest: Schema = yaml.safe_load(SAMPLE)
    return manifest


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return generated_files()


def test_no_generated_file_is_stale(files: dict[str, str]) -> None:
    assert stale_files(ROOT, files) == [], "run make generate"


def test_stale_file_is_named(files: dict[str, str], tmp_path: Path) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert stale_files(tmp_path, files) == []
    crd = "deploy/charts/smtp-operator/files/crds/smtpconfigs.yaml"
    (tmp_path / crd).write_text("old", encoding="utf-8")
    (tmp_path / "docs/reference/fields.md").unlink()
    assert stale_files(tmp_path, files) == [crd, "docs/reference/fields.md"]


def test_crds_policies_and_monitoring_are_stored_once(files: dict[str, str]) -> None:
    links = generated_links()
    assert stale_links(ROOT, links) == [], "run make generate"
    assert {path for path in files if "/crds/" in path and path.endswith(".yaml")} == {
        (ROOT / path).resolve().relative_to(ROOT).as_posix() for path in links if "/crds/" in path
    }
    documents = [
        (it["kind"], it["metadata"]["name"])
        for path in sorted((ROOT / "deploy").rglob("*.yaml"))
        if not path.is_symlink() and "templates" not in path.parts and "argocd" not in path.parts
        for it in yaml.safe_load_all(path.read_text("utf-8"))
        if it and it.get("kind") in {"CustomResourceDefinition", "ValidatingAdmissionPolicy", "PodMonitor"}
    ]
    assert len(documents) == len(set(documents)) >= 7


def test_a_stale_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "right").symlink_to("target")
    (tmp_path / "wrong").symlink_to("other")
    (tmp_path / "copy").write_text("target", encoding="utf-8")
    links = dict.fromkeys(("right", "wrong", "copy", "missing"), "target")
    assert stale_links(tmp_path, links) == ["wrong", "copy", "missing"]


def test_crd_on_disk_is_the_one_of_the_models() -> None:
    text = (ROOT / "deploy" / "crds" / "smtpconfigs.yaml").read_text("utf-8")
    assert yaml.safe_load(text) == SMTP_CONFIG.crd()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")


def test_generation_knows_no_chance(files: dict[str, str]) -> None:
    assert generated_files() == files


def test_json_schema_is_of_draft_2020_12(json_schema: Schema) -> None:
    assert json_schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_json_schema_has_only_words_that_every_editor_knows(json_schema: Schema) -> None:
    assert {word for schema in schemas(json_schema) for word in schema} <= KEYWORDS


def test_json_schema_refuses_unknown_fields_wherever_it_knows_the_fields(json_schema: Schema) -> None:
    for schema in schemas(json_schema):
        if "properties" in schema:
            assert schema["additionalProperties"] is False


def test_json_schema_describes_every_field_of_spec(json_schema: Schema) -> None:
    assert [
        schema for schema in schemas(json_schema["properties"]["spec"]) if not schema.get("description")
    ] == []


def test_json_schema_requires_fields_that_it_knows(json_schema: Schema) -> None:
    for schema in schemas(json_schema):
        assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()


def test_json_schema_offers_defaults_that_it_accepts(json_schema: Schema) -> None:
    for schema in schemas(json_schema):
        if "default" in schema:
            assert problems(schema, schema["default"]) == []


def test_json_schema_accepts_the_sample(json_schema: Schema, sample: Schema) -> None:
    assert problems(json_schema, sample) == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("port", "587", ".spec.port: no integer"),
        ("port", 0, ".spec.port: range"),
        ("smtpType", "SSL", ".spec.smtpType: not one of ['None', 'StartTLS', 'TLS']"),
        ("host", "smtp.example.com", ".spec.host: unknown"),
        ("password", {"secretRef": {}}, ".spec.password.secretRef.name: missing"),
        ("password", {"secretRef": {"name": "SMTP"}}, ".spec.password.secretRef.name: pattern"),
        ("recipients", {"to": ["a@b.c"] * 2}, ".spec.recipients.to: not unique"),
        ("suspend", "no", ".spec.suspend: no boolean"),
    ],
)
def test_json_schema_refuses(
    json_schema: Schema, sample: Schema, field: str, value: object, problem: str
) -> None:
    sample["spec"][field] = value
    assert problems(json_schema, sample) == [problem]


def test_json_schema_knows_the_fields_of_the_crd(json_schema: Schema) -> None:
    crd_spec = SMTP_CONFIG.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert len(schemas(json_schema["properties"]["spec"])) == len(schemas(crd_spec))


@pytest.mark.parametrize(
    "field",
    ["server", "password.secretRef.key", "tls.caRef.name", "conditions[].reason", "lastTest.server"],
)
def test_field_reference_has_a_line_for_every_field(field: str) -> None:
    assert f"\n| `{field}` |" in (ROOT / "docs" / "reference" / "fields.md").read_text("utf-8")


def test_reason_reference_has_a_line_for_every_reason() -> None:
    text = (ROOT / "docs" / "reference" / "reasons.md").read_text("utf-8")
    assert [it for it in Reason if f"\n| [`{it}`](reasons/{Path(reason_page(it)).name}) |" not in text] == []
