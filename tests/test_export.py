"""Files for use elsewhere: every kind of data in every format, read as a stranger would; nothing said done untried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from randquant import cli
from randquant.encoder import OwnEncoder, make_encoder
from randquant.errors import UserError
from randquant.export import FORMATS, command, export, load
from randquant.export.compare import difference
from randquant.export.measured import Measured
from randquant.export.tried import made_up
from randquant.run import Run
from randquant.settings import EncoderSettings, ExportSettings
from randquant.settings.choices import ExportFormat
from randquant.spec import Grid, Spec
from samples import SMALL, SPECS, sample


def run_of(folder: Path, kind: str) -> Run:
    settings = {"data": kind, "method": "rq", "steps": 1, "batch": 4, "seed": 0}
    run = Run.create(folder, {"settings": settings, "spec": SPECS[kind].to_dict()})
    run.save_encoder(make_encoder(SPECS[kind], SMALL, 0))
    return run


def exported(tmp_path: Path, kind: str, to: ExportFormat) -> tuple[Run, Path]:
    run = run_of(tmp_path / "run", kind)
    out = tmp_path / "for others" / f"features{FORMATS[to].SUFFIX}"
    assert export(ExportSettings(run=run.path, to=to, out=out)) == out
    return run, out


@pytest.mark.parametrize("kind", SPECS)
def test_safetensors_give_the_same_encoder(kind: str, tmp_path: Path) -> None:
    run, out = exported(tmp_path, kind, "safetensors")
    inputs = sample(SPECS[kind])
    with torch.inference_mode():
        assert torch.equal(load(out)(inputs), run.encoder()(inputs))
    assert Spec.from_dict(json.loads(out.with_suffix(".json").read_text())["spec"]) == SPECS[kind]
    assert {one.name for one in out.parent.iterdir()} == {
        "features.safetensors",
        "features.safetensors.md",
        "features.json",
    }


@pytest.mark.parametrize("kind", ["image+text"])
def test_a_graph_gives_the_same_features_for_any_number_of_samples(kind: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    run, out = exported(tmp_path, kind, "onnx")
    inputs = sample(SPECS[kind])
    with torch.inference_mode():
        expected = run.encoder()(inputs).numpy()
    session = onnxruntime.InferenceSession(str(out))
    for count in (1, 2, 5):
        named = {f"input{i}": one[:count].numpy() for i, one in enumerate(inputs)}
        (features,) = session.run(["features"], named)
        assert np.allclose(features, expected[:count], atol=1e-5)
    assert {one.name for one in out.parent.iterdir()} == {"features.onnx", "features.onnx.md"}


@pytest.mark.parametrize("to", ["safetensors", "onnx"])
def test_the_lines_of_the_card_run(to: ExportFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, out = exported(tmp_path, "2d", to)
    code = out.with_name(f"{out.name}.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) <= 5
    monkeypatch.chdir(out.parent)
    inputs = sample(SPECS["2d"])
    names = {"inputs": inputs, "input0": inputs[0].numpy()}
    exec(compile(code, "card", "exec"), names)
    assert tuple(names["features"].shape) == (5, 16)


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path / "run", "2d")

    class Wrong:
        SUFFIX = ".safetensors"
        write = staticmethod(command.plain.write)

        @staticmethod
        def read(path: Path, encoder: OwnEncoder) -> object:
            right = command.plain.read(path, encoder)
            return lambda inputs: right(inputs) + 0.01

    monkeypatch.setattr(command, "FORMATS", {"safetensors": Wrong})
    out = tmp_path / "out" / "features.safetensors"
    with pytest.raises(UserError, match="away from the encoder's features"):
        export(ExportSettings(run=run.path, to="safetensors", out=out))
    assert list(out.parent.iterdir()) == []


def test_a_difference_is_seen() -> None:
    encoder = make_encoder(SPECS["2d"], SMALL, 0).eval()
    samples = made_up(Measured(encoder, None))
    largest = {}

    def changed(inputs: list[torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            features: torch.Tensor = encoder(inputs)
        largest[len(features)] = float(features.abs().max())
        return features + (0.5 if len(features) == 1 else 0.0)  # wrong for a single sample alone

    assert difference(encoder, changed, samples) == pytest.approx(0.5 / largest[7], rel=1e-4)
    assert difference(encoder, lambda inputs: torch.zeros(1, 3), samples) == float("inf")


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_of(tmp_path / "run", "2d")
    (tmp_path / "there.safetensors").write_text("mine")
    (tmp_path / "card.safetensors.md").write_text("mine")
    for words, told in {
        "{tmp}/nowhere --to onnx -o {tmp}/a.onnx": "nowhere does not exist",
        "{tmp}/run --to onnx -o {tmp}/a.pt": "a.pt, must end in .onnx",
        "{tmp}/run --to coreml -o {tmp}/a.onnx": "'coreml'",
        "{tmp}/run --to safetensors -o {tmp}/there.safetensors": "there.safetensors exists; name another file",
        "{tmp}/run --to safetensors -o {tmp}/card.safetensors": "card.safetensors.md exists; name another file",
    }.items():
        assert cli.main(["export", *words.format(tmp=tmp_path).split()]) == 2
        out, said = capfd.readouterr()
        assert (out, said.count("\n")) == ("", 1)
        assert told in said
    assert (tmp_path / "there.safetensors").read_text() == "mine"
    assert not (tmp_path / "card.safetensors").exists()
    with pytest.raises(UserError, match=r"must be the file that ends in \.safetensors"):
        load(tmp_path / "card.md")


@pytest.mark.parametrize(
    ("to", "channels", "changes"),
    [
        ("torchvision", 3, {"backbone": "resnet18"}),
        ("torchvision", 12, {"backbone": "resnet18", "stem": "small"}),
        ("timm", 1, {"backbone": "timm/test_resnet"}),
        ("timm", 3, {"backbone": "timm/test_vit", "stem": "mocov3"}),
    ],
)
def test_a_librarys_own_model_takes_a_backbone(
    to: ExportFormat, channels: int, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, settings = Spec((Grid(channels, (32, 32), (16, 16)),)), EncoderSettings(**changes)
    told = {"data": "pictures", "method": "rq", "steps": 1, "batch": 4, "seed": 0}
    run = Run.create(tmp_path / "run", {"settings": told, "spec": spec.to_dict()})
    trained = make_encoder(spec, settings, seed=3)
    with torch.no_grad():
        trained.train()((torch.rand(4, channels, 32, 32),))  # so that running statistics are not those of a new model
    run.save_encoder(trained)
    out = tmp_path / "model.safetensors"
    export(ExportSettings(run=run.path, to=to, out=out))
    code = out.with_name(f"{out.name}.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert "randquant" not in code
    monkeypatch.chdir(tmp_path)
    inputs = [torch.rand(5, channels, 32, 32)]
    names: dict[str, Any] = {"inputs": inputs}
    exec(compile(code, "card", "exec"), names)
    with torch.inference_mode():
        torch.testing.assert_close(names["features"], run.encoder()(inputs), rtol=1e-5, atol=1e-5)


def test_a_model_of_another_library_is_refused(tmp_path: Path) -> None:
    spec = Spec((Grid(3, (32, 32), (16, 16)),))
    run = Run.create(tmp_path / "run", {"settings": {"data": "pictures"}, "spec": spec.to_dict()})
    run.save_encoder(make_encoder(spec, EncoderSettings(backbone="timm/test_resnet"), seed=0))
    out = tmp_path / "model.safetensors"
    with pytest.raises(UserError, match="to: got torchvision, but timm/test_resnet is a model of timm"):
        export(ExportSettings(run=run.path, to="torchvision", out=out))
    own = run_of(tmp_path / "own", "2d")
    with pytest.raises(UserError, match="to: got timm, but this encoder is randquant's own transformer"):
        export(ExportSettings(run=own.path, to="timm", out=out))
    assert not out.exists()
