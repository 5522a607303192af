"""A method's name in, how a reader sees it out: its words, its colour on light and on dark paper, its stroke.

Every colour has a contrast of at least 3 with its paper. Strokes and markers differ too, and lines carry their names,
so that colour is never alone in telling. Plain rows are grey, or nearly.
"""

from __future__ import annotations

from dataclasses import dataclass

PLAIN = ("raw", "none", "scratch")  # nothing is learned without labels in these rows

# Ten classes in ten colours; a class is also written as its own word, so colour is never alone in telling.
CLASS_COLOURS = (
    ("#332288", "#8f86e8"),
    ("#117733", "#4fbd74"),
    ("#8a7400", "#ddcc77"),
    ("#882255", "#d671a6"),
    ("#0b7f9c", "#88ccee"),
    ("#b3434f", "#f0808b"),
    ("#7a3f99", "#c79be0"),
    ("#2b8a78", "#44aa99"),
    ("#6b6f00", "#b8bb45"),
    ("#55565c", "#c2c4cc"),
)


@dataclass(frozen=True)
class Look:
    """How a method is written and drawn.

    Args:
        title, inline: its name at the start of a row, and within a sentence.
        light, dark: colours on light and dark paper.
        dash, marker: matplotlib's stroke and marker.
        plural: whether its name takes a plural verb.
    """

    title: str
    inline: str
    light: str
    dark: str
    dash: str = "-"
    marker: str = "o"
    plural: bool = False

    def verb(self, singular: str) -> str:
        """ "wins" for one, "win" for several."""
        return singular.removesuffix("s") if self.plural else singular


_LOOKS = {
    "raw": Look("Raw values", "raw values", "#5f6673", "#a9b1bd", "--", "s", plural=True),
    "none": Look("Random encoder", "the random encoder", "#838a97", "#7d8592", ":", "D"),
    "scratch": Look("From scratch", "the encoder from scratch", "#7d6b58", "#a8937c", "-.", "X"),
    "emix": Look("e-Mix", "e-Mix", "#b07000", "#e0a83c", "-", "^"),
    "rq": Look("RQ", "RQ", "#0f62b4", "#66b0f5", "-", "o"),
    "crop+rq": Look("crop + RQ", "crop + RQ", "#b8342f", "#f5857c", "-", "v"),
}
_SPARE = (
    ("#0b7a5c", "#4fc9a4"),
    ("#7a4bb5", "#bd9cf0"),
    ("#a13d7d", "#e793c4"),
    ("#55691a", "#adc35f"),
    ("#0a7285", "#58c1d4"),
    ("#8a4b2a", "#d99a75"),
)
_SHORT = {"rq": "RQ", "emix": "e-Mix", "mae": "MAE", "shed": "ShED", "capri": "Capri", "imix": "i-Mix"}


def looks(methods: list[str], domain: str = "") -> dict[str, Look]:
    """The look of each method, in the order given; a method without one of its own takes a spare colour."""
    found: dict[str, Look] = {}
    for method in methods:
        if method == "raw" and domain == "images":
            own = _LOOKS["raw"]
            found[method] = Look("Raw pixels", "raw pixels", own.light, own.dark, own.dash, own.marker, own.plural)
        elif method in _LOOKS:
            found[method] = _LOOKS[method]
        else:
            light, dark = _SPARE[sum(other not in _LOOKS for other in found) % len(_SPARE)]
            base, at, times = method.partition("@")
            name = " + ".join(_SHORT.get(part, part) for part in base.split("+")) + at + times
            counted = method.isdecimal()  # a variant of the ablation of bins
            name = f"{name} bins" if counted else name
            found[method] = Look(name, name, light, dark, "-", "P", plural=counted)
    return found


def ordered(methods: set[str]) -> list[str]:
    """Plain rows first, then those known by name, then numbers as numbers, and the others by alphabet."""
    known = [method for method in _LOOKS if method in methods]
    others = methods - set(known)
    numbers = sorted((method for method in others if method.isdecimal()), key=int)
    return known + numbers + sorted(others - set(numbers))
