"""Photographs in, their views as the ImageNet recipes make them out: the partners `rrc`, `flip` and `full`.

All of it is batched on the device, with numbers of its own for every sample. Values stay real from step to step, where
a chain of Pillow's rounds to 256 levels.

Source: the augmentations of MoCo v3 (Chen, Xie and He, 2021), which are BYOL's (Grill et al., 2020).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from randquant.data.boxes import CROP, draw_boxes
from randquant.methods.chain import Chain
from randquant.methods.colours import BRIGHTNESS, CONTRAST, HUE, SATURATION, gray, jitter, solarize
from randquant.methods.method import NotApplicableError
from randquant.methods.reads import reads
from randquant.methods.resample import blurring, resample, stretched
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.settings.picture import PictureSettings
from randquant.spec import Grid, Spec

Change = Callable[[Tensor, Draws, int], Tensor]


@reads("crop_area")
def random_resized(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `rrc` stands for: a random resized crop, as torchvision has it.

    Raises:
        NotApplicableError: a sample is not one image.
    """
    _image(spec, "rrc")
    return _chain(lambda images, draws, view: crop(images, draws, view, settings))


@reads("flip_share")
def flipped(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `flip` stands for: some views are mirrored.

    Raises:
        NotApplicableError: a sample is not one image.
    """
    _image(spec, "flip")
    return _chain(lambda images, draws, view: flip(images, draws, view, settings))


@reads(*PictureSettings.__dataclass_fields__)
def photographed(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `full` stands for: crop, colour jitter, grayscale, blur, solarization, flip.

    Raises:
        NotApplicableError: a sample is not one image of three colours.
    """
    if _image(spec, "full").channels != 3:
        raise NotApplicableError("method: full changes red, green and blue, so it needs 3 channels; rrc+flip takes any")
    changes = (crop, jitter_colours, drop_colours, blur, invert, flip)
    return sum((_chain(_told(change, settings)) for change in changes), Chain())


def crop(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Cut out a random box and resize it to the image's size; [B, views, C, H, W] were cut when they were read."""
    if images.ndim == 5:
        return images[:, view]
    height, width = images.shape[2:]
    top, left, tall, wide = draw_boxes(draws, CROP, view, height, width, settings.crop_area).unbind(dim=1)
    return resample(images, stretched(top, tall, height, height), stretched(left, wide, width, width))


def jitter_colours(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Change brightness, contrast, saturation and hue of some views, in random order."""
    widths = (settings.brightness, settings.contrast, settings.saturation, settings.hue)
    assert (BRIGHTNESS, CONTRAST, SATURATION, HUE) == (0, 1, 2, 3)
    numbers = draws.uniform("jitter", 9, view=view)  # [B, 9]: a coin, four amounts, an order
    middle = images.new_tensor([1, 1, 1, 0])
    amounts = middle + images.new_tensor(widths) * (2 * numbers[:, 1:5] - 1)
    return jitter(images, amounts, numbers[:, 5:].argsort(dim=1), numbers[:, 0] < settings.jitter_share)


def drop_colours(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Make some views gray."""
    rows = _chosen(draws, "gray", view, settings.gray_share)
    return images.index_copy(0, rows, gray(images[rows]).expand(-1, 3, -1, -1))


def blur(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Blur some views, the first ones of samples more often than the second."""
    numbers = draws.uniform("blur", 2, view=view)
    chosen = numbers[:, 0] < (settings.second_blur_share if view else settings.blur_share)
    rows = chosen.nonzero().squeeze(1)
    if not len(rows):
        return images
    spread = settings.blur_smallest + (settings.blur_largest - settings.blur_smallest) * numbers[rows, 1]
    matrices = [blurring(spread, settings.blur_largest, size) for size in images.shape[2:]]
    return images.index_copy(0, rows, resample(images[rows], *matrices))


def invert(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Solarize some views."""
    share = settings.second_solarize_share if view else settings.solarize_share
    if not share:
        return images
    rows = _chosen(draws, "solarize", view, share)
    return images.index_copy(0, rows, solarize(images[rows]))


def flip(images: Tensor, draws: Draws, view: int, settings: MethodSettings) -> Tensor:
    """Mirror some views, left to right."""
    rows = _chosen(draws, "flip", view, settings.flip_share)
    return images.index_copy(0, rows, images[rows].flip(-1))


def _chosen(draws: Draws, purpose: str, view: int, share: float) -> Tensor:
    """The rows of the samples that a change is made to."""
    return (draws.uniform(purpose, 1, view=view).squeeze(1) < share).nonzero().squeeze(1)


def _image(spec: Spec, word: str) -> Grid:
    grid = spec.inputs[0]
    if len(spec.inputs) != 1 or not isinstance(grid, Grid) or len(grid.size) != 2:
        raise NotApplicableError(
            f"method: {word} changes photographs, so a sample must be one grid of two dimensions; try crop"
        )
    return grid


def _told(change: Callable[[Tensor, Draws, int, MethodSettings], Tensor], settings: MethodSettings) -> Change:
    return lambda images, draws, view: change(images, draws, view, settings)


def _chain(change: Change) -> Chain:
    """A chain of one change of the one input."""

    def changed(inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        return (change(inputs[0], draws, view),)

    return Chain(inputs=(changed,))
