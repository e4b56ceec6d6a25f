"""Quantizers: posteriors that choose one of finitely many codes at each position."""

from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.codebook import Codebook

__all__ = ["Codebook", "Quantizer"]
