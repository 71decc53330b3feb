"""Something done now and then, for as long as the process lives."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Periodic(threading.Thread):
    """Calls `action` now and then every `seconds`, for as long as the process lives; an error is logged."""

    def __init__(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._seconds = seconds
        self._action = action
        self._stop_event = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self._action()
            except Exception as error:  # noqa: BLE001 - a service that is away now may be back at the next turn
                log.warning("periodic action failed", action=self.name, error=str(error))
            if self._stop_event.wait(self._seconds):
                return

    def stop(self) -> None:
        self._stop_event.set()
