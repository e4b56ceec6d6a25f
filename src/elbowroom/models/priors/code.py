"""A learned prior of codes."""

from __future__ import annotations

import torch
from torch import nn

from elbowroom.deprecation import renamed_arguments
from elbowroom.distributions import CodeCategorical
from elbowroom.families import Quantizer


class CodePrior(nn.Module):
    """A learned probability for every value of every sub-index at every position, all independent.

    Its cross-entropy is the KL of a quantized posterior, so the ELBO trains it.

    Args:
        quantizer: that of the model.
    """

    @renamed_arguments({"codebook": "quantizer"})
    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.codebook = quantizer
        self.logits = nn.Parameter(torch.zeros(quantizer.shape[0], sum(quantizer.index_sizes)))
        self.numbers_per_latent = self.logits.numel()

    def forward(self) -> CodeCategorical:
        return CodeCategorical(self.logits, self.codebook)
