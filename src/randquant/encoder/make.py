"""A spec and settings in, an encoder with its first weights out: random ones, or those that a backbone is given."""

from __future__ import annotations

from typing import TypeAlias

import torch

from randquant.encoder.first import fill_first
from randquant.encoder.transformer import DomainAgnosticTransformer
from randquant.encoder.vision import VisionBackbone
from randquant.settings import EncoderSettings
from randquant.spec import Spec

OwnEncoder: TypeAlias = DomainAgnosticTransformer | VisionBackbone  # what encoder.json alone can rebuild


def build_encoder(spec: Spec, settings: EncoderSettings) -> OwnEncoder:
    """The transformer, or the vision model that the settings name, its weights drawn from torch's generator.

    Raises:
        UserError: there is no such vision model, or it does not take such samples.
    """
    return VisionBackbone(spec, settings) if settings.backbone else DomainAgnosticTransformer(spec, settings)


def make_encoder(spec: Spec, settings: EncoderSettings, seed: int) -> OwnEncoder:
    """An encoder with random weights, a function of its arguments alone; torch's own generator is left as it was.

    Raises:
        UserError: as in `build_encoder`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_encoder(spec, settings)


def start_encoder(spec: Spec, settings: EncoderSettings, seed: int, start: str = "") -> OwnEncoder:
    """As `make_encoder`; a backbone is filled with the weights that `start` names, see `first.fill_first`.

    Raises:
        UserError: as in both.
    """
    encoder = make_encoder(spec, settings, seed)
    if start:
        assert isinstance(encoder, VisionBackbone)  # the settings of a training refuse other encoders
        fill_first(start, encoder)
    return encoder
