"""Files are held before they are looked at, and looked at before they are opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.files import open_regular, pinned, read_regular


def test_what_was_looked_at_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"looked at")
    (tmp_path / "b").write_bytes(b"put in its place")
    with pinned(str(path)) as found:
        (tmp_path / "b").rename(path)
        with found.open() as file:
            assert file.read() == b"looked at"


def test_its_place_is_free_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path)
    with pinned(str(tmp_path / "link" / "link" / "a")) as found:
        assert (found.place, found.is_regular) == (str(tmp_path.resolve() / "a"), True)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, name: str) -> None:
    path = Path("/dev/zero") if name == "device" else tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(OSError, match="no regular file"):
        open_regular(str(path))
    with pytest.raises(OSError, match="no regular file"):
        read_regular(path, 10)


def test_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1234")
    assert read_regular(path, 4) == b"1234"
    with pytest.raises(OSError, match="more than 3 bytes"):
        read_regular(path, 3)
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(path, 4)


def test_files_without_a_size_are_bounded_too() -> None:
    """In /proc a file says that it has no bytes, and has as many as it likes."""
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(Path("/proc/self/maps"), 4)
