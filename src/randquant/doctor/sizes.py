"""A spec and samples in, findings about lengths, patches and batches out."""

from __future__ import annotations

from collections.abc import Iterator

from randquant.data.own.words import TextForm
from randquant.doctor.finding import Finding, Patient
from randquant.spec import Grid, Tokens

_FEW, _MANY = 4, 1024  # tokens of a sample
_STEPS = 4  # batches of an epoch


def lengths(patient: Patient) -> Iterator[Finding]:
    """Samples that give too few tokens or too many, and sequences that are cut or mostly padding."""
    tokens = patient.dataset.spec.tokens
    cut = [one for one in patient.dataset.spec.inputs if isinstance(one, Grid)]
    patch = " x ".join(map(str, cut[0].patch)) if cut else ""
    if tokens < _FEW:
        yield Finding(
            "lengths",
            f"a sample gives {tokens} token{'s' if tokens > 1 else ''}" + (f" at a patch of {patch}" if cut else ""),
            "attention has nothing to compare within a sample",
            "give a smaller patch" if cut else "train something other than a transformer",
        )
    if tokens > _MANY:
        yield Finding(
            "lengths",
            f"a sample gives {tokens:,} tokens" + (f" at a patch of {patch}" if cut else ""),
            "attention takes time and memory with the square of them",
            "give a larger patch" if cut else "give a shorter length",
        )
    for place, one in enumerate(patient.dataset.spec.inputs):
        if not isinstance(one, Tokens) or one.padding is None or not len(patient.read["train"].ids):
            continue
        padding = patient.read["train"].inputs[place] == one.padding  # [N, length]
        name = patient.name(place)
        empty = float(padding.double().mean())
        whole = float((~padding).all(1).double().mean())
        if empty > 0.75:
            yield Finding(
                "lengths",
                f"{name}{empty:.0%} of the symbols are padding",
                "most of the work is done on nothing",
                f"give a length below {one.length}",
            )
        longest = _longest(patient, place)
        if whole > 0.5 and longest != one.length:
            yield Finding(
                "lengths",
                f"{name}{whole:.0%} of the sequences fill all {one.length} symbols",
                "longer texts are likely cut, and what comes later is not seen",
                f"give a length above {one.length}",
            )


def _longest(patient: Patient, place: int) -> int:
    """Symbols of the longest text of an input; 0 where it is not known."""
    own = patient.dataset.own
    form = None if own is None else own.form.inputs[place]
    return form.longest if isinstance(form, TextForm) else 0


def batches(patient: Patient) -> Iterator[Finding]:
    """A batch that the training part cannot fill, or hardly."""
    count, batch = len(patient.dataset.parts["train"].ids), patient.batch
    smaller = max(2, count // _STEPS)
    option = f"give --batch {smaller}, or more data" if smaller < batch else "give more data"
    if count < batch:
        yield Finding(
            "batches",
            f"{count:,} training samples, and {batch} in a batch",
            "pretrain refuses it",
            option,
        )
    elif count < _STEPS * batch:
        yield Finding(
            "batches",
            f"{count:,} training samples are {count // batch} batch{'es' * (count // batch > 1)} of {batch}",
            "every sample meets the same others again and again, and an encoder learns them by heart",
            option,
        )
