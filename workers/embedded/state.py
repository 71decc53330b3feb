"""Ports and passwords, made once and kept in the data folder, so that every process finds the same."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field

from workers.embedded.errors import ServiceError
from workers.embedded.home import Home, write_private


@dataclass(slots=True)
class State:
    """What a restart must find again. Change it through `remember_port`, which also writes the file."""

    home: Home
    secrets: dict[str, str]
    ports: dict[str, int]
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, home: Home) -> State:
        """Reads the file, or makes new passwords when there is none. Raises `ServiceError` if unreadable."""
        try:
            stored = json.loads(home.state_file.read_text(encoding="utf-8"))
            state = cls(
                home, dict(stored["secrets"]), {name: int(port) for name, port in stored["ports"].items()}
            )
        except FileNotFoundError:
            state = cls(home, {}, {})
        except PermissionError as error:
            raise ServiceError(
                f"{home.state_file} belongs to another user. Run as that user, "
                "or set TAGMILL_HOME to another folder."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServiceError(
                f"{home.state_file} is damaged. Restore it from a backup, or copy the ports and passwords in "
                f"{home.env_file} to it."
            ) from error
        for name in ("postgres", "redis", "s3_access", "s3", "messages"):
            # Hex only: it needs no quoting in a URL, a configuration file or SQL.
            state.secrets.setdefault(name, secrets.token_hex(10 if name == "s3_access" else 20))
        return state

    def save(self) -> None:
        write_private(
            self.home.state_file, json.dumps({"secrets": self.secrets, "ports": self.ports}, indent=1)
        )

    def remember_port(self, service: str, port: int) -> None:
        """Kept before the server starts, so that a crash in between does not lose it."""
        with self._guard:
            self.ports[service] = port
            self.save()
