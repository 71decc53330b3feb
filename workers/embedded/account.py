"""Who the servers run as.

An ordinary user runs them himself. Postgres refuses to run as root, so root lends them to an account
without rights: the owner of an existing data folder, else `nobody`. Their data folders belong to it.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.errors import ServiceError
from workers.embedded.home import Home


@dataclass(frozen=True, slots=True)
class Account:
    """A user id and its group id."""

    uid: int
    gid: int

    def owns(self, folder: Path) -> None:
        """Makes the folder if need be, for this account alone (mode 700)."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def give(self, file: Path) -> None:
        os.chown(file, self.uid, self.gid)

    def reaches(self, paths: Iterable[Path]) -> bool:
        """True when mode bits let the account read and enter each path and pass every folder above it."""
        for path in (path.resolve() for path in paths):
            if not self._allowed(path, 0o5) or not all(self._allowed(above, 0o1) for above in path.parents):
                return False
        return True

    def _allowed(self, path: Path, wanted: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return stat.S_IMODE(found.st_mode) >> shift & wanted == wanted


def for_servers(home: Home) -> Account:
    """The account that runs the servers of this folder.

    Raises `ServiceError` when the data belongs to somebody else, or root finds no account to lend them to.
    """
    existing = home.data("postgres")
    owner = existing.stat() if existing.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise ServiceError(
                f"{existing} belongs to user id {owner.st_uid} (root made it?). Run as the user who made it, "
                "or set TAGMILL_HOME to another folder."
            )
        return Account(os.geteuid(), os.getegid())
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError(
            "Postgres does not run as root, and there is no user `nobody` to run it as. "
            "Run as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)
