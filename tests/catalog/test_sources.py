"""Photos are read from where they may be, and from nowhere else."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from catalog.asset_store import MemoryAssetStore
from catalog.errors import SourceError, StoreUnavailable
from catalog.sources import CODES, Sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """shop/ with photos in it, and secrets beside it."""
    base = tmp_path / "shop"
    (base / "photos").mkdir(parents=True)
    (base / "a.jpg").write_bytes(b"photo a")
    (base / "photos" / "b|c.jpg").write_bytes(b"photo b")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "shop-secret").mkdir()
    (tmp_path / "shop-secret" / "x.jpg").write_bytes(b"secret")
    return base


def code_of(sources: Sources, reference: str) -> str:
    with pytest.raises(SourceError) as caught:
        sources.read(reference)
    assert caught.value.code in CODES
    assert str(caught.value).isprintable()
    return caught.value.code


@pytest.mark.parametrize(
    ("reference", "data"),
    [
        ("a.jpg", b"photo a"),
        ("./a.jpg", b"photo a"),
        ("photos/../a.jpg", b"photo a"),
        ("photos//b|c.jpg", b"photo b"),
        ("photos\\b|c.jpg", b"photo b"),
    ],
)
def test_photos_below_the_manifest(folder: Path, reference: str, data: bytes) -> None:
    assert Sources(str(folder)).read(reference) == data


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("", "empty_reference"),
        (" \t", "empty_reference"),
        ("missing.jpg", "missing_file"),
        ("a.jpg/more", "missing_file"),
        ("nul\0.jpg", "missing_file"),
        ("\u202egpj.a", "missing_file"),
        ("wrong bytes \udcff.jpg", "missing_file"),
        ("half \ud800.jpg", "missing_file"),
        ("x" * 5000, "missing_file"),
        ("x/" * 5000, "missing_file"),
        ("photos", "not_a_file"),
        (".", "not_a_file"),
        ("..", "outside_root"),
        ("../secret.jpg", "outside_root"),
        ("../shop-secret/x.jpg", "outside_root"),
        ("..\\secret.jpg", "outside_root"),
        ("photos/../../secret.jpg", "outside_root"),
        ("../../../../../../../../etc/passwd", "outside_root"),
        ("../no-such-file", "outside_root"),
        ("/etc/passwd", "outside_root"),
        ("/no/such/file", "outside_root"),
        ("/dev/zero", "outside_root"),
        ("/proc/self/environ", "outside_root"),
        ("//etc/passwd", "outside_root"),
        ("http://example.com/a.jpg", "url_not_allowed"),
        ("HTTPS://example.com/a.jpg", "url_not_allowed"),
        ("ftp://example.com/a.jpg", "url_not_allowed"),
        ("file:///etc/passwd", "url_not_allowed"),
        ("data:image/png;base64,AAAA", "url_not_allowed"),
        ("s3://bucket/a.jpg", "outside_root"),
    ],
)
def test_references_that_are_refused(folder: Path, reference: str, code: str) -> None:
    assert code_of(Sources(str(folder)), reference) == code


def test_absolute_paths_need_a_root(folder: Path) -> None:
    inside, outside = str(folder / "a.jpg"), str(folder.parent / "secret.jpg")
    assert Sources(str(folder)).read(inside) == b"photo a"
    assert code_of(Sources(str(folder)), outside) == "outside_root"
    allowed = Sources(str(folder / "photos"), roots=[str(folder.parent)])
    assert allowed.read(outside) == b"secret"
    assert allowed.read("../../secret.jpg") == b"secret"


def test_links_may_not_lead_out(folder: Path) -> None:
    (folder / "inside.jpg").symlink_to(folder / "a.jpg")
    (folder / "outside.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "elsewhere").symlink_to(folder.parent)
    (folder / "broken.jpg").symlink_to(folder / "none.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    sources = Sources(str(folder))
    assert sources.read("inside.jpg") == b"photo a"
    assert code_of(sources, "outside.jpg") == "outside_root"
    assert code_of(sources, "elsewhere/secret.jpg") == "outside_root"
    assert code_of(sources, "broken.jpg") == "missing_file"
    assert code_of(sources, "loop.jpg") == "unreadable"
    assert Sources(str(folder), roots=[str(folder.parent)]).read("outside.jpg") == b"secret"


def test_a_chain_of_links_has_an_end(folder: Path) -> None:
    (folder / "5000").write_bytes(b"x")
    for number in range(5000):
        (folder / f"{number}").symlink_to(f"{number + 1}")
    assert code_of(Sources(str(folder)), "0") == "unreadable"
    assert Sources(str(folder)).read("4990") == b"x"


def test_links_that_turn_while_it_is_read(folder: Path) -> None:
    """Whatever a name leads to from one moment to the next, nothing outside is read."""
    inside, outside, current = folder / "photos", folder.parent / "shop-secret", folder / "current"
    (inside / "x.jpg").write_bytes(b"photo")
    current.symlink_to(inside)
    ended = threading.Event()

    def turn() -> None:
        while not ended.is_set():
            for target in (outside, inside):
                (folder / "next").symlink_to(target)
                (folder / "next").rename(current)

    turning = threading.Thread(target=turn)
    turning.start()
    sources, found = Sources(str(folder)), set()
    try:
        for _ in range(3000):
            try:
                found.add(sources.read("current/x.jpg"))
            except SourceError as error:
                found.add(error.code.encode())
    finally:
        ended.set()
        turning.join()
    assert found == {b"photo", b"outside_root"}


def test_a_root_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert Sources(str(tmp_path / "link")).read("a.jpg") == b"photo a"
    assert Sources(str(tmp_path / "shop-secret"), roots=[str(tmp_path / "link")]).read(
        str(tmp_path / "link" / "a.jpg")
    ) == (b"photo a")


def test_only_regular_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(folder)  # the path of a socket must be short
        listener.bind("socket.jpg")
        sources = Sources(str(folder), roots=["/dev"])
        assert code_of(sources, "pipe.jpg") == "not_a_file"
        assert code_of(sources, "socket.jpg") == "not_a_file"
    assert code_of(sources, "/dev/zero") == "not_a_file"
    assert code_of(sources, "/dev/null") == "not_a_file"


def test_large_files_are_refused_before_reading(folder: Path) -> None:
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(10**12)  # sparse: takes no room on the disk
    assert code_of(Sources(str(folder)), "huge.jpg") == "too_many_bytes"
    assert Sources(str(folder), max_bytes=7).read("a.jpg") == b"photo a"
    assert code_of(Sources(str(folder), max_bytes=6), "a.jpg") == "too_many_bytes"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_unreadable(folder: Path) -> None:
    (folder / "a.jpg").chmod(0)
    assert code_of(Sources(str(folder)), "a.jpg") == "unreadable"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_refusals_leave_no_file_open(folder: Path) -> None:
    sources = Sources(str(folder), max_bytes=6)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        code_of(sources, "a.jpg")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def store() -> MemoryAssetStore:
    store = MemoryAssetStore("shop")
    store.ensure_bucket()
    store.put("feed/a.jpg", b"photo a", "image/jpeg")
    store.put("feed-secret/x.jpg", b"secret", "image/jpeg")
    other = store.in_bucket("other")
    other.ensure_bucket()
    other.put("b.jpg", b"photo b", "image/jpeg")
    return store


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("none.jpg", "missing_file"),
        ("s3://shop/feed/none.jpg", "missing_file"),
        ("../feed-secret/x.jpg", "outside_root"),
        ("s3://shop/feed-secret/x.jpg", "outside_root"),
        ("s3://shop/feed/../feed-secret/x.jpg", "outside_root"),
        ("s3://other/b.jpg", "outside_root"),
        ("/etc/passwd", "outside_root"),
        ("s3://shop/feed/", "missing_file"),
        ("s3://shop/feed/ ", "missing_file"),
        ("http://example.com/a.jpg", "url_not_allowed"),
    ],
)
def test_a_bucket_is_fenced_like_a_folder(store: MemoryAssetStore, reference: str, code: str) -> None:
    sources = Sources("s3://shop/feed/", store=store)
    assert sources.read("a.jpg") == sources.read("s3://shop/feed/a.jpg") == b"photo a"
    assert code_of(sources, reference) == code


def test_a_root_opens_another_bucket(store: MemoryAssetStore, folder: Path) -> None:
    sources = Sources(str(folder), roots=["s3://other", "s3://gone"], store=store, max_bytes=7)
    assert sources.read("s3://other/b.jpg") == b"photo b"
    assert code_of(sources, "s3://otherwise/b.jpg") == "outside_root"
    assert code_of(sources, "s3://gone/b.jpg") == "missing_file"
    small = Sources(str(folder), roots=["s3://other"], store=store, max_bytes=6)
    assert code_of(small, "s3://other/b.jpg") == "too_many_bytes"
    assert code_of(Sources(str(folder), roots=["s3://other"]), "s3://other/b.jpg") == "unreadable"


def test_a_store_in_trouble_is_not_the_photos_fault() -> None:
    class Down(MemoryAssetStore):
        def in_bucket(self, bucket: str) -> Down:
            return self

        def get(self, key: str, *, limit: int | None = None) -> bytes:
            raise StoreUnavailable(f"down: {key} {limit}")

    with pytest.raises(StoreUnavailable):
        Sources("s3://shop/", store=Down()).read("a.jpg")


def test_threads_share_one_reader(folder: Path) -> None:
    sources = Sources(str(folder))
    wrong: list[str] = []

    def read() -> None:
        for _ in range(200):
            if sources.read("a.jpg") != b"photo a" or code_of(sources, "../x") != "outside_root":
                wrong.append("a thread read something else")

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
