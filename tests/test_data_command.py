"""data list, info and check: what stands in the catalogue, and what is present, missing or broken on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from layouts import images
from randquant import cli, terminal
from randquant.data import DATASETS, Batch, Dataset, Entry, Items, Source, listing
from randquant.data.command import spelled_out
from randquant.data.entry import Package
from randquant.data.inspection import SAMPLED, sampled
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.spec import Grid, Spec, Table, Target, Tokens

HEADER = ["name", "domain", "role", "size", "licence", "state"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)  # SIGTERM means what it meant before
    return tmp_path


def told_by(capfd: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    """What `randquant data` writes on its two streams, once its exit code is the expected one."""
    assert cli.main(["data", *words]) == code
    out, told = capfd.readouterr()
    return out, told


@dataclass(frozen=True)
class Numbers:
    """Reads sample 5 as a file of text whose number is 5; a file that holds none is broken."""

    folder: Path
    names: tuple[str, ...]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.folder / self.names[position]
        with reading(path):
            return (torch.tensor([float(word) for word in path.read_text().split()]),)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """train: one sample a line of train.txt, a file of two numbers and a label each."""
    folder = folder_of(entry, root, "train.txt")
    with reading(folder / "train.txt"):
        rows = [line.split() for line in (folder / "train.txt").read_text().splitlines()]
        labels = torch.tensor([int(label) for _, label in rows])
    samples = Items(torch.arange(len(rows)), Numbers(folder, tuple(name for name, _ in rows)), labels)
    return entry.dataset(Spec((Table(columns=2),), Target("class", 3)), {"train": samples})


ENTRY = Entry(name="toy", title="Toys", domain="sensor", roles=("pretrain", "transfer"), read=read, folder="toy")


@pytest.fixture
def toy(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a set of 200 samples in 100 files: labels 0, 1, 1, 0, 1, 1, …; none of class 2."""
    monkeypatch.setitem(DATASETS, "toy", ENTRY)
    folder = root / "toy"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number}.txt").write_text(f"{number} 0.5")
    lines = [f"{number // 2}.txt {min(number % 3, 1)}" for number in range(200)]
    (folder / "train.txt").write_text("\n".join(lines))
    return folder


