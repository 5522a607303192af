"""A training on a path: what is inferred is said and kept, labelled sets are tried beside it, and it goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import paths
from randquant import cli
from randquant.run import Run

TINY = "--steps 2 --width 16 --depth 1 --heads 2 --head-width 8 --mlp-width 16 --device cpu"


@pytest.fixture(autouse=True)
def _terminated_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_was_inferred_is_said_and_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.people(tmp_path)
    words = f"pretrain {path} --out {tmp_path}/run --label y --group person --holdout 0.3 {TINY}".split()
    assert cli.main(words) == 0
    told = capfd.readouterr().err
    for part in ("columns: 2 numbers and 1 categories", "left out: row", "held out: 8 of 24", "batch: 4 samples"):
        assert part in told
    run = Run.open(tmp_path / "run")
    facts = run.data
    assert facts is not None
    assert facts["form"]["kind"] == "table"
    assert facts["path"] == str(path)
    weights = (run.path / "encoder.safetensors").read_bytes()
    # It goes on unchanged, though the file has changed how it would be read anew; another holdout is another training.
    assert cli.main([*words, "--resume", "--quiet"]) == 0
    assert (run.path / "encoder.safetensors").read_bytes() == weights
    capfd.readouterr()
    assert cli.main([*" ".join(words).replace("--holdout 0.3", "--holdout 0.5").split(), "--resume"]) == 2
    assert "holdout: got 0.5, but it was started with 0.3" in capfd.readouterr().err


def test_labelled_sets_beside_the_unlabelled_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.people(tmp_path)
    (tmp_path / "more").mkdir()
    other = paths.people(tmp_path / "more")
    words = f"pretrain {path} --out {tmp_path}/run --label y --eval mine={path} --eval theirs={other} {TINY}"
    assert cli.main(words.replace("--eval theirs", "theirs").split()) == 0
    looks = [line for line in Run.open(tmp_path / "run").metrics() if "monitor" in line]
    assert [line["monitor"] for line in looks] == ["mine", "theirs"]
    capfd.readouterr()
    assert cli.main(["pretrain", "digits", "--out", str(tmp_path / "x"), "--eval", f"mine={path}"]) == 2
    assert "monitors: got 'mine=" in capfd.readouterr().err


def test_texts_are_quantized_in_their_embeddings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.texts(tmp_path)
    assert cli.main(f"pretrain {path} --out {tmp_path}/run {TINY}".split()) == 0
    assert "what rq quantizes are the embeddings" in capfd.readouterr().err
    assert Run.open(tmp_path / "run").config["settings"]["method_details"]["at"] == "embeddings"


def test_streamed_samples_train_as_held_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from randquant.data.own import samples

    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(24, 2, 16)))
    weights = []
    for held in (samples.HELD, 0):
        monkeypatch.setattr(samples, "HELD", held)
        words = f"pretrain {tmp_path}/x.npy --out {tmp_path}/run{held} --workers 0 --quiet {TINY}"
        assert cli.main(words.split()) == 0
        weights.append((tmp_path / f"run{held}" / "encoder.safetensors").read_bytes())
        assert Run.open(tmp_path / f"run{held}").seen() is not None
    assert weights[0] == weights[1]
