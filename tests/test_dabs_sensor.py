"""data: what the benchmark's windows of body-worn sensors are, beyond the contract of every data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from layouts import sensor
from randquant.data import Dataset
from randquant.data.dabs import pamap2
from randquant.data.items import Items
from randquant.errors import UserError

(ENTRY,) = pamap2.ENTRIES


def opened(root: Path, faithful: bool = False) -> Dataset:
    assert ENTRY.read is not None
    return ENTRY.read(ENTRY, root, faithful)


def items(dataset: Dataset, part: str) -> Items:
    samples = dataset.parts[part]
    assert isinstance(samples, Items)
    return samples


def labels(samples: Items) -> torch.Tensor:
    assert samples.target is not None
    return samples.target


def rows(window: torch.Tensor) -> list[int]:
    """Which rows of the recording a window holds, by what its second sensor shows."""
    return [round((value - 100) * 8) for value in window[1].tolist()]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three subjects, of whom two are for training."""
    monkeypatch.setattr(pamap2, "SUBJECTS", {"train": (101, 102), "test": (105,)})
    monkeypatch.setattr(pamap2, "DRAWS", {"train": 600, "test": 40})


@pytest.fixture
def recordings(three: None, tmp_path: Path) -> Path:
    """Subject 101 lies and sits, 102 stands in two bouts; 105 runs. Windows have little room."""
    sensor.recording(sensor.folder(tmp_path) / "subject101.dat", [(0, 9), (1, 322), (2, 321), (4, 319)])
    sensor.recording(sensor.folder(tmp_path) / "subject102.dat", [(3, 322), (0, 9), (3, 321)])
    sensor.recording(sensor.folder(tmp_path) / "subject105.dat", [(5, 400), (17, 400), (9, 400)])
    return tmp_path


def test_windows_lie_in_one_bout_and_every_start_is_drawn(recordings: Path) -> None:
    train = items(opened(recordings), "train")
    found: dict[tuple[int, int, int], int] = {}
    assert train.groups is not None
    for row, (label, subject) in enumerate(zip(labels(train).tolist(), train.groups.tolist(), strict=True)):
        (window,) = train.read(row)
        assert window.shape == (52, 320)
        assert window.dtype == torch.float32
        held = rows(window)
        assert held == list(range(held[0], held[0] + 320))
        found[subject, label, held[0]] = found.get((subject, label, held[0]), 0) + 1
    lying = {(101, 0, first) for first in (9, 10, 11)}
    sitting = {(101, 1, first) for first in (331, 332)}
    standing = {(102, 2, first) for first in (0, 1, 2, 331, 332)}
    assert set(found) == lying | sitting | standing  # walking lasts less than a window
    for pair in (lying, sitting, standing):  # 200 draws each, 11.5 to a deviation
        assert 150 < sum(found[one] for one in pair) < 250
        assert min(found[one] for one in pair) > 120 / len(pair)


def test_the_benchmark_glues_bouts_and_never_takes_the_last_start(recordings: Path) -> None:
    dataset = opened(recordings, faithful=True)
    train, test = items(dataset, "train"), items(dataset, "test")
    glued = [*range(322), *range(331, 652)]
    starts = set()
    for row in (labels(train) == 2).nonzero().flatten().tolist():
        held = rows(train.read(row)[0])
        starts.add(glued.index(held[0]))
        assert held == glued[glued.index(held[0]) :][:320]
    assert len(starts) > 100
    assert max(starts) < 643 - 320
    assert sorted({rows(train.read(row)[0])[0] for row in (labels(train) == 0).nonzero().flatten().tolist()}) == [9, 10]
    assert set(labels(test).tolist()) == {4}


def test_all_sensors_are_kept_in_order(recordings: Path) -> None:
    test = items(opened(recordings), "test")
    for row in range(40):
        (window,) = test.read(row)
        first = rows(window)[0]
        shown = 100 * torch.arange(52)[:, None] + torch.arange(first, first + 320) / 8
        shown[0] = shown[0].clamp(min=2 / 8)  # the first heart rate is that of row 2
        torch.testing.assert_close(window, shown, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("leading", "head"), [(True, [2.0, 2.0]), (False, [np.nan, np.nan])])
def test_gaps_are_bridged(leading: bool, head: list[float]) -> None:
    gap = np.nan
    filled = pamap2._filled(np.array([gap, gap, 2.0, gap, gap, 5.0, gap]), leading=leading)
    np.testing.assert_allclose(filled, [*head, 2.0, 3.0, 4.0, 5.0, 5.0])


def test_parts_and_classes(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct, faithful = (opened(recordings, mode) for mode in (False, True))
    assert [one.spec.target.size for one in (correct, faithful) if one.spec.target] == [11, 12]
    assert "ironing" not in correct.classes
    assert faithful.classes == (*correct.classes, "unused 1")
    assert (correct.batch, correct.domain) == (256, "sensor")
    train, test = items(correct, "train"), items(correct, "test")
    assert torch.equal(train.ids, torch.arange(600))
    assert torch.equal(test.ids, torch.arange(600, 640))
    assert train.groups is not None
    assert set(train.groups.tolist()) == {101, 102}
    monkeypatch.setattr(pamap2, "DRAWS", {"train": 700, "test": 40})
    more = items(opened(recordings), "train")
    for row in (0, 599):  # a draw belongs to the sample, not to the set
        assert torch.equal(more.read(row)[0], train.read(row)[0])


def test_the_benchmark_has_60000_windows_of_eight_subjects() -> None:
    assert pamap2.DRAWS == {"train": 50_000, "test": 10_000}
    assert pamap2.SUBJECTS == {"train": (101, 102, 103, 104, 107, 108, 109), "test": (105,)}
    assert list(pamap2.ACTIVITIES) == [1, 2, 3, 4, 5, 6, 7, 12, 13, 16, 24]


def test_a_recording_is_read_once_until_it_changes(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(recordings)
    with monkeypatch.context() as patch:
        patch.setattr(np, "loadtxt", None)
        opened(recordings)
    sensor.recording(sensor.folder(recordings) / "subject105.dat", [(6, 400)])
    assert set(labels(items(opened(recordings), "test")).tolist()) == {5}
    assert not list((recordings / "decoded").glob("*.part*"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("8.38 1" + " 1" * 51, "53 columns instead of 54"),
        ("8.38 1" + " 1" * 51 + " NaN", "a sensor that never measured"),
    ],
)
def test_an_odd_recording_is_named(line: str, said: str, recordings: Path) -> None:
    (sensor.folder(recordings) / "subject102.dat").write_text(f"{line}\n" * 400)
    with pytest.raises(UserError, match=rf"subject102\.dat cannot be read .*{said}"):
        opened(recordings)


def test_recordings_without_a_window_are_refused(recordings: Path) -> None:
    sensor.recording(sensor.folder(recordings) / "subject105.dat", [(5, 319), (0, 1), (5, 319)])
    with pytest.raises(UserError, match="holds no 320 rows in a row of any activity"):
        opened(recordings)
