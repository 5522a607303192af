"""A spec in, a network out that turns samples into features: embed, then encode."""

from typing import TypeAlias

from randquant.encoder.foreign import ForeignEncoder
from randquant.encoder.transformer import DomainAgnosticTransformer, make_encoder

Encoder: TypeAlias = DomainAgnosticTransformer | ForeignEncoder

__all__ = ["Encoder", "DomainAgnosticTransformer", "ForeignEncoder", "make_encoder"]
