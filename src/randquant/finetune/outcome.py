"""What the trainings of a fine-tuning have given in, result lines and a run directory out, draw by draw.

The directory begins with the first draw that is finished, whose lines are appended whole. All labels come last: what
they have trained is saved before their lines are, so that where those stand nothing is missing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from randquant.data import Dataset
from randquant.data.fingerprint import fingerprint
from randquant.data.own.samples import digests
from randquant.errors import UserError
from randquant.finetune.labels import Labelled
from randquant.finetune.loop import Classifier
from randquant.pretrain.start import other_samples, other_settings
from randquant.probe import Score, labels_of, result_lines
from randquant.probe.score import FEW, PENALTIES
from randquant.probe.task import config_hash
from randquant.run import Run, files
from randquant.settings import FinetuneSettings

METRIC = "finetune_accuracy"
_SUITE = "finetune"


@dataclass(frozen=True)
class Outcome:
    """What a fine-tuning leaves.

    Attributes:
        settings: with which it was asked for.
        run: whose encoder is fine-tuned.
        dataset: the labelled samples.
        rows: the methods that are compared.
    """

    settings: FinetuneSettings
    run: Run
    dataset: Dataset
    rows: Sequence[str]

    def lines(self, some: Labelled, values: Mapping[str, float], seconds: Mapping[str, float]) -> list[dict[str, Any]]:
        """The lines of a draw, one a row.

        Args:
            some: the labels of the draw.
            values: of each row, the share of the test part that is named right.
            seconds: what each row has taken up to now.
        """
        found = []
        for row in self.rows:
            found += result_lines(
                [Score(METRIC, some.name, some.draw, values[row])],
                suite=_SUITE,
                dataset=self.dataset,
                method=row,
                seed=int(self.run.config["settings"]["seed"]),
                seconds=seconds[row],
                config_hash=self._hash(row),
            )
        return found

    def finished(self) -> dict[tuple[str, int], list[dict[str, Any]]]:
        """The lines of the draws that an earlier call has finished, by their labels and number; finds out beforehand
        whether the folder will do.

        Raises:
            UserError: the folder cannot be written, holds another run or results, or a fine-tuning with other settings,
                samples, labels or another encoder, each of which the error names.
        """
        if (out := self.settings.out) is None:
            return {}
        if not (out / "config.json").exists():
            if (out / "results.jsonl").exists():
                raise UserError(f"out: {out} holds a results.jsonl already; name another folder")
            Run(out).check_new()
            with files.writing(out):
                out.mkdir(parents=True, exist_ok=True)
            return {}
        began, now = Run.open(out).config, self._config()
        if "began_with" not in began:
            raise UserError(f"out: {out} holds a config.json already; name another folder")
        told = [*other_settings(began["finetune"], self.settings.decisive())]
        for part in ("train", "test"):
            told += [*other_samples(began["began_with"][part], now["began_with"][part])]
        if began["began_with"]["encoder"] != now["began_with"]["encoder"]:
            told.append(f"run: {self.run.path} holds another encoder than the one it was started with")
        if told:
            raise UserError(f"{'; '.join(told)}; {out} can only be gone on with unchanged, so name another folder")
        standing: dict[tuple[str, int], dict[str, Any]] = {}
        for line in Run(out).results():
            row = str(line.get("method"))
            if line.get("suite") == _SUITE and row in self.rows and line.get("config_hash") == self._hash(row):
                standing.setdefault((line["labels"], line["draw"]), {})[row] = line
        return {place: [*some.values()] for place, some in standing.items() if len(some) == len(self.rows)}

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write down the lines of a draw, all or none; with the first the directory is made.

        Raises:
            UserError: the folder cannot be written.
        """
        self._directory().save_results(lines)

    def save(self, classifier: Classifier, looks: Sequence[dict[str, Any]]) -> None:
        """Write what all labels have trained: a run directory that probe, embed and finetune take too.

        Args:
            classifier: the pretrained encoder and the head.
            looks: the lines of that training.

        Raises:
            UserError: the folder cannot be written.
        """
        tuned = self._directory()
        tuned.save_encoder(classifier.encoder)
        tuned.save_head(classifier.head)
        self._remember(tuned)
        tuned.rewind(0)
        for line in looks:
            tuned.log(line)
        tuned.save_card(int(looks[-1]["step"]) if looks else 0)

    def _directory(self) -> Run:
        assert self.settings.out is not None
        run = Run(self.settings.out)
        return run if (run.path / "config.json").exists() else Run.create(run.path, self._config())

    def _config(self) -> dict[str, Any]:
        """What config.json holds beside the versions; `began_with` tells these samples, labels and weights again."""
        began = self.run.config["settings"]
        known: dict[str, Any] = {
            name: {**fingerprint(part), "labels": zlib.crc32(labels_of(part).tobytes())}
            for name, part in self.dataset.parts.items()
            if name in ("train", "test")
        }
        return {
            "settings": {**began, "method": f"{began['method']}+finetune", "out": str(self.settings.out)},
            "finetune": self.settings.to_dict(),
            "spec": self.dataset.spec.to_dict(),
            "classes": list(self.dataset.classes),
            "began_with": {**known, "encoder": _sum(self.run.path / "encoder.safetensors")},
        }

    def _hash(self, row: str) -> str:
        return config_hash({**self.settings.decisive(), "few": FEW, "penalties": PENALTIES, "method": row})

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


def _sum(path: Path) -> str:
    """The CRC-32 of a file, in hexadecimal digits."""
    return f"{zlib.crc32(path.read_bytes()):08x}"
