# SPDX-License-Identifier: Apache-2.0
"""The SBOM of an image: a CycloneDX document with one component per wheel and per package of its base."""

import hashlib
import uuid
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL


def sbom(
    ours: Path, others: Iterable[Path], *, base: Iterable[Component] = (), time: int | None = None
) -> str:
    """Return the document as JSON.

    Args:
        ours: the wheel of the application.
        others: the wheels that it needs.
        base: packages of the base image.
        time: seconds since the epoch; with it, the same input gives the same document. None: now.
    """
    application = _component(ours, ComponentType.APPLICATION)
    parts = [*(_component(wheel, ComponentType.LIBRARY) for wheel in sorted(others)), *base]
    bom = Bom()
    if time is not None:
        hashes = "".join(str(it.hashes) for it in (application, *parts))
        bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{application.bom_ref.value} {hashes}")
        bom.metadata.timestamp = datetime.fromtimestamp(time, UTC)
    bom.metadata.component = application
    bom.components.update(parts)
    bom.register_dependency(application, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _component(wheel: Path, kind: ComponentType) -> Component:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (
            it for it in archive.namelist() if it.endswith(".dist-info/METADATA") and it.count("/") == 1
        )
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    purl = PackageURL("pypi", name=metadata["Name"].lower().replace("_", "-"), version=metadata["Version"])
    licence = metadata["License-Expression"] or metadata["License"]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Component(
        type=kind,
        name=metadata["Name"],
        version=metadata["Version"],
        description=metadata["Summary"],
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=[LicenseFactory().make_from_string(licence.splitlines()[0])] if licence else [],
    )
