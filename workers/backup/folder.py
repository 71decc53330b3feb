"""The folder of a backup.

backup.json       the manifest: removed first, written last; without it the backup is unfinished
database.dump     made by pg_dump
objects.txt       the keys that its rows name, each with its size where the row tells it
objects/<key>     added, never changed
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from workers.backup.errors import BackupError
from workers.backup.manifest import FORMAT, Manifest

DUMP, KEYS = "database.dump", "objects.txt"


class BackupFolder:
    """One backup, refreshed in place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects = path / "objects"
        self.partial = path / ".partial"  # on the same disk, so that a rename moves a file there whole
        self._mark = path / ".tagmill-backup"
        self._manifest = path / "backup.json"

    def manifest(self) -> Manifest:
        """What the newest finished backup holds. Raises BackupError where there is none, or a stranger's."""
        try:
            said = json.loads(self._manifest.read_bytes())
            if said["format"] > FORMAT:
                raise BackupError(
                    f"{self.path} was written by a newer release ({said['tagmill']}); install that"
                )
            return Manifest.model_validate(said)
        except (FileNotFoundError, NotADirectoryError):
            raise self._no_manifest() from None
        except OSError as error:
            raise BackupError(f"cannot read {self._manifest}: {error.strerror}") from error
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise BackupError(
                f"{self._manifest} is damaged; take a new backup, or restore another one"
            ) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for one backup at a time. Raises BackupError where it is not ours or not free."""
        try:
            self._check_ours()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._mark.open("w") as mark:
                _lock(mark, self.path)
                self._manifest.unlink(missing_ok=True)
                shutil.rmtree(self.partial, ignore_errors=True)  # of a backup that was killed
                self.partial.mkdir(mode=0o700)
                yield
                self.partial.rmdir()
        except OSError as error:
            raise BackupError(f"cannot write to {self.path}: {error}") from error

    def finish(self, manifest: Manifest, made: dict[str, Path]) -> None:
        """Put the files `made` (name → where each is now) in place, then the manifest that vouches for them."""
        for name in (DUMP, KEYS):
            (self.path / name).unlink(missing_ok=True)
        for name, path in made.items():
            path.chmod(0o600)  # the secrets of webhooks are in it, and the folder may have been there before
            path.replace(self.path / name)
        os.sync()  # the manifest must not reach the disk before what it vouches for
        fresh = self.partial / "backup.json"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(manifest.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._manifest)

    def _check_ours(self) -> None:
        if self._mark.exists() or self._manifest.exists() or not self.path.exists():
            return
        if any(self.path.iterdir()):
            raise BackupError(f"{self.path} holds other things; name a new or an empty folder")

    def _no_manifest(self) -> BackupError:
        if self._mark.exists():
            return BackupError(
                f"the backup in {self.path} is unfinished; run `tagmill backup {self.path}` again, it goes on"
            )
        return BackupError(f"there is no backup in {self.path}; make one with `tagmill backup FOLDER`")


def _lock(mark: IO[str], folder: Path) -> None:
    """Given back by the kernel when the process ends, in whichever way."""
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupError(f"another backup is writing to {folder}; wait for it to end") from None
