"""Names of the catalogue in; how many samples each part has and which files are broken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from randquant.data.batch import Dataset, Samples
from randquant.data.catalogue import find_entry, open_data
from randquant.data.entry import Entry
from randquant.data.root import data_root
from randquant.data.state import is_there, lacking
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Spec, Target
from randquant.terminal import remark, say, write_table

SAMPLED = 64  # samples of a part that are read unless all are
_HEADER = ("name", "part", "labels", "samples", "read", "broken")


def check(names: Sequence[str], *, everything: bool = False, quiet: bool = False) -> int:
    """Open data sets, read some samples of each part, name what is broken and show a table.

    Args:
        names: in the catalogue.
        everything: read all samples.
        quiet: no progress.

    Returns:
        1 where something is broken, or else 0.

    Raises:
        UserError: a name is unknown; a library is not installed; or, told once the others are checked, a data set
            or what it needs is not there.
    """
    entries = [find_entry(name) for name in dict.fromkeys(names)]
    missing = dict.fromkeys(name for entry in entries for name in _missing(entry))
    rows, clean = [], True
    for entry in entries:
        if _missing(entry):
            continue
        if entry.read is None:
            say(f"{entry.name}: its folder is there and not empty; it has no samples to read")
            continue
        try:
            dataset = open_data(entry.name, cache=False)
        except UserError as problem:
            if isinstance(problem.__cause__, ImportError):
                raise
            remark(str(problem))
            clean = False
            continue
        for part, samples in dataset.parts.items():
            asked = sampled(len(samples.ids), everything=everything)
            broken = _broken(dataset, part, asked, quiet=quiet)
            for problem_told, count in broken.items():
                remark(problem_told if count == 1 else f"{problem_told} [{count:,} samples]")
            balance = _balance(dataset.spec.target, samples.target)
            counts = (len(samples.ids), len(asked), broken.total())
            rows.append((entry.name, part, balance, *(f"{count:,}" for count in counts)))
            clean &= not broken
    if rows:
        write_table(_HEADER, rows, text_columns=3)
    if missing:
        names_told = ", ".join(missing)
        raise UserError(f"data: not there: {names_told} (randquant data get {names_told.replace(',', '')})")
    return 0 if clean else 1


def _missing(entry: Entry) -> list[str]:
    own = [] if is_there(entry, data_root()) else [entry.name]
    return own + lacking(entry, data_root())


def sampled(count: int, *, everything: bool = False) -> Tensor:
    """The rows of a part that are read: one, drawn by key, of each of 64 stretches; int64, ascending."""
    if everything or count <= SAMPLED:
        return torch.arange(count)
    starts = torch.arange(SAMPLED + 1) * count // SAMPLED
    places = Draws(seed=0, epoch=0, ids=torch.arange(SAMPLED)).uniform("check").double()
    return starts[:-1] + (places * starts.diff()).long()


def _broken(dataset: Dataset, part: str, rows: Tensor, *, quiet: bool) -> Counter[str]:
    """What is wrong with these samples of a part, and with how many of them it is."""
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    found: Counter[str] = Counter()
    for row in track(rows.tolist(), f"{dataset.name} {part}", console=console, disable=hidden, transient=True):
        told = _wrong(dataset.spec, dataset.parts[part], row)
        if told:
            found[told if told.startswith("data: ") else f"data: {dataset.name} {part}: {told}"] += 1
    return found


def _wrong(spec: Spec, samples: Samples, row: int) -> str:
    """What is wrong with a sample; "" if nothing is."""
    try:
        batch = samples.take(torch.tensor([row]))
    except UserError as problem:
        return str(problem)
    for one, values in zip(spec.inputs, batch.inputs, strict=True):
        if tuple(values.shape[1:]) != one.shape:
            return f"sample {int(batch.ids)} has the shape {tuple(values.shape[1:])}, but its data set {one.shape}"
        if not bool(values.isfinite().all()):
            return f"sample {int(batch.ids)} has values that are not finite"
    return ""


def _balance(kind: Target | None, labels: Tensor | None) -> str:
    """How the labels of a part are spread, in a few words."""
    if kind is None or labels is None:
        return "none"
    if not labels.numel():
        return "no samples"
    if kind.kind == "class":
        counts = labels.bincount(minlength=kind.size)
        return f"{kind.size} classes, {_span(f'{int(counts.min()):,}', f'{int(counts.max()):,}')} each"
    values = labels.double().reshape(len(labels), -1)
    if kind.kind == "regression":
        return f"from {_span(f'{float(values.min()):g}', f'{float(values.max()):g}')}, mean {float(values.mean()):g}"
    shares = values.nanmean(dim=0)
    return f"{kind.size} findings, {_span(f'{float(shares.min()):.1%}', f'{float(shares.max()):.1%}')} positive"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
