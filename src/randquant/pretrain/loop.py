"""Settings in, a run directory with a trained encoder out: the one self-supervised loop."""

from __future__ import annotations

import logging
import math
import time
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from torch import nn

from randquant.data import Batch, Dataset, open_data
from randquant.device import find_device
from randquant.encoder import DomainAgnosticTransformer, make_encoder
from randquant.errors import UserError
from randquant.methods import UNTRAINED, Loss, Method, make_method
from randquant.pretrain.display import Display
from randquant.pretrain.signals import Signals
from randquant.pretrain.watch import has_collapsed, watch
from randquant.quantize.draw import Draws, fold
from randquant.run import Run
from randquant.settings import PretrainSettings

_log = logging.getLogger(__name__)


class Training(nn.Module):
    """The one module that Fabric wraps: method and encoder, entered only through `forward`."""

    def __init__(self, method: nn.Module, encoder: DomainAgnosticTransformer) -> None:
        super().__init__()
        self.method, self.encoder = method, encoder

    def forward(self, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch."""
        loss: Loss = self.method(self.encoder, batch, draws, progress)
        return loss


def pretrain(settings: PretrainSettings, dataset: Dataset | None = None) -> Run:
    """Train an encoder by a self-supervised method.

    SIGINT and SIGTERM save the state and raise SystemExit(130) or SystemExit(143).

    Args:
        settings: everything a user may set.
        dataset: samples to train on, instead of those that `settings.data` names.

    Returns:
        The finished run.

    Raises:
        UserError: a setting, the data or the run directory is wrong, or the loss stopped being a number.
    """
    dataset = dataset or open_data(settings.data)
    samples = dataset.parts["train"]
    _check_samples(samples, settings)
    fabric = Fabric(accelerator=find_device(settings.device).type, devices=1, precision=_precision(settings))
    encoder = make_encoder(dataset.spec, settings.encoder, settings.seed)
    if settings.method == UNTRAINED:
        run = _open_run(settings, dataset)
        run.save_encoder(encoder)
        return run

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(_seed(settings.seed, "method"))
        method = make_method(settings.method, encoder, settings.method_details)
        run = _open_run(settings, dataset)
        groups = [{"params": list(encoder.parameters())}, *cast(Method, method).parameter_groups()]
        optimizer: Any = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        training, optimizer = fabric.setup(Training(method, encoder), optimizer)
        samples = fabric.to_device(samples)
        parts = {"encoder": encoder, "method": method, "optimizer": optimizer}
        first, seconds = 0, 0.0
        window: list[dict[str, float]] = []  # the metrics of the steps since the last line
        if settings.resume and run.has_state():
            first, seconds, window = run.restore(parts, ("step", "seconds", "window"))
        run.rewind(first)  # the lines of steps that are made once more

        def save(step: int) -> None:
            run.save_encoder(encoder)
            state = {"step": step, "seconds": seconds + time.monotonic() - started, "window": window}
            run.save_state({**state, **{name: part.state_dict() for name, part in parts.items()}})

        batches = len(samples.ids) // settings.batch
        started = last_line = time.monotonic()
        training.train()
        with Display(settings, first) as display, Signals() as signals:
            for step in range(first, settings.steps):
                epoch, place = divmod(step, batches)
                if place == 0 or step == first:
                    order = Draws(settings.seed, epoch, samples.ids).permutation("order")
                batch = samples.take(order[place * settings.batch : (place + 1) * settings.batch])
                rate = settings.learning_rate * rate_factor(settings, step)
                for group in optimizer.param_groups:
                    group["lr"] = rate

                torch.manual_seed(_seed(settings.seed, "dropout", step, fabric.global_rank))
                loss: Loss = training(batch, Draws(settings.seed, epoch, batch.ids), step / settings.steps)
                fabric.backward(loss.value)
                norm: Any = fabric.clip_gradients(training, optimizer, max_norm=math.inf, error_if_nonfinite=False)
                values = {"loss": loss.value.item(), "gradient_norm": norm.item()}
                # Mixed precision with 16 bits skips steps whose gradient overflows, so there the loss alone tells.
                if not math.isfinite(values["loss"] if settings.precision == "16" else sum(values.values())):
                    save(step)
                    raise UserError(
                        f"learning_rate: the loss became {values['loss']} at step {step + 1} with {rate:g}; the state "
                        f"before it is saved in {run.path}; start anew with a smaller one"
                    )
                optimizer.step()
                optimizer.zero_grad()

                done = step + 1
                window.append({**values, **{name: value.item() for name, value in loss.metrics.items()}})
                display.show(done, values["loss"])
                if done % settings.log_every == 0 or done == settings.steps:
                    line = {name: sum(one[name] for one in window) / len(window) for name in window[0]}
                    now = time.monotonic()
                    speed = settings.batch * len(window) / (now - last_line)
                    times = {"seconds": seconds + now - started, "samples_per_second": speed}
                    run.log({"step": done, **line, "learning_rate": rate, **times})
                    window, last_line = [], now
                if done % settings.watch_every == 0 or done == settings.steps:
                    watched = watch(encoder, samples)
                    run.log({"step": done, **watched})
                    if has_collapsed(watched):
                        told = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in watched.items())
                        _log.warning(f"step {done}: the features have collapsed ({told}); try a smaller learning rate")
                if signals.number or done % settings.save_every == 0 or done == settings.steps:
                    save(done)
                if signals.number:
                    _log.warning(
                        f"interrupted after step {done}; saved in {run.path}, "
                        "from where pretrain --resume, or the same quickstart, goes on"
                    )
                    raise SystemExit(128 + signals.number)
    return run


def rate_factor(settings: PretrainSettings, step: int) -> float:
    """What the learning rate is multiplied by in a step: a linear warm-up, then 1 or half a cosine down to 0."""
    warmup = round(settings.warmup * settings.steps)
    if step < warmup:
        return (step + 1) / warmup
    if settings.schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (step - warmup) / max(1, settings.steps - warmup))) / 2


def _check_samples(samples: Batch, settings: PretrainSettings) -> None:
    if len(samples.ids) < settings.batch:
        raise UserError(f"batch: got {settings.batch}, must be at most the {len(samples.ids)} training samples")
    for place, values in enumerate(samples.inputs):
        if values.is_floating_point() and not values.isfinite().all():
            raise UserError(f"data: input {place} holds NaN or infinite values; replace them before training")


def _precision(settings: PretrainSettings) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    names: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]]
    names = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    return names[settings.precision]


def _open_run(settings: PretrainSettings, dataset: Dataset) -> Run:
    """The run to continue, or a new one. A continued run must have been started with the same settings."""
    if not settings.resume:
        return Run.create(settings.out, {"settings": settings.to_dict(), "spec": dataset.spec.to_dict()})
    run = Run.open(settings.out)
    before = run.config["settings"]
    for name, value in settings.decisive().items():
        if before.get(name) != value:
            raise UserError(f"{name}: got {value}, but {run.path} was started with {before.get(name)}; use that")
    return run


def _seed(seed: int, purpose: str, *words: int) -> int:
    """A seed for torch's own generator, for one purpose only."""
    key = fold(torch.tensor(seed), purpose)
    for word in words:
        key = fold(key, word)
    return int(key)
