"""Who may write compiled packages may run code, so nobody else may."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from models.builders import build_network
from models.compile import Compiler
from models.compile.private import keep_private
from models.predictor import Predictor


def test_the_folder_is_this_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep_private(tmp_path / "cache" / "compiled")
    finally:
        os.umask(before)
    assert (tmp_path / "cache" / "compiled").stat().st_mode & 0o777 == 0o700


def test_what_lay_in_a_folder_that_others_could_write_is_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    (folder / "abc").mkdir(parents=True)
    (folder / "abc" / "network.pt2").write_bytes(b"theirs")
    (folder / "link").symlink_to(tmp_path)
    folder.chmod(0o777)
    keep_private(folder)
    assert not list(folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "abc").mkdir()
    keep_private(folder)
    assert (folder / "abc").exists()


@pytest.mark.parametrize("what", ["link", "file"])
def test_a_folder_that_is_none_is_left_alone_and_networks_run_eager(
    tmp_path: Path, make_spec: Any, what: str
) -> None:
    folder, theirs = tmp_path / "compiled", tmp_path / "theirs"
    theirs.mkdir()
    folder.symlink_to(theirs) if what == "link" else folder.write_bytes(b"")
    spec = make_spec()
    verdict = Compiler(folder).speed_up(Predictor([spec], build_network([spec])), {})
    assert verdict.form == "eager"
    assert "not a folder of this user" in verdict.reason
    assert not list(theirs.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_a_package_of_somebody_else_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(PermissionError, match="not a folder of this user"):
        keep_private(folder)
