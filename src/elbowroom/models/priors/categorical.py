"""Uniform categories as a prior, and priors side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom import errors
from elbowroom.distributions import IndependentParts, OneHot, RelaxedOneHot
from elbowroom.families import Categories

#: What a prior of categories is compared with in training.
KL_KINDS = ("categorical", "relaxed")


class UniformCategories(nn.Module):
    r"""Uniform categories, as the prior of :class:`elbowroom.Categories`, and which KL their relaxation has.

    =========== ==================================================================================================
    categorical :math:`\sum_p \log C - H(q_p)`, that of the categories, in closed form: Jang, Gu & Poole 2017, arXiv
                1611.01144. With relaxed draws the loss of a training is not a bound on log p(x)
    relaxed     that of the relaxed densities, estimated, with a temperature of its own: Maddison, Mnih & Teh 2017,
                arXiv 1611.00712. The loss of a training is a bound for the model with relaxed latents
    =========== ==================================================================================================

    Outside of training latents are one-hot and the KL is that of the categories for both, so that what is reported is a
    bound on log p(x) of the discrete model.

    Args:
        family: of the posterior.
        kl: categorical or relaxed.
        temperature: of the relaxed prior.

    Raises:
        ValueError: there is no such KL; it is that of densities, which straight-through draws do not have.
    """

    logits: Tensor

    def __init__(self, family: Categories, kl: str = "categorical", temperature: float = 0.5) -> None:
        super().__init__()
        if kl not in KL_KINDS:
            raise errors.unknown_name("KL of categories", kl, KL_KINDS)
        if kl == "relaxed" and family.is_hard:
            raise ValueError(
                "one-hot draws have no relaxed density: take the KL 'categorical', or draws that are relaxed"
            )
        self.layout, self.kl, self.temperature = family.manifold, kl, temperature
        self.register_buffer("logits", torch.zeros(family.shape), persistent=False)
        self.numbers_per_latent = self.logits.numel()

    def forward(self) -> OneHot:
        if self.training and self.kl == "relaxed":
            return RelaxedOneHot(self.logits, self.layout, self.logits.new_tensor(self.temperature))
        return OneHot(self.logits, self.layout)

    def extra_repr(self) -> str:
        return self.kl


class PartsPrior(nn.Module):
    """Priors side by side, as the prior of :class:`elbowroom.Parts`.

    Args:
        *parts: the priors, each of a vector.

    >>> import elbowroom as er
    >>> PartsPrior(er.StandardNormal(2), er.UniformCategories(er.Categories(10)))().sample((4,)).shape
    torch.Size([4, 12])
    """

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.numbers_per_latent = self().event_shape.numel()

    def forward(self) -> IndependentParts:
        return IndependentParts([part() for part in self.parts])
