"""unseen: what an encoder has not seen leads a probe, whatever file it stands in, and groups are never torn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from folders import textures
from randquant.data import Dataset, open_data
from randquant.data.own.samples import digests
from randquant.errors import UserError
from randquant.finetune import finetune
from randquant.pretrain import pretrain, train
from randquant.probe import probe
from randquant.probe.unseen import SEEN, TAUGHT, split_path
from randquant.probe.verdict import verdict
from randquant.report.results import read
from randquant.report.table import tables
from randquant.run import Run
from randquant.settings import EncoderSettings, FinetuneSettings, PretrainSettings, ProbeSettings, ReadingSettings

TINY = EncoderSettings(width=16, depth=1, heads=2, head_width=8, mlp_width=16)
COUNT = 60
NAMED = ReadingSettings(label="y.npy", group="who.npy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 samples of 12 people and 2 classes; a run that held some people out, and one that did not."""
    folder = tmp_path_factory.mktemp("unseen")
    rng = np.random.default_rng(0)
    y = np.arange(COUNT) % 2
    np.save(folder / "x.npy", rng.normal(size=(COUNT, 2, 16)) + 2 * y[:, None, None])
    np.save(folder / "y.npy", y)
    np.save(folder / "who.npy", np.arange(COUNT) // 5)
    for name, holdout in (("held", 0.3), ("all", 0.0)):
        dataset = open_data(str(folder / "x.npy"), labelled=False, holdout=holdout, group="who.npy")
        pretrain(dataset, out=folder / name, encoder=TINY, steps=2, device="cpu", quiet=True)
    return folder


def ids(dataset: Dataset, part: str) -> set[int]:
    return set(dataset.parts[part].ids.tolist())


def test_held_out_rows_are_the_test_part(folder: Path) -> None:
    run = Run.open(folder / "held")
    facts = run.data
    assert facts is not None
    (split,), note = split_path(run, str(folder / "x.npy"), NAMED, 0)
    assert ids(split, "test") == set(facts["held_out"])
    assert len(ids(split, "test")) == 20
    assert ids(split, "train") == set(range(COUNT)) - ids(split, "test")
    assert SEEN not in split.name
    assert "tested on the 20 samples that the encoder has not seen" in note
    # A copy under another name is known again: it is the samples that count, not the file.
    for name in ("x.npy", "y.npy", "who.npy"):
        (folder / "copy").mkdir(exist_ok=True)
        shutil.copy(folder / name, folder / "copy" / name)
    again = split_path(run, str(folder / "copy" / "x.npy"), NAMED, 0)
    assert ids(again.datasets[0], "test") == ids(split, "test")


def test_without_unseen_rows_it_says_so(folder: Path) -> None:
    splits, note = split_path(Run.open(folder / "all"), str(folder / "x.npy"), NAMED, 0)
    assert note.endswith(SEEN)
    assert len(splits) == 5
    assert all(SEEN in one.name for one in splits)
    assert sorted(row for one in splits for row in ids(one, "test")) == list(range(COUNT))
    for one in splits:
        assert not {row // 5 for row in ids(one, "test")} & {row // 5 for row in ids(one, "train")}
    new = np.load(folder / "x.npy") + 0.01
    np.save(folder / "new.npy", new)
    splits, note = split_path(Run.open(folder / "all"), str(folder / "new.npy"), NAMED, 0)
    assert note.endswith("the encoder has seen none of them")
    assert splits[0].name == f"{folder / 'new.npy'}, label y.npy"


def test_two_labels_of_a_path_are_two_tasks(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(folder / "x.npy")
    np.save(folder / "height.npy", np.random.default_rng(0).normal(size=COUNT))
    for label in ("y.npy", "height.npy"):
        reading = ReadingSettings(label=label, group="who.npy")
        probe(ProbeSettings(run=str(folder / "all"), task=(path,), reading=reading, draws=1, device="cpu"))
    results = read(folder / "all" / "results.jsonl")
    found = tables(results)
    assert [table.task for table in found] == [f"{path}, label {name} ({SEEN})" for name in ("y.npy", "height.npy")]
    assert [table.metric for table in found] == ["accuracy", "pearson"]
    assert len({line["config_hash"] for line in results.scores if line["method"] == "rq"}) == 2
    out = capfd.readouterr().out
    assert all(f"{table.task}\trq\tlinear" in out for table in found)
    earlier = [{**line, "task": path} for line in results.scores if line["metric"].endswith("accuracy")]
    with (folder / "all" / "results.jsonl").open("a") as file:  # as they were written before
        file.write("".join(json.dumps(line) + "\n" for line in earlier))
    assert [table.task for table in tables(read(folder / "all" / "results.jsonl"))][2:] == [path]


def test_a_probe_has_all_its_rows(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = ProbeSettings(
        run=str(folder / "held"), task=(str(folder / "x.npy"),), reading=NAMED, draws=2, device="cpu"
    )
    lines = probe(settings)
    out, told = capfd.readouterr()
    assert {(line["method"], line["head"]) for line in lines} == {
        *(("raw", head) for head in ("linear", "knn", "boosted")),
        *((method, head) for method in ("none", "rq") for head in ("linear", "knn")),
    }
    assert {line["labels"] for line in lines} == {"1", "5", "20", "all"}
    assert {line["samples"] for line in lines} == {20}
    assert max(line["value"] for line in lines if line["method"] == "raw") == 1
    assert "has not seen" in told
    assert "Pretraining " in told
    assert len(out.splitlines()) == 1 + 7 * 4
    tuned = FinetuneSettings(
        run=folder / "held", data=str(folder / "x.npy"), reading=NAMED, steps=2, draws=1, device="cpu", quiet=True
    )
    assert {line["samples"] for line in finetune(tuned)} == {20}


def test_labels_that_a_fine_tuning_has_learnt_are_never_tested(folder: Path, tmp_path: Path) -> None:
    """Its own test part leads a later probe: as unseen where the pretraining had held it out, or else as seen."""
    for name, told in (("held", ""), ("all", f" ({SEEN})")):
        (before, *_), _ = split_path(Run.open(folder / name), str(folder / "x.npy"), NAMED, 0)
        out = tmp_path / name
        asked = {"data": str(folder / "x.npy"), "reading": NAMED, "steps": 1, "draws": 1, "device": "cpu"}
        finetune(FinetuneSettings(run=folder / name, out=out, quiet=True, **asked))
        tuned = Run.open(out)
        (after,), note = split_path(tuned, str(folder / "x.npy"), ReadingSettings(), 0)  # its label and group are known
        assert ids(after, "test") == ids(before, "test")
        assert ids(after, "train") == ids(before, "train")
        assert after.name == f"{folder / 'x.npy'}, label y.npy{told}"
        assert ("the encoder has not seen" in note) == (name == "held")
        digested = digests(after.parts["train"])
        learnt, seen, first = tuned.taught(), tuned.seen(), Run.open(folder / name).seen()
        assert learnt is not None
        assert seen is not None
        assert first is not None
        assert set(learnt) == set(digested)
        assert set(seen) == set(digested) | set(first)
        # Another fine-tuning adds to them.
        np.savez(
            tmp_path / "more.npz", x=np.load(folder / "x.npy") + 1, label=np.arange(COUNT) % 2, who=np.arange(COUNT)
        )
        more = {**asked, "data": str(tmp_path / "more.npz"), "reading": ReadingSettings(label="label", group="who")}
        finetune(FinetuneSettings(run=out, out=tmp_path / f"{name}-more", quiet=True, **more))
        known = Run.open(tmp_path / f"{name}-more").taught()
        assert known is not None
        assert set(known) > set(learnt)
    tuned.save_taught(seen)  # that of the run that has seen all
    splits, note = split_path(tuned, str(folder / "x.npy"), NAMED, 0)
    assert note.endswith(TAUGHT)
    assert len(splits) == 5
    assert all(TAUGHT in one.name for one in splits)


def test_photographs_whose_labels_were_learnt_are_known_again(tmp_path: Path) -> None:
    """Of another folder than that of the pretraining too, which keeps no digests."""
    data = textures(tmp_path / "data", 13, 0) / "train"
    run = tmp_path / "run"
    backbone = EncoderSettings(backbone="timm/test_resnet")
    for folder in (data, textures(tmp_path / "other", 3, 0) / "train"):
        train(
            PretrainSettings(
                data=str(folder), out=run, encoder=backbone, method="none", reading=ReadingSettings(length=32),
                steps=1, batch=4, workers=0, device="cpu", quiet=True,
            )
        )  # fmt: skip
        asked = {"data": str(data), "steps": 1, "draws": 1, "device": "cpu", "quiet": True}
        finetune(FinetuneSettings(run=run, out=tmp_path / "tuned", **asked))
        (before, *_), _ = split_path(Run.open(run), str(data), ReadingSettings(), 0)
        (after,), note = split_path(Run.open(tmp_path / "tuned"), str(data), ReadingSettings(), 0)
        assert ids(after, "test") == ids(before, "test")
        assert (SEEN in after.name) == (folder == data)
        assert ("no fine-tuning has learnt the labels of" in note) == (folder == data)
        for one in (run, tmp_path / "tuned"):
            shutil.rmtree(one)


def test_what_cannot_be_probed_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^label: .* has no labels yet; name their column"):
        split_path(Run.open(folder / "held"), str(folder / "x.npy"), ReadingSettings(), 0)
    np.save(folder / "same.npy", np.zeros(COUNT))
    with pytest.raises(UserError, match=r"^label: column 'same.npy' has the same label throughout"):
        split_path(Run.open(folder / "held"), str(folder / "x.npy"), ReadingSettings(label="same.npy"), 0)
    np.save(folder / "ids.npy", np.arange(COUNT))
    with pytest.raises(UserError, match=r"^label: no class has two samples"):
        split_path(None, str(folder / "x.npy"), ReadingSettings(label="ids.npy"), 0)
    (folder / "held" / "seen.npy").rename(folder / "seen.npy")
    try:
        with pytest.raises(UserError, match=r"has not been trained to its end"):
            split_path(Run.open(folder / "held"), str(folder / "x.npy"), NAMED, 0)
    finally:
        (folder / "seen.npy").rename(folder / "held" / "seen.npy")


def test_the_verdict_says_where_pretraining_did_not_pay() -> None:
    rows = {("raw", "boosted"): (0.6, 0.6, 0.6), ("none", "knn"): (0.3, 0.4, 0.3), ("rq", "linear"): (0.65, 0.55, 0.6)}
    lines = [
        {"method": method, "head": head, "labels": labels, "value": value + shift * (method == "rq"), "samples": 50}
        for (method, head), values in rows.items()
        for labels, shift in (("1", 0.3), ("5", -0.3), ("all", 0.0))
        for value in values
    ]
    told = verdict(lines, "rq")
    assert told.startswith(
        "Pretraining paid with 1 label a class (90.0 by linear, against 60.0 of the raw input, boosted)"
    )
    assert "did not pay with 5 labels a class (30.0" in told
    assert "made no clear difference with all labels" in told
    assert told.endswith("of 1 of the encoder and of 2 of the plain rows, which favours the plain rows.")


def single(raw: float, rq: float, samples: int) -> str:
    """The verdict on a single value of each row."""
    values = {"raw": raw, "rq": rq}
    return verdict([{"method": m, "head": "knn", "labels": "all", "value": v, "samples": samples}
                    for m, v in values.items()], "rq")  # fmt: skip


def test_the_number_of_samples_tells_how_far_a_single_value_can_be_trusted() -> None:
    assert "made no clear difference" in single(0.8, 0.84, 100)
    assert "paid with all labels" in single(0.8, 0.84, 10_000)


def test_a_share_of_one_or_none_is_not_certain() -> None:
    for raw, rq in ((1, 14 / 16), (14 / 16, 1), (0, 2 / 16), (1, 1), (0, 0)):
        assert single(raw, rq, 16).startswith("Pretraining made no clear difference with all labels")
    assert single(1, 0.5, 16).startswith("Pretraining did not pay")
    assert single(0.4, 0.8, 100).startswith("Pretraining paid")


def test_draws_that_agree_do_not_make_few_test_samples_many() -> None:
    lines = [
        {"method": method, "head": "knn", "labels": labels, "value": value, "samples": 16}
        for method, value in (("raw", 1.0), ("rq", 14 / 16))
        for labels, draws in (("5", 5), ("all", 1))
        for _ in range(draws)
    ]
    assert verdict(lines, "rq").startswith("Pretraining made no clear difference with 5 labels a class")
