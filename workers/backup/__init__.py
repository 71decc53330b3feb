"""Backup and restore: the database in one consistent snapshot, and the objects that its rows name.

An object is stored before the row that names it is committed. So a backup takes the database first and the
objects after, and a restore puts the objects first and the database after.
"""

from __future__ import annotations

from workers.backup.errors import BackupError
from workers.backup.restore import Restored, restore
from workers.backup.take import Taken, take

__all__ = ["BackupError", "Restored", "Taken", "restore", "take"]
