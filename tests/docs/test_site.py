# SPDX-License-Identifier: Apache-2.0
"""`make docs` builds a searchable site that loads nothing from elsewhere, and fails on what leads nowhere."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.config.base import load_config

from smtp_operator.api.documentation import reason_page
from smtp_operator.api.reasons import Reason
from smtp_tools.site.hooks import on_config, releases
from smtp_tools.site.links import PROJECT, for_the_site, place_of

ROOT = Path(__file__).parents[2]


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'hack'}:{ROOT / 'tests/support'}"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the settings of `mkdocs.yml`."""
    folder = tmp_path_factory.mktemp("documentation") / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Loads(HTMLParser):
    """Collects the URLs that a page loads without a click."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the URLs of an element."""
        found = dict(attrs)
        if tag == "link" and found.get("rel") in ("canonical", "next", "prev"):
            return
        names = {"link": ["href"], "a": []}.get(tag, ["src", "srcset", "data", "poster"])
        self.urls += [str(found[name]) for name in names if found.get(name)]


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(Reason)
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.urls
        assert [it for it in loads.urls if re.match(r"(?:[a-z]+:)?//", it)] == [], page
    for sheet in site.rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")) == []


def test_the_search_finds_every_reason_and_every_generated_reference(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {it["location"]: it["title"] for it in index["docs"]}
    for reason in Reason:
        assert found[f"reference/reasons/{Path(reason_page(reason)).stem}.html"] == str(reason)
    for name in ("fields", "vault-fields", "flags", "metrics", "chart-values", "kubectl-smtp", "schedule"):
        assert f"reference/{name}.html" in found


def test_no_page_contains_the_comments_of_tests(site: Path) -> None:
    """Find clean-up of tests that a reader could take for an instruction."""
    comment = re.compile(r"<!-- (?:afterwards|before|operator|elsewhere|world|file|background)")
    for page in [*site.rglob("*.html"), site / "search" / "search_index.json"]:
        assert not comment.search(page.read_text(encoding="utf-8")), page


def test_it_is_light_and_dark(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert {"default", "slate"} <= set(re.findall(r'data-md-color-scheme="(\w+)"', text))
    assert "prefers-color-scheme: dark" in text


def test_the_reason_of_a_page_is_its_title(site: Path) -> None:
    text = (site / "reference/reasons/AuthenticationFailed.html").read_text(encoding="utf-8")
    assert "<title>AuthenticationFailed - smtp-operator</title>" in text


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with our settings, two pages, and the pages of the project."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:\n")[0]
    nav = ["README.md", "guide.md", *PROJECT.values()]
    text = text.replace("- hack/", f"- {ROOT}/hack/") + "nav:\n" + "".join(f"  - {it}\n" for it in nav)
    (tmp_path / "mkdocs.yml").write_text(text, encoding="utf-8")
    for path in PROJECT:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"# {path}\n", encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("# Start\n\n[Guide](guide.md#a-step)\n", encoding="utf-8")
    (tmp_path / "docs" / "guide.md").write_text(
        "# Guide\n\n## A step\n\n[R](../README.md)\n", encoding="utf-8"
    )
    return tmp_path


def test_a_small_site_without_a_fault_is_built(small: Path) -> None:
    done = build(small, small / "site")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("guide.md", "# Guide\n\n[Gone](gone.md)\n\n## A step\n"),
        ("guide.md", "# Guide\n\n[Gone](../GONE.md)\n\n## A step\n"),
        ("guide.md", "# Guide\n\n[Gone](../deploy/gone.yaml)\n\n## A step\n"),
        ("guide.md", "# Guide\n\n![Gone](gone.png)\n\n## A step\n"),
        ("guide.md", "# Guide without the heading to which the other page links\n"),
        ("orphan.md", "# A page that the navigation does not name\n"),
        ("guide.md", ""),
    ],
    ids=["page", "page-of-project", "file", "image", "heading", "orphan", "missing-page"],
)
def test_what_leads_nowhere_fails(small: Path, page: str, text: str) -> None:
    if text:
        (small / "docs" / page).write_text(text, encoding="utf-8")
    else:
        (small / "docs" / page).unlink()
    assert build(small, small / "site").returncode != 0


@pytest.mark.parametrize(("headings", "selector"), [(["Unreleased"], False), (["0.1.0"], False)])
def test_one_release_needs_no_version_selector(small: Path, headings: list[str], selector: bool) -> None:
    assert _selects(small, headings) is selector


def test_a_second_release_brings_the_version_selector(small: Path) -> None:
    assert _selects(small, ["Unreleased", "0.2.0", "0.1.0"])
    assert releases(small) == ["0.2.0", "0.1.0"]


def _selects(folder: Path, headings: list[str]) -> bool:
    (folder / "CHANGELOG.md").write_text("".join(f"## [{it}]\n\n" for it in headings), encoding="utf-8")
    return "version" in on_config(load_config(str(folder / "mkdocs.yml"))).extra


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("docs/how-to/a.md", "[R](../../README.md#x)", "[R](../project/overview.md#x)"),
        ("README.md", "[A](docs/how-to/a.md)", "[A](../how-to/a.md)"),
        ("README.md", "[L](LICENSE)", "[L](../files/LICENSE)"),
        ("docs/README.md", "[E](https://example.com/a) [H](#h)", "[E](https://example.com/a) [H](#h)"),
        (
            "docs/a.md",
            "<!-- afterwards: x -->\ntext\n\n```sh\n<!-- kept -->\n```",
            "text\n\n```sh\n<!-- kept -->\n```",
        ),
    ],
)
def test_links_and_comments_are_adapted_to_the_site(page: str, text: str, expected: str) -> None:
    assert for_the_site(text, page) == expected


def test_every_page_of_the_project_has_a_place() -> None:
    assert all((ROOT / path).is_file() for path in PROJECT)
    assert place_of("docs/a/b.md") == "a/b.md"
