"""What stops a backup or a restore."""

from __future__ import annotations

from catalog.errors import CatalogError


class BackupError(CatalogError):
    """Do what the message says, then run the same command again: it goes on where it stopped."""
