"""bench: one sample of each domain, with the views that the method rq would train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from randquant.bench.grid import Task
from randquant.bench.samples import write_samples
from randquant.data import Batch, Dataset
from randquant.methods.quantized import QuantizedInputs
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Grid, Spec, Tokens


def made(name: str, domain: str) -> Dataset:
    """Five samples: a large picture, or nine symbols of which three are padding, or both."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(5, 3, 224, 112, generator=generator)
    symbols = torch.cat([torch.randint(1, 9, (5, 6), generator=generator), torch.zeros(5, 3, dtype=torch.int64)], dim=1)
    inputs = {
        "images": ((Grid(3, (224, 112), (16, 16)), pictures),),
        "english_text": ((Tokens(9, 9, padding=0), symbols),),
        "vision_language": ((Grid(3, (224, 112), (16, 16)), pictures), (Tokens(9, 9, padding=0), symbols)),
    }[domain]
    batch = Batch(torch.arange(5), tuple(values for _, values in inputs))
    return Dataset(name, Spec(tuple(spec for spec, _ in inputs)), {"train": batch}, domain=domain)


def test_every_domain_gets_a_sample_once(tmp_path: Path) -> None:
    opened: list[str] = []

    def task(name: str, domain: str) -> Task:
        def open_it() -> Dataset:
            opened.append(name)
            return made(name, domain)

        return Task(name, domain, open_it)

    tasks = [task("one", "images"), task("other", "images"), task("words", "english_text")]
    write_samples(tasks, tmp_path / "samples.json")
    write_samples([*tasks, task("both", "vision_language")], tmp_path / "samples.json")
    assert sorted(opened) == ["both", "one", "words"]
    found = json.loads((tmp_path / "samples.json").read_text())["samples"]
    assert [one["domain"] for one in found] == ["images", "english_text", "vision_language"]
    shapes = [[(part["kind"], part["shape"]) for part in one["inputs"]] for one in found]
    picture, embeddings = ("values", [3, 112, 112]), ("embeddings", [24, 6])  # thinned; without padding
    assert shapes == [[picture], [embeddings], [picture, embeddings]]


def test_views_are_those_of_the_method(tmp_path: Path) -> None:
    dataset = made("one", "images")
    write_samples([Task("one", "images", lambda: dataset)], tmp_path / "samples.json")
    (shown,) = json.loads((tmp_path / "samples.json").read_text())["samples"][0]["inputs"]
    batch = dataset.held("train").take(torch.tensor([2]))
    views = [
        QuantizedInputs(dataset.spec, MethodSettings())(batch.inputs, Draws(0, 0, batch.ids), view)[0]
        for view in range(2)
    ]
    for told, values in zip([shown["before"], *shown["after"]], [batch.inputs[0], *views], strict=True):
        assert told == pytest.approx(values[0, :, ::2].flatten().tolist(), rel=1e-3)
