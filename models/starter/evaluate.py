"""Held-out figures of the starter pack, from test photos that are not in the demo's sample.

    python -m models.starter.evaluate --fashion-mnist DIR --weights models/starter/weights

Needs `pycocotools`, which running the models does not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch.nn import functional as F

from models.starter.boxes import decode_detections
from models.starter.data import LABELS, ProductPhotos, load_fashion_mnist
from models.starter.features import folded, normalised
from models.starter.listing import letterbox
from models.starter.network import INPUT_SIZE, Maps, StarterNetwork
from models.starter.packing import STARTER, read_weights, write_metrics
from models.starter.sample import load_sample
from models.starter.shelf import ShelfPhoto, compose

BATCH = 8
SHELF_PHOTOS = 400
# Far from the seeds of training (numbers below a few thousand, drawn seeds aside) and of the demo.
SHELF_SEED = 90_000_000


def held_out(folder: Path | None) -> ProductPhotos:
    """The test split without the demo's sample."""
    source = load_fashion_mnist("test", folder)
    keep = np.setdiff1d(np.arange(len(source.photos)), load_sample().indices)
    return ProductPhotos(source.photos[keep], source.labels[keep])


def square(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """One grey photo (28, 28) as the network's input (256, 256, 3)."""
    grey = np.repeat(pixels[..., None], 3, axis=2)
    none = ShelfPhoto(
        grey, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(pixels.shape, np.uint8)
    )
    return letterbox(none, INPUT_SIZE).pixels


def run(
    network: StarterNetwork, inputs: Iterator[npt.NDArray[np.uint8]], count: int, name: str
) -> Iterator[Maps]:
    """The network's maps, batch by batch; prints progress."""
    started, done = time.monotonic(), 0
    while done < count:
        pixels = np.stack([next(inputs) for _ in range(min(BATCH, count - done))])
        with torch.inference_mode():
            yield network.maps(normalised(pixels))
        done += len(pixels)
        if done % 2000 < BATCH:
            left = (time.monotonic() - started) / done * (count - done)
            print(f"  {name}: {done}/{count}, {left:.0f} s left", flush=True)


def accuracy(network: StarterNetwork, source: ProductPhotos, *, inverted: bool) -> dict[str, float]:
    """The share of photos whose best label is right, in all and for each label."""
    photos = 255 - source.photos if inverted else source.photos
    inputs = (square(photo) for photo in photos)
    name = "inverted photos" if inverted else "photos"
    guesses = torch.cat(
        [maps.classify.argmax(dim=1) for maps in run(network, inputs, len(photos), name)]
    ).numpy()
    right = guesses == source.labels
    each = {label: float(right[source.labels == index].mean()) for index, label in enumerate(LABELS)}
    return {"all": float(right.mean()), **each}


def shelf_figures(
    network: StarterNetwork, source: ProductPhotos, count: int = SHELF_PHOTOS
) -> dict[str, Any]:
    """mAP and mIoU over composed photos. Boxes are compared at 256 pixels, masks at the photo's scale of 256 pixels."""
    photos = [letterbox(compose(*source, SHELF_SEED + index), INPUT_SIZE) for index in range(count)]
    found: list[dict[str, Any]] = []
    shared, either = np.zeros(2), np.zeros(2)
    inputs = (photo.pixels for photo in photos)
    start = 0
    for maps in run(network, inputs, count, "shelf photos"):
        raw = decode_detections(maps.detect)
        assert isinstance(raw, list)
        logits = F.interpolate(
            maps.segment, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False
        )
        guesses = logits.argmax(dim=1).numpy()
        for offset, (boxes, guess) in enumerate(zip(raw, guesses, strict=True)):
            found += coco_results(start + offset, boxes)
            truth = photos[start + offset].mask > 0
            for value in (0, 1):
                shared[value] += np.sum((guess == value) & (truth == value))
                either[value] += np.sum((guess == value) | (truth == value))
        start += len(raw)
    iou = shared / either
    return {
        **average_precision(photos, found),
        "miou": float(iou.mean()),
        "iou_background": float(iou[0]),
        "iou_product": float(iou[1]),
        "photos": count,
    }


def coco_results(photo: int, raw: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    """One photo's detections in COCO's form."""
    rows = zip(raw["boxes"].tolist(), raw["scores"].tolist(), raw["labels"].tolist(), strict=True)
    return [
        {
            "image_id": photo,
            "category_id": label,
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for box, score, label in rows
    ]


def average_precision(photos: list[ShelfPhoto], found: list[dict[str, Any]]) -> dict[str, float]:
    """COCO's mean average precision: at an overlap of 0.5, and over 0.5 to 0.95."""
    truth = COCO()
    annotations: list[dict[str, Any]] = []
    for index, photo in enumerate(photos):
        for box, label in zip(photo.boxes.tolist(), photo.labels.tolist(), strict=True):
            wide, tall = box[2] - box[0], box[3] - box[1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "category_id": label,
                    "bbox": [box[0], box[1], wide, tall],
                    "area": wide * tall,
                    "iscrowd": 0,
                }
            )
    truth.dataset = {
        "info": {},
        "images": [{"id": index} for index in range(len(photos))],
        "categories": [{"id": index, "name": label} for index, label in enumerate(LABELS)],
        "annotations": annotations,
    }
    if not found:
        return {"map50": 0.0, "map": 0.0}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        scoring = COCOeval(truth, truth.loadRes(found), "bbox")
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    return {"map50": float(scoring.stats[1]), "map": float(scoring.stats[0])}


def evaluate(weights: Path, folder: Path | None) -> dict[str, Any]:
    """All figures of the weights file `weights` / starter.safetensors."""
    network = StarterNetwork(len(LABELS))
    read_weights(network, weights / STARTER)
    network = folded(network)
    source = held_out(folder)
    figures: dict[str, Any] = {"shelf": shelf_figures(network, source)}
    print(f"  {figures}", flush=True)
    figures["classify"] = accuracy(network, source, inverted=False)
    print(f"  {figures['classify']}", flush=True)
    figures["classify_inverted"] = accuracy(network, source, inverted=True)
    figures["classify_photos"] = len(source.photos)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="folder with starter.safetensors")
    parser.add_argument("--fashion-mnist", type=Path, help="folder with the four gzipped IDX files")
    arguments = parser.parse_args()
    figures = evaluate(arguments.weights, arguments.fashion_mnist)
    write_metrics(arguments.weights, figures)
    print(figures)


if __name__ == "__main__":
    main()
