# SPDX-License-Identifier: Apache-2.0
"""The content of the image."""

import json
import stat
from importlib.metadata import version
from pathlib import Path

from packageurl import PackageURL

from smtp_tools.image import ROOT, Image

MEGABYTE = 1_000_000
INSTALLED = "opt/smtp-operator"
_WRITABLE = stat.S_IWOTH | stat.S_ISUID


def test_it_runs_as_a_user_without_rights(image: Image) -> None:
    assert image.config["User"] == "65532:65532"


def test_it_needs_no_shell_to_start(image: Image) -> None:
    assert image.config["Entrypoint"] == ["python3", "-m", "smtp_operator"]
    assert image.config["Cmd"] == ["run"]


def test_labels_say_what_it_is(image: Image) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image.config["Labels"].items()
        if name.startswith("org.opencontainers.image.")
    }

    assert labels.pop("revision")
    assert labels == {
        "title": "smtp-operator",
        "description": "Kubernetes operator that tests SMTP settings with a real email",
        "licenses": "Apache-2.0",
        "version": version("smtp-operator"),
        "created": "1970-01-01T00:00:00Z",
    }


def test_it_adds_less_than_200_megabytes_to_its_base(image: Image) -> None:
    assert image.size - image.base_size < 200 * MEGABYTE


def test_nothing_that_it_adds_can_be_changed_by_its_user(image: Image) -> None:
    added = [image.root / INSTALLED, *(image.root / INSTALLED).rglob("*")]

    changeable = [str(path) for path in added if path.lstat().st_uid != 0 or path.stat().st_mode & _WRITABLE]

    assert changeable == []


def test_pip_stays_behind(image: Image) -> None:
    assert not (image.root / "wheels").exists()
    assert not list((image.root / INSTALLED).glob("pip*"))


def test_the_licence_is_in_it(image: Image) -> None:
    assert (image.root / "usr/share/doc/smtp-operator/LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_sbom_lists_each_distribution_that_is_installed(image: Image) -> None:
    document = json.loads((image.root / "usr/share/doc/smtp-operator/sbom.cdx.json").read_text())
    listed = [*document["components"], document["metadata"]["component"]]

    assert {_distribution(it["purl"]) for it in listed} == _installed(image.root / INSTALLED)


def test_the_sbom_has_a_hash_for_each(image: Image) -> None:
    document = json.loads((image.root / "usr/share/doc/smtp-operator/sbom.cdx.json").read_text())

    assert all(it["hashes"][0]["alg"] == "SHA-256" for it in document["components"])


def _distribution(purl: str) -> tuple[str, str]:
    found = PackageURL.from_string(purl)
    return found.name, str(found.version)


def _installed(folder: Path) -> set[tuple[str, str]]:
    names = (path.name.removesuffix(".dist-info").split("-") for path in folder.glob("*.dist-info"))
    return {(name.lower().replace("_", "-").replace(".", "-"), release) for name, release in names}
