"""bench --submit: jobs on this machine share one results file and one report; what SLURM says of jobs is understood."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from randquant.bench import submit
from randquant.bench.submit import Shard, still_running
from randquant.bench.suite import bench, measure
from randquant.errors import UserError
from randquant.run.lines import append
from randquant.settings import BenchSettings

HOLDER = """
import fcntl, sys, time
with open(sys.argv[1], "rb+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    end = file.seek(0, 2)
    print("locked", flush=True)
    time.sleep(0.5)
    file.seek(end)
    file.write(b'{"by": "another machine"}\\n')
"""


def settings(**changes: Any) -> BenchSettings:
    given = {"tasks": "digits", "methods": "rq", "steps": 2, "device": "cpu", "quiet": True, "submit": "local"}
    return BenchSettings(**given | changes)


def test_jobs_measure_the_grid_between_them_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = settings(out=tmp_path / "bench", jobs=2, job_cpus=1, one_penalty=True)
    assert bench(given) == tmp_path / "bench" / "report.html"
    results = (tmp_path / "bench" / "results.jsonl").read_text()
    assert {f'"method": "{name}"' in results for name in ("raw", "none", "rq")} == {True}
    assert "submitted 2 jobs" in capsys.readouterr().err
    assert len(list((tmp_path / "bench" / "jobs").glob("*/*submitted.pkl"))) == 2
    assert bench(given).exists()  # nothing is left to do, so there is no job
    assert (tmp_path / "bench" / "results.jsonl").read_text() == results
    assert "submitted" not in capsys.readouterr().err


def test_a_process_waits_while_another_appends(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text('{"by": "an earlier run"}\n')
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(results)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        append(results, [{"by": "this process"}])
    assert results.read_text().splitlines() == [
        '{"by": "an earlier run"}',
        '{"by": "another machine"}',
        '{"by": "this process"}',
    ]


def test_a_stopped_job_goes_on_as_itself() -> None:
    shard = Shard(measure, settings(shard="2/3", submit="no"))
    again = pickle.loads(pickle.dumps(shard.checkpoint().function))
    assert again == shard


@pytest.mark.parametrize(
    ("code", "out", "err", "left"),
    [
        (0, "7_1\n7_2\n", "", ["7_1", "7_2"]),
        (0, "", "", []),
        (1, "", "slurm_load_jobs error: Invalid job id specified", []),
        (1, "", "slurm_load_jobs error: Unable to contact slurm controller", ["7_0", "7_1", "7_2"]),
    ],
)
def test_what_slurms_queue_says(
    code: int, out: str, err: str, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    monkeypatch.setattr(submit.subprocess, "run", run)
    jobs: Any = [SimpleNamespace(job_id=f"7_{number}") for number in range(3)]
    assert [job.job_id for job in still_running(jobs, settings(submit="slurm"))] == left
    assert asked == [["squeue", "--noheader", "--array", "--format=%i", "--jobs=7"]]


def test_without_slurm_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="submit: got slurm, but sbatch, srun and squeue are not all here"):
        bench(settings(out=tmp_path / "bench", submit="slurm"))
    assert not (tmp_path / "bench").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shard": "1/2"}, "shard: got '1/2' with --submit"),
        ({"submit": "cloud"}, "submit: got 'cloud', must be one of: no, local, slurm"),
        ({"jobs": 0}, "jobs: got 0, must be at least 1"),
        ({"job_gpus": -1}, "job_gpus: got -1, must be at least 0"),
    ],
)
def test_settings_that_are_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        settings(**changes)
