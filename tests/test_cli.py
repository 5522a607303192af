"""The command line as its user meets it: one line for every mistake, exit codes, tables for programs."""

from __future__ import annotations

import importlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from randquant import __version__, cli
from randquant.errors import UserError
from randquant.methods import METHODS, PARTNERS
from randquant.settings import PretrainSettings, defaults_of

COMMAND = [sys.executable, "-m", "randquant"]

# What is typed, and what the one line must say: the name of what is wrong, and what is allowed.
SEEN_BY_THE_PARSER = {
    "": ["no command", "quickstart, pretrain, probe, finetune, embed, choose"],
    "quikstart": ["unknown command 'quikstart'", "quickstart, pretrain, probe, finetune, embed, choose"],
    "--verbose": ["unknown command '--verbose'"],
    "pretrain": ["DATA", "--out"],
    "pretrain digits": ["--out"],
    "pretrain digits extra --out {tmp}/run": ["extra"],
    "pretrain digits --out {tmp}/run --stepps 3": ["--stepps", "did you mean --steps?"],
    "pretrain --stepps=3": ["--stepps", "did you mean --steps?"],
    "pretrain digits --out {tmp}/run -x": ["-x"],
    "pretrain digits --out": ["--out"],
    "pretrain digits --out {tmp}/run --steps many": ["--steps", "'many'", "whole number"],
    "pretrain digits --out {tmp}/run --learning-rate high": ["--learning-rate", "'high'", "number"],
    "pretrain digits --out {tmp}/run --steps -3": ["error: steps: got -3", "at least"],
    "pretrain digits --out {tmp}/run --dropout 2": ["error: dropout: got 2", "below 1"],
    "pretrain digits --out {tmp}/run --device toaster": ["--device", "'toaster'", "'cpu', 'cuda'"],
    "quickstart --seeds 0": ["seeds", "0", "at least 1"],
    "probe random": ["task", "digits"],
}
SEEN_IN_A_ROOM = {
    "pretrain digits --out {tmp}/run --method rqq": ["method", "'rqq'", "emix", "rq", "crop+rq"],
    "pretrain numerals --out {tmp}/run": ["data", "'numerals'", "randquant data list"],
    "pretrain digits --out /dev/null/run --steps 1": ["/dev/null/run"],
    "probe {tmp}/nowhere digits": ["{tmp}/nowhere"],
    "probe {tmp}/broken digits": ["{tmp}/broken"],
    "probe random numerals": ["'numerals'", "randquant data list"],
    "report {tmp}/nowhere": ["{tmp}/nowhere"],
    "report {tmp}/broken": ["results.jsonl"],
    "quickstart --out /dev/null/run --steps 1": ["/dev/null/run"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a broken run in it; SIGTERM means afterwards what it meant before."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def assert_one_line(told: str, parts: list[str], folder: Path) -> None:
    assert told.startswith("randquant: error: ")
    assert told.count("\n") == 1
    for part in parts:
        assert part.format(tmp=folder) in told


@pytest.mark.parametrize("typed", SEEN_BY_THE_PARSER)
def test_what_the_parser_refuses_is_told_in_one_line(typed: str, folder: Path) -> None:
    done = subprocess.run([*COMMAND, *typed.format(tmp=folder).split()], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, SEEN_BY_THE_PARSER[typed], folder)


@pytest.mark.parametrize("typed", SEEN_IN_A_ROOM)
def test_what_a_room_refuses_is_told_in_one_line(typed: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # In this process: torch is imported once, not once a mistake.
    assert cli.main(typed.format(tmp=folder).split()) == 2
    out, told = capfd.readouterr()
    assert out == ""
    assert_one_line(told, SEEN_IN_A_ROOM[typed], folder)


def test_debug_shows_where_an_error_came_from() -> None:
    done = subprocess.run([*COMMAND, "probe", "random", "--debug"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "UserError: task" in done.stderr


def test_boxes_without_unicode_are_understood_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("ascii", "utf-8"):
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        done = subprocess.run([*COMMAND, "pretrain", "digits"], capture_output=True, text=True)
        assert (
            done.stderr == "randquant: error: missing from randquant pretrain: --out PATH (randquant pretrain --help)\n"
        )


@pytest.mark.parametrize("seen", ["subprocess", "installed"])
def test_version(seen: str) -> None:
    command = COMMAND if seen == "subprocess" else [str(Path(sys.executable).with_name("randquant"))]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"randquant {__version__}\n", "")


def test_help_lists_the_commands_that_exist() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True)
    listed = [line.split()[0] for line in done.stdout.split("\n\n")[2].splitlines()]
    assert listed == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_a_room_that_does_its_work(name: str) -> None:
    room = importlib.import_module(f"randquant.{cli.COMMANDS[name].room}")
    assert callable(getattr(room, cli.COMMANDS[name].function))


def test_an_interrupted_run_saves_its_state(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = f"pretrain digits --out {run} --steps 1000000 --batch 32 --width 16 --depth 1 --log-every 1 --device cpu"
    process = subprocess.Popen([*COMMAND, *words.split()], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").stat().st_size:
        assert time.monotonic() < deadline, "no step was logged"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert list((run).glob("state-*.pt"))
    assert "Traceback" not in told
    assert "--resume" in told


def test_an_interrupt_outside_a_training_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, line, code in ((signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)):
        monkeypatch.setattr(cli, "_run", lambda words, number=number: signal.raise_signal(number))
        assert cli.main(["report", "x"]) == code
        assert capfd.readouterr() == ("", f"randquant: {line}\n")


@pytest.mark.parametrize("words", ["--help", "pretrain --help"])
def test_a_reader_may_leave_early(words: str) -> None:
    process = subprocess.Popen([*COMMAND, *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_table_for_a_program_is_tab_separated(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    assert cli.main(["probe", "raw", "digits", "--draws", "1"]) == 0
    out, told = capfd.readouterr()
    header, *rows = (line.split("\t") for line in out.splitlines())
    assert header[:3] == ["task", "method", "head"]
    assert len(rows) == 16  # raw and none; two heads; 1, 5, 20 labels a class and all
    assert {len(row) for row in rows} == {len(header)}
    assert told.splitlines() == ["probing raw on digits", "probing none on digits"]


def test_a_protocol_sets_what_the_words_do_not() -> None:
    words = ["digits", "--out", "x", "--protocol", "dabs", "--steps", "7"]
    settings = cli._settings("pretrain", words)
    assert isinstance(settings, PretrainSettings)
    assert settings == PretrainSettings(data="digits", out=Path("x"), **{**defaults_of("dabs"), "steps": 7})
    assert (settings.steps, settings.learning_rate, settings.encoder.depth, settings.batch) == (7, 1e-4, 12, 0)
    assert (settings.schedule, settings.warmup, settings.method_details.at) == ("constant", 0.0, "embeddings")
    assert settings.method_details.mixture_weights == "sample"
    assert cli._settings("pretrain", ["digits", "--out", "x"]) == PretrainSettings(data="digits", out=Path("x"))
    with pytest.raises(UserError, match="protocol"):
        cli._settings("pretrain", ["digits", "--out", "x", "--protocol", "bogus"])


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        (["--protocol", "dabs", "--dabs-faithful"], "batch"),
        (["--dabs_faithful", "--protocol=dabs"], "batch"),
        (["--protocol", "dabs", "--dabs-faithful", "--mixture-weights", "sample"], "sample"),
        (["--protocol", "dabs"], "sample"),
        (["--dabs-faithful"], "sample"),
    ],
)
def test_emix_keeps_the_benchmarks_error_where_its_protocol_is_followed(words: list[str], weights: str) -> None:
    settings = cli._settings("pretrain", ["digits", "--out", "x", "--method", "emix", *words])
    assert isinstance(settings, PretrainSettings)
    assert settings.method_details.mixture_weights == weights
    assert settings.method_details.at == ("embeddings" if settings.protocol == "dabs" else "input")


@pytest.mark.parametrize(
    ("name", "words", "field", "values"),
    [
        ("pretrain", "a.npz --eval easy=b.npz --eval hard=a.npz --out x", "monitors", ("easy=b.npz", "hard=a.npz")),
        ("pretrain", "a.npz --eval easy=b.npz hard=a.npz --out x", "monitors", ("easy=b.npz", "hard=a.npz")),
        ("pretrain", "a.npz --eval a --out x --monitors=b c --logger wandb --eval d", "monitors", ("a", "b", "c", "d")),
        (
            "pretrain",
            "a.npz --eval=x=b --out x --logger wandb --logger=tensorboard",
            "logger",
            ("wandb", "tensorboard"),
        ),
        ("preview", "a.npz -o x.html --bins 2 --bins 4 8 -o y.html", "bins", (2, 4, 8)),
        ("choose", "--further bins=2 --seeds 2 --further bins=4", "further", ("bins=2", "bins=4")),
    ],
)
def test_a_repeated_option_of_several_values_adds_to_them(
    name: str, words: str, field: str, values: tuple[object, ...]
) -> None:
    settings = cli._settings(name, words.split())
    assert getattr(settings, field) == values
    assert getattr(settings, "out", None) in (Path("x"), Path("y.html"), Path("runs/choose"))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_breaks_lines_at_the_edge_alone(name: str) -> None:
    words = [*COMMAND, name, "--help"]  # in a process of its own, for others leave their help behind
    help = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}).stdout
    rows = [row[2:-2] for row in help.splitlines() if row.startswith("│")]
    assert len(rows) > 3
    for above, below in itertools.pairwise(rows):
        column = len(below) - len(below.lstrip())
        word = below.split()[0]
        if column > 9 and above[column - 2 : column] == "  " and above[column:].strip() and word[0] not in "({[":
            assert len(above.rstrip()) + 1 + len(word) > len(above), (above, below)


def test_help_says_what_a_flag_does_and_names_every_method() -> None:
    done = subprocess.run([*COMMAND, "pretrain", "--help"], capture_output=True, text=True)
    told = " ".join(done.stdout.replace("│", "").split())
    assert "--no-final-norm Whether a LayerNorm stands at the end: --no-final-norm leaves it out" in told
    words = told.partition("--method STR")[2].partition("(default:")[0]
    assert {*METHODS, *PARTNERS} <= set(re.findall(r"\w+", words))
