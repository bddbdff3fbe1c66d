# SPDX-License-Identifier: Apache-2.0
"""Files as users write them: the refusal says what was found, what belongs there, and how to write it."""

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_operator.api.crd import structural_schema
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.cli.check.examples import example_of
from smtp_operator.cli.check.spec_problems import errors_of, spec_problems
from smtp_operator.cli.check.unknown_fields import SYNONYMS, meant_by, paths_of

Check = Callable[..., Any]
Write = Callable[..., str]

CASES = yaml.safe_load((Path(__file__).parent / "written_files.yaml").read_text(encoding="utf-8"))
SCHEMA = structural_schema(SmtpConfigSpec)
VALID = {"server": "localhost", "port": 1, "from": "noreply@example.com"}
HEAD = "apiVersion: smtp-operator.io/v1alpha1\nkind: SmtpConfig\nmetadata:\n  name: mail\nspec:\n"


def manifest(lines: str) -> str:
    """Return a SmtpConfig with these lines in its spec, and what they leave out."""
    given = {line.split(":")[0] for line in lines.splitlines()}
    rest = [f"{field}: {value}" for field, value in VALID.items() if field not in given]
    return HEAD + "".join(f"  {line}\n" for line in [*rest, *lines.splitlines()])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_file_from_the_field(case: dict[str, Any], check: Check, write: Write) -> None:
    ended = check("-f", write(case["file"] if "file" in case else manifest(case["spec"])))
    assert (ended.code, ended.out) == (2, "")
    for words in case["mentions"]:
        assert words.lower() in ended.err.lower()
    for words in case.get("never", ()):
        assert words not in ended.err


SPECS = {
    "port: 587.5": (
        "spec.port: must be a whole number without quotes, not a number with a fraction; write: port: 587"
    ),
    "port: {number: 587}": (
        "spec.port: must be a whole number without quotes, not a map of fields; write: port: 587"
    ),
    "port: ${PORT}": (
        "spec.port: a variable such as ${NAME} is not replaced; replace it first, for example with envsubst"
    ),
    "server: '{{ .Values.host }}'": (
        "spec.server: the template {{ }} is not rendered; render it first, for example with helm template"
    ),
    "server: [smtp.example.com]": ("spec.server: must be text, not a list; write: server: smtp.example.com"),
    "smtpType: SSL": ("spec.smtpType: must be 'None', 'StartTLS' or 'TLS'; write: smtpType: TLS"),
    "username: 12345": (
        "spec.username: must be text in quotes, not a number; write: username: mailer@example.com"
    ),
    "username: {valueFrom: {secretKeyRef: {name: s, key: user}}}": (
        "spec.username: must be text, not a map of fields; write: usernameRef: {name: s, key: user}"
    ),
    "password: {existingSecret: s}": (
        "spec.password.existingSecret: unknown field; the field is password.secretRef; write:"
        " password: {secretRef: {name: s}}"
    ),
    "password: {secretRef: {name: My_Secret}}": (
        "spec.password.secretRef.name: must consist of lowercase letters, digits, - and .;"
        " write: name: my-secret"
    ),
    "password: {hunter2}": (
        "spec.password: unknown field; the fields of spec.password are value, secretRef,"
        " azureKeyVault, cyberArk, hashiCorpVault"
    ),
    "recipients: [ops@example.com]": (
        "spec.recipients: must be a map of fields, not a list; write: recipients: {to: [ops@example.com]}"
    ),
    "recipients: {to: [Ops <ops@example.com>]}": (
        "spec.recipients.to[0]: must be one email address such as ops@example.com, without"
        " display name; write: - ops@example.com"
    ),
    "recipients: {to: [a@example.com b@example.com]}": (
        "spec.recipients.to[0]: must be one email address such as ops@example.com, without"
        " display name; each address is an item of its list; write: to: [a@example.com,"
        " b@example.com]"
    ),
    "cc: a@example.com": (
        "spec.cc: unknown field; the field is recipients.cc; write: recipients: {cc: [a@example.com]}"
    ),
    "tls: true": ("spec.tls: must be a map of fields, not true or false; write: smtpType: StartTLS"),
    "ssl: true": ("spec.ssl: unknown field; the field is smtpType; write: smtpType: TLS"),
    "verify: false": (
        "spec.verify: unknown field; the field is tls.insecureSkipVerify; write: tls:"
        " {insecureSkipVerify: true}"
    ),
    "ca: /etc/ssl/ca.pem": (
        "spec.ca: unknown field; the field is tls.caRef; write: tls: {caRef: {name: mail-ca}}"
    ),
    "auth: plain": ("spec.auth: unknown field; the field is authMechanism; write: authMechanism: PLAIN"),
    "schedule: '@daily'": (
        "spec.schedule: unknown field; the field is recheck.interval; write: recheck: {interval: 24h}"
    ),
    "recheck: false": (
        "spec.recheck: must be a map of fields, not true or false; write: recheck: {interval: 0s}"
    ),
    "fromName: Doe, Jane": (
        "spec.fromName: unknown field; the field is from; write: from: '\"Doe, Jane\" <noreply@example.com>'"
    ),
    "from: ops@example.com <ops@example.com>": (
        "spec.from: from must be one email address, such as noreply@example.com or Platform Team"
        " <noreply@example.com>; put a display name with special characters in double quotes;"
        " write: from: '\"ops@example.com\" <ops@example.com>'"
    ),
    "subject: Hello": ("spec.subject: unknown field; the operator writes headers and text of the test email"),
    "host: smtp.example.com:587": (
        "spec.host: unknown field; the field is server; write:\n      server: smtp.example.com\n  "
        "    port: 587"
    ),
    "auth: {user: u, pass: hunter2}": (
        "spec.auth: unknown field; the fields are username, password.secretRef; write:\n     "
        " username: mailer@example.com\n      password: {secretRef: {name: smtp-password}}"
    ),
    "retries: 3": (
        "spec.retries: unknown field; the fields of spec are server, port, smtpType, username,"
        " usernameRef, password, oauth2, from, recipients, tls, heloName, authMechanism,"
        " test, allowInsecureAuth, preferredNotifications, recheck, suspend, publish,"
        " delivery"
    ),
}


