# SPDX-License-Identifier: Apache-2.0
"""Contents of files, and messages for unusable ones: the location, every problem, and no value."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from smtp_operator.api.verdict import DialogueReport
from smtp_operator.smtp.engine import Engine
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.mailpeers import MailServer

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]


def test_a_manifest_from_standard_input(check: Check, anonymous: Document) -> None:
    ended = check("-f", "-", stdin=yaml.safe_dump(anonymous, allow_unicode=True).encode())
    assert (ended.code, ended.out.splitlines()[0]) == (0, "✓ TestEmailSent  default/relay")


def test_problems_of_standard_input_name_it(check: Check, config: Document) -> None:
    assert (
        check("-f", "-", stdin=b"").err
        == "smtp-operator: standard input contains no SmtpConfig; it is empty\n"
    )
    config["spec"]["port"] = 0
    ended = check("-f", "-", stdin=yaml.safe_dump(config).encode())
    assert ended.err == (
        "smtp-operator: standard input: this SmtpConfig cannot be used:\n"
        "  spec.port: must be greater than or equal to 1; write: port: 587\n"
    )


def test_json_is_yaml(check: Check, anonymous: Document) -> None:
    assert check("-f", "-", stdin=json.dumps(anonymous, indent=4).encode()).code == 0


def test_a_byte_order_mark_is_ignored(check: Check, write: Write, anonymous: Document) -> None:
    assert check("-f", write(b"\xef\xbb\xbf" + yaml.safe_dump(anonymous).encode())).code == 0


def test_an_object_as_kubectl_prints_it(check: Check, write: Write, anonymous: Document) -> None:
    anonymous["metadata"] |= {"uid": "1", "generation": 3, "managedFields": [{}], "labels": {"a": "b"}}
    anonymous["status"] = {"observedGeneration": 3, "conditions": []}
    assert check("-f", write(anonymous)).code == 0


def test_a_list_as_kubectl_prints_it(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    assert (
        check("-f", write({"kind": "List", "apiVersion": "v1", "items": [config, secret, authority]})).code
        == 0
    )


def test_other_objects_are_ignored(check: Check, write: Write, anonymous: Document) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": 3}
    assert check("-f", write(service, [1], "text", None, anonymous)).code == 0


MANY = "mail.yaml contains several SmtpConfigs"
CHOOSE = ": specify the NAME of the one to check, and its namespace with -n if needed\n"


def several(config: Document, *places: tuple[str | None, str]) -> list[Document]:
    made = []
    for namespace, name in places:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        made.append(config | {"metadata": metadata})
    return made


def test_several_smtpconfigs_require_a_name(check: Check, write: Write, anonymous: Document) -> None:
    file = write(*several(anonymous, ("team-a", "one"), (None, "two")))
    ended = check("-f", file)
    assert (ended.code, ended.err) == (2, f"smtp-operator: {MANY} (team-a/one, two){CHOOSE}")
    assert check("two", "-f", file).out.startswith("✓ TestEmailSent  default/two\n")


def test_an_ambiguous_name_requires_a_namespace(check: Check, write: Write, anonymous: Document) -> None:
    file = write(*several(anonymous, ("team-a", "one"), ("team-b", "one")))
    ended = check("one", "-f", file)
    assert (ended.code, ended.err) == (2, f"smtp-operator: {MANY} (team-a/one, team-b/one){CHOOSE}")
    assert check("one", "-f", file, "-n", "team-b").out.startswith("✓ TestEmailSent  team-b/one\n")


def test_the_namespace_flag_applies_to_objects_without_one(
    check: Check, write: Write, anonymous: Document
) -> None:
    assert check("-f", write(anonymous), "-n", "team-c").out.startswith("✓ TestEmailSent  team-c/relay\n")


def test_a_missing_smtpconfig_lists_the_existing_ones(
    check: Check, write: Write, anonymous: Document
) -> None:
    file = write(*several(anonymous, ("team-a", "one"), (None, "two")))
    ended = check("three", "-f", file)
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: mail.yaml contains no SmtpConfig three; it contains: team-a/one, two\n",
    )
    assert check("one", "-f", file, "-n", "team-b").err == (
        "smtp-operator: mail.yaml contains no SmtpConfig one in namespace team-b;"
        " it contains: team-a/one, two\n"
    )


def test_invalid_names_are_not_repeated(check: Check, write: Write, anonymous: Document) -> None:
    file = write(*several(anonymous, (None, "\x1b[31mred"), (None, "two")))
    assert check("-f", file).err == f"smtp-operator: {MANY} (one without a valid name, two){CHOOSE}"


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "a key twice, unusual": (b'"\x7f": 1\n"\x7f": 2', ": not YAML: a control character"),
    "a control character": (b"a: \x00\n", ": not YAML: a control character"),
    "a bottomless pit": (b"a: " + b"[" * 1500, ": not YAML: a number, a tag or the nesting cannot be read"),
    "a number of letters": (
        b"a: !!int s3cret",
        ": not YAML: a number, a tag or the nesting cannot be read",
    ),
    "another encoding": ("a: Größe\n".encode("latin-1"), " is not UTF-8 text; save it as UTF-8"),
    "an encoding of Windows": ("a: 1\n".encode("utf-16"), " is UTF-16 text; save it as UTF-8"),
    "nothing": (b"", " contains no SmtpConfig; it is empty"),
    "comments": (b"# s3cret", " contains no SmtpConfig; it has only comments"),
    "separators": (b"---\n", " contains no SmtpConfig; it has no YAML"),
    "a text": (b"s3cret", " contains no SmtpConfig; it contains: text"),
}


@pytest.mark.parametrize(("content", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_without_a_manifest(content: bytes, words: str, check: Check, write: Write) -> None:
    ended = check("-f", write(content))
    assert (ended.code, ended.out, ended.err) == (2, "", f"smtp-operator: mail.yaml{words}\n")


def test_a_missing_file(check: Check) -> None:
    ended = check("-f", "mail.yml")
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: mail.yml cannot be read: No such file or directory\n",
    )


def test_a_folder_is_rejected(check: Check) -> None:
    assert check("-f", ".").err == "smtp-operator: . cannot be read: Is a directory\n"


def test_every_problem_is_listed(check: Check, write: Write, config: Document) -> None:
    config |= {"apiVersion": "smtp-operator.io/v1", "sepc": {}}
    config["metadata"] = {"namespace": "Team A"}
    config["spec"] = {
        "port": "587",
        "smtpType": "SSL",
        "from": "nobody",
        "password": "s3cret",
        "recipients": {"to": ["ops@example.com", "x"]},
        "tls": {"caRef": {}, "serverNam": "x"},
        "test": {"timeout": "1s"},
    }
    ended = check("-f", write(config))
    assert (ended.code, ended.out) == (2, "")
    first, *problems = ended.err.splitlines()
    assert first == "smtp-operator: mail.yaml: this SmtpConfig cannot be used:"
    assert sorted(problems) == [
        "  apiVersion: must be smtp-operator.io/v1alpha1; write: apiVersion: smtp-operator.io/v1alpha1",
        "  metadata.name: must be a name of lowercase letters, digits, - and ., such as corporate-mail;"
        " write: name: corporate-mail",
        "  metadata.namespace: must be a name of lowercase letters, digits, - and ., such as team-a; write:"
        " namespace: team-a",
        "  sepc: unknown field; the field is spec",
        "  spec.from: from must be one email address, such as noreply@example.com or"
        " Platform Team <noreply@example.com>; write: from: noreply@example.com",
        "  spec.password: must be a map of fields, not text; put the password into a Secret; write: password:"
        " {secretRef: {name: smtp-password}}",
        "  spec.port: must be a whole number without quotes, not text in quotes; write: port: 587",
        "  spec.recipients.to[1]: must have at least 3 characters; write: - ops@example.com",
        "  spec.server: is required; write: server: smtp.example.com",
        "  spec.smtpType: must be 'None', 'StartTLS' or 'TLS'; write: smtpType: TLS",
        "  spec.test.timeout: must be a duration such as 90s, 15m or 1h30m between 5s and 10m;"
        " write: timeout:"
        " 45s",
        "  spec.tls.caRef.name: is required; write: name: mail-ca",
        "  spec.tls.serverNam: unknown field; the field is tls.serverName; write: tls: {serverName: x}",
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "is required; write: spec: {server: smtp.example.com, port: 587, from: noreply@example.com}"),
        ("x", "must be a map of fields, not text"),
        ([], "must be a map of fields, not a list; remove the dashes before its fields"),
    ],
)
def test_an_invalid_spec(spec: object, words: str, check: Check, write: Write, config: Document) -> None:
    config["spec"] = spec
    ended = check("-f", write(config), "--timeout", "10s")
    assert ended.err == f"smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n  spec: {words}\n"


def test_invalid_metadata(check: Check, write: Write, config: Document) -> None:
    config["metadata"] = "corporate-mail"
    assert check("-f", write(config)).err == (
        "smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n"
        "  metadata.name: must be a name of lowercase letters, digits, - and ., such as"
        " corporate-mail; write:"
        " name: corporate-mail\n"
    )


def test_a_rule_across_fields_is_reported(check: Check, write: Write, config: Document) -> None:
    del config["spec"]["password"]
    assert check("-f", write(config)).err == (
        "smtp-operator: mail.yaml: this SmtpConfig cannot be used:\n"
        "  spec: username (or usernameRef) and password (or oauth2) must be set together\n"
    )


def test_a_secret_in_base64(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    encoded = base64.b64encode(secret.pop("stringData")["password"].encode()).decode()
    secret["data"] = {"password": f"{encoded[:4]}\n{encoded[4:]}\n"}
    assert check("-f", write(secret, authority, config)).code == 0


def test_string_data_takes_precedence_over_data(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret["data"] = {"password": "d3Jvbmc="}
    assert check("-f", write(secret, authority, config)).code == 0


def test_a_ca_in_a_secret_or_in_binary_data(
    check: Check, write: Write, config: Document, secret: Document, authority: Document, server: MailServer
) -> None:
    authority["binaryData"] = {"ca.crt": base64.b64encode(server.ca_pem.encode()).decode()}
    del authority["data"]
    assert check("-f", write(secret, authority, config)).code == 0
    config["spec"]["tls"]["caRef"]["kind"] = authority["kind"] = "Secret"
    authority["stringData"] = {"ca.crt": server.ca_pem}
    assert check("-f", write(secret, authority, config)).code == 0


def test_a_username_in_the_secret(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret["stringData"]["username"] = config["spec"].pop("username")
    config["spec"]["usernameRef"] = {"name": "smtp-password"}
    assert check("-f", write(secret, authority, config)).code == 0


def test_objects_of_other_namespaces_are_ignored(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret["metadata"]["namespace"] = "team-b"
    assert check("-f", write(secret, authority, config)).code == 4
    wrong = secret | {"stringData": {"password": "wrong"}}
    right = secret | {"metadata": {"name": "smtp-password", "namespace": "team-a"}}
    assert check("-f", write(right, wrong, authority, config)).code == 0


def test_objects_that_the_api_server_would_reject_are_rejected(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret |= {"stringData": {"password": 12345, "pin": None}, "data": {"password": "s3cret!"}}
    authority |= {"data": ["x"], "binaryData": {"ca.crt": "!"}}
    ended = check("-f", write(secret, authority, config))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "smtp-operator: mail.yaml cannot be used:\n"
        "  Secret team-a/smtp-password: data.password is not base64; put the plain text in stringData\n"
        "  Secret team-a/smtp-password: stringData.password must be a string; put it in quotes\n"
        "  Secret team-a/smtp-password: stringData.pin must be a string; put it in quotes\n"
        "  ConfigMap team-a/mail-ca: data must be a map of strings\n"
        "  ConfigMap team-a/mail-ca: binaryData.ca.crt is not base64\n"
    )


@pytest.mark.parametrize("password", ["2026-01-31", "12:30:45", "=", "0o17", "s3cret"])
def test_an_unquoted_password_is_read_as_by_kubectl(
    password: str,
    check: Check,
    write: Write,
    config: Document,
    authority: Document,
    server: MailServer,
) -> None:
    server.users["mailer@example.com"] = password
    secret = f"kind: Secret\nmetadata: {{name: smtp-password}}\nstringData:\n  password: {password}\n"
    file = write("\n---\n".join([secret, yaml.safe_dump(authority), yaml.safe_dump(config)]))
    assert check("-f", file, "--mode", "Login").code == 0


@pytest.mark.parametrize("password", ["12345", "0x1F", "1e3", "yes", "~", "1.5", "[a]"])
def test_a_password_that_is_not_a_string_is_rejected(
    password: str, check: Check, write: Write, config: Document
) -> None:
    secret = f"kind: Secret\nmetadata: {{name: smtp-password}}\nstringData:\n  password: {password}\n"
    ended = check("-f", write("\n---\n".join([secret, yaml.safe_dump(config)])))
    assert (ended.code, ended.err) == (
        2,
        "smtp-operator: mail.yaml cannot be used:\n"
        "  Secret team-a/smtp-password: stringData.password must be a string; put it in quotes\n",
    )


def test_a_merge_of_maps_is_not_a_duplicate_key(check: Check, write: Write, anonymous: Document) -> None:
    text = yaml.safe_dump(anonymous).replace("spec:\n", "spec:\n  <<: {server: nowhere.invalid}\n")
    assert check("-f", write(text)).code == 0


def test_the_allowed_servers_annotation_is_respected(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    secret["metadata"]["annotations"] = {"smtp-operator.io/allowed-servers": "smtp.example.com:587"}
    ended = check("-f", write(secret, authority, config))
    assert ended.code == 1
    assert ended.out.startswith("✗ ServerNotAllowed in Password  team-a/corporate-mail\n")


def test_the_mode_flag_overrides_the_spec(
    check: Check, write: Write, config: Document, secret: Document, authority: Document, server: MailServer
) -> None:
    config["spec"]["test"] = {"mode": "Envelope"}
    file = write(secret, authority, config)
    assert check("-f", file).out.startswith("✓ EnvelopeAccepted  ")
    assert check("-f", file, "--mode", "Login").out.startswith("✓ LoginSucceeded  ")
    assert check("-f", file, "--mode", "Connect").out.startswith("✓ Connected  ")
    assert server.mails == []
    assert check("-f", file, "--mode", "SendEmail").out.startswith("✓ TestEmailSent  ")


def test_the_timeout_flag_overrides_the_spec(
    check: Check, write: Write, anonymous: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []
    run = Engine.run

    async def noted(self: Engine, settings: TestRequest, **more: Any) -> DialogueReport:
        timeouts.append(settings.timeout)
        return await run(self, settings, **more)

    monkeypatch.setattr(Engine, "run", noted)
    anonymous["spec"]["test"] = {"mode": "Connect", "timeout": "10m"}
    file = write(anonymous)
    assert check("-f", file).out.startswith("✓ Connected  ")
    assert check("-f", file, "--timeout", "20s").out.startswith("✓ Connected  ")
    assert timeouts == [600.0, 20.0]
