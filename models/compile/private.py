"""Packages are libraries: who writes one has this process run what he likes. So their folder is this user's alone."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


def keep_private(folder: Path) -> None:
    """Make the folder, for this user. One that others could write into is emptied first: its packages may be theirs.

    Raises OSError: it belongs to somebody else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(
                f"{folder} is not a folder of this user; remove it, or set TAGMILL_CACHE_DIR"
            ) from None
        if found.st_mode & 0o022:
            folder.chmod(0o700)
            for inside in folder.iterdir():
                shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
