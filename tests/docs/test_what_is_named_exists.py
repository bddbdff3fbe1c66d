# SPDX-License-Identifier: Apache-2.0
"""Pages, make targets, flags, reasons, fields and versions in the documentation exist."""

import contextlib
import functools
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.api.crd import KINDS, structural_schema
from smtp_operator.api.publish import PublishedField
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.smtpvault import Provider
from smtp_operator.cli.check.overrides import PASSWORD_VARIABLE, USERNAME_VARIABLE
from smtp_operator.cli.kubectl.arguments import COMMANDS
from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_operator.cli.main import run_program
from smtp_operator.reconcile.smtpconfig.certificate_expiry import EXPIRING
from smtp_operator.sender_authentication.report import CONDITION as SENDER_AUTHENTICATION
from smtp_operator.settings import ENVIRONMENT_PREFIX, FLAGS
from smtp_testkit.handbook import pages, text_of
from smtp_testkit.handbook.blocks import blocks_of
from smtp_tools.generate.chart import value_paths

ROOT = Path(__file__).parent.parent.parent

each_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))

KUBERNETES_WORDS = {
    "SmtpConfig", "SmtpVault", "SmtpVaults", "ClusterSmtpVault", "ClusterSmtpVaults", "ConfigMap",
    "ConfigMaps", "Secret", "Secrets", "ServiceAccount", "ClusterRole", "Role",
    "Deployment", "NetworkPolicy", "CustomResourceDefinitions",
}  # fmt: skip
CONDITIONS = {
    "Ready", "Failed", "PasswordResolved", "Reconciling", "Stalled", "Published", SENDER_AUTHENTICATION,
}  # fmt: skip
EVENTS = {EXPIRING}
VALUES = {
    *Provider, *Notification, *PublishedField, "AIMWebService", "SendEmail", "StartTLS", "ReadyTrue",
    "AzureADTokenExchange",
    "InputText", "KubernetesSecret", "IfNotPresent", "SmtpTest", "ClusterFirst", "ClusterFirstWithHostNet",
    "RuntimeDefault",
}  # fmt: skip
ALERTS = re.findall(r"- alert: (\w+)", (ROOT / "deploy/monitoring/alerts.yaml").read_text(encoding="utf-8"))
FOREIGN_FLAGS = {"--force-conflicts"}
"""Flags of Helm that the text explains."""
IN_CODE = re.compile(r"`([^`\n]+)`")


def spans(page: Path) -> list[str]:
    """Return the `code` spans in the text of a page."""
    return IN_CODE.findall(text_of(page))