@pytest.mark.parametrize(("spec", "problem"), SPECS.items(), ids=SPECS)
def test_a_spec_as_users_write_it(spec: str, problem: str, check: Check, write: Write) -> None:
    assert check("-f", write(manifest(spec))).err == (
        f"smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n  {problem}\n"
    )


KINDS = {
    "kind: SMTPConfig\n---\nkind: Secret\n": "it contains: SMTPConfig, Secret; write: kind: SmtpConfig",
    "Kind: SmtpConfig\n": "it contains: an object without a kind; write: kind: SmtpConfig",
    "kind: Deployment\n": "it contains: Deployment",
    "kind: [s3cret]\n": "it contains: an object without a valid kind",
    "kind: List\nitems:\n- kind: smtp-config\n": "it contains: smtp-config; write: kind: SmtpConfig",
    "server: x\n": "it contains: an object without a kind; an object starts with apiVersion:"
    " smtp-operator.io/v1alpha1 and kind: SmtpConfig",
    "- kind: SmtpConfig\n": "it contains: a list; remove the dash before each object, and separate objects by"
    " a line with ---",
}


@pytest.mark.parametrize(("text", "words"), KINDS.items(), ids=KINDS)
def test_a_file_without_a_smtpconfig_lists_what_it_contains(
    text: str, words: str, check: Check, write: Write
) -> None:
    assert check("-f", write(text)).err == f"smtp-operator: mail.yaml contains no SmtpConfig; {words}\n"


def test_fields_outside_the_spec_name_their_place(check: Check, write: Write) -> None:
    text = manifest("suspend: false").replace("metadata:\n  name: mail\n", "name: mail\nhost: x\n")
    assert check("-f", write(text)).err == (
        "smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n"
        "  host: unknown field; the field is spec.server: indent it below spec\n"
        "  name: unknown field; the field is metadata.name\n"
        "  metadata.name: must be a name of lowercase letters, digits, - and ., such as"
        " corporate-mail; write:"
        " name: corporate-mail\n"
    )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("\u00a0from: a@example.com", "a non-breaking space (U+00A0) in column 3; use a normal space"),
        ("\u200bfrom: a@example.com", "a zero-width space (U+200B) in column 3; delete it"),
        ("from: “a@example.com”", "a typographic quotation mark (“); use straight quotes (\" or ')"),
    ],
)
def test_unusual_characters_are_pointed_out(line: str, hint: str, check: Check, write: Write) -> None:
    ended = check("-f", write(manifest(line)))
    number = manifest(line).splitlines().index(f"  {line}") + 1
    assert ended.code == 2
    assert f"\n  line {number}: {hint}\n" in ended.err


