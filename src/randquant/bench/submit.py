"""A grid's settings in; its shards measured in jobs of their own, on this machine or a SLURM cluster, when it returns.

The jobs share the results file and the folder of runs, so both lie where all machines see them. A job that SLURM stops,
at its time limit or for another's sake, is put back into the queue; its trainings go on from their newest states.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from randquant import process
from randquant.errors import UserError
from randquant.libraries import library
from randquant.settings import BenchSettings
from randquant.terminal import remark

_PAUSE = {"local": 0.2, "slurm": 10.0}  # seconds between looks at the jobs


class Job(Protocol):
    """What is asked of submitit's jobs."""

    job_id: str

    def done(self) -> bool:
        """Whether it has ended."""
        ...


@dataclass(frozen=True)
class Shard:
    """What a job does; a cluster brings it to the job's machine and calls it there.

    Args:
        measure: measures what settings say.
        settings: of one shard.
    """

    measure: Callable[[BenchSettings], object]
    settings: BenchSettings

    def __call__(self) -> None:
        process.keep_memory()
        torch.set_num_threads(self.settings.job_cpus)
        self.measure(self.settings)

    def checkpoint(self) -> Any:
        """What goes on in its stead when it is stopped: itself, since what it has done stands in the results."""
        submitit: Any = library("submitit", "cluster", "submit")
        return submitit.helpers.DelayedSubmission(self)


def submit(measure: Callable[[BenchSettings], object], settings: BenchSettings, shards: Sequence[str]) -> None:
    """Start a job a shard, and wait until all have ended, well or not.

    Args:
        measure: measures the shard that settings name, in a process of its own.
        settings: of the whole grid.
        shards: such as "2/5".

    Raises:
        UserError: submitit is not installed, there is no SLURM here, or it refuses the jobs.
        KeyboardInterrupt: after Ctrl-C; jobs on this machine end with it, those of SLURM go on.
    """
    submitit: Any = library("submitit", "cluster", "submit")
    if settings.submit == "slurm" and not all(map(shutil.which, ("sbatch", "srun", "squeue"))):
        raise UserError("submit: got slurm, but sbatch, srun and squeue are not all here; use local, or a login node")
    out = settings.out.absolute()  # a job may start elsewhere
    executor = submitit.AutoExecutor(folder=out / "jobs" / "%A", cluster=settings.submit)
    executor.update_parameters(
        name="randquant",
        timeout_min=settings.job_minutes,
        cpus_per_task=settings.job_cpus,
        tasks_per_node=1,
        gpus_per_node=settings.job_gpus,
        **({"slurm_partition": settings.job_partition} if settings.job_partition else {}),
    )
    work = [Shard(measure, replace(settings, out=out, shard=shard, submit="no")) for shard in shards]
    try:
        jobs = executor.submit_array(work)
    except (submitit.core.utils.FailedJobError, subprocess.CalledProcessError) as error:
        raise UserError(f"submit: SLURM refused the jobs: {' '.join(str(error).split())}") from error
    _wait(jobs, settings)


def _wait(jobs: Sequence[Job], settings: BenchSettings) -> None:
    first = jobs[0].job_id.split("_")[0]
    remark(f"submitted {len(jobs)} job{'s' if len(jobs) > 1 else ''}: {', '.join(job.job_id for job in jobs)}")
    left = len(jobs)
    try:
        while running := still_running(jobs, settings):
            if len(running) < left and not settings.quiet:
                remark(f"{len(jobs) - len(running)} of {len(jobs)} jobs have ended")
            left = len(running)
            time.sleep(_PAUSE[settings.submit])
    except KeyboardInterrupt:
        if settings.submit == "local":
            for job in jobs:
                job.cancel(check=False)  # type: ignore[attr-defined]
        else:
            remark(f"the jobs go on; squeue -j {first} shows them, scancel {first} ends them")
        raise
    remark(f"all jobs have ended; what they wrote is in {settings.out / 'jobs'}")


def still_running(jobs: Sequence[Job], settings: BenchSettings) -> list[Job]:
    """The jobs that run or wait to.

    SLURM's queue is asked, not its accounts, which many clusters do not keep. While it does not answer, all jobs count.
    """
    if settings.submit == "local":
        return [job for job in jobs if not job.done()]
    asked = ",".join(sorted({job.job_id.split("_")[0] for job in jobs}))
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={asked}"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode and "Invalid job id" not in told.stderr:  # which it says of jobs that ended long ago
        return list(jobs)
    queued = set(told.stdout.split())
    return [job for job in jobs if job.job_id in queued]
