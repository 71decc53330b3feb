"""What Tagmill is made of, as CycloneDX JSON: `python -m supply.sbom FILE`.

Every locked package with the hashes of its files, and what is bundled, hashed as it lies here. Licences are as packages
that are installed here state them.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from supply.locked import FOLDER, Locked, read

ROOT = FOLDER.parent


def document() -> str:
    """The whole list. Raises ValueError where it is no valid CycloneDX."""
    bom = Bom(components=[*map(_package, read(FOLDER / "requirements.lock")), *_bundled()])
    bom.metadata.component = whole = _whole()
    bom.register_dependency(whole, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if trouble := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"no valid CycloneDX: {trouble}")
    return text


def _whole() -> Component:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )


def _package(locked: Locked) -> Component:
    url = PackageURL("pypi", name=locked.name, version=locked.version)
    stated = _licence(locked.name)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(url)),
        hashes=[HashTypeFactory().from_composite_str(one) for one in locked.hashes],
    )
    where = Property(name="tagmill:where", value=str(locked.requirement.marker or "everywhere"))
    return Component(
        name=locked.name,
        version=locked.version,
        purl=url,
        bom_ref=str(url),
        licenses=[LicenseFactory().make_from_string(stated)] if stated else [],
        external_references=[files],
        properties=[where],
    )


def _licence(name: str) -> str | None:
    """As SPDX where the package says so, else in its own words; None where it says nothing, or is not here."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    classifiers = [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    found = [*(about.get_all("License-Expression") or []), *(about.get_all("License") or []), *classifiers]
    short = [one for one in found if "\n" not in one and len(one) < 100 and one != "UNKNOWN"]
    return short[0].rpartition(" :: ")[2] if short else None


def _bundled() -> Iterator[Component]:
    for part in tomllib.loads((FOLDER / "bundled.toml").read_text())["part"]:
        data = (ROOT / part["file"]).read_bytes()
        yield Component(
            name=part["name"],
            version=part["version"],
            type=ComponentType(part["kind"]),
            description=part["about"],
            bom_ref=part["file"],
            hashes=[HashTypeFactory().from_composite_str(f"sha256:{hashlib.sha256(data).hexdigest()}")],
            licenses=[LicenseFactory().make_from_string(part["licence"])],
            properties=[Property(name="tagmill:file", value=part["file"])],
        )


def main(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document() + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
