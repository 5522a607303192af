"""Settings in, a run directory with a trained encoder out: the one self-supervised loop."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from randquant import world
from randquant.data import Batch, Dataset
from randquant.data.reading import Cut, taken
from randquant.encoder import Encoder, VisionBackbone
from randquant.encoder.pooling import hasten_pooling
from randquant.errors import UserError
from randquant.methods import UNTRAINED, Loss, Method, crops
from randquant.methods.batch_norm import share_batch_norms
from randquant.pretrain.arguments import check_arguments
from randquant.pretrain.checks import check_compiler, check_details, check_samples, training_part
from randquant.pretrain.display import Display
from randquant.pretrain.feed import feed
from randquant.pretrain.labelled import open_monitors
from randquant.pretrain.loggers import open_loggers
from randquant.pretrain.monitor import monitor
from randquant.pretrain.opening import fitted, open_training, remember
from randquant.pretrain.optimizers import make_optimizer, set_rate
from randquant.pretrain.parts import compile_blocks, new_method, own_or_new_encoder, unused
from randquant.pretrain.processes import launch, together
from randquant.pretrain.signals import Signals
from randquant.pretrain.start import started_run
from randquant.pretrain.watch import WATCHED, sentence, watch
from randquant.quantize.draw import Draws, torch_seed
from randquant.run import Run
from randquant.settings import EncoderSettings, PretrainSettings, defaults_of
from randquant.terminal import remark

_log = logging.getLogger(__name__)


def pretrain(
    data: str | Path | Dataset,
    *,
    out: Path | str,
    encoder: nn.Module | EncoderSettings | None = None,
    monitors: Sequence[Dataset | str] = (),
    kept: bool = True,
    **options: Any,
) -> Run:
    """Train an encoder by a self-supervised method: `train`, for calls from Python.

    Args:
        data: a name of the catalogue, a path, or a data set.
        out: the run directory to make.
        encoder: a module of your own that gives features (B, D) when it is called with the inputs of B samples; it is
            trained in place. Otherwise randquant's own transformer is made, of these sizes.
        monitors: labelled data sets, or their names, that are tried while the encoder trains.
        kept: whether the run directory outlives the call.
        options: the other fields of `PretrainSettings`, such as `method` and `steps`; with `protocol="dabs"` those
            that are not given are the benchmark's.

    Raises:
        UserError: an argument is nothing of the kind, there is no such option, or as `train` says.
    """
    check_arguments(data, encoder, monitors, options)
    name, dataset = (data.name, data) if isinstance(data, Dataset) else (str(data), None)
    module = encoder if isinstance(encoder, nn.Module) else None
    faithful = options.get("dabs_faithful", False)
    chosen = {**defaults_of(options.get("protocol", "default"), faithful=faithful), **options}
    if isinstance(encoder, EncoderSettings):
        chosen["encoder"] = encoder
    chosen["monitors"] = tuple(one for one in monitors if isinstance(one, str))
    given = [one for one in monitors if not isinstance(one, str)]
    return train(PretrainSettings(data=name, out=Path(out), **chosen), dataset, module, given, kept=kept)


class Step:
    """What `Training` is given. Not a tuple: Fabric would turn the samples in it into the precision of the step."""

    def __init__(self, batch: Batch, draws: Draws, progress: float) -> None:
        self.batch, self.draws, self.progress = batch, draws, progress


class Training(nn.Module):
    """The one module that Fabric wraps: method and encoder, entered only through `forward`."""

    def __init__(self, method: nn.Module, encoder: Encoder) -> None:
        super().__init__()
        self.method, self.encoder = method, encoder

    def forward(self, step: Step) -> Loss:
        """The loss of one batch."""
        loss: Loss = self.method(self.encoder, step.batch, step.draws, step.progress)
        return loss


def train(
    settings: PretrainSettings,
    dataset: Dataset | None = None,
    module: nn.Module | None = None,
    monitors: Sequence[Dataset] = (),
    *,
    kept: bool = True,
) -> Run:
    """Train an encoder by a self-supervised method.

    SIGINT and SIGTERM save the state and raise SystemExit(130) or SystemExit(143).

    Args:
        settings: everything a user may set.
        dataset: samples to train on, instead of those that `settings.data` names.
        module: the user's own encoder, instead of the transformer.
        monitors: labelled data sets, beside those that `settings.monitors` names.
        kept: whether the run directory outlives the call; of another one nobody is told that a state is saved there.

    Returns:
        The finished run.

    Raises:
        UserError: a setting, the data or the run directory is wrong, or the loss stopped being a number.
    """
    fabric = launch(settings.device, settings.precision, own_module=module is not None)
    gpus = range(torch.cuda.device_count())
    with together(), torch.random.fork_rng(devices=gpus), contextlib.ExitStack() as closing:
        with world.agreement(fabric.device):
            check_details(settings)
            dataset = dataset or open_training(settings)
            settings, notes = fitted(settings, dataset)
            if fabric.is_global_zero and not settings.quiet:
                for note in notes:
                    remark(note)
            samples = training_part(dataset)
            check_samples(samples, dataset.spec, settings)
            monitors = open_monitors(monitors, dataset, settings)
            if settings.compile:
                check_compiler(fabric.device)
            encoder = own_or_new_encoder(settings, dataset, module)
            method = new_method(settings, encoder)
            if isinstance(encoder, VisionBackbone):  # and no module of the user's own
                hasten_pooling(encoder)
                hasten_pooling(method)  # which may hold a copy of the encoder
            if world.size() > 1:
                share_batch_norms(encoder)
                share_batch_norms(method)
            if fabric.is_global_zero:
                closing.enter_context(started_run(settings, dataset, module))
        with world.agreement(fabric.device):
            run = Run.open(settings.out)  # which the first process has made, on a disk that all must see
        if settings.method == UNTRAINED:
            if fabric.is_global_zero:
                run.save_encoder(encoder)
                remember(run, dataset)
                run.save_card(0)
            return run

        groups = [{"params": list(encoder.parameters())}, *cast(Method, method).parameter_groups()]
        core = Training(method, encoder)
        training, optimizer = fabric.setup(core, make_optimizer(groups, settings))
        if settings.compile:
            compile_blocks(encoder)
        parts = {"encoder": encoder, "method": method, "optimizer": optimizer, "precision": fabric.strategy.precision}
        first, seconds = 0, 0.0
        window: list[dict[str, float]] = []  # the metrics of the steps since the last line
        with world.agreement(fabric.device):
            if settings.resume and run.has_state():
                first, seconds, window = run.restore(parts, ("step", "seconds", "window"))
        loggers = None
        with world.agreement(fabric.device):
            if fabric.is_global_zero:
                run.rewind(first)  # the lines of steps that are made once more
                loggers = closing.enter_context(open_loggers(settings, run))

        def log(line: dict[str, Any]) -> None:
            if loggers is not None:
                run.log(line)
                loggers.log(line)

        def save(step: int) -> None:
            if fabric.is_global_zero:
                run.save_encoder(encoder)
                run.save_card(step)
                state = {"step": step, "seconds": seconds + time.monotonic() - started, "window": window}
                state |= {name: part.state_dict() for name, part in parts.items()}
                run.save_state(state, step, keep=settings.keep)

        order = {"seed": settings.seed, "batch": settings.batch, "first": first * settings.accumulate}
        cut = Cut(2, settings.method_details.crop_area) if crops(settings.method) else None
        source = feed(samples, fabric.device, workers=settings.workers, cut=cut, gaps=dataset.spec.gaps, **order)
        batches = closing.enter_context(contextlib.closing(source))
        with world.agreement(fabric.device):
            some = Draws(settings.seed, 0, samples.ids).permutation("watch")[
                :WATCHED
            ]  # files are often sorted by class
            shown = taken(samples, some.sort().values).to(fabric.device)
        started = last_line = last_save = time.monotonic()
        training.train()
        display = closing.enter_context(Display(settings, first, quiet=settings.quiet or not fabric.is_global_zero))
        signals = closing.enter_context(Signals())
        for step in range(first, settings.steps):
            rate = set_rate(optimizer, settings, step)
            summed: dict[str, torch.Tensor] = {}  # over the batches of this step
            moving = _moving(core) if settings.accumulate > 1 and not isinstance(samples, Batch) else {}
            for number in range(settings.accumulate):
                try:
                    batch, draws = next(batches)
                except UserError:  # the data's: the training can go on from here once they are mended
                    core.load_state_dict(moving, strict=False)
                    if step > first:
                        save(step)
                    raise
                torch.manual_seed(torch_seed(settings.seed, "dropout", step, number, world.rank()))
                with fabric.no_backward_sync(training, enabled=number < settings.accumulate - 1):
                    loss: Loss = training(Step(batch, draws, step / settings.steps))
                    fabric.backward(loss.value / settings.accumulate)
                for name, value in {"loss": loss.value.detach(), **loss.metrics}.items():
                    summed[name] = summed.get(name, 0) + value / settings.accumulate
            if step == first and fabric.is_global_zero and (idle := unused(encoder)):
                _log.warning(f"the encoder's {', '.join(idle)} had no part in the first step, so it left them alone")
            norm = _clipped(fabric, training, optimizer, settings)
            values = dict(zip(summed, world.mean(torch.stack(list(summed.values()))).tolist(), strict=True))
            values["gradient_norm"] = float(norm)
            # Mixed precision with 16 bits skips steps whose gradient overflows, so there the loss alone tells.
            if not math.isfinite(values["loss"] if settings.precision == "16" else sum(values.values())):
                with world.agreement(fabric.device):
                    sound = _is_finite(encoder) and _is_finite(method)  # batch norms have seen the bad batch already
                    if sound:
                        save(step)
                    which = "state before it" if sound else "last sound state"
                    saved = f"the {which} is saved in {run.path}; " if kept else ""
                    raise UserError(_told(values, step, rate, saved))
            optimizer.step()
            optimizer.zero_grad()

            done = step + 1
            last = done == settings.steps
            window.append(values)
            display.show(done, values["loss"])
            if done % settings.log_every == 0 or last:
                line = {name: sum(one[name] for one in window) / len(window) for name in window[0]}
                now = time.monotonic()
                speed = settings.batch * settings.accumulate * len(window) / (now - last_line)
                times = {"seconds": seconds + now - started, "samples_per_second": speed}
                log({"step": done, **line, "learning_rate": rate, **times})
                window, last_line = [], now
            if (done % settings.watch_every == 0 or last) and fabric.is_global_zero:
                watched = watch(encoder, shown)
                log({"step": done, **watched})
                if told := sentence({**watched, **values}):
                    _log.warning(f"step {done}: {told}")
                for one in monitors:
                    log({"step": done, **monitor(encoder, one, settings.seed)})
            stop = world.largest(signals.number, fabric.device)
            late = time.monotonic() - last_save > 60 * settings.save_minutes
            if stop or late or last or done % settings.save_every == 0:
                save(done)
                last_save = time.monotonic()
            if stop:
                if fabric.is_global_zero:
                    goes_on = f"; saved in {run.path}, from where pretrain --resume, or the same quickstart, goes on"
                    _log.warning(f"interrupted after step {done}{goes_on if kept else ''}")
                raise SystemExit(128 + stop)
        if fabric.is_global_zero:
            remember(run, dataset)
        fabric.barrier()  # a process that ended before the run is whole would take the others with it
    return run


def _clipped(fabric: Fabric, training: nn.Module, optimizer: Optimizer, settings: PretrainSettings) -> torch.Tensor:
    """The norm of all gradients, which are clipped where that is asked for."""
    if not settings.clip and settings.precision != "16":  # whose gradients are scaled until they are clipped
        return get_total_norm([one.grad for one in training.parameters() if one.grad is not None])
    limit = settings.clip or math.inf
    norm = fabric.clip_gradients(training, optimizer, max_norm=limit, error_if_nonfinite=False)
    return cast(torch.Tensor, norm)


def _told(values: dict[str, float], step: int, rate: float, saved: str) -> str:
    """Which number of a step is none, and what to do; in the first one it cannot be the learning rate's doing."""
    name = next(name for name, value in values.items() if not math.isfinite(value))
    what = f"the {'norm of the gradient' if name == 'gradient_norm' else name} became {values[name]} at step {step + 1}"
    if step == 0:
        return (
            f"encoder: {what}, before anything was learnt; {saved}look for a division by 0, a root or logarithm of 0, "
            "or far values, in it and in the samples"
        )
    return f"learning_rate: {what} with {rate:g}; {saved}start anew with a smaller one"


def _is_finite(module: nn.Module) -> bool:
    """Whether all weights and buffers are numbers."""
    return all(bool(one.isfinite().all()) for one in module.state_dict().values() if one.is_floating_point())


def _moving(module: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of what a forward pass alone may change: running statistics, a momentum encoder."""
    state = module.state_dict(keep_vars=True)
    return {name: value.detach().clone() for name, value in state.items() if not value.requires_grad}
