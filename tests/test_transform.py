"""The operation as a module: trees, images, labels, copies, and torch.compile."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from randquant import RandomizedQuantization, UserError, randomized_quantize


def image(seed: int = 0) -> tv_tensors.Image:
    generator = torch.Generator().manual_seed(seed)
    return tv_tensors.Image(torch.randint(0, 256, (3, 16, 12), dtype=torch.uint8, generator=generator))


def test_a_module_is_the_function() -> None:
    x = torch.rand(2, 3, 4, 5)
    settings = {"per": "sample", "edges": "uniform", "values": "midpoint", "p": 0.5, "limits": (0.0, 1.0)}
    torch.manual_seed(0)
    expected = randomized_quantize(x, (3, 7), **settings)
    torch.manual_seed(0)
    assert torch.equal(RandomizedQuantization((3, 7), **settings)(x), expected)
    assert torch.equal(RandomizedQuantization(4)(x, keys=[5, 6]), randomized_quantize(x, 4, keys=[5, 6]))


def test_repr_names_what_was_changed() -> None:
    assert repr(RandomizedQuantization()) == "RandomizedQuantization(bins=8)"
    text = repr(RandomizedQuantization((4, 16), per="sample", p=0.5))
    assert text == "RandomizedQuantization(bins=(4, 16), per='sample', p=0.5)"
    module = eval(text)  # what repr prints makes the module again
    assert module.settings == RandomizedQuantization((4, 16), per="sample", p=0.5).settings


def test_copies_are_equal() -> None:
    module = RandomizedQuantization(4, p=0.5)
    for other in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert repr(other) == repr(module)
        assert other.settings == module.settings


def test_image_and_label_in_a_compose() -> None:
    pipeline = v2.Compose([v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True), RandomizedQuantization(4)])
    mask = tv_tensors.Mask(torch.ones(16, 12))
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 2, 3, 4]]), format="XYXY", canvas_size=(16, 12))
    label = torch.tensor([3])
    x, others = pipeline(image(), {"mask": mask, "boxes": boxes, "label": label, "name": "a", "number": 5})
    assert isinstance(x, tv_tensors.Image)
    assert max(channel.unique().numel() for channel in x) <= 4
    assert isinstance(others["mask"], tv_tensors.Mask)
    assert isinstance(others["boxes"], tv_tensors.BoundingBoxes)
    assert torch.equal(others["mask"], mask.float())
    assert others["label"] is label
    assert (others["name"], others["number"]) == ("a", 5)


def test_leading_dimensions_of_an_image_are_samples() -> None:
    batch = tv_tensors.Image(torch.stack([image(0), image(0)]))
    y = RandomizedQuantization(4)(batch)
    assert isinstance(y, tv_tensors.Image)
    assert not torch.equal(y[0], y[1])
    video = tv_tensors.Video(batch)
    assert isinstance(RandomizedQuantization(4)(video), tv_tensors.Video)


def test_the_first_plain_tensor_of_a_tree_without_images() -> None:
    x, label = torch.rand(2, 3, 40), torch.rand(2, 3, 40)
    y, same = RandomizedQuantization(4)(x, label)
    assert same is label
    assert y[0, 0].unique().numel() <= 4


def test_a_tensor_of_ones_own_class_is_a_plain_one() -> None:
    class Mine(torch.Tensor):
        pass

    x = torch.rand(2, 3, 40).as_subclass(Mine)
    assert RandomizedQuantization(4)(x)[0, 0].unique().numel() <= 4


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I", "F", "I;16"])
def test_pil_images(mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 12), dtype=np.uint8)
    original = Image.fromarray(pixels.astype(np.uint16)) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    y = RandomizedQuantization(4)(original)
    assert (y.mode, y.size) == (original.mode, original.size)
    assert len(np.unique(np.array(y).reshape(16 * 12, -1)[:, 0])) <= 4
    label = object()
    assert RandomizedQuantization(4)(original, label)[1] is label


def test_wrong_input_is_named() -> None:
    with pytest.raises(UserError, match="mode 'P'"):
        RandomizedQuantization()(Image.new("P", (4, 4)))
    for mode in ("CMYK", "YCbCr", "HSV"):
        with pytest.raises(UserError, match=f"a PIL image of mode '{mode}' given; convert it to one of L, LA, RGB"):
            RandomizedQuantization()(Image.new(mode, (4, 4)))
    with pytest.raises(UserError, match="inputs: nothing given"):
        RandomizedQuantization()()
    with pytest.raises(UserError, match="inputs: int, str given"):
        RandomizedQuantization()((1, "a"))
    for settings in ({"bins": 0}, {"p": 2}, {"per": "image"}, {"backend": "gpu"}, {"gradient": 1}):
        with pytest.raises(UserError):
            RandomizedQuantization(**settings)


def test_torchvision_is_not_imported() -> None:
    script = """
import sys, torch
from randquant import RandomizedQuantization
RandomizedQuantization(4)((torch.rand(2, 3, 4), 1))
assert "torchvision" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's own compiler looks at it
def test_torch_compile_around_it() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.augment = RandomizedQuantization(4)
            self.layer = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.layer(self.augment(x * 2))
            return result

    net = Net()
    compiled = torch.compile(net, backend="aot_eager")
    x = torch.rand(3, 4, 5, requires_grad=True)
    for seed in range(3):
        torch.manual_seed(seed)
        expected = net(x)
        torch.manual_seed(seed)
        assert torch.equal(compiled(x), expected)
    compiled(x).sum().backward()
    assert x.grad is not None
