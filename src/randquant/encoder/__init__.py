"""A spec in, a network out that turns samples into features: embed, then encode."""

from randquant.encoder.transformer import DomainAgnosticTransformer, make_encoder

__all__ = ["DomainAgnosticTransformer", "make_encoder"]
