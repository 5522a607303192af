"""A spec in, a network out that turns samples into features: embed, then encode."""

from typing import TypeAlias

from randquant.encoder.foreign import ForeignEncoder
from randquant.encoder.make import OwnEncoder, build_encoder, make_encoder, start_encoder
from randquant.encoder.published import fill_published
from randquant.encoder.transformer import DomainAgnosticTransformer
from randquant.encoder.vision import VisionBackbone

Encoder: TypeAlias = OwnEncoder | ForeignEncoder

__all__ = [
    "Encoder",
    "OwnEncoder",
    "DomainAgnosticTransformer",
    "VisionBackbone",
    "ForeignEncoder",
    "build_encoder",
    "make_encoder",
    "start_encoder",
    "fill_published",
]
