"""embed: a sample's vector depends on no other, rows stay in order, and there is an estimator as scikit-learn's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import paths
from randquant import Embedder, UserError, cli
from randquant.data import open_data
from randquant.embed import embed
from randquant.pretrain import pretrain
from randquant.run import Run
from randquant.settings import EmbedSettings, EncoderSettings

TINY = EncoderSettings(width=16, depth=1, heads=2, head_width=8, mlp_width=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series, a table and their runs."""
    folder = tmp_path_factory.mktemp("embed")
    train(paths.long(folder), folder / "series", id="series", time="when", label="y")
    train(paths.people(folder), folder / "table", label="y", group="person", holdout=0.3)
    return folder


def train(path: Path, out: Path, **choices: object) -> Run:
    dataset = open_data(str(path), labelled=False, **choices)
    return pretrain(dataset, out=out, encoder=TINY, steps=2, device="cpu", quiet=True)


def embedded(folder: Path, run: str, path: str, out: str, **options: object) -> Path:
    settings = EmbedSettings(
        run=folder / run, data=str(folder / path), out=folder / out, device="cpu", quiet=True, **options
    )
    return embed(settings)


def test_embeddings_depend_on_no_batch_and_keep_rows_and_names(folder: Path) -> None:
    whole = np.load(embedded(folder, "series", "long.csv", "whole.npy"))
    alone = np.load(embedded(folder, "series", "long.csv", "alone.npy", batch=1))
    assert whole.shape == (paths.COUNT, 16)
    assert np.isfinite(whole).all()
    assert np.abs(whole - alone).max() < 1e-5
    frame = pd.read_parquet(embedded(folder, "series", "long.csv", "whole.parquet", batch=7))
    assert frame["id"].tolist() == [f"s{one}" for one in range(paths.COUNT)]
    assert np.abs(np.stack(frame["embedding"].tolist()) - whole).max() < 1e-5
    # Some of the rows alone, in another order: each has the vector it had.
    table = pd.read_csv(folder / "long.csv")
    table[table["series"].isin(["s3", "s20"])].iloc[::-1].to_csv(folder / "some.csv", index=False)
    some = pd.read_parquet(embedded(folder, "series", "some.csv", "some.parquet")).set_index("id")["embedding"]
    assert list(some.index) == ["s20", "s3"]
    assert np.abs(some["s3"] - whole[3]).max() < 1e-5


def test_tokens_without_their_padding(folder: Path) -> None:
    tokens = np.load(embedded(folder, "series", "long.csv", "tokens.npy", level="token"))
    assert tokens.shape == (paths.COUNT, 16, 16)  # patches of 2 of 32 steps
    known = ~np.isnan(tokens).any(axis=2)
    assert known.sum(axis=1).tolist() == [min(16, -(-(10 + one) // 2)) for one in range(paths.COUNT)]
    frame = pd.read_parquet(embedded(folder, "series", "long.csv", "tokens.parquet", level="token", batch=5))
    assert len(frame) == known.sum()
    assert frame[frame["id"] == "s0"]["token"].tolist() == [0, 1, 2, 3, 4]
    assert np.abs(np.stack(frame["embedding"].tolist()) - tokens[known]).max() < 1e-5


def test_a_sample_without_a_value_is_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(folder / "long.csv")
    table.loc[table["series"] == "s3", ["a", "b"]] = np.nan
    table.to_csv(folder / "lacking.csv", index=False)
    settings = {"run": folder / "series", "data": str(folder / "lacking.csv"), "batch": 7, "device": "cpu"}
    embed(EmbedSettings(out=folder / "lacking.npy", **settings))
    told = "missing: 1 of 24 samples holds no value at all, such as s3; "
    assert told in capfd.readouterr().err
    assert np.isfinite(np.load(folder / "lacking.npy")).all()
    embed(EmbedSettings(out=folder / "whole.quiet.npy", **{**settings, "data": str(folder / "long.csv")}))
    assert "missing" not in capfd.readouterr().err


def test_a_run_keeps_how_its_path_is_read(folder: Path) -> None:
    run = Run.open(folder / "table")
    facts = run.data
    assert facts is not None
    assert len(facts["held_out"]) == 8
    assert len(facts["held_out_groups"]) == 2
    seen = run.seen()
    assert seen is not None
    assert len(seen) == paths.COUNT - 8
    assert np.load(embedded(folder, "table", "people.csv", "table.npy")).shape == (paths.COUNT, 16)


@pytest.fixture
def _terminated_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_terminated_as_before")
def test_what_does_not_fit_is_one_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "x.npy", np.zeros((9, 3)))
    (folder / "there.npy").write_text("mine")
    long, run = folder / "long.csv", folder / "series"
    cases = {
        f"embed {run} {long} -o {folder}/there.npy": "there.npy exists; name another file",
        f"embed {run} {long} -o {folder}/out.csv": "must end in .npy or .parquet",
        f"embed {run} {folder}/x.npy -o {folder}/out.npy": "is read as array, but the encoder was trained on series",
        f"embed {run} {folder}/people.csv -o {folder}/out.npy": "has no column 'series'",
        f"embed {folder}/table {long} -o {folder}/out.npy": "no column 'age'",
        f"embed {folder}/nowhere {long} -o {folder}/out.npy": "nowhere does not exist",
    }
    for typed, told in cases.items():
        assert cli.main(typed.split()) == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert told in said
    assert (folder / "there.npy").read_text() == "mine"
    assert not (folder / "out.npy").exists()


# All of scikit-learn's checks apply but the one of array libraries that are not numpy, which it skips by itself.
@parametrize_with_checks([Embedder(steps=1, width=8, depth=1, device="cpu")])
def test_scikit_learns_own_checks(estimator: Embedder, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def test_an_estimator_in_a_pipeline() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3, 16))
    y = np.arange(40) % 2
    x[y == 1] *= 3
    embedder = Embedder("crop+rq", steps=2, width=8, depth=1, patch=(4,), device="cpu")
    model = make_pipeline(embedder, LogisticRegression()).fit(x, y)
    assert model.predict(x).shape == (40,)
    fitted = model[0]
    assert any(note.startswith("patch: 4 of 16 steps") for note in fitted.notes_)
    first = fitted.transform(x)
    assert np.abs(first[7] - fitted.transform(x[7:8])[0]).max() < 1e-5
    assert np.array_equal(first, clone(fitted).fit(x).transform(x))  # the same seed, the same features
    assert list(fitted.get_feature_names_out())[:2] == ["embedder0", "embedder1"]
    with pytest.raises(UserError, match=r"^channel_axis: got 7"):
        embedder.set_params(channel_axis=7).fit(x)


def test_an_estimator_takes_frames_and_texts(tmp_path: Path) -> None:
    frame = pd.read_csv(paths.people(tmp_path)).drop(columns="y")
    made = Embedder(steps=1, width=8, depth=1, device="cpu").fit(frame)
    assert made.form_.inputs[0].categories == ("city", "person")
    assert made.transform(frame).shape == (paths.COUNT, 8)
    texts = paths.texts(tmp_path).read_text().split("\n\n")[0].splitlines() * 3
    read = Embedder(steps=1, width=8, depth=1, device="cpu", method="emix", out=tmp_path / "kept").fit(texts)
    assert read.transform(["a new film", ""]).shape == (2, 8)
    assert Run.open(tmp_path / "kept").data is not None
