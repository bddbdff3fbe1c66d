# SPDX-License-Identifier: Apache-2.0
"""Hooks of MkDocs for ``mkdocs.yml``; ``make docs`` builds the site."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from smtp_tools.site.links import DOCS, PROJECT, for_the_site, place_of, targets_in

REASONS = "reference/reasons"
"""Folder of the pages that the list of reasons in the navigation consists of."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of reasons to the navigation, and the version selector from the second release on."""
    root = root_of(config)
    pages = sorted((Path(config.docs_dir) / REASONS).glob("*.md"))
    listed = [f"{REASONS}/{page.name}" for page in pages if page.name != "README.md"]
    config.nav = _with_reasons(config.nav, listed)
    if len(releases(root)) > 1:
        config.extra["version"] = {"provider": "mike"}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files outside of ``docs/`` to which pages link."""
    root = root_of(config)
    pages = {f"{DOCS}{file.src_uri}": Path(str(file.abs_src_path)) for file in files.documentation_pages()}
    pages |= {path: root / path for path in PROJECT}
    linked = {
        target
        for path, file in pages.items()
        for target in targets_in(file.read_text(encoding="utf-8"), path)
        if not target.startswith((DOCS, "../")) and (root / target).is_file()
    }
    for path in sorted(linked | set(PROJECT)):
        files.append(File.generated(config, place_of(path), abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page without comments of tests, and with the links of the site."""
    of_repository = {place: path for path, place in PROJECT.items()}
    uri = page.file.src_uri
    return for_the_site(markdown, of_repository.get(uri, f"{DOCS}{uri}"))


def root_of(config: MkDocsConfig) -> Path:
    """Return the folder of ``mkdocs.yml``."""
    return Path(config.config_file_path).parent


def releases(root: Path) -> list[str]:
    """Return the versions that the changelog lists as released."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)


def _with_reasons(nav: object, listed: list[str]) -> list[object] | None:
    """Return the navigation with the placeholder `reasons/*` replaced by the pages."""
    if not isinstance(nav, list):
        return None
    found: list[object] = []
    for item in nav:
        if item == f"{REASONS}/*":
            found += listed
        elif isinstance(item, dict):
            found.append({name: _with_reasons(it, listed) or it for name, it in item.items()})
        else:
            found.append(item)
    return found
