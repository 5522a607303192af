"""`randquant export` and a run in, a file that has been loaded and compared out."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from randquant.data import Form
from randquant.errors import UserError
from randquant.export import graph, plain
from randquant.export.compare import difference
from randquant.export.format import Format
from randquant.export.measured import Measured
from randquant.export.recipe import recipe
from randquant.export.stock import Stock
from randquant.export.told import told
from randquant.export.tried import tried
from randquant.output import new_file
from randquant.run import Run
from randquant.run.card import card
from randquant.run.files import replace, writing
from randquant.settings import ExportSettings
from randquant.terminal import remark

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "safetensors": cast(Format, plain),
        "onnx": cast(Format, graph),
        "torchvision": Stock("torchvision"),
        "timm": Stock("timm"),
    }
)
_CLOSE = 1e-4


def export(settings: ExportSettings) -> Path:
    """Write the encoder beside its target, load it again, compare, then put it in place with its card.

    Of a run on data of your own it takes grids as they were measured; how tables and texts become its inputs stands in
    the card and in a JSON beside it.

    Raises:
        UserError: the run or a library is not there, a file is there and is to stay, or what was written does not
            give the encoder's own features.
    """
    chosen = FORMATS[settings.to]
    if settings.out.suffix != chosen.SUFFIX:
        raise UserError(f"out: got {settings.out}, must end in {chosen.SUFFIX}")
    run = Run.open(settings.run)
    facts = run.data
    encoder = Measured(run.encoder(), None if facts is None else Form.from_dict(facts["form"]))
    samples = tried(run, encoder)
    out = new_file(settings.out, overwrite=settings.overwrite)
    with writing(out.parent), tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as beside:
        written = chosen.write(encoder, Path(beside) / out.name)
        apart = difference(encoder.encoder, chosen.read(written[0], encoder), samples)
        if not apart <= _CLOSE:
            raise UserError(
                f"to: what {settings.to} gives is {apart:.1g} away from the encoder's features, more than {_CLOSE:g}; "
                "nothing was written"
            )
        text = _card(run, encoder, chosen, out)
        targets = [*(out.with_name(one.name) for one in written), out.with_name(f"{out.name}.md")]
        for target in targets:
            new_file(target, overwrite=settings.overwrite)
        for one, target in zip(written, targets, strict=False):
            one.replace(target)
    replace(targets[-1], lambda file: file.write(text.encode()))
    remark(
        f"export: {', '.join(map(str, targets))}; loaded again, its features on {samples.named} are within {apart:.1g} "
        f"of the run's{samples.why}"
    )
    return out


def _card(run: Run, encoder: Measured, chosen: Format, out: Path) -> str:
    """The model card; of own data it says what goes in, and begins at raw values."""
    loading = chosen.loading(encoder, out)
    if encoder.form is None:
        return card(run, loading)
    facts, beside = run.data, out.with_suffix(".json").name
    path = "yours.npy" if facts is None or facts["path"] is None else Path(facts["path"]).name
    return card(run, "\n".join([*recipe(encoder, path, beside), loading]), told(encoder, beside))
