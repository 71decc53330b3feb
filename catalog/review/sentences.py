"""The answer to "Why this tag?" in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.review.why import Opinion, Word


def sentence(label: str, word: Word | None, opinions: Sequence[Opinion]) -> str:
    """Who decided first, then what the models say."""
    models = "; ".join(_opinion(label, opinion) for opinion in opinions)
    if word is not None:
        said = "says it has" if word.accepted else "turned down"
        shown = "Shown" if word.accepted else "Not shown"
        person = (
            f"{shown}: {word.author} {said} {label} ({_moment(word.created_at)}), which beats every model"
        )
        return f"{person}. {models or f'No serving classifier gives {label}'}."
    if not opinions:
        return f"Not shown: no serving classifier gives {label}, and nobody has said it."
    return f"{'Shown' if any(opinion.shown for opinion in opinions) else 'Not shown'}: {models}."


def _opinion(label: str, opinion: Opinion) -> str:
    if not opinion.photos:
        return _unscored(label, opinion)
    best, many = opinion.photos[0], len(opinion.photos)
    photo = f"photo {best.image_id}" + (f", the best of {many}" if many > 1 else "")
    side = "which reaches" if opinion.shown else "below"
    text = f"{opinion.model} gives {label} {best.score:.3f} in {photo}, {side} {_cut_off(opinion)}"
    return text + (f"; the taxonomy maps {label} to {opinion.category}" if opinion.category else "")


def _unscored(label: str, opinion: Opinion) -> str:
    if not opinion.seen:
        return f"{opinion.model} has seen no photo of the product"
    return (
        f"{opinion.model} has seen {_count(opinion.seen, 'photo')} and has {label} not among the best labels"
    )


def _cut_off(opinion: Opinion) -> str:
    match opinion.threshold_of:
        case "label":
            owner = f"its own cut-off {opinion.threshold:.3f}"
        case "model":
            owner = f"the model's cut-off {opinion.threshold:.3f}"
        case _:
            owner = f"{opinion.threshold:.1f}, which counts where no cut-off is set"
    if opinion.target_precision is None or opinion.reviews is None:
        return owner
    return (
        f"{owner}, fitted for {opinion.target_precision:.0%} precision on {_count(opinion.reviews, 'review')}"
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
