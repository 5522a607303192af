"""run: what is written is found again, whole or not at all, and every refusal is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from randquant import __version__
from randquant.data import open_data
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.pretrain import pretrain
from randquant.run import Run
from randquant.run.card import card
from samples import SMALL, SPECS, sample
from tied import Tied

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


def test_a_module_of_ones_own_gives_equal_features_in_a_fresh_process(tmp_path: Path) -> None:
    digits, module = open_data("digits"), Tied()
    before = module.first.weight.detach().clone()
    run = pretrain(
        digits, encoder=module, method="rq", out=tmp_path / "run", steps=3, batch=64, device="cpu", quiet=True
    )
    assert not torch.equal(module.first.weight, before)  # trained in place
    inputs = digits.held("test").take(torch.arange(5)).inputs
    with torch.no_grad():
        torch.save([inputs, module.eval()(*inputs)], tmp_path / "expected.pt")
    code = (
        "import sys, torch; from randquant.run import Run; from tied import Tied; torch.set_num_threads(1)\n"
        "inputs, features = torch.load(sys.argv[2], weights_only=True)\n"
        "module = Tied(); encoder = Run.open(sys.argv[1]).encoder(module)\n"
        "assert module.second.weight is module.first.weight and encoder.width == 64 and not module.training\n"
        "torch.testing.assert_close(encoder(inputs), features, rtol=0, atol=1e-6)\n"
    )
    words = [sys.executable, "-c", code, str(run.path), str(tmp_path / "expected.pt")]
    subprocess.run(words, check=True, cwd=Path(__file__).parent)


@pytest.mark.parametrize("made_by", ["99.0.0", None])
def test_a_run_of_another_version_is_not_gone_on_with(made_by: str | None, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = {"out": out, "method": "rq", "steps": 2, "batch": 64, "encoder": SMALL, "device": "cpu", "quiet": True}
    run = pretrain("digits", **given)
    run.check_version()
    config = json.loads((out / "config.json").read_text())
    config["versions"] = {} if made_by is None else {"randquant": made_by}
    (out / "config.json").write_text(json.dumps(config))
    said = f"run: {out} was made by randquant {made_by}, and this is {__version__}; continue it with that version"
    with pytest.raises(UserError) as caught:
        run.check_version()
    assert one_line(caught).startswith(said)
    with pytest.raises(UserError) as caught:
        pretrain("digits", **given, resume=True)
    assert one_line(caught).startswith(said)


def test_a_run_without_a_state_cannot_be_restored(tmp_path: Path) -> None:
    run = Run.create(tmp_path, CONFIG)
    (tmp_path / "state.pt").touch()  # a file of the user's: states have their step in their name
    assert not run.has_state()
    with pytest.raises(UserError, match=rf"^run: {tmp_path} holds no state to go on from; start anew in another"):
        run.restore({}, ())


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match=r"out: .* holds a run already; continue it with --resume") as caught:
        Run.create(tmp_path / "run", CONFIG)
    one_line(caught)


@pytest.mark.parametrize("name", ["README.md", "metrics.jsonl", "state-000000005.pt"])
def test_what_is_not_a_run_s_is_not_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"^out: .* holds {name} already, which a run would write over; name another"):
        Run.create(tmp_path, CONFIG)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["notes.txt", name])
    (tmp_path / name).unlink()
    assert Run.create(tmp_path, CONFIG).metrics() == []


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


def test_what_a_killed_process_left_half_written_does_no_harm(tmp_path: Path) -> None:
    names = ("config.json", "metrics.jsonl", "encoder.json", "encoder.safetensors")
    for name in names:
        (tmp_path / f"{name}.part").write_bytes(b"half" * 10**5)  # longer than what will be written
    run = Run.create(tmp_path, CONFIG)
    encoder = make_encoder(SPECS["1d"], SMALL, seed=0)
    run.save_encoder(encoder)
    run.log({"step": 1})
    run.rewind(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    again = Run.open(tmp_path)
    assert again.config["settings"] == CONFIG["settings"]
    assert again.metrics() == [{"step": 1}]
    for name, value in again.encoder().state_dict().items():
        assert torch.equal(value, encoder.state_dict()[name])


def test_an_unwritable_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(UserError, match=r"out: .* cannot be written .*name another folder") as caught:
            Run.create(path, CONFIG)
        one_line(caught)


def test_the_card_names_the_set_and_the_step_of_every_number(tmp_path: Path) -> None:
    run = Run.create(tmp_path, {"settings": {"data": "1d", "steps": 4000}, "spec": SPECS["1d"].to_dict()})
    run.log({"step": 20, "effective_rank": 2.5})
    run.log({"step": 20, "monitor": "easy", "knn_accuracy": 0.5})
    for name, (knn, linear) in {"easy": (1, 0.9), "hard": (0.3158, 0.25)}.items():
        run.log({"step": 40, "monitor": name, "knn_accuracy": knn, "linear_accuracy": linear})
    run.log({"step": 40, "loss": 1.5})
    run.log({"step": 40, "monitor": "broken", "not_finite": 7})
    run.save_card(45)
    lines = (tmp_path / "README.md").read_text().splitlines()
    first = lines.index("| | at step | |")
    assert lines[first + 2 : first + 9] == [
        "| loss | 40 | 1.5 |",
        "| directions that the features fill (effective rank) | 20 | 2.5 |",
        "| `easy`: nearest neighbours on a cut of its training part | 40 | 1 |",
        "| `easy`: a linear head on a cut of its training part | 40 | 0.9 |",
        "| `hard`: nearest neighbours on a cut of its training part | 40 | 0.3158 |",
        "| `hard`: a linear head on a cut of its training part | 40 | 0.25 |",
        "| `broken`: samples whose features are not finite | 40 | 7 |",
    ]
    assert any(", 45 of 4,000 steps " in line for line in lines)
    run.save_state({}, 30)
    assert ", 30 of 4,000 steps " in card(run)


def test_the_card_of_a_module_of_ones_own_loads_it_and_no_sizes_are_written_down(tmp_path: Path) -> None:
    digits, out = open_data("digits"), tmp_path / "run"
    given = {"out": out, "method": "rq", "steps": 2, "batch": 64, "device": "cpu", "quiet": True}
    run = pretrain(digits, encoder=Tied(), **given)
    assert "encoder" not in run.config["settings"]
    assert run.config["module"] == "tied.Tied"
    code = card(run).partition("```python\n")[2].partition("```")[0]
    assert "tied.Tied" in code
    names = {"module": Tied(), "inputs": digits.held("test").take(torch.arange(5)).inputs}
    exec(compile(code, "card", "exec"), names)
    assert isinstance(names["features"], torch.Tensor)
    assert names["features"].shape == (5, 64)
    pretrain(digits, encoder=Tied(), resume=True, **given)
    with pytest.raises(UserError, match=r"^encoder: got none, but it was started with a module .*, tied\.Tied; give"):
        pretrain(digits, resume=True, **given)
    sizes = {**run.config, "settings": {**run.config["settings"], "encoder": SMALL.to_dict()}}
    del sizes["module"]
    (out / "config.json").write_text(json.dumps(sizes))  # as it was written once
    pretrain(digits, encoder=Tied(), resume=True, **given)
    assert "Run.open" in card(run)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, ["trained without labels", "Method `rq` on `digits`, 0 of 600 steps of 128 samples, seed 0."]),
        (
            {"finetune": {"data": "watch", "steps": 300, "batch": 64, "seed": 7}},
            [
                "trained without labels, then fine-tuned with those of `watch`",
                "Method `rq` on `digits`, 600 of 600 steps of 128 samples, seed 0.",
                "on `watch`: 0 of 300 steps of at most 64 samples, seed 7.",
            ],
        ),
        (
            {"settings": {"method": "supervised", "data": "digits", "batch": 256, "seed": 0, "epochs": 90}},
            ["trained with labels", "Method `supervised` on `digits`, 0 steps of 256 samples, seed 0."],
        ),
    ],
)
def test_the_card_says_whether_there_were_labels(config: dict[str, Any], told: list[str], tmp_path: Path) -> None:
    settings = {"method": "rq", "data": "digits", "steps": 600, "batch": 128, "seed": 0}
    run = Run.create(tmp_path, {"settings": settings, "spec": SPECS["1d"].to_dict(), **config})
    assert all(one in card(run) for one in told)
