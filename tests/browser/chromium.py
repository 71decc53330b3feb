"""Which browser the tests drive: the machine's own Chromium, none that is downloaded."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoBrowser(RuntimeError):
    """Install it: `apt-get install chromium`, or `make chromium` as root."""


def launch(playwright: Playwright) -> Browser:
    """Raises NoBrowser."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowser(f"none of {', '.join(NAMES)} is on the PATH: `apt-get install chromium` (as root)")
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
