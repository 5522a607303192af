"""An encoder and labelled samples in, the encoder and a linear head trained on them out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data import Batch, Samples
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.finetune.layers import layer_groups
from randquant.methods import Chain
from randquant.pretrain.feed import feed
from randquant.pretrain.optimizers import rate_factor
from randquant.pretrain.processes import launch
from randquant.probe import extract
from randquant.quantize.draw import Draws, torch_seed
from randquant.settings import FinetuneSettings


class Classifier(nn.Module):
    """An encoder and a fresh linear head.

    Args:
        encoder: gives features [B, D].
        classes: how many there are.
        seed: of the head's random weights.
        chain: what training samples go through before they are encoded; nothing by default.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int, chain: Chain | None = None) -> None:
        super().__init__()
        self.encoder, self.chain = encoder, chain or Chain()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(encoder.width, classes)

    def forward(self, inputs: tuple[Tensor, ...], draws: Draws | None = None) -> Tensor:
        """Inputs [B, ...] to logits [B, classes]; with draws, those of training samples."""
        if draws is None:
            features = self.encoder(inputs)
        else:
            features = self.chain.encode(self.encoder, self.chain.change(inputs, draws, 0), draws, 0)
        logits: Tensor = self.head(features)
        return logits


def fit(classifier: Classifier, teaching: Batch, validation: Batch, settings: FinetuneSettings) -> list[dict[str, Any]]:
    """Train all of a classifier.

    Where there is a validation part, the weights with its highest accuracy are kept, of equals those with its lowest
    loss, and the training stops after `patience` looks without better ones. Where there is none, the training is
    `steps` long and its last weights are kept. Same arguments, same result; torch's generator is left as it was.

    Args:
        classifier: is trained in place, on the device of the settings, and is there afterwards in eval mode.
        teaching, validation: labelled samples; the latter may be empty.
        settings: batch, steps and rates.

    Returns:
        a line a look: `step`, `loss` of that step, and of the validation part `validation_accuracy` and
        `validation_loss`.

    Raises:
        UserError: the loss stopped being a number, also that of the last weights.
    """
    fabric = launch(settings.device, settings.precision)
    optimizer = torch.optim.AdamW(layer_groups(classifier.encoder, classifier.head, settings))
    model, optimizer = fabric.setup(classifier, optimizer)
    batches = feed(teaching, fabric.device, seed=settings.seed, batch=min(settings.batch, len(teaching.ids)))
    lines: list[dict[str, Any]] = []
    best, kept, late = (-math.inf, -math.inf), None, 0
    model.train()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        for step in range(settings.steps):
            factor = rate_factor(step, settings.steps, settings.warmup, settings.schedule)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            batch, draws = next(batches)
            assert batch.target is not None
            torch.manual_seed(torch_seed(settings.seed, "dropout", step))
            loss = F.cross_entropy(model(batch.inputs, draws), batch.target)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            done = step + 1
            if done % settings.evaluate_every and done < settings.steps:
                continue
            line = {"step": done, "loss": loss.item()}
            _check(line["loss"], done, settings)
            lines.append(line)
            if len(validation.ids) == 0:
                continue
            accuracy, validation_loss = judge(classifier, validation)
            _check(validation_loss, done, settings)
            line |= {"validation_accuracy": accuracy, "validation_loss": validation_loss}
            late += 1
            if (accuracy, -validation_loss) > best:
                best, late = (accuracy, -validation_loss), 0
                kept = {name: value.clone() for name, value in classifier.state_dict().items()}
            elif late >= settings.patience:
                break
    if kept is None:  # no loss has seen the weights of the last step
        _check(judge(classifier, teaching)[1], settings.steps, settings)
    else:
        classifier.load_state_dict(kept)
    classifier.eval()
    return lines


def _check(loss: float, step: int, settings: FinetuneSettings) -> None:
    """Stop a training whose weights are lost.

    Raises:
        UserError: the loss is not finite.
    """
    if not math.isfinite(loss):
        raise UserError(
            f"learning_rate: the loss became {loss} by step {step} with {settings.learning_rate:g}; take a smaller one"
        )


def judge(classifier: Classifier, samples: Samples, workers: int = 0) -> tuple[float, float]:
    """The share of labelled samples that are named right, and their mean loss; `workers` processes read them."""
    assert samples.target is not None
    logits = torch.from_numpy(extract(classifier, samples, workers=workers))  # [N, classes]
    right = logits.argmax(dim=1) == samples.target
    return float(right.double().mean()), float(F.cross_entropy(logits, samples.target))
