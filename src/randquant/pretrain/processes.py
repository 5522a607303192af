"""Settings in, a Fabric out: the device, the arithmetic, and as many processes as torchrun has started."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
from collections.abc import Iterator
from typing import Literal

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from randquant import process, world
from randquant.device import find_device
from randquant.errors import ToldElsewhereError, UserError
from randquant.pretrain.feed import worker_ended
from randquant.settings import Device, Precision

_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}
_LOST = re.compile(r"gloo|nccl|connection (closed|reset)", re.IGNORECASE)  # what is said where another one has ended


def under_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(device_name: Device, precision_name: Precision, *, own_module: bool = False) -> Fabric:
    """Join the other processes, if there are any, and choose this one's device.

    Args:
        device_name, precision_name: as the settings name them.
        own_module: the encoder is a user's own, which may have parameters that some step does not use. Looking for
            them takes time, which randquant's own encoder does without.

    Raises:
        UserError: there is no such device, or it does not have that precision.
    """
    logging.getLogger("lightning_fabric.utilities.rank_zero").addFilter(_is_worth_telling)
    precision = _PRECISION[precision_name]
    try:
        device = find_device(device_name, precision_name)
    except UserError as problem:
        raise process.told_once(problem) from problem
    if not under_torchrun():
        # Of a process by itself, whatever a cluster's manager says of the job it is in.
        return Fabric(accelerator=device.type, devices=1, precision=precision, plugins=LightningEnvironment())
    local, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    fabric = Fabric(
        accelerator=device.type,
        devices=local,
        num_nodes=everywhere // local,
        strategy=DDPStrategy(
            process_group_backend="nccl" if device.type == "cuda" else "gloo", find_unused_parameters=own_module
        ),
        precision=precision,
    )
    fabric.launch()
    return fabric


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Whether a message of Fabric's is neither the precision that was asked for, once a training, nor its advice.

    The advice is to round float32 products: 32 means 32 here, bf16 is faster.
    """
    return not any(words in record.getMessage() for words in ("Automatic Mixed Precision", "Tensor Cores"))


@contextlib.contextmanager
def together() -> Iterator[None]:
    """End all processes of a training by the error that one of them has met, wherever the others are.

    Who meets it tells it. The others find that they wait for a process that has ended, or are ended by torchrun; they
    raise `ToldElsewhereError`. Where nobody has left an error, the first to notice says that one process has ended.
    """
    world.forget_errors()
    try:
        yield
    except BaseException as error:
        problem = (isinstance(error, RuntimeError) and worker_ended(error)) or error
        if world.size() > 1 and not isinstance(problem, ToldElsewhereError):
            problem = _of_all(problem)
        if problem is error:
            raise
        raise problem from error


def _of_all(problem: BaseException) -> BaseException:
    """What this process raises when it ends by `problem`, which others may have met, or be ended by."""
    if isinstance(problem, UserError):
        found: UserError | None = world.announce(str(problem))
    else:
        found = world.announced()
        if found is None and isinstance(problem, RuntimeError) and _LOST.search(str(problem)):
            found = world.announce(
                "process: another process of this training has ended, so this one does; see what that one said, or "
                "what torchrun says of it, and go on with --resume"
            )
    if found is None:
        return problem
    with contextlib.suppress(ValueError):  # elsewhere than in the main thread Python allows no handlers
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to those that are left: they end by themselves
    return found
