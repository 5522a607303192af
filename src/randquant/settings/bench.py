"""Every setting of a grid of tasks, methods and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from randquant.errors import UserError
from randquant.settings.choices import Device, Precision, Submit, Suite, check_choices, check_least, check_shard


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """Pretrain by several methods and probe every task of a suite; the random encoder and the raw input stand beside.

    What is finished in the folder is not done again; a cell that fails is recorded and the others go on.
    """

    suite: Suite = "mini"
    """mini: real data that packages carry, on a laptop; dabs: the 34 tasks of the DABS benchmark under its protocol."""
    methods: str = "emix,rq"
    """The methods, with commas between them; none and raw are always there. shed@2x trains for twice the steps: as many
    passes through the encoder as a method that encodes twice a step."""
    tasks: str = ""
    """The tasks, with commas between them; by default all of the suite."""
    out: Path = Path("runs/bench")
    """The folder for results, runs and report."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Everything is done from so many seeds."""
    steps: int = 0
    """Optimizer steps of each training; 0 is the suite's number: 200 for mini, 100,000 for dabs."""
    draws: int = 5
    """How many times the few labels are drawn; 0 probes with all labels alone."""
    one_penalty: bool = False
    """The linear head's penalty is the middle one of the seven, not the best: a fraction of the probe's time."""
    explored: Path | None = None
    """The exploration.jsonl of randquant choose: every method is trained with the best of its configurations there."""
    processes: int = 1
    """Cells at a time; each has one thread of its own where there are several."""
    shard: str = "1/1"
    """2/5 does the second fifth of the cells; machines that share the folder each do one."""
    submit: Submit = "no"
    """no: all is done in this process; local: in processes of their own; slurm: in jobs of a SLURM array, through
    submitit. This process waits for them and then reports; docs/cluster.md."""
    jobs: int = 4
    """How many jobs --submit divides the cells among."""
    job_minutes: int = 1440
    """How long a job may take; one that reaches it is put back into the queue and goes on, up to three times."""
    job_cpus: int = 2
    """Processors of a job, and the threads that it uses."""
    job_gpus: int = 0
    """GPUs of a job; more than 1 is of no use."""
    job_partition: str = ""
    """SLURM's partition for the jobs; by default the cluster's own choice."""
    dabs_faithful: bool = False
    """With --suite dabs: keep the errors of the benchmark's own code in the data sets, in emix and in its head, where
    published figures depend on them. The head then takes about forty times as long."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16 bits; the DABS benchmark's is 16."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_least("seed", self.seed, 0)
        check_least("seeds", self.seeds, 1)
        check_least("steps", self.steps, 0)
        check_least("draws", self.draws, 0)
        check_least("processes", self.processes, 1)
        check_shard(self.shard)
        for name in ("jobs", "job_minutes", "job_cpus"):
            check_least(name, getattr(self, name), 1)
        check_least("job_gpus", self.job_gpus, 0)
        if self.dabs_faithful and self.suite != "dabs":
            raise UserError("dabs_faithful: keeps errors of the DABS benchmark, which do not concern --suite mini")
        if self.explored is not None and self.suite != "mini":
            raise UserError("explored: configurations are chosen for --suite mini alone; the benchmark's are its own")
        if self.submit != "no" and self.shard != "1/1":
            raise UserError(f"shard: got {self.shard!r} with --submit, which divides the cells itself; use --jobs")
