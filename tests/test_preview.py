"""The page of samples before and after: every kind of data, numbers that can be checked by hand, a phone."""

from __future__ import annotations

import base64
import io
import math
import re
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from browser import in_browser, needs_browser
from randquant import cli
from randquant.data import Dataset
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.preview import html
from randquant.preview.sound import mel_pitches, playable, sines
from randquant.preview.words import readings
from randquant.quantize import randomized_quantize
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.draw import Draws
from randquant.quantize.information import kept
from randquant.run import Run
from randquant.settings import PreviewSettings
from randquant.spec import Grid, Spec
from randquant.view.tiles import tiles
from samples import SMALL, SPECS, batch

SETTINGS = PreviewSettings(data="made up", out=Path("unused.html"), samples=2, bins=(2, 8))


def made_up(kind: str) -> Dataset:
    return Dataset(kind, SPECS[kind], {"train": batch(SPECS[kind], 12)})


@pytest.mark.parametrize("kind", SPECS)
def test_every_kind_of_data_has_a_page(kind: str) -> None:
    page = html(made_up(kind), SETTINGS)
    drawn = {"1d": 2 * 2, "ragged": 2 * 2, "2d": 2, "3d": 2, "image+text": 2}.get(
        kind, 0
    )  # rows: a line a channel, or a picture
    assert page.count('class="sample wide"') == (2 * 3 if kind in ("table", "empty cells") else drawn)
    assert page.count("<img ") == (3 * drawn if kind in ("2d", "3d", "image+text") else 0)
    assert page.count('class="reading"') == (2 * 3 if kind in ("tokens", "image+text") else 0)
    assert "nan" not in page.partition("</style>")[2]
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_is_drawn_is_what_the_operation_gives() -> None:
    x = torch.rand(4, 3, 5, 6)
    keys = torch.arange(4)
    for bins in (1, 8):
        view = quantize_with_bins(x, bins, keys)
        assert torch.equal(view.after, randomized_quantize(x, bins, keys=keys))
        assert view.edges.shape == (4, 3, bins - 1)
        place = (x.flatten(2)[..., None] >= view.edges[:, :, None]).sum(-1)
        assert torch.allclose(view.values.gather(2, place), view.after.flatten(2), atol=2e-6)


def test_what_bins_keep() -> None:
    values = torch.tensor([[0.0, 0, 1, 1, torch.nan], [0, 0, 0, 0, torch.inf], [0.0, 1, 2, 3, torch.nan]])
    found = kept(values, torch.tensor([[0.5], [0.5], [1.5]]))
    assert found.bits.tolist() == pytest.approx([1, 0, 1])
    assert found.variance.tolist() == pytest.approx([1, 1, 0.8])  # of 1.25, 0.25 lies inside the bins
    assert found.fullest.tolist() == pytest.approx([0.5, 1, 0.5])
    many = kept(torch.rand(1, 50_000), torch.linspace(0, 1, 9)[None, 1:-1])
    assert float(many.bits) == pytest.approx(math.log2(8), abs=0.01)
    assert float(many.variance) == pytest.approx(1 - 1 / 64, abs=0.002)


def test_a_sound_is_what_was_given() -> None:
    values = np.array([0.0, 0.5, -1.0, np.nan])
    uri = playable(values, 8000, loudest=1.0)
    with wave.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 1, 4)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, -32767, 0]
    page = html(made_up("1d"), replace(SETTINGS, rate=8000))
    assert page.count("<audio ") == 2 * 2 * 3  # samples, channels, before and two after
    assert "<audio" not in html(made_up("1d"), SETTINGS)


def test_a_spectrogram_is_heard_at_its_pitches() -> None:
    loudness = np.zeros((8, 4))
    loudness[2] = 1.0
    loudness[7, 3] = np.nan
    with wave.open(io.BytesIO(base64.b64decode(sines(loudness, 0.5, 800).partition(",")[2]))) as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 4000)
        sound = np.frombuffer(file.readframes(4000), "<i2")
    assert np.abs(np.fft.rfft(sound)).argmax() * 2 == pytest.approx(3 / 9 * 800, abs=2)  # half a second: every 2 Hz
    librosa = pytest.importorskip("librosa")
    assert np.allclose(mel_pitches(64, 8000), librosa.mel_frequencies(66, fmax=8000)[1:-1])
    made = Dataset("2d", Spec((Grid(1, (8, 4), (2, 2)),)), {"train": batch(Spec((Grid(1, (8, 4), (2, 2)),)))})
    assert html(made, replace(SETTINGS, seconds=0.1)).count("<audio ") == 2 * 3
    assert html(made_up("2d"), replace(SETTINGS, seconds=0.1)).count("<audio ") == 0  # of three channels


