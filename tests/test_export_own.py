"""Exports of runs on own data: the lines of each card, followed from raw values on, give what embed gives."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import paths
from randquant.data import Dataset, Form, open_data
from randquant.embed import embed
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.export import FORMATS, export, load
from randquant.export.measured import Measured
from randquant.pretrain import pretrain
from randquant.run import Run
from randquant.settings import EmbedSettings, EncoderSettings, ExportSettings
from randquant.settings.choices import ExportFormat
from tied import Tied

TINY = EncoderSettings(width=16, depth=1, heads=2, head_width=8, mlp_width=16)
Values = NDArray[Any]


def far(folder: Path) -> Path:
    """Two channels, last, of 199 steps, one far from 0; some values are missing, some never vary."""
    values = np.random.default_rng(1).normal(size=(paths.COUNT, 199, 2)) * [0.01, 30] + [101325, -200]
    values[3, 20:60, 1] = np.nan
    np.save(folder / "far.npy", values)
    return folder / "far.npy"


def deep(folder: Path) -> Path:
    """Grey pictures of 16 bits."""
    from PIL import Image

    (folder / "deep").mkdir()
    for row in range(paths.COUNT):
        pixels = paths.RNG.integers(0, 60000, (9 + row % 2, 8)).astype(np.uint16)
        Image.fromarray(pixels).save(folder / "deep" / f"{row:02}.png")
    return folder / "deep"


def noted(folder: Path) -> Path:
    """A table with a column of texts."""
    rows = [(row * 7 % 11, "ab"[row % 2], f"the note of row {row}" if row else "") for row in range(paths.COUNT)]
    return paths.table(folder / "noted.csv", ("a", "b|c", "note"), rows)


def cells(path: Path) -> list[dict[str, Any]]:
    def cell(text: str) -> Any:
        try:
            return float(text) if text else None
        except ValueError:
            return text

    with path.open(encoding="utf-8") as file:
        return [{name: cell(text) for name, text in row.items()} for row in csv.DictReader(file)]


def files(path: Path) -> list[str]:
    return [str(one) for one in sorted(path.rglob("*.*"))]


def captioned(path: Path) -> dict[str, list[Any]]:
    rows = cells(path / "captions.csv")
    return {"paths": [str(path / row["file"]) for row in rows], "texts": [row["caption"] for row in rows]}


def series(path: Path) -> list[Values]:
    rows = cells(path)
    return [
        np.array([(row["a"], row["b"]) for row in reversed(rows) if row["series"] == f"s{one}"])
        for one in range(paths.COUNT)
    ]


# What makes the path, how it is read, and what a user puts in place of the card's examples.
CASES: dict[str, tuple[Callable[[Path], Path], dict[str, Any], Callable[[Path], dict[str, Any]]]] = {
    "far": (far, {}, lambda path: {}),
    "cut": (paths.array((2, 199)), {"length": 64, "patch": (8,)}, lambda path: {}),
    "grey": (paths.array((28, 28), "uint8"), {}, lambda path: {}),
    "few places": (paths.array((32, 7, 7)), {}, lambda path: {}),
    "npz": (paths.archive, {"label": "y"}, lambda path: {}),
    "array of columns": (paths.array((5,)), {}, lambda path: {}),
    "series": (paths.long, {"id": "series", "time": "when", "label": "y"}, lambda path: {"series": series(path)}),
    "table": (paths.people, {"label": "y", "group": "person"}, lambda path: {"rows": cells(path)}),
    "table with texts": (noted, {}, lambda path: {"rows": cells(path)}),
    "texts": (
        paths.texts,
        {},
        lambda path: {"texts": [one for one in path.read_text().splitlines() if one]},
    ),
    "pictures": (paths.pictures, {}, lambda path: {"paths": files(path)}),
    "deep": (deep, {}, lambda path: {"paths": files(path)}),
    "bands": (paths.bands, {}, lambda path: {"paths": files(path)}),
    "captioned": (paths.captioned, {"label": "y"}, captioned),
    "sounds": (paths.sounds, {}, lambda path: {"paths": files(path)}),
}


def trained(name: str, folder: Path) -> tuple[Run, Path, Values]:
    """A run, its path, and what embed says of that."""
    make, choices, _ = CASES[name]
    path = make(folder)
    run = random_run(open_data(str(path), **choices), folder / "run")
    embed(EmbedSettings(run=run.path, data=str(path), out=folder / "features.npy", device="cpu", quiet=True))
    return run, path, np.load(folder / "features.npy")


def random_run(dataset: Dataset, out: Path, encoder: EncoderSettings = TINY) -> Run:
    return pretrain(dataset, out=out, encoder=encoder, method="none", device="cpu", quiet=True)


def exported(run: Run, to: ExportFormat) -> tuple[Path, str]:
    """The file, and the card's lines of Python."""
    out = run.path.parent / f"export{FORMATS[to].SUFFIX}"
    export(ExportSettings(run=run.path, to=to, out=out))
    return out, code_of(out.with_name(f"{out.name}.md"))


