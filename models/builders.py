"""From a builder's name to a network that answers in the common raw form.

A network's `forward` takes a normalised float32 batch (N, 3, H, W) and returns a dict by task: "classify"
logits (N, labels); "segment" logits (N, 1 + labels, h, w) over the input, channel 0 background; "embed" (N,
width); "detect" a list of N dicts with boxes (k, 4) left, top, right, bottom in input pixels, scores (k,)
and labels (k,) int64, indices into the spec's labels. `tagmill:facts` alone is no network: its module is a table, and
`models.facts.describer` computes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from models.classifier import classifier_draft
from models.detector import detector_draft, ssdlite_draft
from models.draft import Draft, whole
from models.errors import BuilderError
from models.segmenter import smp_draft, torchvision_segmenter_draft
from models.spec import TORCHVISION, ModelSpec
from models.torchvision_models import family_of

STARTER_LABELS = 10
"""Product types of the starter pack, where its specs name none: mask and embedding alone."""


def make_draft(specs: Sequence[ModelSpec]) -> Draft:
    """The network of specs that share one (see `may_share`), without weights unless torchvision brings them.

    Raises:
        BuilderError: no such builder, or it does not serve the specs' tasks.
        WeightsError: torchvision's weights cannot be fetched or do not belong to the builder.
    """
    first = specs[0]
    kind, _, name = first.builder.partition(":")
    if kind == "tagmill":
        return _tagmill(name, specs)
    if kind == "smp":
        return smp_draft(name, first)
    family = family_of(name)
    _check_task(specs, ("classify", "embed") if family == "classify" else (family,))
    if family == "detect":
        return detector_draft(name, first)
    if family == "segment":
        return torchvision_segmenter_draft(name, first)
    return classifier_draft(name, specs)


def build_network(specs: Sequence[ModelSpec]) -> nn.Module:
    """The network in eval mode, its weights random. For tests and benchmarks. Raises BuilderError."""
    return make_draft(specs).finish().eval()


def may_share(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether one pass of one network can serve both: same weights, same input, same outputs."""
    if _identity(one) != _identity(other):
        return False
    if not one.builder.startswith(TORCHVISION) or "embed" in (one.task, other.task):
        return True
    return one.task == other.task and _outputs(one) == _outputs(other)


def _identity(spec: ModelSpec) -> tuple[object, ...]:
    return (
        spec.builder,
        spec.weights,
        spec.sha256,
        spec.preprocessing,
        spec.options.encoder,
        spec.options.builder,
    )


def _outputs(spec: ModelSpec) -> tuple[object, ...]:
    return (len(spec.labels), spec.options.num_classes, spec.options.class_ids)


def _check_task(specs: Sequence[ModelSpec], served: tuple[str, ...]) -> None:
    for spec in specs:
        if spec.task not in served:
            raise BuilderError(f"{spec.key}: {spec.builder} does {' and '.join(served)}, not {spec.task}")


def _tagmill(name: str, specs: Sequence[ModelSpec]) -> Draft:
    if name == "ssdlite":
        _check_task(specs, ("detect",))
        return ssdlite_draft(specs[0])
    if name == "facts":
        from models.facts.colours import ColourTable

        _check_task(specs, ("describe",))
        return whole(ColourTable())
    # Imported here: the starter pack is no burden to those who do not use it.
    if name == "u2netp":
        from models.starter.u2netp import u2netp_network

        _check_task(specs, ("segment",))
        return whole(u2netp_network(specs[0].labels))
    from models.starter.network import starter_network

    _check_task(specs, ("classify", "detect", "segment", "embed"))
    named = [spec.labels for spec in specs if spec.task in ("classify", "detect")]
    if any(len(labels) != len(named[0]) for labels in named):
        raise BuilderError(f"{specs[0].builder}: all heads need the same number of labels")
    count = specs[0].options.num_classes or STARTER_LABELS
    return whole(starter_network(named[0] if named else [str(k) for k in range(count)]))
