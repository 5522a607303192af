"""rrc, flip and full: each step against torchvision's functional part on the drawn parameters, shares, order, keys."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import transforms as drawing
from torchvision.transforms.v2 import functional as V

from randquant.data.boxes import boxes
from randquant.errors import UserError
from randquant.methods import PARTNERS, words_of
from randquant.methods.colours import gray, jitter, solarize, turn_hue
from randquant.methods.resample import blurring, resample, stretched
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Grid, Spec, Table

photographed = import_module("randquant.methods.photographed")  # its namesake is a function
SPEC = Spec((Grid(3, (24, 32), (4, 4)),))
MANY = 2000


def pictures(count: int = 6, height: int = 24, width: int = 32) -> Tensor:
    """Smooth colours with some black, white and gray among them."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 6, generator=generator)
    images = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    images[0, :, :4, :4], images[0, :, :4, 4:8], images[0, :, 4:8, :4] = 0.0, 1.0, 0.4
    return images


def draws(count: int = 6, seed: int = 0) -> Draws:
    return Draws(seed, 0, torch.arange(count))


class Fed:
    """Stands for torch where torchvision draws a box: gives it the numbers of one try after another."""

    def __init__(self, tries: Tensor) -> None:
        self.tries, self.now = iter(tries.tolist()), iter(())
        self.log, self.exp, self.tensor = torch.log, torch.exp, torch.tensor

    def empty(self, _: int) -> Fed:
        return self

    def uniform_(self, low: Any, high: Any) -> Tensor:
        if isinstance(low, float):  # the area, with which a try begins; the ratio's ends are tensors
            self.now = iter(next(self.tries))
        return torch.tensor(float(low) + (float(high) - float(low)) * next(self.now), dtype=torch.float64)

    def randint(self, low: int, end: int, size: Any) -> Tensor:
        return torch.tensor([low + int(next(self.now) * (end - low))])