def code_of(card: Path) -> str:
    return card.read_text().partition("```python\n")[2].partition("```")[0]


def followed(code: str, given: dict[str, Any]) -> Values:
    """The features that the lines give, examples such as `rows = […]` replaced by what is given."""
    lines = code.splitlines()
    for name in given:
        (place,) = [place for place, line in enumerate(lines) if line.startswith(f"{name} = [") and "row[" not in line]
        lines[place] = f"{name} = given[{name!r}]"
    names: dict[str, Any] = {"given": given}
    exec(compile("\n".join(lines), "card", "exec"), names)
    return np.asarray(names["features"])


@pytest.mark.parametrize("name", CASES)
def test_the_card_leads_from_raw_values_to_what_embed_gives(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run, path, expected = trained(name, tmp_path)
    _, code = exported(run, "safetensors")
    assert f"its features on 7 samples of {path.name} are within" in capfd.readouterr().err
    monkeypatch.chdir(tmp_path)
    given = CASES[name][2](path)
    np.testing.assert_allclose(followed(code, given), expected, atol=2e-5)
    if "paths" not in given:  # the examples of the card are samples too
        assert np.isfinite(followed(code, {})).all()
    # The run's own card, on the same raw path.
    np.testing.assert_allclose(followed(code_of(run.path / "README.md"), {}), expected, atol=2e-5)


@pytest.mark.parametrize("name", ["far", "captioned"])
def test_a_graph_takes_what_was_measured(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    run, path, expected = trained(name, tmp_path)
    out, code = exported(run, "onnx")
    assert "torch" not in code
    assert "randquant" not in code
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(followed(code, CASES[name][2](path)), expected, atol=2e-5)
    assert (
        Form.from_dict(json.loads(out.with_suffix(".json").read_text())["form"]).inputs[0].spec
        == (run.encoder().spec.inputs[0])
    )


def test_a_librarys_own_model_takes_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = paths.array((32, 32, 3), "uint8")(tmp_path)
    run = random_run(open_data(str(path)), tmp_path / "run", EncoderSettings(backbone="resnet18"))
    embed(EmbedSettings(run=run.path, data=str(path), out=tmp_path / "features.npy", device="cpu", quiet=True))
    expected = np.load(tmp_path / "features.npy")
    _, code = exported(run, "torchvision")
    assert "randquant" not in code
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(followed(code, {}), expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_what_is_loaded_has_the_form_and_takes_any_type(tmp_path: Path) -> None:
    run, path, expected = trained("grey", tmp_path)
    out, _ = exported(run, "safetensors")
    loaded = load(out)
    assert isinstance(loaded, Measured)
    assert (loaded.width, loaded.training) == (16, False)
    with torch.inference_mode():
        features = loaded([torch.from_numpy(np.load(path)[:, None])])
    np.testing.assert_allclose(features, expected, atol=2e-5)
    out.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match=r"export\.json cannot be read"):
        load(out)


def test_a_card_tells_columns_codes_and_scale(tmp_path: Path) -> None:
    run, _, _ = trained("table", tmp_path)
    out, _ = exported(run, "safetensors")
    form = run.data["form"]["inputs"][0]  # type: ignore[index]
    card = out.with_name(f"{out.name}.md").read_text()
    assert f"| 1 | `income` | {form['mean'][1]!r} | {form['spread'][1]!r} |" in card
    assert "| 2 | `city` | 1 `a`; 2 `b`; 3 `c` |" in card
    assert "an empty cell is NaN" in card
    assert json.loads(out.with_suffix(".json").read_text())["form"]["inputs"][0] == form


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("far", "`float64 [B, 2, 200]`, as measured, not scaled: 200 places of the array's own values; axis 2 of"),
        (
            "far",
            "axis 2 of the array is the channels; what is longer is cut. NaN stands where a value is missing",
        ),
        ("cut", "The same stands in export.json, under `form`."),
        ("cut", "`float32 [B, 2, 64]`, as measured"),
        ("cut", "NaN is not taken, for no sample of the training held any"),
        ("pictures", "pixels of red, green and blue in the values of the file, which are 0 to 255 where it has 8 bits"),
        ("sounds", "64 mel pitches up to 4000 Hz by 64 moments"),
        ("series", "32 steps of a series, ordered by 'when'"),
        ("table with texts", r"| 1 | `b\|c` | 1 `a`; 2 `b` |"),
        ("texts", "symbols and their ids are the `vocabulary` of export.json"),
    ],
)
def test_a_card_tells_the_unit_of_what_goes_in(name: str, told: str, tmp_path: Path) -> None:
    run, _, _ = trained(name, tmp_path)
    out, _ = exported(run, "safetensors")
    assert told in out.with_name(f"{out.name}.md").read_text()


