"""The main job: settings in, a folder with results, maps, views and a report out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from randquant import report
from randquant.bench.grid import Plan, Task, run_grid
from randquant.bench.maps import write_maps
from randquant.bench.views import write_views
from randquant.data import open_data
from randquant.device import find_device
from randquant.errors import UserError
from randquant.report.table import tables
from randquant.report.terminal import show
from randquant.settings import MethodSettings, PretrainSettings, QuickstartSettings
from randquant.terminal import remark

DATA = "digits"
# Bins and temperature of each method are the best by nearest neighbours on five cuts of the train half, from as many
# tries a method: docs/results/quickstart-exploration.md.
METHODS = {
    "raw": MethodSettings(),
    "none": MethodSettings(),
    "emix": MethodSettings(temperature=0.2),
    "rq": MethodSettings(bins=4, temperature=0.1),
    "crop+rq": MethodSettings(bins=8, temperature=0.1),
}


def quickstart(settings: QuickstartSettings) -> Path:
    """Train, probe, map, draw and report. What stands in the folder is not done again.

    Returns:
        the path of the page.

    Raises:
        UserError: the folder cannot be written, or the device is not there.
        SystemExit: with 1, after the report, if a cell failed.
    """
    find_device(settings.device)  # before anything else: no cell could be measured without it
    out = settings.out
    planned = list(plans(settings))
    failed = run_grid(planned, out / "results.jsonl", quiet=settings.quiet)
    try:
        drawable = [plan for plan in planned if plan.seed == settings.seed and plan not in failed]
        if drawable:
            write_maps(drawable, out / "maps.json")
        write_views(planned[0].task.open(), out / "views.json", bins=METHODS["rq"].bins)
    except OSError as error:
        raise UserError(f"out: cannot write in {out} ({error.strerror}); name a folder you may write to") from error
    page = report.write(out, out / "report.html")
    results = report.read(out / "results.jsonl")
    for table in tables(results):
        show(table)
    for plan in failed:
        remark(f"failed: {plan.method}, seed {plan.seed}; the same command tries it again, the report says why")
    remark(f"report: {page}")
    remark(
        f"next: randquant quickstart --seeds 5{_elsewhere(settings)}   the spread over seeds; what is done stays done"
    )
    remark(f"      randquant pretrain {DATA} --method crop+rq --steps 2000 --out runs/longer   a training of your own")
    remark(f"      randquant probe runs/longer {DATA}   what plain heads read from it")
    if failed:
        raise SystemExit(1)
    return page


def plans(settings: QuickstartSettings) -> Iterator[Plan]:
    """Every cell, a seed after the other, so that an interrupted grid has whole seeds."""
    dataset = open_data(DATA)
    task = Task(dataset.name, dataset.domain, lambda: dataset)
    for seed in range(settings.seed, settings.seed + settings.seeds):
        for method, details in METHODS.items():
            training = None
            if method != "raw":
                training = PretrainSettings(
                    data=DATA,
                    method=method,
                    out=settings.out / "runs" / f"{method}-seed{seed}",
                    steps=settings.steps,
                    batch=dataset.batch,
                    seed=seed,
                    method_details=details,
                    device=settings.device,
                    quiet=settings.quiet,
                )
            yield Plan("quickstart", task, method, seed, training)


def _elsewhere(settings: QuickstartSettings) -> str:
    """The words that name the folder, where it is not the usual one."""
    usual = QuickstartSettings()
    words = [f" --out {settings.out}"] if settings.out != usual.out else []
    words += [f" --seed {settings.seed}"] if settings.seed != usual.seed else []
    words += [f" --steps {settings.steps}"] if settings.steps != usual.steps else []
    return "".join(words)
