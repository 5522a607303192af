"""data: one contract for every data set of the catalogue, each read from a tiny folder of its original layout."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
import torch

from layouts import images, medical, mini_known, mini_media, sensor, speech, text, vision_language
from layouts.layout import Layout
from randquant.data import DATASETS, Dataset, open_data
from randquant.errors import UserError

LAYOUTS: dict[str, Layout] = {
    **images.LAYOUTS,
    **speech.LAYOUTS,
    **sensor.LAYOUTS,
    **text.LAYOUTS,
    **medical.LAYOUTS,
    **vision_language.LAYOUTS,
    **mini_known.LAYOUTS,
    **mini_media.LAYOUTS,
}
CASES = [pytest.param(name, layout, id=name) for name, layout in LAYOUTS.items()]
CASES += [pytest.param(name, layout, id=f"{name}, Parquet") for name, layout in text.PARQUET.items()]
EACH = pytest.mark.parametrize(("name", "layout"), CASES)
READ = [name for name, entry in DATASETS.items() if entry.read is not None and entry.folder]
BOTH = pytest.mark.parametrize("faithful", [False, True], ids=["correct", "faithful"])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path))
    return tmp_path


def all_of(dataset: Dataset, part: str) -> list[torch.Tensor]:
    """ids, inputs and target of a whole part."""
    samples = dataset.parts[part]
    batch = samples.take(torch.arange(len(samples.ids)))
    return [batch.ids, *batch.inputs, *([] if batch.target is None else [batch.target])]


def test_every_data_set_has_a_layout() -> None:
    assert set(READ) == set(LAYOUTS)


@BOTH
@EACH
def test_contract(name: str, layout: Layout, faithful: bool, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DATASETS[name]
    with pytest.raises(UserError, match=rf"{name} needs .*which is not there"):
        open_data(name)
    layout.write(root, monkeypatch)
    dataset = open_data(name, faithful=faithful, cache=False)
    assert (dataset.name, dataset.domain, dataset.metric) == (name, entry.domain, entry.metric)
    expected = layout.faithful if faithful and layout.faithful is not None else layout.targets
    assert set(dataset.parts) == set(expected)
    seen: set[int] = set()
    seen_groups: set[int] = set()
    for part, samples in dataset.parts.items():
        ids = samples.ids.tolist()
        assert samples.ids.dtype == torch.int64
        assert len(set(ids)) == len(ids)
        assert not seen & set(ids), "a sample stands in two parts"
        seen |= set(ids)
        batch = samples.take(torch.arange(len(ids)))
        assert torch.equal(batch.ids, samples.ids)
        for one, values, limits in zip(dataset.spec.inputs, batch.inputs, layout.values, strict=True):
            assert values.shape == (len(ids), *one.shape)
            assert values.dtype == (torch.int64 if one.kind == "tokens" else torch.float32)
            assert bool(values.isfinite().all())
            if limits is not None:
                assert limits[0] <= float(values.min())
                assert float(values.max()) <= limits[1]
        wanted = expected[part]
        if isinstance(wanted, int):  # no labels: how many samples there are
            assert len(ids) == wanted
            assert batch.target is None
        else:
            assert batch.target is not None
            torch.testing.assert_close(batch.target.double(), torch.tensor(wanted, dtype=torch.float64))
            assert dataset.spec.target is not None
            if dataset.spec.target.kind == "class":
                assert batch.target.dtype == torch.int64
                assert len(dataset.classes) == dataset.spec.target.size > int(batch.target.max())
        if samples.groups is not None and not faithful:
            groups = set(samples.groups.tolist())
            assert not seen_groups & groups, "a group stands in two parts"
            seen_groups |= groups


@EACH
def test_read_again_from_workers_or_from_the_cache_it_is_the_same(
    name: str, layout: Layout, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.write(root, monkeypatch)
    first, again, kept = open_data(name, cache=False), open_data(name, cache=False), open_data(name)
    for part in first.parts:
        pickled = pickle.loads(pickle.dumps(first.parts[part]))
        assert torch.equal(pickled.ids, first.parts[part].ids)
        for others in (all_of(again, part), all_of(kept, part), all_of(open_data(name), part)):
            for one, other in zip(all_of(first, part), others, strict=True):
                assert torch.equal(one, other)


@EACH
def test_a_broken_file_is_named(name: str, layout: Layout, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout.write(root, monkeypatch)
    file = root / layout.broken
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=re.escape(str(file))):
        read_all(name)


def read_all(name: str) -> None:
    dataset = open_data(name, cache=False)
    for part in dataset.parts:
        all_of(dataset, part)


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.differences])
def test_every_difference_from_the_benchmark_is_documented(name: str) -> None:
    page = " ".join((Path(__file__).parents[1] / "docs" / "dabs.md").read_text(encoding="utf-8").split())
    for difference in DATASETS[name].differences:
        assert difference in page