def test_low_pitches_are_at_the_bottom() -> None:
    made = made_up("2d")
    values = made.held("train").inputs[0]
    values[:] = 0.5
    values[:, :, 0] = 1.0  # the first row
    for domain, row in (("images", 0), ("speech", -1)):
        dataset = replace(made, domain=domain)
        page = html(dataset, SETTINGS)
        picture = re.search(r'<img src="data:image/png;base64,([^"]+)', page)
        assert picture
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture[1]))))[..., 0]
        assert (pixels[row] == 255).all()
        assert ("Pitch rises upwards" in page) == (domain == "speech")
        small = tiles(dataset, dataset.held("train")).pictures
        assert small is not None
        assert (small[0, row] == 1).all()


def test_symbols_are_read_from_quantized_embeddings() -> None:
    table = torch.eye(4)[[0, 1, 2, 3]] * 10
    words = ("[PAD]", "one", "two", "three")
    shown = readings(torch.tensor([[1, 2, 3, 0]]), table, words, (64,), Draws(0, 0, torch.tensor([5])), padding=0)
    assert [word.text for word in shown[0].words] == ["one", "two", "three"]
    assert [word.text for word in shown[1].words] == ["one", "two", "three"]
    assert "0 of 3 changed" in shown[1].caption
    alike = torch.tensor([[0.0, 0], [1, 0], [1.001, 0], [3, 0]])  # one bin: all dimensions become constants
    shown = readings(torch.tensor([[1, 2, 3, 0]]), alike, (), (1,), Draws(0, 0, torch.tensor([5])), padding=0)
    assert len({word.text for word in shown[1].words}) == 1
    assert [word.text for word in shown[0].words] == ["#1", "#2", "#3"]


def test_embeddings_of_a_run(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", {"settings": {}, "spec": SPECS["tokens"].to_dict()})
    run.save_encoder(make_encoder(SPECS["tokens"], SMALL, 0))
    assert f"the encoder of {run.path}" in html(made_up("tokens"), replace(SETTINGS, run=run.path))
    with pytest.raises(UserError, match="run: its encoder takes"):
        html(made_up("2d"), replace(SETTINGS, run=run.path))


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.html").write_text("mine")
    (tmp_path / "folder.html").mkdir()
    for words, told in {
        "numerals -o {tmp}/a.html": "'numerals'",
        "digits -o {tmp}/there.html": "there.html exists; name another file, or give --overwrite",
        "digits -o {tmp}/folder.html": "is a folder",
        "digits -o {tmp}/a.txt": "a.txt, must end in .html or .htm",
        "digits -o {tmp}/a.html --part valid": "part: digits has no valid part, but train, test",
        "digits -o {tmp}/a.html --bins 8 0": "bins: got 0, must be from 1 to 4096",
        "digits -o {tmp}/a.html --bins 100000000": "bins: got 100000000, must be from 1 to 4096",
        "digits -o {tmp}/a.html --run {tmp}/none": "none does not exist",
    }.items():
        assert cli.main(["preview", *words.format(tmp=tmp_path).split()]) == 2
        out, said = capfd.readouterr()
        assert out == ""
        assert said.startswith("randquant: error: ")
        assert told in said
        assert said.count("\n") == 1
    assert (tmp_path / "there.html").read_text() == "mine"


@needs_browser
def test_the_page_fits_a_phone_and_a_desk(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert cli.main(["preview", "digits", "-o", str(page), "--samples", "2"]) == 0
    for width in (390, 1200):
        met = in_browser(page, width, tmp_path)
        assert met["width"] == width
        assert met["loaded"] == []
        assert met["unnamed"] == met["blank"] == met["overflowing"] == 0
        assert met["images"] == 2 * 5
        assert "Sample 0, 0" in met["text"]
        assert re.search(r"32\s+[\d.]+\s+5.00", met["text"])  # log2 of 32 bins