def test_made_up_samples_are_tried_where_the_path_is_gone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run, path, _ = trained("far", tmp_path)
    path.unlink()
    exported(run, "safetensors")
    told = capfd.readouterr().err
    assert f"on 7 made-up samples are within 0 of the run's (data: {path} does not exist)" in told


def test_what_is_scaled_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, path, _ = trained("cut", tmp_path)
    monkeypatch.setattr(Measured, "forward", lambda self, inputs: self.encoder(inputs))
    for _ in range(2):  # tried on the run's own samples, then on made-up ones
        with pytest.raises(UserError, match="away from the encoder's features"):
            exported(run, "safetensors")
        path.unlink(missing_ok=True)
    assert not (tmp_path / "export.safetensors").exists()


def test_the_card_of_samples_in_memory_reads_them_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from randquant import Embedder

    samples = np.random.default_rng(0).normal(3, 2, (40, 2, 24)).astype(np.float32)
    embedder = Embedder("none", width=16, depth=1, out=tmp_path / "run", device="cpu").fit(samples)
    np.save(tmp_path / "yours.npy", samples)
    monkeypatch.chdir(tmp_path)
    _, code = exported(Run.open(tmp_path / "run"), "safetensors")
    for lines in (code, code_of(tmp_path / "run" / "README.md")):
        np.testing.assert_allclose(followed(lines, {}), embedder.transform(samples), atol=2e-5)


def test_the_card_of_ones_own_module_asks_for_one(tmp_path: Path) -> None:
    path = paths.array((8, 8))(tmp_path)
    run = pretrain(open_data(str(path)), out=tmp_path / "run", encoder=Tied(), method="none", device="cpu", quiet=True)
    assert "encoder = run.encoder(module)\n" in code_of(run.path / "README.md")


def test_the_card_of_photographs_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = paths.pictures(tmp_path)
    for one in files(path)[2:-2]:
        Path(one).unlink()
    settings = EncoderSettings(backbone="resnet18")
    run = pretrain(str(path), out=tmp_path / "run", encoder=settings, method="none", device="cpu", quiet=True)
    embed(EmbedSettings(run=run.path, data=str(path), out=tmp_path / "features.npy", device="cpu", quiet=True))
    assert "red, green and blue from 0 to 1" in (run.path / "README.md").read_text()
    features = followed(code_of(run.path / "README.md"), {})
    np.testing.assert_allclose(features, np.load(tmp_path / "features.npy"), rtol=1e-4, atol=1e-4)


def test_a_run_on_the_catalogue_is_exported_as_it_was(tmp_path: Path) -> None:
    run = random_run(open_data("digits"), tmp_path / "run")
    out, code = exported(run, "safetensors")
    assert "What goes in\n\n- input 0: `float32 [B, 1, 8, 8]`, 1 channel on a grid\n\n## How" in (
        out.with_name(f"{out.name}.md").read_text()
    )
    assert "form" not in json.loads(out.with_suffix(".json").read_text())
    assert len(code.splitlines()) == 5
    assert not isinstance(load(out), Measured)
    assert "Run.open" in code_of(run.path / "README.md")
    assert make_encoder(run.encoder().spec, TINY, 0).spec == load(out).spec
