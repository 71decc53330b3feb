"""A lock file as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent
_HASH = re.compile(r"\s--hash=(\S+)")


@dataclass(frozen=True, slots=True)
class Locked:
    """One release of one package; `hashes` are `sha256:<hex>`, one a file that may be installed."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """Raises ValueError where it is not one release."""
        (only,) = self.requirement.specifier
        if only.operator != "==" or "*" in only.version:
            raise ValueError(f"{self.requirement} is not locked to one release")
        return only.version

    def holds(self, environment: dict[str, str]) -> bool:
        """Whether it is installed there; `environment` is of `packaging.markers`."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(environment)


def read(path: Path) -> list[Locked]:
    """The releases that a lock file names. Raises ValueError at a line that names none."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    return [_parse(line) for line in lines if line.strip() and not line.startswith("#")]


def _parse(line: str) -> Locked:
    return Locked(Requirement(_HASH.sub("", line).strip()), tuple(_HASH.findall(line)))