def check_help() -> str:
    """The output of `smtp-operator check --help`."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        run_program(["check", "--help"])
    return printed.getvalue()


def section(page: Path, heading: str) -> str:
    """Return the text of a page from this heading to the next one."""
    return page.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].partition("\n#")[0]


def targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE))


@functools.cache
def field_paths() -> frozenset[str]:
    """Return every path below spec and status, with and without this prefix."""
    found = set()
    for kind in KINDS:
        for part, model in (("spec", kind.spec), ("status", kind.status)):
            for path in _paths(structural_schema(model), ""):
                found |= {path, f"{part}.{path}"}
    return frozenset(found | {"spec", "status"})


def _paths(schema: dict[str, Any], prefix: str) -> set[str]:
    found = set()
    for name, child in schema.get("properties", {}).items():
        found |= {
            f"{prefix}{name}",
            *_paths(child, f"{prefix}{name}."),
            *_paths(child.get("items", {}), f"{prefix}{name}[]."),
        }
    return found


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{target}: no such heading"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        ahead += [(page.parent / it).resolve() for it in re.findall(r"\]\(([^)#\s]+)", text_of(page))]
    assert set(pages()) <= reached


def test_the_readme_leads_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 0 < text.index("`make demo`") < text.index("`make test`") < text.index("## Install")


@each_page
def test_every_make_target_exists(page: Path) -> None:
    named = {word for span in spans(page) for word in re.findall(r"\bmake ([a-z-]+)", span)}
    for block in blocks_of(page):
        if block.runs:
            named |= set(re.findall(r"\bmake ([a-z-]+)", block.text))
    assert named <= targets()


@each_page
def test_every_flag_and_variable_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    ours = {flag.option for flag in FLAGS} | {"--help", "--version", *FOREIGN_FLAGS}
    of_check = set(re.findall(r"--[a-z-]+", check_help()))
    of_plugin = {option for command in COMMANDS for flag in command.flags for option in flag.options}
    for span in spans(page):
        if span.startswith("--"):
            assert span.partition(" ")[0].partition("=")[0] in ours | of_check | of_plugin, span
    for block in blocks_of(page):
        for line in block.text.splitlines() if block.runs else ():
            if "smtp-operator run" in line:
                assert set(re.findall(r"--[a-z-]+", line)) <= ours, line
            if "smtp-operator check" in line:
                said = line.partition("smtp-operator check")[2].partition("|")[0]
                assert set(re.findall(r"--[a-z-]+", said)) <= of_check, line
            for command, said in re.findall(r"kubectl smtp (\w+)([^|)]*)", line.partition("$ ")[2]):
                known = {it.name: {option for flag in it.flags for option in flag.options} for it in COMMANDS}
                assert set(re.findall(r"--[a-z-]+", said)) <= known[command], line
    variables = {flag.variable for flag in FLAGS} | {ENVIRONMENT_PREFIX}
    variables |= {PASSWORD_VARIABLE, USERNAME_VARIABLE}
    assert set(re.findall(r"SMTP_OPERATOR_[A-Z_]*", text)) <= variables


@each_page
def test_every_reason_exists(page: Path) -> None:
    """Check every word in CamelCase, except known names of other things."""
    classes = {str(info.retry) for info in REASONS.values()}
    known = set(Reason) | classes | KUBERNETES_WORDS | CONDITIONS | EVENTS | VALUES | set(ALERTS)
    for span in spans(page):
        for word in re.findall(r"(?<![\w.])(?:[A-Z]+[a-z0-9]+){2,}(?![\w.])", span):
            assert word in known, f"{word} is no reason"


def test_the_troubleshooting_guide_knows_the_reasons_that_users_meet() -> None:
    text = (ROOT / "docs" / "how-to" / "troubleshoot.md").read_text(encoding="utf-8")
    samples = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {reason for reason in Reason if f"{reason} in " in samples} <= set(re.findall(r"`(\w+)`", text))


@each_page
def test_every_field_exists(page: Path) -> None:
    """Check every path with a dot that starts like one of our fields, and every name in camelCase."""
    fields = field_paths()
    first = {path.partition(".")[0] for path in fields}
    names = {name for path in [*fields, *value_paths()] for name in re.split(r"[.\[\]]+", path)}
    fields |= frozenset(value_paths())
    foreign = {"lastTransitionTime", "stringData", "observedGeneration", "exitCode", "healthChecks"}
    foreign |= {"generateName", "dependsOn", "envFrom", "authPassword"}
    foreign |= {key for keys in JSON_KEYS.values() for key in keys}
    for span in spans(page):
        word = span.partition(":")[0].partition("=")[0].strip()
        if re.fullmatch(r"[a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+", word) and word.partition(".")[0] in first:
            assert word in fields or word.endswith((".md", ".py", ".io")), f"{word} is no field"
        elif re.fullmatch(r"[a-z]+[A-Z][A-Za-z]*", word):
            assert word in names | foreign, f"{word} is no field"


def test_the_changelog_has_one_heading_per_release_newest_first() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    unreleased, *released = re.findall(
        r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    numbers = [tuple(map(int, version.split("."))) for version in released]
    assert unreleased == "Unreleased"
    assert numbers == sorted(set(numbers), reverse=True)
    assert all(number <= tuple(map(int, project["version"].split("."))) for number in numbers)


@each_page
def test_every_file_named_exists(page: Path) -> None:
    for span in spans(page):
        if re.match(r"(?:operator|hack|deploy|docs|tests)/", span) and " " not in span:
            assert any(ROOT.glob(span.rstrip("/"))), span  # a path, or a pattern of paths


def test_every_page_named_in_the_code_exists() -> None:
    for path in [
        *(ROOT / "operator").rglob("*.py"),
        *(ROOT / "hack").rglob("*.py"),
        *(ROOT / "tests/support").rglob("*.py"),
    ]:
        for page in re.findall(r"docs/[\w/-]+\.(?:md|yaml)", path.read_text(encoding="utf-8")):
            assert (ROOT / page).exists(), f"{path} names {page}"


def test_every_folder_named_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (rooms,) = [it.text for it in blocks_of(ROOT / "ARCHITECTURE.md") if it.text.startswith("operator/")]
    named = set(re.findall(r"^  ([a-z_]+/|\w+\.py)", rooms, re.MULTILINE))
    there = {
        f"{it.name}/" for it in (ROOT / "operator").iterdir() if (it.is_dir() and it.name != "__pycache__")
    }
    assert there <= named
    for path in re.findall(
        r"`((?:reconcile|handlers|smtp|cluster|api|secrets|cli|network)/[\w/]+\.py)`", text
    ):
        assert (ROOT / "operator" / path).is_file(), path


def test_the_exit_codes_are_those_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_program(["--help"])
    page = ROOT / "docs/reference/cli.md"
    assert exit_codes(section(page, "## Exit codes")) == said_codes(capsys.readouterr().out)
    assert exit_codes(section(page, "### Exit codes of check")) == said_codes(check_help())
    guide = exit_codes(section(ROOT / "docs/how-to/check-offline.md", "## Exit codes"))
    assert [(code, text.partition(" |")[0]) for code, text in guide] == said_codes(check_help())


def exit_codes(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| (\d) \| (.+) \|$", text, re.MULTILINE)


def said_codes(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^  (\d)  (.+)$", text, re.MULTILINE)


def test_every_flag_of_check_is_in_its_table() -> None:
    table = section(ROOT / "docs/reference/cli.md", "## Check")
    rows = [row for row in table.splitlines() if row.startswith("| `-")]
    written = {flag for row in rows for flag in re.findall(r"`(--[a-z-]+)`", row.partition(" | ")[0])}
    assert written == set(re.findall(r"--[a-z-]+", check_help())) - {"--help"}


def test_every_alert_is_in_its_table() -> None:
    table = section(ROOT / "docs/how-to/monitoring.md", "## Alerts and dashboard")
    assert re.findall(r"^\| \[`(\w+)`\]\(\.\./runbooks/\1\.md\) \|", table, re.MULTILINE) == ALERTS


def test_every_alert_has_a_runbook_and_there_is_no_other() -> None:
    folder = ROOT / "docs" / "runbooks"
    assert {it.stem for it in folder.glob("*.md")} == {*ALERTS, "README"}
    for name in ALERTS:
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        assert re.findall(r"^##? (.+)$", text, re.MULTILINE) == [name, "Check", "Fix"]
        assert f"({name}.md)" in (folder / "README.md").read_text(encoding="utf-8")