LEAVES = [path for path in paths_of(SCHEMA) if path[0] != "oauth2"]
WRONG: tuple[Any, ...] = (
    "hunter2",
    "s3cret hunter2!",
    12345678,
    1.5,
    True,
    False,
    [],
    ["hunter2"],
    [["hunter2"]],
    [{"hunter2": 1}],
    {"hunter2": "hunter2"},
    {"value": "hunter2"},
    {"a": {"hunter2": ["hunter2"]}},
    "${hunter2}",
    "{{ hunter2 }}",
)


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    spec: dict[str, Any] = copy.deepcopy(VALID)
    place = spec
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return spec


def problems_in(spec: dict[str, Any]) -> Iterator[Any]:
    for problem in spec_problems(spec):
        if re.search(r"cannot|rule", problem.text) is None:
            yield problem


@pytest.mark.parametrize("path", LEAVES, ids=map(".".join, LEAVES))
def test_every_correction_is_yaml_that_the_field_accepts(path: tuple[str, ...]) -> None:
    for value in WRONG:
        for problem in problems_in(with_value(path, value)):
            for line in problem.lines:
                given = yaml.safe_load(line)
                if isinstance(given, list):
                    continue
                (name,) = given
                beside = (*re.sub(r"\[\d+\]", "", problem.path).split(".")[:-1], name)
                assert is_valid(beside, given[name]) or is_valid((name,), given[name])


def is_valid(path: tuple[str, ...], value: Any) -> bool:
    return not any(it["loc"][: len(path)] == path for it in errors_of(with_value(path, value)))


@pytest.mark.parametrize("path", [("password",), *(it for it in LEAVES if it[0] == "password")])
def test_no_value_of_a_password_is_shown(path: tuple[str, ...]) -> None:
    named = path[-1] in ("name", "secretRef", "vaultRef", "secretName", "key", "kind")
    for value in WRONG:
        shown = "\n".join(map(str, spec_problems(with_value(path, value))))
        if not named:
            assert "hunter2" not in shown


@pytest.mark.parametrize(
    "name", ["pass", "passwd", "pwd", "secret", "token", "apiKey", "authPassword", "smtp_password"]
)
def test_no_password_with_the_name_of_another_tool_is_shown(name: str) -> None:
    for value in WRONG:
        assert "hunter2" not in "\n".join(map(str, spec_problems(VALID | {name: value})))


@pytest.mark.parametrize("path", LEAVES, ids=map(".".join, LEAVES))
@pytest.mark.parametrize("change", [str.lower, str.upper, lambda it: f"{it}x", lambda it: it[0] + it[2:]])
def test_a_misspelled_field_names_the_right_one(path: tuple[str, ...], change: Callable[[str], str]) -> None:
    name = change(path[-1])
    siblings = structural_node(path[:-1])
    if len(path[-1]) < 4 or name in siblings:
        return
    assert meant_by(name, path[:-1], SCHEMA) == path


def structural_node(path: tuple[str, ...]) -> dict[str, Any]:
    node = SCHEMA
    for name in path:
        node = node["properties"][name]
    properties: dict[str, Any] = node["properties"]
    return properties


def test_each_name_of_another_tool_leads_to_a_field_with_an_example() -> None:
    for target, names in SYNONYMS.items():
        path = tuple(target.split("."))
        assert path in paths_of(SCHEMA)
        for name in names.split():
            (problem,) = spec_problems(VALID | {name: "hunter2"})
            assert problem.lines, name
            assert not [
                it for it in errors_of(VALID | yaml.safe_load(problem.lines[0])) if it["loc"][:1] == path
            ]


def test_examples_are_valid() -> None:
    for path in LEAVES:
        node = SCHEMA
        for name in path:
            node = node["properties"][name]
        spec = with_value(path, example_of(node, path))
        assert [it for it in errors_of(spec) if it["loc"][: len(path)] == path] == []
