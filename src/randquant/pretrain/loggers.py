"""The lines of metrics.jsonl in, the same numbers in TensorBoard and Weights & Biases out, for those who ask for them.

Both keep their files in the run directory, in `tensorboard` and in `wandb`. With WANDB_MODE=offline nothing leaves the
machine; `wandb sync` sends it later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from randquant.errors import UserError
from randquant.libraries import library
from randquant.run import Run
from randquant.settings import PretrainSettings


class Loggers:
    """All loggers of a training."""

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self._loggers = loggers

    def log(self, line: Mapping[str, Any]) -> None:
        """Log the numbers of a line under its step; those of a monitor as `digits/knn_accuracy`.

        Raises:
            UserError: a logger cannot write.
        """
        front = f"{line['monitor']}/" if "monitor" in line else ""
        numbers = {
            front + name: float(value)
            for name, value in line.items()
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool)
        }
        for logger in self._loggers:
            with _writing(logger):
                logger.log_metrics(numbers, int(line["step"]))


@contextmanager
def open_loggers(settings: PretrainSettings, run: Run) -> Iterator[Loggers]:
    """The loggers that the settings name; they are closed at the end, whichever it is.

    A resumed run gets another file or wandb run beside the first; TensorBoard drops what is logged once more, so the
    run's metrics.jsonl must be rewound before.

    Raises:
        UserError: the extra `tracking` is not installed, or a logger cannot start, or cannot write to its end.
    """
    opened = []
    with ExitStack() as closing:
        for name in settings.logger:
            opened.append(_OPENERS[name](settings, run))
            closing.push(partial(_close, opened[-1]))
        yield Loggers(opened)


class WandbLogger(Logger):
    """Weights & Biases as one of Fabric's loggers: a run of the project randquant, named like its folder.

    Args:
        folder: the run directory.
        quiet: nothing is said on standard error.

    Raises:
        UserError: wandb is not installed, or not logged in, or cannot reach its server.
    """

    def __init__(self, folder: Path, quiet: bool) -> None:
        self._wandb = library("wandb", "tracking", "logger")
        # Its capture of the output would break the progress bar; the user's own wandb runs are left alone.
        options = self._wandb.Settings(console="off", silent=quiet)
        folder = folder.resolve()
        try:
            self._run = self._wandb.init(
                project="randquant", name=folder.name, dir=folder, reinit="create_new", settings=options
            )
        except self._wandb.Error as error:
            told = " ".join(str(error).split())
            raise UserError(f"logger: wandb cannot start ({told}); log in, or set WANDB_MODE=offline") from error

    @property
    def name(self) -> str:
        """ "wandb"."""
        return "wandb"

    @property
    def version(self) -> str:
        """The id that wandb gave the run."""
        return str(self._run.id)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Log numbers under a step; later steps only, or the same."""
        self._run.log(metrics, step=step)

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Record settings: a dictionary of plain values."""
        self._run.config.update(params)

    def finalize(self, status: str) -> None:
        """Write out what is left; "success" or anything else. wandb's process ends, unless the user needs it."""
        self._run.finish(exit_code=0 if status == "success" else 1)
        if self._wandb.run is None:
            self._wandb.teardown()


def _wandb(settings: PretrainSettings, run: Run) -> Logger:
    logger = WandbLogger(run.path, settings.quiet)
    logger.log_hyperparams(settings.to_dict())
    return logger


def _tensorboard(settings: PretrainSettings, run: Run) -> Logger:
    library("tensorboard", "tracking", "logger")
    lines = run.metrics()
    again = lines[-1]["step"] + 1 if lines else None  # from here on an interrupted run may have logged already
    logger = TensorBoardLogger(run.path, name="tensorboard", version="", purge_step=again)
    logger.experiment.add_text("settings", f"```\n{json.dumps(settings.to_dict(), indent=2)}\n```")
    return logger


_OPENERS: dict[str, Callable[[PretrainSettings, Run], Logger]] = {"tensorboard": _tensorboard, "wandb": _wandb}


def _close(logger: Logger, kind: type[BaseException] | None, *_: object) -> None:
    with _writing(logger):
        logger.finalize("success" if kind is None else "failed")


@contextmanager
def _writing(logger: Logger) -> Iterator[None]:
    """Turn a full disk into one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        refusal = error if isinstance(error, OSError) else error.__cause__  # Fabric's words, or the system's own
        if not isinstance(refusal, OSError):
            raise
        raise UserError(f"logger: {logger.name} cannot write ({refusal.strerror}); make room for it") from error