def test_the_list_has_a_line_for_each_role(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    images.picture(root / "cifar10" / "anything.png")
    (root / "dtd").mkdir()
    (root / "dtd" / ".hidden").write_text("")
    (root / "aircraft").write_text("a file, not a folder")
    out, told = told_by(capfd, "list")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header == HEADER
    assert [(row[0], row[2]) for row in rows] == [(name, role) for name, one in DATASETS.items() for role in one.roles]
    assert [row[1:] for row in rows if row[0] == "chexpert"] == [
        ["medical", role, "11 GB", "registration; research only", "missing"] for role in ("pretrain", "transfer")
    ]
    states = {row[0]: row[5] for row in rows}
    assert {name for name, state in states.items() if state == "present"} == {
        "cifar10",
        *(name for name, one in DATASETS.items() if not one.folder),
    }
    assert states["dtd"] == states["aircraft"] == "missing"
    assert str(root) in told
    assert told.startswith("present: ")
    assert told.count("\n") == 1


def test_the_list_says_what_a_present_set_still_needs(
    root: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DATASETS, "words", replace(ENTRY, name="words", read=None, folder="words"))
    monkeypatch.setitem(DATASETS, "toy", replace(ENTRY, needs=("words",)))
    lines = [line.split("\t") for line in told_by(capfd, "list")[0].splitlines()]
    assert [line[5] for line in lines if line[0] == "toy"] == ["needs words"] * 2
    assert "not there: words" in told_by(capfd, "check", "toy", code=2)[1]
    (root / "words").mkdir()
    (root / "words" / "list.txt").write_text("a")
    lines = [line.split("\t") for line in told_by(capfd, "list")[0].splitlines()]
    assert [line[5] for line in lines if line[0] == "toy"] == ["present"] * 2


def test_the_list_is_one_line_a_role_on_80_columns(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for module in (listing, terminal):
        monkeypatch.setattr(module, "is_drawn", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = told_by(capfd, "list")
    blocks = [block.splitlines() for block in re.split(r"\n *\n", out[: out.index("free: ")].strip())]
    assert [block[0].strip() for block in blocks[1:]] == [
        domain.replace("_", " ") for domain in dict.fromkeys(one.domain for one in DATASETS.values())
    ]
    roles = sum(len(one.roles) for one in DATASETS.values())
    assert sum(len(block) - 1 for block in blocks[1:]) == roles  # beside the domain's own
    assert max(map(len, out[: out.index("free: ")].splitlines())) <= 80


def test_the_list_is_not_cut_on_a_narrow_terminal(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for module in (listing, terminal):
        monkeypatch.setattr(module, "is_drawn", lambda: True)
    monkeypatch.setitem(DATASETS, "toy", replace(ENTRY, licence="[b]mine[/b]", size="7 MB"))
    monkeypatch.setenv("COLUMNS", "70")
    out, _ = told_by(capfd, "list")
    table = out[: out.index("free: ")]
    assert "\t" not in table
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 70
    for word in ("registration;", "chestxray8", "[b]mine[/b]"):
        assert word in table


def test_info_tells_everything(toy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    facts = {
        "layout": "train.txt and numbers",
        "size": "1 kB",
        "licence": "CC0",
        "obtain": "from the attic",
        "sources": (
            Source("https://a.example/b.zip", md5="m" * 32, under="deep"),
            Source("https://a.example/c.zip", sha256="s" * 64),
        ),
        "packages": (Package("npm", "toys", "1.2", "p" * 64, ("a/*.txt", "b")),),
        "needs": ("cifar10",),
        "metric": "spearman",
        "batch": 7,
        "synthetic": True,
        "differences": ("One is one.", "Two are not."),
    }
    monkeypatch.setitem(DATASETS, "toy", replace(ENTRY, **facts))  # type: ignore[arg-type]
    out, told = told_by(capfd, "info", "toy")
    assert told == ""
    lines = [re.split(r" {2,}", line, maxsplit=1) for line in out.splitlines()]
    assert lines == [
        ["name", "toy"],
        ["title", "Toys"],
        ["domain", "sensor"],
        ["roles", "pretrain, transfer"],
        ["state", "needs cifar10"],
        ["synthetic", "its samples are made up, not measured"],
        ["spec", "a row of 2 numbers and 0 categories; 2 tokens in all; target: class of 3"],
        ["parts", "train 200"],
        ["metric", "spearman"],
        ["batch", "7"],
        ["folder", str(toy)],
        ["layout", "in that folder train.txt and numbers"],
        ["size", "1 kB"],
        ["licence", "CC0"],
        ["obtain", "randquant data get toy"],
        ["", "by hand, from the attic"],
        ["sources", f"https://a.example/b.zip (md5 {'m' * 32}), for deep"],
        ["", f"https://a.example/c.zip (sha256 {'s' * 64})"],
        ["packages", f"toys 1.2 by npm (sha256 {'p' * 64}), of it a/*.txt, b"],
        ["needs", "cifar10 (missing)"],
        ["differences", "One is one."],
        ["", "Two are not."],
    ]


def test_info_of_several_and_of_what_does_not_open(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (toy / "train.txt").write_text("1.txt one")
    out, _ = told_by(capfd, "info", "toy", "digits", "imagenet")
    first, second, third = out.split("\n\n")
    assert re.search(rf"spec +not known: {re.escape(str(toy / 'train.txt'))} cannot be read", first)
    assert "a grid of 1 channels and 8x8 places in patches of 2x2; 16 tokens in all; target: class of 10" in second
    assert "obtain   by hand, from image-net.org" in third
    assert "spec " not in third


def test_a_clean_set_is_checked_by_a_sample_of_each_part(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, told = told_by(capfd, "check", "toy")
    # Of 200 labels 0, 1, 1, … 67 are 0, 133 are 1 and none is 2.
    row = "toy\ttrain\t3 classes, 0 to 133 each\t200\t64\t0\n"
    assert out == f"name\tpart\tlabels\tsamples\tread\tbroken\n{row}"
    assert told == ""
    assert told_by(capfd, "check", "toy", "--all")[0].endswith("\t200\t200\t0\n")
    assert not (toy.parent / "decoded").exists()


def test_broken_files_are_named_once(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (toy / "7.txt").write_text("7 b")
    (toy / "8.txt").unlink()
    (toy / "9.txt").write_text("9 nan")
    (toy / "10.txt").write_text("10 0.5 1")
    out, told = told_by(capfd, "check", "toy", "--all", code=1)
    assert out.splitlines()[1].endswith("\t200\t200\t8")
    lines = told.splitlines()
    assert len(lines) == 6  # two samples a file; those of the last two files are told one by one
    assert re.match(rf"data: {re.escape(str(toy / '7.txt'))} cannot be read .* \[2 samples\]", lines[0])
    assert str(toy / "8.txt") in lines[1]
    assert lines[2:4] == [f"data: toy train: sample {number} has values that are not finite" for number in (18, 19)]
    assert lines[4] == "data: toy train: sample 20 has the shape (3,), but its data set (2,)"


def test_a_broken_index_is_named_and_the_others_are_checked(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (toy / "train.txt").write_text("1.txt one")
    out, told = told_by(capfd, "check", "toy", "digits", code=1)
    assert [line.split("\t")[0] for line in out.splitlines()] == ["name", "digits", "digits"]
    assert told.startswith(f"data: {toy / 'train.txt'} cannot be read")
    assert told.count("\n") == 1


def test_what_is_missing_is_told_after_the_others(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, told = told_by(capfd, "check", "cifar10", "digits", "dtd", code=2)
    assert [line.split("\t")[0] for line in out.splitlines()] == ["name", "digits", "digits"]
    assert told == "randquant: error: data: not there: cifar10, dtd (randquant data get cifar10 dtd)\n"


def test_a_missing_library_is_no_broken_file(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unread(entry: Entry, root: Path, faithful: bool) -> Dataset:
        raise UserError("data: torchvision is not installed") from ImportError()

    monkeypatch.setitem(DATASETS, "toy", replace(ENTRY, read=unread))
    for action in ("check", "get"):
        assert told_by(capfd, action, "toy", code=2) == ("", "randquant: error: data: torchvision is not installed\n")


@pytest.mark.parametrize("name", ["cifar10", "traffic_sign"])
def test_a_real_layout_is_checked(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    layout = images.LAYOUTS[name]
    layout.write(root, monkeypatch)
    out, told = told_by(capfd, "check", name)
    assert told == ""
    assert {row.split("\t")[1]: int(row.split("\t")[3]) for row in out.splitlines()[1:]} == {
        part: len(labels) for part, labels in layout.targets.items() if isinstance(labels, list)
    }
    file = root / layout.broken
    file.write_bytes(file.read_bytes()[:20])
    assert str(file) in told_by(capfd, "check", name, code=1)[1]


BALANCES = {
    "class": (Target("class", 2), torch.tensor([0, 1, 1, 0]), "2 classes, 2 each"),
    "binary": (Target("binary", 1), torch.tensor([0.0, 1.0, 0.0, 0.0]), "1 findings, 25.0% positive"),
    "multilabel": (
        Target("multilabel", 2),
        torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [torch.nan, 1.0]]),
        "2 findings, 33.3% to 100.0% positive",
    ),
    "regression": (Target("regression", 1), torch.tensor([-1.0, 2.5, 0.0, 0.5]), "from -1 to 2.5, mean 0.5"),
    "none": (None, None, "none"),
}


@pytest.mark.parametrize("kind", BALANCES)
def test_how_labels_are_spread_is_told(
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    target, labels, told = BALANCES[kind]
    spec = Spec((Grid(1, (2,), (1,)), Tokens(9, 3)), target)
    held = Batch(torch.arange(4), (torch.zeros(4, 1, 2), torch.zeros(4, 3, dtype=torch.int64)), labels)
    made = replace(ENTRY, folder="", read=lambda entry, *_: entry.dataset(spec, {"train": held}))
    monkeypatch.setitem(DATASETS, "toy", made)
    assert told_by(capfd, "check", "toy")[0].splitlines()[1] == f"toy\ttrain\t{told}\t4\t4\t0"
    assert (
        "a grid of 1 channels and 2 places in patches of 1 and 3 symbols out of 9" in told_by(capfd, "info", "toy")[0]
    )


def test_files_without_samples_are_only_seen(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DATASETS, "toy", replace(ENTRY, read=None))
    assert told_by(capfd, "check", "toy")[0] == "toy: its folder is there and not empty; it has no samples to read\n"
    assert "other data sets need its files" in told_by(capfd, "info", "toy")[0]


@pytest.mark.parametrize("count", [0, 1, SAMPLED, SAMPLED + 1, 1000, 1_300_000])
def test_one_of_each_stretch_is_read(count: int) -> None:
    rows = sampled(count)
    assert len(rows) == min(count, SAMPLED)
    assert torch.equal(rows, sampled(count))
    assert torch.equal(sampled(count, everything=True), torch.arange(count))
    if count:
        assert len(rows.unique()) == len(rows)
        assert 0 <= int(rows.min()) <= int(rows.max()) < count
        bounds = [number * count // SAMPLED for number in range(SAMPLED + 1)]
        if count > SAMPLED:
            assert all(low <= row < high for low, row, high in zip(bounds, rows.tolist(), bounds[1:], strict=False))


WRONG = {
    "list digits": "list takes none",
    "info": "names: got none",
    "get": "names: got none",
    "check": "names: got none",
    "get digits --all": "all: get takes no --all",
    "info numerals": "'numerals' is not in the catalogue",
    "get digits cifar11": "did you mean cifar10?",
    "check digit": "did you mean digits?",
    "fetch digits": "'list', 'info', 'get', 'check'",
    "": "ACTION",
}


@pytest.mark.parametrize("typed", WRONG)
def test_a_mistake_is_one_line(typed: str, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, told = told_by(capfd, *typed.split(), code=2)
    assert out == ""
    assert told.startswith("randquant: error: ")
    assert told.count("\n") == 1
    assert WRONG[typed] in told.replace("list,info,get,check", "'list', 'info', 'get', 'check'")


def test_a_suite_stands_for_its_data_sets() -> None:
    assert spelled_out(["dtd", "mini"])[0] == "dtd"
    assert "digits" in spelled_out(["mini"])
    assert not set(spelled_out(["mini"])) & set(spelled_out(["dabs"]))
    assert {*spelled_out(["mini"]), *spelled_out(["dabs"]), "clipart"} == set(DATASETS)
