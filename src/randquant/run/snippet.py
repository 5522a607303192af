"""A run on data of your own in, lines of Python out that give features of a raw path, as `randquant embed` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from randquant.run.weights import module_name

if TYPE_CHECKING:
    from randquant.run.directory import Run

_SUFFIXES = {"array": ".npy", "table": ".csv", "texts": ".jsonl"}  # of samples that were in memory


def own_lines(run: Run) -> str:
    """The lines; "" for a data set of the catalogue."""
    settings, facts = run.config["settings"], run.data
    name = str(settings.get("data"))
    if facts is not None:
        name = facts["path"] or f"yours{_SUFFIXES[facts['form']['kind']]}"
    elif not run.takes_photographs(name):
        return ""
    return (
        "import torch\n"
        "from randquant.run import Run, open_for\n"
        f"run = Run.open({str(run.path)!r})\n"
        f"encoder = run.encoder({'module' if module_name(run.path) else ''})\n"
        f"parts = open_for(run, {name!r}, labelled=False).parts.values()  # read and scaled as in the training\n"
        "with torch.inference_mode():\n"
        "    blocks = [(part, rows) for part in parts for rows in torch.arange(len(part.ids)).split(256)]\n"
        "    features = torch.cat([encoder(part.take(rows).inputs) for part, rows in blocks])  # [N, D]\n"
    )
