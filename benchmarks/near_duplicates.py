"""Near-duplicates of known photos among photos that look alike: precision, and recall by what was done to the photo.

`python -m benchmarks.near_duplicates [--quick] [--photos DIR]`. Copies are made of photos below DIR (default: shelves
composed from the starter pack's sample); the rest of DIR and the sample's 1,200 products, many of them shirts that
differ in little, must not be paired. Every file goes through decoder, networks, Postgres and `tagmill duplicates find`.
"""

from __future__ import annotations

import argparse
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
import torch
from PIL import Image, ImageEnhance

from benchmarks.rows import Row, print_rows
from benchmarks.scratch import scratch
from catalog import near_duplicates, results
from catalog.arrays import as_literals
from catalog.outcomes import ItemKey, Stored
from models.decode import decode
from models.photo import Sides
from models.predictions import Prediction
from models.predictor import load_predictors
from models.starter.pack import starter_specs
from models.starter.sample import load_sample
from models.starter.shelf import compose
from tests.catalog.shop import add_images, add_version
from workers.batching import batched

ORIGINALS, QUICK_ORIGINALS = 150, 40
OTHERS, QUICK_OTHERS = 1200, 400
PHOTOS = 64


@dataclass(frozen=True, slots=True)
class File:
    """A photo's bytes; those of one `original` are near-duplicates, and `kind` says how it was made from that."""

    data: bytes
    original: int
    kind: str


def _jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _cropped(image: Image.Image, share: float) -> Image.Image:
    """Without this share of each side, taken unevenly: half as much left and above as right and below."""
    width, height = image.size
    near, far = share * 2 / 3, share * 4 / 3
    box = (width * near, height * near, width * (1 - far), height * (1 - far))
    return image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))


def _hue(image: Image.Image, turn: int) -> Image.Image:
    values = np.array(image.convert("HSV"))
    values[..., 0] += np.uint8(turn)
    return Image.fromarray(values, mode="HSV").convert("RGB")


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "recompressed, quality 40": lambda image: _jpeg(image, 40),
    "recompressed, quality 15": lambda image: _jpeg(image, 15),
    "resized to a half": lambda image: _jpeg(image.resize((image.width // 2, image.height // 2))),
    "cropped by 1 % a side": lambda image: _jpeg(_cropped(image, 0.01)),
    "cropped by 2 % a side": lambda image: _jpeg(_cropped(image, 0.02)),
    "cropped by 5 % a side": lambda image: _jpeg(_cropped(image, 0.05)),
    "recoloured, brighter": lambda image: _jpeg(ImageEnhance.Brightness(image).enhance(1.25)),
    "recoloured, grey": lambda image: _jpeg(image.convert("L")),
    "recoloured, hue by 30°": lambda image: _jpeg(_hue(image, 21)),
}


def files(folder: Path | None, quick: bool) -> list[File]:
    """Originals with their copies, then what is like none of them."""
    count, others = (QUICK_ORIGINALS, QUICK_OTHERS) if quick else (ORIGINALS, OTHERS)
    sample = load_sample()
    if folder:
        paths = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
        )
        order = np.random.default_rng(0).permutation(len(paths))[: count + others]
        real = [Image.open(paths[k]).convert("RGB") for k in order]
    else:
        real = [
            Image.fromarray(compose(sample.photos, sample.labels, 70_000 + n).pixels) for n in range(count)
        ]
    found = []
    for n, image in enumerate(real):
        found.append(File(_jpeg(image, 95), n, "original"))
        if n < count:
            found += [File(copy(image), n, kind) for kind, copy in COPIES.items()]
    tops = np.flatnonzero(np.isin(sample.labels, (0, 2, 4, 6)))  # shirts of all kinds first
    chosen = [*tops, *np.setdiff1d(np.arange(len(sample.photos)), tops)][:others]
    return found + [
        File(_jpeg(Image.fromarray(255 - sample.photos[k]).resize((256, 256)), 95), len(real) + n, "original")
        for n, k in enumerate(chosen)
    ]


def answers(some: Sequence[File]) -> Iterator[tuple[tuple[Prediction, ...], ...]]:
    """An embedding and facts of each file."""
    torch.set_num_threads(1)
    specs = [spec for spec in starter_specs() if spec.task in ("embed", "describe")]
    predictors = load_predictors(specs, {spec.weights: Path(spec.weights) for spec in specs})
    for batch in batched(some, PHOTOS):
        photos = [decode(file.data, sides=Sides(1, 256)) for file in batch]
        yield from zip(*(predictor.predict(photos) for predictor in predictors), strict=True)


def fill(engine: sa.Engine, some: Sequence[File]) -> dict[int, File]:
    """The files by the ids of their photos, stored with what the models say."""
    embedder = add_version(engine, "product-embedding", task="embed", labels=[])
    facts = add_version(engine, "photo-facts", task="describe", labels=[])
    ids = add_images(engine, len(some))
    for rows in batched([*zip(ids, answers(some), strict=True)], 500):
        with engine.begin() as connection:
            for image_id, ((embedding,), (fact,)) in rows:
                results.write(
                    connection,
                    [
                        Stored(ItemKey(image_id, embedder.id), embedding),
                        Stored(ItemKey(image_id, facts.id), fact),
                    ],
                )
    return dict(zip(ids, some, strict=True))


def measure(folder: Path | None, quick: bool) -> list[Row]:
    some = files(folder, quick)
    with scratch() as place:
        engine = as_literals(sa.create_engine(place.database()))
        known = fill(engine, some)
        near_duplicates.find(engine)
        with engine.connect() as connection:
            pairs = connection.execute(
                sa.text("SELECT image_id, other_id, group_id FROM near_duplicates")
            ).all()
        engine.dispose()
    right = [known[pair.image_id].original == known[pair.other_id].original for pair in pairs]
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for pair in pairs:
        groups[pair.group_id] |= {pair.image_id, pair.other_id}
    pure = [len({known[photo].original for photo in group}) == 1 for group in groups.values()]
    group_of = {photo: number for number, group in groups.items() for photo in group}
    others = len(some) - sum(file.kind != "original" for file in some)
    told = f"{len(some):,} photos, {others:,} originals, {len(pairs):,} pairs, {len(groups):,} groups"
    return [
        Row("near-duplicates, precision of pairs", float(np.mean(right)), "", 0.99, at_least=True, note=told),
        Row("near-duplicates, precision of groups", float(np.mean(pure)), "", 0.99, at_least=True),
        *(_recall(kind, known, group_of) for kind in COPIES),
    ]


def _recall(kind: str, known: dict[int, File], group_of: dict[int, int]) -> Row:
    """Copies of a kind that are in the group of their original."""
    originals = {file.original: photo for photo, file in known.items() if file.kind == "original"}
    copies = [(photo, originals[file.original]) for photo, file in known.items() if file.kind == kind]
    found = [group_of.get(copy, -1) == group_of.get(original, -2) for copy, original in copies]
    return Row(f"recall, {kind}", float(np.mean(found)), "", None, at_least=True, note=f"of {len(copies)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer photos")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="real photos to copy")
    given = parser.parse_args()
    print_rows(measure(given.photos, given.quick))


if __name__ == "__main__":
    main()