@pytest.mark.parametrize(
    ("height", "width", "area", "fitting"),
    [
        (24, 32, 0.2, 300),
        (500, 375, 0.08, 300),
        (1, 1, 0.2, 300),
        (10, 12, 0.99, None),
        (40, 60, 0.7, None),
        (9, 200, 0.9, 0),
        (200, 9, 0.9, 0),
    ],
)
def test_boxes_are_torchvisions(
    height: int, width: int, area: float, fitting: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own drawing, given the same numbers; where no try fits, the middle of the image."""
    numbers = torch.rand(300, 10, 4, generator=torch.Generator().manual_seed(1))
    image, fitted = Image.new("L", (width, height)), 0
    for sample, found in zip(numbers, boxes(numbers, height, width, area).tolist(), strict=True):
        fed = Fed(sample)
        monkeypatch.setattr(drawing, "torch", fed)
        assert list(drawing.RandomResizedCrop.get_params(image, [area, 1.0], [3 / 4, 4 / 3])) == found
        fitted += next(fed.now, None) is None
    assert fitted == fitting if fitting is not None else 0 < fitted < 300


@pytest.mark.parametrize("side", [(24, 32), (7, 50)])
def test_a_crop_is_torchvisions(side: tuple[int, int]) -> None:
    """Shrunk and enlarged boxes, on tensors to rounding, and on what Pillow makes of 256 levels."""
    images = pictures()
    given = boxes(torch.rand(6, 10, 4, generator=torch.Generator().manual_seed(2)), 24, 32, 0.08)
    top, left, tall, wide = given.unbind(dim=1)
    found = resample(images, stretched(top, tall, 24, side[0]), stretched(left, wide, 32, side[1]))
    for image, box, one in zip(images, given.tolist(), found, strict=True):
        expected = V.resized_crop(image, *box, size=list(side), antialias=True)
        torch.testing.assert_close(one, expected, atol=1e-5, rtol=0)
        levels = V.to_pil_image((image * 255).round().to(torch.uint8))
        by_pillow = torch.from_numpy(np.array(V.resized_crop(levels, *box, size=list(side)))).permute(2, 0, 1)
        assert (one - by_pillow.float() / 255).abs().max() < 2 / 255


def test_colours_are_torchvisions() -> None:
    images = pictures()
    torch.testing.assert_close(gray(images), V.rgb_to_grayscale(images), atol=1e-6, rtol=0)
    torch.testing.assert_close(solarize(images), V.solarize(images, 128 / 255))
    for turn in (-0.5, -0.1, 0.0, 0.03, 0.5):
        found = turn_hue(images, torch.full((6,), turn))
        torch.testing.assert_close(found, V.adjust_hue(images, turn), atol=1e-5, rtol=0)


def test_jitter_is_torchvisions_in_every_order() -> None:
    orders = torch.cartesian_prod(*[torch.arange(4)] * 4)
    orders = orders[[len(set(one)) == 4 for one in orders.tolist()]]
    assert len(orders) == 24
    images = pictures(24)
    generator = torch.Generator().manual_seed(3)
    amounts = torch.tensor([1.0, 1, 1, 0]) + torch.tensor([0.4, 0.4, 0.2, 0.1]) * (
        2 * torch.rand(24, 4, generator=generator) - 1
    )
    chosen = torch.arange(24) % 5 > 0
    found = jitter(images, amounts, orders, chosen)
    steps = (V.adjust_brightness, V.adjust_contrast, V.adjust_saturation, V.adjust_hue)
    for row in range(24):
        expected = images[row]
        for kind in orders[row].tolist() if chosen[row] else ():
            expected = steps[kind](expected, float(amounts[row, kind]))
        torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("spread", [0.1, 0.7, 2.0])
def test_blur_is_torchvisions(spread: float) -> None:
    images = pictures()
    found = resample(images, *(blurring(torch.full((6,), spread), 2.0, size) for size in (24, 32)))
    expected = V.gaussian_blur(images, [17, 17], [spread, spread])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_blur_is_near_pillows() -> None:
    from PIL import ImageFilter

    image = pictures()[1]
    levels = V.to_pil_image((image * 255).round().to(torch.uint8))
    for spread in (0.5, 1.0, 2.0):
        by_pillow = np.asarray(levels.filter(ImageFilter.GaussianBlur(spread)), np.float32) / 255
        matrices = (blurring(torch.tensor([spread]), 2.0, size) for size in (24, 32))
        found = resample(image[None], *matrices)[0].permute(1, 2, 0).numpy()
        inside = np.s_[6:-6, 6:-6]  # Pillow repeats the border, torchvision mirrors it
        assert np.abs(found - by_pillow)[inside].max() < 0.02


def test_an_image_smaller_than_the_blurs_reach() -> None:
    for size in (1, 2, 5):
        matrix = blurring(torch.tensor([0.1, 2.0]), 2.0, size)
        torch.testing.assert_close(matrix.sum(dim=2), torch.ones(2, size))


def shares(view: int, settings: MethodSettings) -> dict[str, float]:
    """How often each step changes a view, and in which order the steps come."""
    images = pictures(1).expand(MANY, -1, -1, -1)[..., :24].contiguous()
    seen: dict[str, float] = {}
    for name in ("crop", "jitter_colours", "drop_colours", "blur", "invert", "flip"):
        change = getattr(photographed, name)
        given = draws(MANY)
        found = change(images, given, view, settings)
        seen[name] = float(((found - images).abs().amax(dim=(1, 2, 3)) > 1e-6).double().mean())
    return seen


@pytest.mark.parametrize(("view", "blurred", "solarized"), [(0, 1.0, 0.0), (1, 0.1, 0.2)])
def test_the_recipes_probabilities(view: int, blurred: float, solarized: float) -> None:
    seen = shares(view, MethodSettings(blur_smallest=1.0))
    expected = {
        "crop": 1.0,
        "jitter_colours": 0.8,
        "drop_colours": 0.2,
        "blur": blurred,
        "invert": solarized,
        "flip": 0.5,
    }
    for name, share in expected.items():
        assert seen[name] == pytest.approx(share, abs=0.03), name


def test_the_recipes_order_and_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    given: dict[str, list[Tensor]] = {"amounts": [], "spread": [], "boxes": [], "order": []}
    for name in ("crop", "jitter_colours", "drop_colours", "blur", "invert", "flip"):
        inner = getattr(photographed, name)

        def recorded(*words: Any, name: str = name, inner: Any = inner) -> Tensor:
            events.append(name)
            out: Tensor = inner(*words)
            return out

        monkeypatch.setattr(photographed, name, recorded)
    for name, kept, place in (("jitter", "amounts", 1), ("blurring", "spread", 0), ("draw_boxes", "boxes", None)):
        inner = getattr(photographed, name)

        def noted(*words: Any, kept: str = kept, place: Any = place, inner: Any = inner) -> Tensor:
            out: Tensor = inner(*words)
            given[kept].append(out if place is None else words[place])
            if kept == "amounts":
                given["order"].append(words[2])
            return out

        monkeypatch.setattr(photographed, name, noted)
    chain = PARTNERS["full"](Spec((Grid(3, (64, 64), (8, 8)),)), MethodSettings())
    (out,) = chain.change((pictures(512, 64, 64),), draws(512), 0)
    assert out.shape == (512, 3, 64, 64)
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-5
    assert events == ["crop", "jitter_colours", "drop_colours", "blur", "invert", "flip"]
    (amounts,), (order,), (box,) = given["amounts"], given["order"], given["boxes"]
    for column, (middle, most) in enumerate(((1, 0.4), (1, 0.4), (1, 0.2), (0, 0.1))):
        assert amounts[:, column].min() == pytest.approx(middle - most, abs=0.01 * most * 2)
        assert amounts[:, column].max() == pytest.approx(middle + most, abs=0.01 * most * 2)
    assert len({tuple(one) for one in order.tolist()}) == 24
    assert given["spread"][0].min() == pytest.approx(0.1, abs=0.02)
    assert given["spread"][0].max() == pytest.approx(2.0, abs=0.02)
    area = (box[:, 2] * box[:, 3]) / 64**2
    assert area.min() == pytest.approx(0.2, abs=0.02)
    assert area.max() > 0.97
    ratio = box[:, 3] / box[:, 2]
    assert 0.7 < ratio.min() < 0.78
    assert 1.29 < ratio.max() < 1.4


@pytest.mark.parametrize("name", ["rrc", "flip", "full"])
def test_views_are_functions_of_seed_sample_and_view_alone(name: str) -> None:
    chain, images = PARTNERS[name](SPEC, MethodSettings()), pictures()
    (whole,) = chain.change((images,), draws(), 1)
    part = Draws(0, 0, torch.arange(6), slice(2, 4))
    (some,) = chain.change((images[2:4],), part, 1)
    torch.testing.assert_close(some, whole[2:4], atol=1e-6, rtol=0)
    for other in (chain.change((images,), draws(), 0)[0], chain.change((images,), draws(seed=1), 1)[0]):
        assert not torch.allclose(other, whole)


def test_views_that_were_cut_when_they_were_read_are_not_cut_again() -> None:
    cut = torch.stack([pictures(), 1 - pictures()], dim=1)  # [B, views, C, H, W]
    chain = PARTNERS["rrc"](SPEC, MethodSettings())
    for view in range(2):
        assert torch.equal(chain.change((cut,), draws(), view)[0], cut[:, view])


def test_what_photographs_need() -> None:
    for name in ("rrc", "flip", "full"):
        with pytest.raises(UserError, match=f"method: {name} changes photographs"):
            PARTNERS[name](Spec((Table(3, limits=((0, 1),) * 3),)), MethodSettings())
    with pytest.raises(UserError, match="method: full changes red, green and blue, so it needs 3 channels"):
        PARTNERS["full"](Spec((Grid(2, (4, 4), (2, 2)),)), MethodSettings())
    for name in ("rrc+full", "full+flip+rq"):
        with pytest.raises(UserError, match="full crops and mirrors already"):
            words_of(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crop_area", 0),
        ("hue", 0.6),
        ("blur_smallest", 0),
        ("blur_share", 1.1),
        ("brightness", -0.1),
        ("flip_share", 2),
    ],
)
def test_settings_check_themselves(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^{name}: got {value}"):
        MethodSettings(**{name: value})
    assert replace(MethodSettings(), saturation=1.0).saturation == 1.0
