"""Losses of quantized latents: what draws encoder and codes together, and has all codes used."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from elbowroom import errors
from elbowroom.distributions import Quantized
from elbowroom.families import Quantizer
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class Commitment(Term):
    r"""Commitment loss: :math:`\sum \| z_e - \mathrm{sg}[c] \|^2` per example, encoder output to its codes.

    van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937; summed over positions and dimensions as all terms are,
    over the stages of a residual quantizer, and over several latents.

    Raises:
        ValueError: for a posterior without codes.
    """

    name = "commitment"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return torch.stack([q.commitment.mean() for q in _quantized_posteriors(draw, self)]).sum()


class CodebookLoss(Term):
    r"""Codebook loss: :math:`\sum \| \mathrm{sg}[z_e] - c \|^2` per example, for codes that are trained by gradient.

    van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937, equation 3. Entries that follow by averages need none.

    Raises:
        ValueError: for a posterior without codes.
    """

    name = "codebook"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return torch.stack([q.codebook_distance.mean() for q in _quantized_posteriors(draw, self)]).sum()


class CodeEntropy(Term):
    r"""Entropy loss of bits: each bit sure for every example, and even over the batch.

    .. math:: \sum_{p,d} \mathbb E_x H(q(z_{pd} \mid x)) - \gamma\, H(\mathbb E_{x,p'}\, q(z_{p'd} \mid x))

    in nats per example. Yu et al. 2023, arXiv 2310.05737; by bits, as Zhao, Xiong & Krähenbühl 2024, arXiv 2406.07548,
    have it: the first sum is exact, and the second bounds the entropy of all :math:`2^D` codes from above, where Yu et
    al. enumerate them.

    Args:
        diversity: :math:`\gamma`.

    Raises:
        ValueError: for a posterior whose codes are not bits.
    """

    name = "code_entropy"

    def __init__(self, diversity: float = 1.0) -> None:
        super().__init__()
        self.diversity = diversity

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return torch.stack([self._score(q) for q in _quantized_posteriors(draw, self)]).sum()

    def _score(self, q: Quantized) -> Tensor:
        if q.bit_logits is None:
            raise ValueError("CodeEntropy() is for codes of bits: leave it out, or take LookupFreeQuantizer")
        positions = q.bit_logits.shape[-2]
        of_examples = _binary_entropy(q.bit_logits).sum((-2, -1)).mean()
        share = q.bit_logits.sigmoid().flatten(0, -2).mean(0).clamp(1e-6, 1 - 1e-6)
        return of_examples - self.diversity * positions * _binary_entropy(share.logit()).sum()


class StochasticQuantization(Term):
    r"""Loss of codes that are drawn by distance: how far they lie, in units of the noise, and how sure the draw is.

    .. math:: \sum_p \mathbb E_{q(i_p)} \frac{\| e_p - c_{i_p} \|^2}{2 \sigma^2} + \mathrm{KL}(q(i_p) \,\|\, 1 / C)
        = \sum_p \log C - \log \sum_i \exp\left( -\frac{\| e_p - c_i \|^2}{2 \sigma^2} \right)

    in nats per example. Takida et al. 2022, arXiv 2205.07547.

    Raises:
        ValueError: for a posterior whose codes are not drawn.
    """

    name = "stochastic_quantization"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return draw.kl_weight * torch.stack([self._score(q) for q in _quantized_posteriors(draw, self)]).sum()

    def _score(self, q: Quantized) -> Tensor:
        if q.code_scores is None:
            raise ValueError(
                "StochasticQuantization() is for codes that are drawn: leave it out, or take StochasticCodebook"
            )
        return (math.log(q.code_scores.shape[-1]) - q.code_scores.logsumexp(-1)).sum(-1).mean()


class CodeMoments(Term):
    r"""Loss of the moments of a quantizer's inputs: each number has mean 0 and variance 1 over batch and positions.

    .. math:: \sum_d \mu_d^2 + \lambda (\sigma_d^2 - 1)^2

    of the encoder's output before it is bounded, with the variance of the batch, divided by its size. Zhai et al. 2026,
    arXiv 2602.17133, equation 11, who do not give the weights; their code has 0.1 for means and 0.07 for variances,
    as means over numbers, beside errors that are means over pixels. Of 28x28 pixels and eight numbers these are 9.8 and
    6.9 times the sums here; quantizers weigh this loss, which has no unit, by 10.

    Args:
        variance: :math:`\lambda`, the weight of variances relative to that of means.

    Raises:
        ValueError: for a posterior without codes, or a negative weight.
    """

    name = "code_moments"

    def __init__(self, variance: float = 0.7) -> None:
        super().__init__()
        if variance < 0:
            raise ValueError(f"variance, the weight of the variances, must be at least 0, got {variance:g}")
        self.variance = variance

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return torch.stack([self._score(q) for q in _quantized_posteriors(draw, self)]).sum()

    def _score(self, q: Quantized) -> Tensor:
        variance, mean = torch.var_mean(q.unbounded.flatten(0, -2), 0, correction=0)
        return (mean.square() + self.variance * (variance - 1).square()).sum()


def _binary_entropy(logits: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")


def _quantized_posteriors(draw: Draw, term: Term) -> list[Quantized]:
    """Return the quantized posteriors of a draw, at least one."""
    found = [latent.q for latent in draw.latents if isinstance(latent.q, Quantized)]
    if not found:
        posterior = type(draw.latents[-1].q).__name__
        raise ValueError(f"{type(term).__name__}() needs a quantized posterior, not {posterior}: use er.Codebook")
    return found


#: The losses that a quantizer may need, by the name in its ``loss_weights``.
CODE_LOSSES: dict[str, Callable[[], Term]] = {
    "commitment": Commitment,
    "codebook": CodebookLoss,
    "entropy": CodeEntropy,
    "stochastic": StochasticQuantization,
    "moments": CodeMoments,
}


def add_code_losses(objective: Term, quantizer: Quantizer, **weights: float | Term) -> Term:
    """Add to an objective the losses that a quantizer is trained by, weighted as in its paper.

    Args:
        objective: of the model, as the ELBO.
        quantizer: that of the model.
        **weights: other weights of these losses, by name: commitment, codebook, entropy, stochastic, moments; those
            of losses that the quantizer does not have are left out.

    >>> import elbowroom as er
    >>> add_code_losses(er.ELBO(), er.quantizer("lfq:10", 4), entropy=0.2)
    (((reconstruction + kl) + (0.25 * commitment)) + (0.2 * code_entropy))
    >>> add_code_losses(er.ELBO(), er.quantizer("fsq:8,5,5,5", 4))
    (reconstruction + kl)
    """
    for name in weights:
        if name not in CODE_LOSSES:
            raise errors.unknown_name("loss of codes", name, CODE_LOSSES)
    for name, weight in quantizer.loss_weights.items():
        objective = objective + weights.get(name, weight) * CODE_LOSSES[name]()
    return objective
