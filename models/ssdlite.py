"""SSDlite on a MobileNetV2 trunk (arXiv 1801.04381, section 6.2): torchvision ships it on MobileNetV3 only."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import pairwise

from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops import Conv2dNormActivation

TAP = 14
"""The block whose expansion, 576 channels at stride 16, is the finest map."""

WIDTHS = (576, 1280, 512, 256, 256, 128)
SMALLEST = 0.1
"""The finest map's boxes have this share of the input's side: half of what photos of street scenes begin at, since
products on a shelf are small."""

SCORED = 0.001  # boxes below are not worth a comparison with others

_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)


class SsdliteTrunk(nn.Module):
    """Six maps of strides 16 to 512, finest first. `features` has the tensor names of torchvision's MobileNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v2(weights=None).features
        self.extra = nn.ModuleList(_smaller(a, b) for a, b in pairwise(WIDTHS[1:]))

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        tapped = self.features[TAP].conv
        fine = tapped[0](self.features[:TAP](batch))
        maps = [fine, self.features[TAP + 1 :](tapped[1:](fine))]
        for block in self.extra:
            maps.append(block(maps[-1]))
        return OrderedDict((str(k), one) for k, one in enumerate(maps))


def ssdlite(num_classes: int, size: int) -> SSD:
    """The detector for inputs of `size` pixels a side, class 0 background, with random weights."""
    boxes = DefaultBoxGenerator([[2, 3] for _ in WIDTHS], min_ratio=SMALLEST, max_ratio=0.9)
    head = SSDLiteHead(list(WIDTHS), boxes.num_anchors_per_location(), num_classes, _norm)
    trunk = SsdliteTrunk()
    nms, most = 0.55, 300
    return SSD(
        trunk,
        boxes,
        (size, size),
        num_classes,
        head=head,
        score_thresh=SCORED,
        nms_thresh=nms,
        detections_per_img=most,
        topk_candidates=most,
    )


def _smaller(channels: int, width: int) -> nn.Sequential:
    """Half the size, by a depthwise convolution between two pointwise ones."""
    middle = width // 2
    layer = partial(Conv2dNormActivation, norm_layer=_norm, activation_layer=nn.ReLU6)
    block = nn.Sequential(
        layer(channels, middle, kernel_size=1),
        layer(middle, middle, kernel_size=3, stride=2, groups=middle),
        layer(middle, width, kernel_size=1),
    )
    for part in block.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.03)
    return block
