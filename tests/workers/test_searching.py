"""`tagmill search`, photos that are uploaded, and worker hosts that read texts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from catalog.search import indexing, near
from models.errors import PhotoError, TooManyPixels
from models.predictions import Box
from tests.catalog.searched import ANY, Thing, add, open_shop
from tests.catalog.shop import execute, rows
from workers.cli.main import app
from workers.reading import meaning
from workers.runtime import Runtime
from workers.seeing import BadBox, Seeing
from workers.settings import settings
from workers.setup import prepare


@pytest.fixture
def shop(runtime: Runtime) -> Runtime:
    """Two products, whose texts are not read yet."""
    settings.cache_clear()
    things = (Thing("A-1", "Red summer dress", "Acme", tags=(("Dress", 0.9),)), Thing("A-2", "Mug [bold]"))
    add(runtime.engine, open_shop(runtime.engine), *things)
    return runtime


def tagmill(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["search", *arguments], env={"COLUMNS": "200"})
    if code:
        assert isinstance(result.exception, Exception)
        return str(result.exception)
    assert result.exit_code == 0, result.output
    return result.stdout


def found(*arguments: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(tagmill(*arguments, "--json"))
    return result


def test_texts_are_read_and_found(shop: Runtime) -> None:
    assert json.loads(tagmill("index", "--json"))["texts"] >= 2
    assert [hit["sku"] for hit in found("red dress")["hits"]] == ["A-1"]
    assert [hit["sku"] for hit in found("evening gown", "--brand", "Acme")["hits"]] == ["A-1"]
    assert [hit["sku"] for hit in found("--size", "1")["hits"]] == ["A-2"]
    after = found("--size", "1")["after"]
    assert [hit["sku"] for hit in found("--size", "1", "--after", after)["hits"]] == ["A-1"]
    assert [hit["sku"] for hit in found("--like", "A-1")["hits"]] == ["A-2"]
    assert found("--facets")["facets"][0]["name"] == "tags"
    shown = tagmill("dress", "mug", "--facets")
    assert "Mug [bold]" in shown
    assert "title has 'dress'" in shown
    assert "tag: Dress (1)" in shown
    assert "score" not in shown
    assert "alike" in tagmill("--like", "A-1")
    more = tagmill("--size", "1")
    assert "there are more: --size 2 shows them" in more
    assert found("--size", "1")["after"] not in more


def test_the_help_shows_the_options_and_the_commands() -> None:
    shown = tagmill("--help")
    assert "--price-from" in shown
    assert "index" in shown


def test_without_words_the_newest_come(shop: Runtime) -> None:
    assert tagmill() == tagmill("find") == tagmill("")


def test_what_cannot_be_asked_is_told(shop: Runtime, tmp_path: Path) -> None:
    assert "choose one" in tagmill("red", "--like", "A-1", code=1)
    assert "--photo" in tagmill("--box", "1,2,3,4", code=1)
    assert "no box" in tagmill("--photo", str(photo_file(tmp_path)), "--box", "1,2", code=1)
    assert "cannot read" in tagmill("--photo", str(tmp_path / "none.jpg"), code=1)
    assert "'Z'" in tagmill("--like", "Z", code=1)
    assert "price_to" in tagmill("--price-to", "nan", code=1)
    assert "swap" in tagmill("--price-from", "50", "--price-to", "20", code=1)
    assert "'rouge'" in tagmill("--colour", "rouge", code=1)


def test_a_workers_task_reads_what_waits(shop: Runtime) -> None:
    from workers import tasks  # reads the settings when imported

    for cached in (tasks.runtime, tasks.text_embedder):
        cached.cache_clear()
    tasks.read_task()
    tasks.runtime().engine.dispose()
    tasks.runtime.cache_clear()
    with shop.engine.connect() as connection:
        assert not indexing.is_waiting(connection)
    assert rows(shop.engine, "SELECT count(*) FROM product_texts") == [(2,)]


def test_without_a_text_embedder_words_are_read_and_meaning_is_off(
    shop: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.text.PACKAGE", "not_installed")
    assert meaning(shop.settings) is None
    assert json.loads(tagmill("index", "--json"))["meaning"] is None
    assert [hit["sku"] for hit in found("red dress")["hits"]] == ["A-1"]
    monkeypatch.undo()


def photo(width: int = 64, height: int = 48, form: str = "JPEG") -> bytes:
    chance = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(chance).save(data, form)
    return data.getvalue()


def photo_file(folder: Path) -> Path:
    file = folder / "photo.jpg"
    file.write_bytes(photo())
    return file


def test_an_uploaded_photo_finds_itself(runtime: Runtime) -> None:
    prepare(runtime)
    seeing = Seeing(runtime)
    version, whole = seeing.embed_photo(photo())
    same, part = seeing.embed_photo(photo(), Box(-5, 0, 30, 1000))
    assert version == same
    assert np.linalg.norm(part) == pytest.approx(1.0, abs=1e-5)
    assert whole @ part < 0.999
    ids = add(runtime.engine, open_embedder(version), Thing("A"), Thing("B"))
    for product, vector in zip(ids, (whole, part), strict=True):
        execute(
            runtime.engine,
            """
            UPDATE embeddings e SET embedding = CAST(:vector AS vector) FROM product_images pi
            WHERE pi.image_id = e.image_id AND pi.product_id = :product
            """,
            vector=str(vector.tolist()),
            product=product,
        )
    with runtime.engine.connect() as connection:
        page = near(connection, version, whole, ANY)
    assert [hit.sku for hit in page.hits] == ["A", "B"]
    assert page.hits[0].score == pytest.approx(1.0, abs=1e-4)


def test_what_loads_for_a_photo_is_not_told(runtime: Runtime, tmp_path: Path) -> None:
    settings.cache_clear()
    prepare(runtime)
    assert tagmill("--photo", str(photo_file(tmp_path))) == "nothing was found\n"


def open_embedder(version: int) -> Any:
    from tests.catalog.searched import Versions

    return Versions(tags=version, vectors=version)


def test_uploads_that_are_no_photo(runtime: Runtime) -> None:
    prepare(runtime)
    seeing = Seeing(runtime)
    for data in (b"", b"not a photo", photo()[:200], b"<svg/>"):
        with pytest.raises(PhotoError):
            seeing.embed_photo(data)
    small = Seeing(Runtime(runtime.settings.model_copy(update={"max_pixels": 100})))
    with pytest.raises(TooManyPixels):
        small.embed_photo(photo())
    for box in (Box(0, 0, 3, 3), Box(60, 40, 10, 10), Box(500, 500, 900, 900), Box(0, 0, float("nan"), 9)):
        with pytest.raises(BadBox, match="left, top, right and bottom"):
            seeing.embed_photo(photo(), box)
