"""What the partners that are made for photographs may be told: the augmentations of the ImageNet recipes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from randquant.errors import UserError


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """Crops, colours, blur and flips; the defaults are those of MoCo v3, whose two views differ."""

    crop_area: float = 0.2
    """rrc and full: the smallest share of an image's area that is kept."""
    brightness: float = 0.4
    """full: brightness is multiplied by 1, more or less so much."""
    contrast: float = 0.4
    """full: contrast is multiplied by 1, more or less so much."""
    saturation: float = 0.2
    """full: saturation is multiplied by 1, more or less so much."""
    hue: float = 0.1
    """full: hue is turned by at most so much of the circle, both ways."""
    jitter_share: float = 0.8
    """full: the share of views whose colours are changed by these four, in random order."""
    gray_share: float = 0.2
    """full: the share of views without colours."""
    blur_share: float = 1.0
    """full: the share of first views that are blurred."""
    second_blur_share: float = 0.1
    """full: the share of second views that are blurred."""
    blur_smallest: float = 0.1
    """full: the smallest standard deviation of the blur, in pixels."""
    blur_largest: float = 2.0
    """full: the largest standard deviation of the blur, in pixels."""
    solarize_share: float = 0.0
    """full: the share of first views whose bright half is inverted."""
    second_solarize_share: float = 0.2
    """full: the share of second views whose bright half is inverted."""
    flip_share: float = 0.5
    """flip and full: the share of views that are mirrored."""

    def __post_init__(self) -> None:
        shares = [
            name for name in PictureSettings.__dataclass_fields__ if name.endswith("_share") or name == "saturation"
        ]
        for name in (*shares, "brightness", "contrast"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name}: got {getattr(self, name)}, must be at least 0 and at most 1")
        if not 0 < self.crop_area <= 1:
            raise UserError(f"crop_area: got {self.crop_area}, must be above 0 and at most 1")
        if not 0 <= self.hue <= 0.5:
            raise UserError(f"hue: got {self.hue}, must be at least 0 and at most 0.5")
        if not 0 < self.blur_smallest <= self.blur_largest < math.inf:
            raise UserError(
                f"blur_smallest: got {self.blur_smallest}, must be above 0 and at most blur_largest {self.blur_largest}"
            )
