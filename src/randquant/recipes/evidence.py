"""Settings in, the page of evidence at small scale out: the published rows' questions, asked of a small colour set.

Rates are chosen on parts cut from the training data, from seeds of their own, and confirmed on other seeds and the test
part; both are lines of one results.jsonl, under suites of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from randquant import report
from randquant.bench import Plan, Task
from randquant.bench.development import development
from randquant.data import DATASETS, Dataset, open_data
from randquant.device import find_device
from randquant.errors import UserError
from randquant.methods import UNTRAINED, settings_of
from randquant.probe import RAW
from randquant.probe.score import PENALTIES
from randquant.quantize.draw import Draws
from randquant.recipes.ablation import measured, tell_failed
from randquant.recipes.ablation_page import write_page
from randquant.recipes.claims import Claim, told
from randquant.report.results import Results
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings, RecipeSettings, SuperviseSettings

TASK = "clipart"
ENCODER = EncoderSettings(backbone="timm/test_resnet")
SEEDS, DEVELOPMENT = 10, (1000, 1001)  # how many confirm; those that choose
STEPS, BATCH = 500, 128
EPOCHS, SUPERVISED_BATCH = 40, 32
MARGIN = 1.0  # points
STRONG = PENALTIES[:3]  # for the 6,912 raw values, whose fits take the longer the weaker it is
SIZES = (300, 1000, 0)  # training samples; 0 for all
_DETAILS = MethodSettings(  # MoCo v3's, the blur as much smaller as the pictures are
    hidden=512, projection=128, blur_smallest=0.1 * 48 / 224, blur_largest=2.0 * 48 / 224
)
_VIEWS: dict[str, tuple[str, MethodSettings]] = {
    "crop": ("rrc+mocov3", _DETAILS),
    "crop+rq": ("rrc+rq+mocov3", _DETAILS),
    "crop+rq, shared bins": ("rrc+rq+mocov3", replace(_DETAILS, per="sample")),
    "full": ("full+mocov3", _DETAILS),
    "full+rq": ("full+rq+mocov3", _DETAILS),
}
Training = Callable[[str, float, int, Path], PretrainSettings | SuperviseSettings]  # row, rate, seed, folder


@dataclass(frozen=True)
class Evidence:
    """What is measured and asked.

    Attributes:
        name: the recipe's, and the results' suite; what chooses is of the suite `NAME-development`.
        property: what the rows are values of.
        rows: their labels, and how many training samples each may use; 0 for all.
        rates: the learning rates that each row's is chosen among.
        training: the settings of a row's training.
        claims: what is to be shown.
        heads: those that are asked.
        plain: whether the random encoder and the raw input stand beside.
    """

    name: str
    property: str
    rows: Mapping[str, int]
    rates: tuple[float, ...]
    training: Training
    claims: tuple[Claim, ...]
    heads: tuple[str, ...]
    plain: bool


def views(settings: RecipeSettings) -> Path:
    """Do views of crop, or MoCo v3's own, gain by RQ, and should each channel have bins of its own?

    Command:  randquant recipe run evidence-views
    Data:     clipart: 2,379 training and 721 test drawings of 48x48, in colour
    Hardware: one GPU; a CPU will do with fewer --steps
    Expected: in docs/recipes.md, +2.6 points for crop and RQ by a linear head. On ImageNet: 67.9 for crop and RQ, 64.3
              with shared bins; 68.9 for MoCo v3's own views, 69.0 with RQ after them, a gain that cannot be seen at
              this scale: so it is asked whether RQ costs more than a point
    """

    def training(row: str, rate: float, seed: int, out: Path) -> PretrainSettings:
        method, details = _VIEWS[row]
        return PretrainSettings(
            data=TASK, method=method, out=out, steps=settings.steps or STEPS, batch=BATCH, seed=seed,
            learning_rate=rate, encoder=ENCODER, method_details=details.only(settings_of(method)),
            device=settings.device, precision=settings.precision or "32", workers=0, quiet=True,
        )  # fmt: skip

    claims = (
        Claim("crop+rq", "crop"),
        Claim("crop+rq", "crop+rq, shared bins"),
        Claim("full+rq", "full", MARGIN),
    )
    rows = dict.fromkeys(_VIEWS, 0)
    return run_evidence(
        Evidence("evidence-views", "views", rows, (1e-3, 3e-3), training, claims, ("linear", "knn"), True), settings
    )


def supervised(settings: RecipeSettings) -> Path:
    """Does RQ after crop and flip help or harm supervised training, with few samples and with more?

    Command:  randquant recipe run evidence-supervised
    Data:     clipart: 300, 1,000 and all 2,379 training drawings
    Hardware: one GPU; a CPU takes hours
    Expected: in docs/recipes.md, from -0.4 to -0.9 points. On ImageNet: 75.56 without and 75.83 with RQ, a gain that
              cannot be seen at this scale: so it is asked whether RQ costs more than a point
    """
    if settings.steps:
        raise UserError("steps: evidence-supervised takes none; its trainings are told in epochs")
    rows = {f"{size or 'all'}{' + rq' * rq}": size for size in SIZES for rq in (False, True)}

    def training(row: str, rate: float, seed: int, out: Path) -> SuperviseSettings:
        return SuperviseSettings(
            data=TASK, out=out, augment="rrc+flip+rq" if row.endswith("rq") else "rrc+flip", epochs=EPOCHS,
            rate_epochs=EPOCHS // 3, batch=SUPERVISED_BATCH, learning_rate=rate, encoder=ENCODER, seed=seed,
            method_details=MethodSettings(crop_area=0.2), device=settings.device,
            precision=settings.precision or "32", workers=0, quiet=True,
        )  # fmt: skip

    claims = tuple(Claim(f"{size or 'all'} + rq", f"{size or 'all'}", MARGIN) for size in SIZES)
    return run_evidence(
        Evidence("evidence-supervised", "samples", rows, (0.02, 0.1), training, claims, ("linear",), False), settings
    )


def run_evidence(evidence: Evidence, settings: RecipeSettings) -> Path:
    """Choose every row's rate, confirm it on fresh seeds, and write the page; what stands is not done again.

    Raises:
        UserError: a setting is wrong, or the folder cannot be written.
        SystemExit: with 1 if a cell failed.
    """
    if settings.tasks:
        raise UserError(f"tasks: {evidence.name} takes none; its data is {TASK}")
    seeds = range(settings.seed, settings.seed + (settings.seeds or SEEDS))
    if set(seeds) & set(DEVELOPMENT):
        raise UserError(f"seed: {DEVELOPMENT[0]} and {DEVELOPMENT[-1]} choose the rates; confirm with others")
    find_device(settings.device, settings.precision or "32")
    out = settings.out or Path("runs") / evidence.name
    tell_failed(measured(list(tried(evidence, out)), settings, out))
    chosen = best_rates(evidence, report.read(out / "results.jsonl"))
    failed = measured(list(confirming(evidence, chosen, seeds, out)), settings, out)
    results = report.read(out / "results.jsonl")
    confirmed = Results(tuple(line for line in results.scores if line["suite"] == evidence.name), ())
    listed = _tried_told(evidence, results, chosen)
    more = ["", "## What was asked", "", *told(evidence.claims, confirmed, evidence.name, evidence.heads), "", *listed]
    page = write_page(evidence.name, evidence.property, list(evidence.rows), confirmed, out, more)
    report.write(out, out / "report.html")
    tell_failed(failed)
    return page


def tried(evidence: Evidence, out: Path) -> Iterator[Plan]:
    """Every row at every rate, on parts cut from the training data."""
    for seed in DEVELOPMENT:
        for row, size in evidence.rows.items():
            for rate in evidence.rates:
                label = f"{row} at {rate:g}"
                folder = out / "runs" / f"development-{_named(label)}-seed{seed}"
                task = Task(TASK, DATASETS[TASK].domain, partial(opened, size, seed, validation=True))
                yield Plan(_choosing(evidence), task, label, seed, evidence.training(row, rate, seed, folder), draws=0)


def confirming(evidence: Evidence, rates: Mapping[str, float], seeds: Sequence[int], out: Path) -> Iterator[Plan]:
    """Every row at its own rate, on the test part, beside the plain rows."""
    for seed in seeds:
        if evidence.plain:
            task = Task(TASK, DATASETS[TASK].domain, partial(opened, 0, seed))
            yield Plan(evidence.name, task, RAW, seed, None, draws=0, penalties=STRONG)
            random = PretrainSettings(
                data=TASK, method=UNTRAINED, out=out / "runs" / f"none-seed{seed}", steps=1, batch=BATCH, seed=seed,
                encoder=ENCODER, quiet=True,
            )  # fmt: skip
            yield Plan(evidence.name, task, UNTRAINED, seed, random, draws=0)
        for row, size in evidence.rows.items():
            folder = out / "runs" / f"{_named(row)}-seed{seed}"
            task = Task(TASK, DATASETS[TASK].domain, partial(opened, size, seed))
            yield Plan(evidence.name, task, row, seed, evidence.training(row, rates[row], seed, folder), draws=0)


def opened(size: int, seed: int, validation: bool = False) -> Dataset:
    """The data with so many training samples, drawn by the seed, and a validation part in the place of the test part.

    Raises:
        UserError: there are fewer.
    """
    dataset = open_data(TASK)
    if validation:
        dataset = development(dataset, seed)
    train = dataset.parts["train"]
    if not size:
        return dataset
    if size > len(train.ids):
        raise UserError(f"data: {TASK} has {len(train.ids)} training samples, but {size} are asked for")
    few = Draws(seed, 0, train.ids).permutation("few")[:size].sort().values
    return replace(dataset, parts={**dataset.parts, "train": train.take(few)})


def best_rates(evidence: Evidence, results: Results) -> dict[str, float]:
    """The rate of each row with the highest mean over seeds and heads on the validation parts."""
    return {row: max(evidence.rates, key=lambda rate: _value(evidence, results, row, rate)) for row in evidence.rows}


def _value(evidence: Evidence, results: Results, row: str, rate: float) -> float:
    suite, label = _choosing(evidence), f"{row} at {rate:g}"
    own = [line for line in results.scores if (line["suite"], line["method"]) == (suite, label)]
    return fmean(float(line["value"]) for line in own if line["head"] in evidence.heads)


def _tried_told(evidence: Evidence, results: Results, chosen: Mapping[str, float]) -> Iterator[str]:
    """A table in Markdown of all that was tried."""
    yield "## What was tried"
    yield ""
    yield f"On parts cut from the training data, seeds {' and '.join(map(str, DEVELOPMENT))}; scores times 100, the"
    yield f"mean of {' and '.join(evidence.heads)}. The best rate of each row, in bold, was confirmed above."
    yield ""
    yield f"| {evidence.property} | " + " | ".join(f"rate {rate:g}" for rate in evidence.rates) + " |"
    yield "|---|" + "---:|" * len(evidence.rates)
    for row in evidence.rows:
        cells = []
        for rate in evidence.rates:
            value = f"{100 * _value(evidence, results, row, rate):.1f}"
            cells.append(f"**{value}**" if rate == chosen[row] else value)
        yield f"| {row} | " + " | ".join(cells) + " |"


def _choosing(evidence: Evidence) -> str:
    return f"{evidence.name}-development"


def _named(label: str) -> str:
    """A label as part of a folder's name."""
    return "-".join(label.replace("+", " ").replace(",", " ").split())
