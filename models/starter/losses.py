"""What the detector and the mask are trained to say, and how wrong they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from models.starter.boxes import DetectMaps, cell_boxes, cell_centres

# A cell answers for a product when its centre lies in the middle of the product's box: within this share of its sides,
# and at least half a cell, so that small products have a cell as well.
CENTRE_SHARE = 0.22
CENTRE_LEAST = 4.5


class Assignment(NamedTuple):
    """For each cell: the product's box (N, cells, 4) and label (N, cells), -1 where there is none."""

    boxes: Tensor
    labels: Tensor


def assign(boxes: Tensor, labels: Tensor, height: int, width: int) -> Assignment:
    """Share out products (N, k, 4), labels (N, k) with -1 as filler, among the cells; the smaller product wins."""
    centres = cell_centres(height, width, boxes.device)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    sides = boxes[..., 2:] - boxes[..., :2]
    reach = (sides * CENTRE_SHARE).clamp(min=CENTRE_LEAST)
    near = ((centres[None, :, None] - middle[:, None]).abs() < reach[:, None]).all(dim=-1) & (
        labels[:, None] >= 0
    )
    area = sides.prod(dim=-1)[:, None].expand_as(near)
    area = torch.where(near, area, torch.full_like(area, torch.inf))
    smallest, owner = area.min(dim=-1)
    found = torch.isfinite(smallest)
    own_labels = torch.where(found, labels.gather(1, owner), torch.full_like(owner, -1))
    own_boxes = boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    return Assignment(own_boxes, own_labels)


def paired_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union (n,) of each box (n, 4) with the box of the same row."""
    shared = torch.minimum(one[:, 2:], other[:, 2:]) - torch.maximum(one[:, :2], other[:, :2])
    common = shared.clamp(min=0).prod(dim=1)
    areas = (one[:, 2:] - one[:, :2]).prod(dim=1) + (other[:, 2:] - other[:, :2]).prod(dim=1)
    return common / (areas - common).clamp(min=1e-6)


def detection_loss(maps: DetectMaps, boxes: Tensor, labels: Tensor) -> Tensor:
    """Quality focal loss (arXiv 2006.04388) for scores, generalised IoU loss for boxes."""
    kinds, height, width = maps.scores.shape[1:]
    target = assign(boxes, labels, height, width)
    logits = maps.scores.flatten(2).transpose(1, 2)
    positive = target.labels >= 0
    predicted = cell_boxes(maps.sides)[positive]
    wanted = target.boxes[positive]
    count = max(1, len(wanted))
    quality = torch.zeros_like(logits)
    if len(wanted):
        overlap = paired_iou(predicted.detach(), wanted)
        quality[positive] = F.one_hot(target.labels[positive], kinds).to(logits.dtype) * overlap[:, None]
    distance = (quality - logits.sigmoid()).detach().abs()
    scores = (
        F.binary_cross_entropy_with_logits(logits, quality, reduction="none") * distance**2
    ).sum() / count
    sides: Tensor = generalized_box_iou_loss(predicted, wanted, reduction="sum") / count
    return scores + sides


def mask_loss(logits: Tensor, share: Tensor) -> Tensor:
    """Cross-entropy and Dice for logits (N, 2, h, w) and the true share of product in each cell (N, h, w), 0 to 1."""
    wanted = torch.stack((1 - share, share), dim=1)
    entropy = F.cross_entropy(logits, wanted)
    product = logits.softmax(dim=1)[:, 1]
    common = (product * share).sum(dim=(1, 2))
    dice = 1 - (2 * common + 1) / (product.sum(dim=(1, 2)) + share.sum(dim=(1, 2)) + 1)
    return entropy + 0.5 * dice.mean()
