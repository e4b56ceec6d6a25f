"""Priors p(z): fixed, learned, or made of the encoder itself.

Each has a ``width``: how many numbers it holds at once to score one code, which bounds a pass over many.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import CodebookCategorical, Normal, mixture
from elbowroom.families import Codebook
from elbowroom.models.conditional import Conditional


class StandardNormal(nn.Module):
    """N(0, I) over a latent of this size, whatever a model is conditioned on.

    >>> StandardNormal(2)().log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    zero: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.numbers_per_code = latent
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self, *condition: Tensor) -> Normal:
        zero = self.zero.expand(condition[0].shape[0], -1) if condition else self.zero
        return Normal(zero, zero)


class Mixture(nn.Module):
    """A learned mixture of diagonal normals; its KL is estimated from the draw.

    Args:
        latent: size of z.
        components: how many normals.

    >>> Mixture(2, components=5)().sample((3,)).shape
    torch.Size([3, 2])
    """

    def __init__(self, latent: int, components: int = 10) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture needs at least 1 component, got {components}")
        self.numbers_per_code = components * latent
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_var = nn.Parameter(torch.zeros(components, latent))

    def forward(self) -> Distribution:
        return mixture(self.logits, Normal(self.loc, self.log_var))


class VampPrior(nn.Module):
    r"""The encoder's own posteriors at learned pseudo-inputs, mixed: :math:`p(z) = \frac1C \sum_c q(z \mid u_c)`.

    Tomczak & Welling 2018, arXiv 1705.07120. Deviation: the pseudo-inputs are squashed into the data's range by a
    sigmoid where the paper clips them, since a clipped one has no gradient.

    Args:
        encoder: the model's own; the prior trains it too.
        components: how many pseudo-inputs.
        shape: of an example.
        bounded: whether data lies in [0, 1].
    """

    logits: Tensor

    def __init__(self, encoder: Conditional, components: int, shape: tuple[int, ...], bounded: bool = True) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"a VampPrior needs at least 1 pseudo-input, got {components}")
        self.encoder, self.bounded = encoder, bounded
        self.numbers_per_code = components * math.prod(encoder.family.shape)
        self.raw = nn.Parameter(torch.randn(components, *shape))
        self.register_buffer("logits", torch.zeros(components), persistent=False)

    @property
    def pseudo_inputs(self) -> Tensor:
        """What the encoder is shown, (components, *shape)."""
        return self.raw.sigmoid() if self.bounded else self.raw

    def forward(self) -> Distribution:
        return mixture(self.logits, self.encoder(self.pseudo_inputs))


class CodePrior(nn.Module):
    """A learned probability for every code at every position, positions independent.

    Its cross-entropy is the KL of a quantised posterior, so the plain ELBO trains it.
    """

    def __init__(self, codebook: Codebook) -> None:
        super().__init__()
        self.codebook = codebook
        self.numbers_per_code = codebook.shape[0] * len(codebook.codes)
        self.logits = nn.Parameter(torch.zeros(codebook.shape[0], len(codebook.codes)))

    def forward(self) -> CodebookCategorical:
        return CodebookCategorical(self.logits, self.codebook.codes)
