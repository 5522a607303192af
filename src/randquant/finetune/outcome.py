"""What the trainings of a fine-tuning have given in, result lines and a run directory out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from randquant.data import Dataset
from randquant.data.own.samples import digests
from randquant.errors import UserError
from randquant.finetune.loop import Classifier
from randquant.probe import Score, result_lines
from randquant.probe.score import FEW, PENALTIES
from randquant.probe.task import config_hash
from randquant.run import Run, files
from randquant.settings import FinetuneSettings

METRIC = "finetune_accuracy"


@dataclass(frozen=True)
class Outcome:
    """What a fine-tuning leaves.

    Attributes:
        settings: with which it was asked for.
        run: whose encoder was fine-tuned.
        dataset: the labelled samples.
        scores: of each row, by its method.
        seconds: what each row took, by its method.
        classifier: the pretrained encoder and the head, as all labels have trained them.
        looks: the lines of that training.
    """

    settings: FinetuneSettings
    run: Run
    dataset: Dataset
    scores: Mapping[str, Sequence[Score]]
    seconds: Mapping[str, float]
    classifier: Classifier
    looks: Sequence[dict[str, Any]]

    def result_lines(self) -> list[dict[str, Any]]:
        """A line a score, row by row."""
        found = []
        for row, scores in self.scores.items():
            asked = {**self.settings.decisive(), "few": FEW, "penalties": PENALTIES, "method": row}
            found += result_lines(
                scores,
                suite="finetune",
                dataset=self.dataset,
                method=row,
                seed=int(self.run.config["settings"]["seed"]),
                seconds=self.seconds[row],
                config_hash=config_hash(asked),
            )
        return found

    def save(self, out: Path) -> None:
        """Write the result lines, and the classifier: a run directory that probe and finetune take too.

        Raises:
            UserError: the folder cannot be written.
        """
        began = self.run.config["settings"]
        config = {
            "settings": {**began, "method": f"{began['method']}+finetune", "out": str(out)},
            "finetune": self.settings.to_dict(),
            "spec": self.dataset.spec.to_dict(),
            "classes": list(self.dataset.classes),
        }
        tuned = Run.create(out, config)
        tuned.save_encoder(self.classifier.encoder)
        tuned.save_head(self.classifier.head)
        self._remember(tuned)
        for line in self.looks:
            tuned.log(line)
        tuned.save_card()
        text = "".join(json.dumps(line) + "\n" for line in self.result_lines())
        files.replace(out / "results.jsonl", lambda file: file.write(text.encode()))

    def _remember(self, tuned: Run) -> None:
        """Write down how data of one's own are read, and which samples were seen, without their labels and with.

        The validation part is one of those: it has chosen when to stop. The test part is none.
        """
        facts, seen = self.run.data, self.run.seen()
        if facts is not None:
            if (own := self.dataset.own) is not None:
                facts["labelled"] = {name: own.to_dict()[name] for name in ("path", "reading")}
            tuned.save_data(facts)
        now = digests(self.dataset.parts["train"])
        before = self.run.taught()
        tuned.save_taught(now if before is None else np.concatenate([before, now]))
        if seen is not None:
            tuned.save_seen(np.concatenate([seen, now]))


def prepare(out: Path) -> None:
    """Find out before any training whether the folder will do.

    Raises:
        UserError: it holds a run or results, or cannot be written.
    """
    for name in ("config.json", "results.jsonl"):
        if (out / name).exists():
            raise UserError(f"out: {out} holds a {name} already; name another folder")
    Run(out).check_new()
    with files.writing(out):
        out.mkdir(parents=True, exist_ok=True)
