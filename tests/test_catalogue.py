"""data: one contract for every data set of the catalogue, each read from a tiny folder of its original layout."""

from __future__ import annotations

import csv
import pickle
import re
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from layouts import images, medical, mini_known, mini_media, sensor, speech, text, vision_language
from layouts.layout import Layout
from randquant.data import DATASETS, Dataset, open_data
from randquant.errors import UserError
from randquant.spec import Tokens

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


_PICTURE, _SOUND, _CAPTION = (3, 224, 224, 16, 16), (1, 224, 224, 16, 16), (32, 30522)
INPUTS = {  # shape and patch, or length and vocabulary
    "images": (_PICTURE,), "speech": (_SOUND,), "english_text": ((128, 30522),), "multilingual_text": ((128, 250002),),
    "sensor": ((52, 320, 5),), "medical": (_PICTURE,), "vision_language": (_PICTURE, _CAPTION),
}  # fmt: skip
BATCH = {"english_text": 128, "multilingual_text": 128, "sensor": 256}  # 64 in the other domains
OUTPUTS = {  # with the benchmark's errors, where these change it; those that are not here have one for each folder
    "vgg_flower": 102, "traffic_sign": 43, "cifar10": 10, "audio_mnist": 10, "google_speech": (35, 36),
    "fluent_location": 4, "fluent_action": 6, "fluent_object": 14, "mnli_matched": 3, "mnli_mismatched": 3,
    "pamap2": (11, 12), "chexpert": 5, "chestxray8": 8,
}  # fmt: skip
YES_OR_NO = {"cola", "mrpc", "qnli", "qqp", "rte", "sst2", "wnli", "vqa", *(name for name in READ if "paws_" in name)}
UNLABELLED = {"librispeech", "wikitext103", "mc4"}
METRICS = {"cola": "pearson", "stsb": "spearman", "chexpert": "auroc_macro", "chestxray8": "auroc_macro"}


@BOTH
@pytest.mark.parametrize(("name", "layout"), [case for case in CASES if DATASETS[str(case.values[0])].of_benchmark])
def test_a_row_of_the_benchmark_is_what_its_table_says(
    name: str, layout: Layout, faithful: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.write(root, monkeypatch)
    dataset = open_data(name, faithful=faithful, cache=False)
    target, domain = dataset.spec.target, dataset.domain
    shapes = (
        (*one.shape, one.vocabulary) if isinstance(one, Tokens) else (*one.shape, *one.patch)
        for one in dataset.spec.inputs
    )
    assert (tuple(shapes), dataset.batch) == (INPUTS[domain], BATCH.get(domain, 64))
    if target is None:
        assert name in UNLABELLED
        return
    assert dataset.metric == METRICS.get(name, "accuracy")
    kinds = {"multilabel": domain == "medical", "regression": name == "stsb", "binary": name in YES_OR_NO}
    assert target.kind == next((kind for kind, is_it in kinds.items() if is_it), "class")
    outputs = OUTPUTS.get(name, target.size) if target.kind in ("class", "multilabel") else 1
    assert target.size == (outputs[faithful] if isinstance(outputs, tuple) else outputs)


def test_metrics_are_those_that_the_published_table_computes() -> None:
    text = (files("randquant.data.dabs") / "published.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["task"]: row["metric_computed"] for row in rows} == {
        name: METRICS.get(name, "accuracy") for name, entry in DATASETS.items() if "transfer" in entry.roles
    }


@BOTH
@EACH
def test_contract(name: str, layout: Layout, faithful: bool, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DATASETS[name]
    with pytest.raises(UserError, match=rf"{name} needs .*which is not there"):
        open_data(name)
    layout.write(root, monkeypatch)
    if faithful and not entry.of_benchmark:
        with pytest.raises(UserError, match=f"dabs_faithful: {name} is no data set of the DABS benchmark"):
            open_data(name, faithful=True)
        return
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
def test_a_broken_file_is_named_though_a_whole_one_was_decoded(
    name: str, layout: Layout, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.write(root, monkeypatch)
    open_data(name)
    file = root / layout.broken
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=re.escape(str(file))):
        open_data(name)
    with pytest.raises(UserError, match=re.escape(str(file))):
        read_all(name)


def read_all(name: str) -> None:
    dataset = open_data(name, cache=False)
    for part in dataset.parts:
        all_of(dataset, part)


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.of_benchmark])
def test_every_difference_from_the_benchmark_is_documented(name: str) -> None:
    page = " ".join((Path(__file__).parents[1] / "docs" / "dabs.md").read_text(encoding="utf-8").split())
    for difference in (*DATASETS[name].differences, *DATASETS[name].remaining):
        assert difference in page
