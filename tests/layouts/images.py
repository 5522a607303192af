"""The natural images of the benchmark."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image
from scipy.io import savemat

from layouts.layout import Layout


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (24, 18)) -> None:
    """A picture of noise, the same whenever a file of that name is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode()))
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode).save(path)


def cifar10(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Pickled batches, and the sums that torchvision compares them with."""
    folder = root / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sums = {}
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        pixels = rng.integers(0, 256, (2, 3072), dtype=np.uint8)
        content = pickle.dumps({"data": pixels, "labels": [number, (number + 3) % 10]})
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    meta = pickle.dumps({"label_names": [f"class{number}" for number in range(10)]})
    (folder / "batches.meta").write_bytes(meta)
    loader = torchvision.datasets.CIFAR10
    patch.setattr(loader, "train_list", [[name, sums[name]] for name in names[:5]])
    patch.setattr(loader, "test_list", [[names[5], sums[names[5]]]])
    patch.setattr(loader, "meta", {**loader.meta, "md5": hashlib.md5(meta).hexdigest()})


def imagenet(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Three class folders, the first of which has two pictures."""
    for name in ("n01/n01_9", "n01/n01_10", "n03/n03_1", "n02/n02_5"):
        picture(root / "imagenet" / "train" / f"{name}.JPEG")
    for number, name in enumerate(("n03", "n01", "n02")):
        picture(root / "imagenet" / "val" / name / f"ILSVRC2012_val_{number:08d}.JPEG")


def cu_birds(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Five pictures of three species; the lines of the tables do not stand in one order."""
    folder = root / "cu_birds" / "CUB_200_2011"
    names = {
        1: "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
        2: "002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg",
        3: "002.Laysan_Albatross/Laysan_Albatross_0003_1033.jpg",
        4: "003.Sooty_Albatross/Sooty_Albatross_0001_796381.jpg",
        10: "003.Sooty_Albatross/Sooty_Albatross_0002_796395.jpg",
    }
    for name in names.values():
        picture(folder / "images" / name)
    words = sorted({name.split("/")[0] for name in names.values()})
    tables = {
        "classes": dict(enumerate(words, 1)),
        "images": {number: names[number] for number in (10, 3, 1, 4, 2)},
        "image_class_labels": {1: 1, 2: 2, 3: 2, 4: 3, 10: 3},
        "train_test_split": {1: 0, 2: 1, 3: 0, 4: 1, 10: 1},
    }
    for table, values in tables.items():
        (folder / f"{table}.txt").write_text("".join(f"{number} {value}\n" for number, value in values.items()))


def vgg_flower(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Five flowers of kind 3, then four of kind 1."""
    for number in range(1, 10):
        picture(root / "vgg_flower" / "jpg" / f"image_{number:05d}.jpg")
    labels = np.array([[3, 3, 3, 3, 3, 1, 1, 1, 1]], dtype=np.uint8)
    savemat(root / "vgg_flower" / "imagelabels.mat", {"labels": labels})


def dtd(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Three textures; the second partition's list is there, and is not read."""
    folder = root / "dtd" / "dtd"
    lists = {
        "train1": ["zigzagged/zigzagged_0002.jpg", "banded/banded_0001.jpg"],
        "val1": ["dotted/dotted_0003.jpg"],
        "test1": ["dotted/dotted_0001.jpg", "zigzagged/zigzagged_0001.jpg"],
        "test2": ["absent/absent_0001.jpg"],
    }
    (folder / "labels").mkdir(parents=True)
    for name, lines in lists.items():
        (folder / "labels" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
        for line in lines if name != "test2" else ():
            picture(folder / "images" / line)


def traffic_sign(root: Path, patch: pytest.MonkeyPatch) -> None:
    """43 kinds of signs; two tracks each, of three frames in kind 0 and of one frame in the others."""
    for kind in range(43):
        for frame in range(3 if kind == 0 else 1):
            for track in range(2):
                folder = root / "traffic_sign" / "GTSRB" / "Final_Training" / "Images" / f"{kind:05d}"
                picture(folder / f"{track:05d}_{frame:05d}.ppm", size=(8, 6))


def aircraft(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Three variants, one of whose names has a space."""
    folder = root / "aircraft" / "fgvc-aircraft-2013b" / "data"
    training, testing = ["0000002 Cessna 172", "0000001 A310", "0000004 707-320"], ["0000003 A310", "0000005 707-320"]
    for number in range(1, 6):
        picture(folder / "images" / f"{number:07d}.jpg")
    (folder / "images_variant_trainval.txt").write_text("\n".join(training) + "\n")
    (folder / "images_variant_test.txt").write_text("\n".join(testing) + "\n")
    (folder / "images_box.txt").write_text("".join(f"{number:07d} 1 2 24 16\n" for number in range(1, 6)))


KINDS = list(range(1, 43))  # of signs with two frames, one of which is for training whatever is drawn

LAYOUTS = {
    "cifar10": Layout(
        write=cifar10,
        targets={"train": [0, 3, 1, 4, 2, 5, 3, 6, 4, 7], "test": [5, 8]},
        broken="cifar10/cifar-10-batches-py/data_batch_3",
    ),
    "imagenet": Layout(
        write=imagenet,
        targets={"train": [0, 0, 1, 2], "test": [0, 1, 2]},
        broken="imagenet/val/n02/ILSVRC2012_val_00000002.JPEG",
    ),
    "cu_birds": Layout(
        write=cu_birds,
        targets={"train": [1, 2, 2], "test": [0, 1]},
        broken="cu_birds/CUB_200_2011/train_test_split.txt",
    ),
    "vgg_flower": Layout(  # 4 of 5 and 3 of 4, as int(0.8 n) is
        write=vgg_flower,
        targets={"train": [2, 2, 2, 2, 0, 0, 0], "test": [2, 0]},
        broken="vgg_flower/imagelabels.mat",
    ),
    "dtd": Layout(
        write=dtd,
        targets={"train": [2, 0, 1], "test": [1, 2]},
        broken="dtd/dtd/images/dotted/dotted_0003.jpg",
    ),
    "traffic_sign": Layout(  # of kind 0 one track of two, or, by the benchmark, four frames of six
        write=traffic_sign,
        targets={"train": [0, 0, 0, *KINDS], "test": [0, 0, 0, *KINDS]},
        faithful={"train": [0, 0, 0, 0, *KINDS], "test": [0, 0, *KINDS]},
        broken="traffic_sign/GTSRB/Final_Training/Images/00007/00001_00000.ppm",
    ),
    "aircraft": Layout(
        write=aircraft,
        targets={"train": [2, 1, 0], "test": [1, 0]},
        broken="aircraft/fgvc-aircraft-2013b/data/images_box.txt",
    ),
}
