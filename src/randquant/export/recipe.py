"""The form of own data in, lines of Python out that make `input0`, … of raw values, as `embed` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from randquant.data import Form
from randquant.data.own.columns import TableForm
from randquant.data.own.grids import GridForm
from randquant.data.own.words import TextForm
from randquant.export.measured import Measured, Scale

_PICTURE = """\
def grid(path):  # [channels, height, width] in the values of the file
    if path.lower().endswith((".tif", ".tiff")):
        import tifffile
        bands = np.atleast_3d(tifffile.imread(path).T).T
        bands = bands if bands.shape[0] <= bands.shape[2] else bands.transpose(2, 0, 1)
        bands = [Image.fromarray(band.astype(np.float32)) for band in bands]
    else:
        image = Image.open(path)
        if image.has_transparency_data:
            clear = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
"""
_GREY = """\
        deep = image.mode[0] in "IF"  # of 16 bits or more
        bands = [Image.fromarray(np.asarray(image, np.float32)) if deep else image.convert("L")]
"""
_COLOUR = """\
        bands = image.convert("RGB").split()
"""


def recipe(encoder: Measured, path: str, beside: str) -> list[str]:
    """The lines, which need numpy and what reads the files.

    Args:
        encoder: with a form.
        path: the name of the user's file, or what stands for it.
        beside: the name of the JSON that holds the form.
    """
    form = encoder.form
    assert form is not None
    lines = ["import numpy as np"]
    if any(isinstance(one, TableForm | TextForm) for one in form.inputs):
        lines += ["import json, pathlib", f'forms = json.loads(pathlib.Path("{beside}").read_text())["form"]["inputs"]']
    lines += _raw(form, path)
    for place, (one, scale) in enumerate(zip(form.inputs, encoder.scales, strict=True)):
        if isinstance(one, GridForm):
            assert isinstance(scale, Scale)
            lines += _grid(one, place, str(scale.precision).removeprefix("torch."))
        else:
            lines += _table(place) if isinstance(one, TableForm) else _text(one, place)
    return lines


def _raw(form: Form, path: str) -> Iterator[str]:
    """Lines that give `grids`, `rows` or `texts`."""
    how, first = form.how, form.inputs[0]
    if form.kind == "array":
        key = f'["{how["key"]}"]' if how.get("key") else ""
        yield f'array = np.load("{path}"){key}  # samples first'
        if how["axis"] == -1:
            yield "rows = [{str(number): cell for number, cell in enumerate(row)} for row in array.tolist()]"
        else:
            axis = how["axis"]
            yield "grids = array[:, None]" if axis == 0 else f"grids = np.moveaxis(array, {axis}, 1)"
    elif form.kind == "series":
        assert isinstance(first, GridForm)
        yield f"# [steps, channels] of each series, the channels {', '.join(how['channels'])}, such as:"
        yield f"series = [np.array([{list(first.mean)}] * {first.spec.size[0]})]"
        yield "grids = [np.asarray(one, np.float64).T for one in series]"
    elif isinstance(first, GridForm):
        yield from _media(form, path)
    elif isinstance(first, TableForm):
        yield "# a row is its cells by their columns, None where one is empty, such as:"
        yield f"rows = [{_example(first, how['text'])!r}]"
        if how["text"]:
            yield f"texts = [row[{how['text']!r}] or '' for row in rows]"
    else:
        yield 'texts = ["a text", "another one"]'


def _media(form: Form, path: str) -> Iterator[str]:
    """Lines that decode files."""
    how = form.how
    if form.kind == "images":
        height, width = how["size"]
        yield "from PIL import Image"
        channels = _GREY if how["channels"] == 1 else _COLOUR
        yield from (_PICTURE + channels).splitlines()
        yield f"    bands = [band.resize(({width}, {height}), Image.Resampling.BILINEAR) for band in bands]"
        yield "    return np.stack([np.asarray(band) for band in bands])"
        yield 'paths = ["one.png"]'
        yield "grids = [grid(path) for path in paths]"
    else:
        yield "from pathlib import Path"
        yield "from randquant.data.own.sounds import Recording"
        yield f"spectrogram = Recording({how['seconds']!r}, {how['highest']!r})"
        yield 'paths = ["one.wav"]'
        yield "grids = [spectrogram(Path(path)) for path in paths]"
    if how["text"]:
        yield 'texts = ["what is said of it"]  # one for each path'


def _example(form: TableForm, text: str) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(form.numbers, form.mean, strict=True))
    row |= {name: words[0] for name, words in zip(form.categories, form.words, strict=True)}
    return {**row, text: "a text"} if text else row


def _grid(form: GridForm, place: int, kind: str) -> Iterator[str]:
    ends = "".join(f", :{side}" for side in form.spec.size)
    shape = ", ".join(map(str, form.spec.shape))
    yield f"input{place} = np.full((len(grids), {shape}), np.nan, np.{kind})"
    yield "for place, one in enumerate(grids):"
    yield f"    one = one[:{ends}]"
    yield f"    input{place}[(place, *map(slice, one.shape))] = one"


def _table(place: int) -> Iterator[str]:
    yield f"table = forms[{place}]"
    yield "def numbers(row):"
    yield '    scales = zip(table["numbers"], table["mean"], table["spread"])'
    yield "    scaled = [np.nan if row[name] is None else (row[name] - mean) / spread for name, mean, spread in scales]"
    yield '    words = zip(table["categories"], table["words"])'
    yield "    return scaled + [known.index(row[name]) + 1 if row[name] in known else 0 for name, known in words]"
    yield f"input{place} = np.array([numbers(row) for row in rows], np.float32)"


def _text(form: TextForm, place: int) -> Iterator[str]:
    length, padding = form.spec.length, form.spec.padding
    yield "from tokenizers import Tokenizer"
    yield f'ids = [one.ids[:{length}] for one in Tokenizer.from_str(forms[{place}]["vocabulary"]).encode_batch(texts)]'
    yield f"input{place} = np.array([one + [{padding}] * ({length} - len(one)) for one in ids], np.int64)"
