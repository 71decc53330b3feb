"""Backup and restore: the database first, then the objects that its rows name."""

from workers.backup.objects import Copied
from workers.backup.whole import load, save

__all__ = ["Copied", "load", "save"]
