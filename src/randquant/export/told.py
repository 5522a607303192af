"""An encoder with the form of its data in, Markdown lines on what goes in out: units, order, scale, codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from randquant.data import Form
from randquant.data.own.columns import TableForm
from randquant.data.own.grids import GridForm
from randquant.data.own.words import TextForm
from randquant.export.measured import Measured, Scale

_TABLE = "numbers are scaled by `(cell - mean) / spread`; an empty cell is {empty}. Points in time are seconds since \
1970, yes and no 1 and 0"


def told(encoder: Measured, beside: str) -> list[str]:
    """What goes in, an input after another.

    Args:
        encoder: with a form.
        beside: the name of the JSON that holds the form.
    """
    form = encoder.form
    assert form is not None
    lines: list[str] = []
    for place, (one, scale) in enumerate(zip(form.inputs, encoder.scales, strict=True)):
        shape = ", ".join(["B", *map(str, one.spec.shape)])
        lines.append(f"- input {place}: ")
        if isinstance(one, GridForm):
            kind = "float64" if isinstance(scale, Scale) and scale.precision == torch.float64 else "float32"
            lines[-1] += f"`{kind} [{shape}]`, as measured, not scaled: {_unit(form, one)}. {_gaps(one)}."
            lines += ["", *_scale(form, one)]
        elif isinstance(one, TableForm):
            empty = "NaN" if one.spec.gaps else "not taken, for no row of the training had one"
            lines[-1] += f"`float32 [{shape}]`, a row of a table: {_TABLE.format(empty=empty)}."
            lines += ["", *_columns(one)]
        else:
            lines[-1] += f"`int64 [{shape}]`, {_symbols(one, beside)}."
        lines.append("")
    return [*lines, f"The same stands in {beside}, under `form`."]


def _unit(form: Form, one: GridForm) -> str:
    how, sides = form.how, " by ".join(map(str, one.spec.size))
    if form.kind == "images":
        colours = {1: "grey", 3: "red, green and blue"}.get(one.spec.channels, f"the {one.spec.channels} bands")
        return (
            f"pixels of {colours} in the values of the file, which are 0 to 255 where it has 8 bits; pictures of "
            f"another size are squashed to {' by '.join(map(str, how['size']))}, transparent places are white"
        )
    if form.kind == "sounds":
        return (
            f"the spectrogram of {how['seconds']:g} seconds from where a recording first comes within 30 decibels of "
            f"its loudest, 64 mel pitches up to {how['highest']} Hz by 64 moments; 0 is 80 decibels below its loudest "
            "place, which is 1"
        )
    if form.kind == "series":
        order = f"ordered by {how['time']!r}" if how["time"] else "in the order of its rows"
        return f"{sides} steps of a series, {order}; longer ones are cut"
    axis = f"axis {how['axis']} of the array is the channels" if how["axis"] else "the array has no axis of channels"
    return f"{sides} places of the array's own values; {axis}; what is longer is cut"


def _gaps(one: GridForm) -> str:
    if one.spec.gaps:
        return "NaN stands where a value is missing and after a sample's end"
    return "NaN is not taken, for no sample of the training held any"


def _scale(form: Form, one: GridForm) -> Iterator[str]:
    names: Sequence[object] = form.how.get("channels", ()) if form.kind == "series" else range(one.spec.channels)
    yield "What is loaded below brings each channel to mean 0 and spread 1 by these:"
    yield from ("", "| channel | mean | spread |", "|---|---|---|")
    for name, mean, spread in zip(names, one.mean, one.spread, strict=True):
        yield f"| {_cell(str(name))} | {mean!r} | {spread!r} |"


def _columns(one: TableForm) -> Iterator[str]:
    yield from ("| place | column | mean | spread |", "|---|---|---|---|")
    for place, (name, mean, spread) in enumerate(zip(one.numbers, one.mean, one.spread, strict=True)):
        yield f"| {place} | {_cell(name)} | {mean!r} | {spread!r} |"
    if not one.categories:
        return
    yield from ("", "| place | column | code of each word; 0 is an empty cell, or a word that was never seen |")
    yield "|---|---|---|"
    for place, (name, words) in enumerate(zip(one.categories, one.words, strict=True), len(one.numbers)):
        codes = "; ".join(f"{code} {_cell(word)}" for code, word in enumerate(words, 1))
        yield f"| {place} | {_cell(name)} | {codes} |"


def _symbols(one: TextForm, beside: str) -> str:
    spec = one.spec
    return (
        f"ids of symbols: pieces of words, cut at {spec.length} and filled up with {spec.padding}. The "
        f"{spec.vocabulary:,} symbols and their ids are the `vocabulary` of {beside}, a tokenizer of the library "
        "tokenizers"
    )


def _cell(text: str) -> str:
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`"
