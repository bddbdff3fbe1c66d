# SPDX-License-Identifier: Apache-2.0
"""`make release` builds the same bytes again without a network, and images that other clients accept."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from smtp_testkit.mailpeers import MailServer
from smtp_tools.image import ROOT, Builder, Image
from smtp_tools.release import krew
from smtp_tools.release.images import native_architecture
from tests.tiers.image.conftest import make

VERSION = version("smtp-operator")
PUBLISH = ("REPOSITORY=registry.example.com/x", "DRY_RUN=1")
MANIFEST = """\
apiVersion: smtp-operator.io/v1alpha1
kind: SmtpConfig
metadata: {{name: mail}}
spec: {{server: 127.0.0.1, port: {port}, smtpType: None, from: a@example.com}}
"""


def test_all_artifacts_are_there_and_match_their_checksums(dist: Path) -> None:
    listed = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}

    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=dist, check=True)
    assert listed == {it.name for it in dist.iterdir()} - {"SHA256SUMS"}
    assert listed >= {
        f"smtp_operator-{VERSION}-py3-none-any.whl",
        f"smtp_operator-{VERSION}.tar.gz",
        f"smtp-operator-{VERSION}.tgz",
        f"smtp-operator-{VERSION}.oci.tar",
        f"smtp-operator-{VERSION}-linux-amd64.cdx.json",
        f"smtp-operator-{VERSION}-linux-arm64.cdx.json",
        *(f"kubectl-smtp-{VERSION}-{it.name}.tar.gz" for it in krew.PLATFORMS),
        "smtp.yaml",
        "install.yaml",
        "crds.yaml",
        "provenance.intoto.json",
        "artifacthub-repo.yml",
        "RELEASE_NOTES.md",
    }


def test_the_plugin_for_krew_runs_with_the_python_of_the_machine(dist: Path, tmp_path: Path) -> None:
    platforms = yaml.safe_load((dist / "smtp.yaml").read_text())["spec"]["platforms"]
    machine = native_architecture()
    (ours,) = (it for it in platforms if it["selector"]["matchLabels"] == {"os": "linux", "arch": machine})
    package = dist / Path(ours["uri"]).name
    assert hashlib.sha256(package.read_bytes()).hexdigest() == ours["sha256"]

    with tarfile.open(package) as members:
        members.extractall(tmp_path, filter="data")
    words = [tmp_path / ours["bin"], "version", "--client"]
    done = subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    assert VERSION in done.stdout


def test_a_second_build_without_a_network_gives_the_same_hashes(dist: Path) -> None:
    assert make("release-again").splitlines()[-1] == "Both builds are equal."


def test_the_provenance_names_every_artifact_and_every_input_by_hash(dist: Path) -> None:
    statement = json.loads((dist / "provenance.intoto.json").read_text())

    named = {it["name"]: it["digest"]["sha256"] for it in statement["subject"]}
    sums = dict(line.split()[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert named == {name: digest for name, digest in sums.items() if name != "provenance.intoto.json"}
    inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert all(it["digest"] for it in inputs)
    assert {it["uri"].partition(":")[0] for it in inputs} == {"git+https", "file", "pkg"}


def test_the_manifest_names_the_digest_of_the_index(dist: Path) -> None:
    with tarfile.open(dist / f"smtp-operator-{VERSION}.oci.tar") as archive:
        file = archive.extractfile("index.json")
        assert file is not None
        index: dict[str, Any] = json.load(file)

    assert f":{VERSION}@{index['manifests'][0]['digest']}" in (dist / "install.yaml").read_text()


def test_publishing_checks_the_hashes_and_signs_every_digest(dist: Path) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "publish", f"VERSION={VERSION}", *PUBLISH],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    printed = done.stdout.splitlines()
    assert [" ".join(it.split()[:2]) for it in printed] == [
        "skopeo copy",
        "cosign sign",
        *["cosign attest"] * 4,
        "helm push",
        "cosign sign-blob",
    ]
    assert all("@sha256:" in it for it in printed[1:6])


def test_the_released_image_runs_a_check(released: Image) -> None:
    with MailServer.in_thread() as server:
        manifest = MANIFEST.format(port=server.plain_port)
        printed = _run(released, "check", "-f", "-", "--output=json", text=manifest)

    assert json.loads(printed)["reason"] == "TestEmailSent"
    assert len(server.mails) == 1


def test_the_image_for_arm64_starts_under_an_emulator(builder: Builder, dist: Path) -> None:
    archive = dist / f"smtp-operator-{VERSION}.oci.tar"
    image = builder.pull(archive, f"{VERSION}-arm64", name=f"localhost/arm64:{VERSION}")

    assert _run(image, "--version", emulator="qemu-aarch64-static") == f"smtp-operator {VERSION}\n"


def _run(image: Image, *words: str, text: str = "", emulator: str = "") -> str:
    """Run the image's program in its root file system, under an emulator if one is named."""
    if emulator:
        shutil.copy(shutil.which(emulator) or emulator, image.root / "usr" / "bin")
    prefix = [emulator] if emulator else []
    variables = dict(it.split("=", 1) for it in image.config["Env"])
    done = subprocess.run(
        [shutil.which("chroot") or "/usr/sbin/chroot", "--userspec=65532:65532", image.root, *prefix,
         "/usr/bin/python3.13", "-m", "smtp_operator", *words],
        env=variables,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
