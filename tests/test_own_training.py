"""A training on a path: what is inferred is said and kept, labelled sets are tried beside it, and it goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import paths
from randquant import cli
from randquant.pretrain import loop
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


@pytest.mark.parametrize(
    ("words", "told", "sizes"),
    [
        ("", "width 96, 3 blocks (fewer than 20,000 samples; --width and --depth set it)", (96, 3, 192)),
        ("--width 96", "width 96 (given), 3 blocks (fewer than 20,000 samples; --depth sets it)", (96, 3, 192)),
        ("--width 8 --depth 1", "width 8 (given), 1 blocks (given)", (8, 1, 192)),
        ("--batch 4 --mlp-width 16", "batch: 4 samples (given)", (96, 3, 16)),
    ],
)
def test_sizes_that_are_given_are_told_from_those_that_follow(
    words: str, told: str, sizes: tuple[int, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = paths.people(tmp_path)
    assert cli.main(f"pretrain {path} --out {tmp_path}/run --method none {words}".split()) == 0
    assert told in capfd.readouterr().err
    kept = Run.open(tmp_path / "run").config["settings"]["encoder"]
    assert (kept["width"], kept["depth"], kept["mlp_width"]) == sizes


def test_many_samples_have_a_larger_encoder_but_for_what_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from randquant.pretrain import opening

    monkeypatch.setattr(opening, "LARGE", 24)
    path = paths.people(tmp_path)
    assert cli.main(f"pretrain {path} --out {tmp_path}/run --method none --width 96".split()) == 0
    assert "width 96 (given), 4 blocks (at least 24 samples; --depth sets it)" in capfd.readouterr().err
    assert Run.open(tmp_path / "run").encoder().width == 96


def test_every_command_is_told_how_to_read_a_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.long(tmp_path)
    series = "--id series --time when"
    words = f"pretrain {path} --out {tmp_path}/run {series} --label y --group person --holdout 0.3 --method none {TINY}"
    assert cli.main(words.split()) == 0
    capfd.readouterr()
    assert cli.main(f"doctor {path} {series} --label y".split()) == 1
    assert "24 of 24 samples of train" in capfd.readouterr().err
    assert cli.main(f"preview {path} -o {tmp_path}/alone.html {series} --label y".split()) == 0
    assert cli.main(f"preview {path} -o {tmp_path}/run.html --run {tmp_path}/run".split()) == 0
    assert cli.main(f"view {tmp_path}/run".split()) == 0
    page = (tmp_path / "run" / "view.html").read_text()
    assert "s test part" in page
    np.save(tmp_path / "first.npy", np.arange(24 * 3 * 8.0).reshape(24, 3, 8) % 7)
    np.save(tmp_path / "last.npy", (np.arange(24 * 3 * 8.0).reshape(24, 3, 8) % 7).transpose(0, 2, 1))
    assert cli.main(f"pretrain {tmp_path}/first.npy --out {tmp_path}/array --method none {TINY}".split()) == 0
    for name, axis in (("first", ""), ("last", "--channel-axis 2")):
        assert cli.main(f"embed {tmp_path}/array {tmp_path}/{name}.npy -o {tmp_path}/{name}-f.npy {axis}".split()) == 0
    assert np.array_equal(np.load(tmp_path / "first-f.npy"), np.load(tmp_path / "last-f.npy"))
    capfd.readouterr()
    for words in ("doctor digits", f"preview digits -o {tmp_path}/digits.html", "probe raw digits"):
        assert cli.main([*words.split(), "--label", "y"]) == 2
        assert "label: digits is in the catalogue" in capfd.readouterr().err


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


def looks(run: Path) -> list[str]:
    return [line["monitor"] for line in Run.open(run).metrics() if "monitor" in line]


def test_a_labelled_set_names_labels_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values = np.arange(40) % 2 + paths.RNG.normal(size=(2, 40)) / 9
    plain = paths.table(tmp_path / "plain.csv", "ab", values.T)
    rows = [(*row, place % 2) for place, row in enumerate(values.T)]
    told = paths.table(tmp_path / "told.csv", ("a", "b", "class"), rows)
    run = f"--out {tmp_path}/run --quiet {TINY}"
    assert cli.main(f"pretrain {plain} --monitors told={told}:class {run}".split()) == 0
    assert looks(tmp_path / "run") == ["told"]
    run = run.replace("run ", "other ")
    assert cli.main(f"pretrain {told} --monitors told={told}:class {run}".split()) == 2
    assert "monitors: the label 'class' of " in capfd.readouterr().err
    assert cli.main(f"pretrain {plain} --monitors {told} {run}".split()) == 2
    assert "has no labels" in capfd.readouterr().err

    waves = paths.RNG.normal(size=(60, 2, 16)) + (np.arange(60) % 2)[:, None, None]
    for name, one in {"all": waves, "some": waves[:20], "rest": waves[20:]}.items():
        np.save(tmp_path / f"{name}.npy", one)
        np.save(tmp_path / f"{name}-y.npy", np.arange(len(one)) % 2)
    monitors = " ".join(f"{name}={tmp_path}/{name}.npy:{tmp_path}/{name}-y.npy" for name in ("some", "rest"))
    assert cli.main(f"pretrain {tmp_path}/all.npy --monitors {monitors} {run}".split()) == 0
    assert looks(tmp_path / "other") == ["some", "rest"]


def test_held_out_samples_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = paths.people(tmp_path), []
    given = loop.monitor
    monkeypatch.setattr(loop, "monitor", lambda *some: seen.append(some[1].held("train")) or given(*some))
    words = f"pretrain {path} --out {tmp_path}/run --label y --group person --holdout 0.3 --monitors {path} {TINY}"
    assert cli.main([*words.split(), "--quiet"]) == 0
    facts = Run.open(tmp_path / "run").data
    assert facts is not None
    assert sorted([*seen[0].ids.tolist(), *facts["held_out"]]) == list(range(paths.COUNT))
    assert len(facts["held_out"]) == 8


def test_photographs_are_looked_at_beside_a_vision_backbone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = paths.pictures(tmp_path)
    words = f"pretrain {folder} --backbone resnet18 --stem small --length 16 --method rq --batch 4 --steps 1 --quiet"
    words += f" --device cpu --workers 0 --monitors mine={folder}"
    assert cli.main([*words.split(), "--out", str(tmp_path / "run")]) == 0
    assert looks(tmp_path / "run") == ["mine"]
    assert cli.main([*f"{words}:y".split(), "--out", str(tmp_path / "other")]) == 2
    assert "photographs have their folders as labels; leave :y out" in capfd.readouterr().err
    assert cli.main([*f"{words} mine={folder}".split(), "--out", str(tmp_path / "other")]) == 2
    assert "monitors: two are called mine" in capfd.readouterr().err


def test_texts_are_quantized_in_their_embeddings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.texts(tmp_path)
    assert cli.main(f"pretrain {path} --out {tmp_path}/run {TINY}".split()) == 0
    assert "what rq quantizes are the embeddings" in capfd.readouterr().err
    assert Run.open(tmp_path / "run").config["settings"]["method_details"]["at"] == "embeddings"
    assert cli.main(f"pretrain {path} --out {tmp_path}/mixed --method emix {TINY}".split()) == 0
    assert "rq" not in capfd.readouterr().err


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
