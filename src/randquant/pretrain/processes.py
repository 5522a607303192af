"""Settings in, a Fabric out: the device, the arithmetic, and as many processes as torchrun has started."""

from __future__ import annotations

import os
from typing import Literal

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from randquant.device import find_device
from randquant.errors import UserError
from randquant.settings import Device, Precision

_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}


def under_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(device_name: Device, precision_name: Precision, batch: int) -> Fabric:
    """Join the other processes, if there are any, and choose this one's device.

    Args:
        device_name, precision_name: as the settings name them.
        batch: samples of all processes together.

    Raises:
        UserError: there is no such device, or the batch cannot be shared out evenly.
    """
    device = find_device(device_name)
    precision = _PRECISION[precision_name]
    if not under_torchrun():
        # Of a process by itself, whatever a cluster's manager says of the job it is in.
        return Fabric(accelerator=device.type, devices=1, precision=precision, plugins=LightningEnvironment())
    local, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if batch % everywhere or batch < 2 * everywhere:
        raise UserError(
            f"batch: got {batch} for {everywhere} processes, must be a multiple of that, and 2 each at least"
        )
    fabric = Fabric(
        accelerator=device.type,
        devices=local,
        num_nodes=everywhere // local,
        strategy=DDPStrategy(process_group_backend="nccl" if device.type == "cuda" else "gloo"),
        precision=precision,
    )
    fabric.launch()
    return fabric
