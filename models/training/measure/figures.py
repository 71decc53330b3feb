"""The figures by name: what people call each one, what it says, and which way is better. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.training.samples import TrainableTask

HEADLINE: dict[TrainableTask, str] = {"classify": "top1", "detect": "map50", "segment": "miou"}
"""The one figure by which a model of the task is chosen and judged."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`share` figures lie between 0 and 1; of `falling` ones, less is better (None: neither way is)."""

    title: str
    says: str
    share: bool = True
    falling: bool | None = False


FIGURES: dict[str, Figure] = {
    "top1": Figure("Top-1 accuracy", "photos whose best label is right"),
    "top5": Figure("Top-5 accuracy", "photos whose right label is among the best five"),
    "macro_precision": Figure("Macro precision", "how often a label is right when it is given, mean over labels"),
    "macro_recall": Figure("Macro recall", "how many of a label's photos get it, mean over labels"),
    "macro_f1": Figure("Macro F1", "precision and recall in one, mean over labels"),
    "nll": Figure("Log loss", "what the right label's score leaves to be desired", share=False, falling=True),
    "nll_calibrated": Figure("Log loss, calibrated", "the same after the temperature", share=False, falling=True),
    "ece": Figure("Calibration error", "mean gap between score and truth, 15 bins", falling=True),
    "ece_calibrated": Figure("Calibration error, calibrated", "the same after the temperature", falling=True),
    "map50": Figure("mAP@.5", "COCO's average precision at an overlap of 0.5, mean over labels", share=False),
    "map": Figure("mAP@[.5:.95]", "COCO's average precision over ten overlaps, mean over labels", share=False),
    "map75": Figure("mAP@.75", "the same at an overlap of 0.75", share=False),
    "map_small": Figure("mAP, small", "@[.5:.95], objects below 32 × 32 pixels", share=False),
    "map_medium": Figure("mAP, medium", "@[.5:.95], objects up to 96 × 96 pixels", share=False),
    "map_large": Figure("mAP, large", "@[.5:.95], larger objects", share=False),
    "map50_any": Figure("mAP@.5, any label", "how well objects are found, whatever they are called", share=False),
    "precision": Figure("Precision", "boxes above the threshold that lie on an object of their label"),
    "recall": Figure("Recall", "objects with such a box"),
    "f1": Figure("F1", "precision and recall in one, at the threshold"),
    "found": Figure("Found at all", "objects with a box above the threshold, whatever its label"),
    "right_label": Figure("Right label", "of the objects found, those whose box has the right label"),
    "best_f1": Figure("Best F1", "at the threshold where it is highest"),
    "best_threshold": Figure("Best threshold", "the score at which F1 is highest", share=False, falling=None),
    "miou": Figure("mIoU", "intersection over union of pixels, mean over labels and background", share=False),
    "miou_labels": Figure("mIoU of the labels", "the same without background", share=False),
    "mdice": Figure("mDice", "Dice coefficient of pixels, mean over labels and background", share=False),
    "mdice_labels": Figure("mDice of the labels", "the same without background", share=False),
    "pixels": Figure("Pixel accuracy", "pixels with the right label"),
    "photo_iou": Figure("IoU a photo", "mean over the labels in a photo, mean over photos", share=False),
    "boxes_precision": Figure("Box precision", "regions of the mask that fit a box people drew, at an overlap of 0.5"),
    "boxes_recall": Figure("Box recall", "boxes people drew that such a region fits"),
    "boxes_iou": Figure("Box overlap", "IoU of people's boxes with their region, 0 without one; mean", share=False),
    "unanswered": Figure("Without an answer", "photos whose output was not finite; they count as wrong", falling=True),
}  # fmt: skip
