"""run: what is written is found again, whole or not at all, and every refusal is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.run import Run
from samples import SMALL, SPECS, sample

CONFIG = {"settings": {"seed": 3}}


def one_line(caught: pytest.ExceptionInfo[UserError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_config_and_metrics_come_back(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a" / "run", CONFIG)
    run.log({"step": 1, "loss": 2.5})
    run.log({"step": 2, "loss": 2.25})
    again = Run.open(tmp_path / "a" / "run")
    assert again.config["settings"] == {"seed": 3}
    assert set(again.config["versions"]) == {"randquant", "torch", "numpy", "python"}
    assert again.metrics() == [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.25}]


def test_a_line_cut_short_is_no_line_and_rewind_drops_what_follows(tmp_path: Path) -> None:
    run = Run.create(tmp_path, CONFIG)
    for step in (1, 2, 3):
        run.log({"step": step})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    assert run.metrics() == [{"step": 1}, {"step": 2}, {"step": 3}]
    run.rewind(2)
    run.log({"step": 3})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n'


@pytest.mark.parametrize("kind", SPECS)
def test_the_encoder_gives_equal_features_in_a_fresh_process(kind: str, tmp_path: Path) -> None:
    encoder = make_encoder(SPECS[kind], SMALL, seed=0).eval()
    run = Run.create(tmp_path / "run", CONFIG)
    run.save_encoder(encoder)
    inputs = sample(SPECS[kind])
    with torch.no_grad():
        features = encoder(inputs)
        assert torch.equal(run.encoder()(inputs), features)
    if kind != "image+text":  # one fresh process is enough: it knows nothing of the kinds
        return
    torch.save([inputs, features], tmp_path / "expected.pt")
    code = (
        "import sys, torch; from randquant.run import Run; torch.set_num_threads(1);"
        "inputs, features = torch.load(sys.argv[2], weights_only=True);"
        "encoder = Run.open(sys.argv[1]).encoder();"
        "assert not encoder.training; torch.testing.assert_close(encoder(inputs), features, rtol=0, atol=1e-6)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.path), str(tmp_path / "expected.pt")], check=True)


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match=r"out: .* holds a run already; continue it with --resume") as caught:
        Run.create(tmp_path / "run", CONFIG)
    one_line(caught)


def test_what_is_not_a_run_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run: .* does not exist") as caught:
        Run.open(tmp_path / "nowhere")
    one_line(caught)
    (tmp_path / "notes.txt").touch()
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UserError, match=r"run: .* holds no config\.json") as caught:
            Run.open(path)
        one_line(caught)


def test_missing_and_damaged_files_are_said_in_one_line(tmp_path: Path) -> None:
    run = Run.create(tmp_path, CONFIG)
    with pytest.raises(UserError, match=r"holds no encoder\.json; finish the training") as caught:
        run.encoder()
    one_line(caught)
    run.save_encoder(make_encoder(SPECS["1d"], SMALL, seed=0))
    for name, read in (("encoder.safetensors", run.encoder), ("encoder.json", run.encoder)):
        whole = (tmp_path / name).read_bytes()
        for damaged in (whole[: len(whole) // 2], b"", b"not ours"):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(UserError, match=f"{name} cannot be read") as caught:
                read()
            one_line(caught)
        (tmp_path / name).write_bytes(whole)
    (tmp_path / "encoder.json").write_text(json.dumps({"spec": {"inputs": []}}))
    with pytest.raises(UserError, match=r"encoder\.json"):
        run.encoder()
    run.save_encoder(make_encoder(SPECS["1d"], SMALL, seed=0))
    other = tmp_path / "other"
    Run.create(other, CONFIG).save_encoder(make_encoder(SPECS["2d"], SMALL, seed=0))
    (other / "encoder.safetensors").replace(tmp_path / "encoder.safetensors")
    with pytest.raises(UserError, match=r"encoder\.safetensors"):
        run.encoder()


def test_an_unwritable_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(UserError, match=r"out: .* cannot be written .*name another folder") as caught:
            Run.create(path, CONFIG)
        one_line(caught)
