"""Vector quantization by codes that are drawn in training, by a noise that the objective shrinks."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from elbowroom import distributed
from elbowroom.distributions import Quantized, nearest_code_index
from elbowroom.distributions.quantized import gumbel_noise
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: The variance of the noise at first, as a share of the mean squared distance of outputs and codes.
INITIAL_SHARE = 0.1


class StochasticCodebook(Quantizer):
    r"""Stochastic quantization: in training codes are drawn, near ones more often; after it the nearest is taken.

    .. math:: q(i \mid e) \propto \exp\left( -\frac{\| e - c_i \|^2}{2 \sigma^2} \right)

    :math:`\sigma` is one learned number. Reconstructions suffer from the noise of the draws, and shrink it as encoder
    and codes agree: draws harden by themselves (self-annealing). The loss
    :class:`~elbowroom.objectives.quantization.StochasticQuantization` stands in the place of commitment. Takida et al.
    2022, arXiv 2205.07547, with one variance for all positions and examples.

    A draw is relaxed by the Gumbel-softmax, so that codes and encoder get gradients through it, with the temperature
    :math:`\tau_t = \max(\tau_{\min}, e^{-r t})` at the t-th step.

    Deviation: codes start at outputs of the first batch, and the noise at a tenth of their mean squared distance; from
    random codes, which in many dimensions are all as far, every draw became even, and stayed so.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code.
        codes: C.
        decay: r.
        final_temperature: :math:`\tau_{\min}`.

    >>> _ = torch.manual_seed(0)
    >>> book = StochasticCodebook(positions=4, dim=2, codes=8)
    >>> book(torch.randn(10, book.size)).code_scores.shape
    torch.Size([10, 4, 8])
    """

    loss_weights: ClassVar = MappingProxyType({"stochastic": 1.0})
    steps: Tensor

    def __init__(
        self, positions: Shape, dim: int, codes: int = 512, decay: float = 1e-5, final_temperature: float = 0.1
    ) -> None:
        if codes < 2:
            raise ValueError(f"a codebook needs at least 2 codes to choose from, got {codes}")
        super().__init__(positions, dim, (codes,))
        self.decay, self.final_temperature = decay, final_temperature
        self.codes = nn.Parameter(torch.randn(codes, dim) / dim**0.5)
        self.log_variance = nn.Parameter(torch.zeros(()))
        self.register_buffer("steps", torch.zeros(()))

    @property
    def temperature(self) -> Tensor:
        """The temperature of the current step."""
        return (-self.decay * self.steps).exp().clamp_min(self.final_temperature)

    def quantize(self, output: Tensor) -> Quantized:
        if self.training:
            self._start_from(output.detach().flatten(0, -2))
        lengths = output.square().sum(-1, keepdim=True) + self.codes.square().sum(-1)
        distances = (lengths - 2 * output @ self.codes.T).clamp_min(0.0)
        scores = -0.5 * distances * (-self.log_variance).exp()
        if not self.training:
            indices = distances.argmin(-1)
            return Quantized(output, self.codes[indices], indices[..., None], self.index_sizes, code_scores=scores)
        noisy = scores + gumbel_noise(scores.shape, scores)
        z = (noisy / self.temperature).softmax(-1) @ self.codes
        self.steps.add_(1)
        indices = noisy.argmax(-1)
        return Quantized(output, self.codes[indices], indices[..., None], self.index_sizes, z=z, code_scores=scores)

    @torch.no_grad()
    def _start_from(self, output: Tensor) -> None:
        """Set codes and noise by outputs (N, D) at the first step: random codes are as far from any as from each."""
        # Without a branch, which would wait for the device; the same in every process, as parameters have to be.
        is_first = self.steps == 0
        self.codes.copy_(torch.where(is_first, distributed.draw_rows(output, len(self.codes)), self.codes))
        distance = distributed.all_reduce_sum(torch.cdist(output, self.codes).square().mean())
        variance = INITIAL_SHARE * (distance / distributed.world_size()).clamp_min(1e-6)
        self.log_variance.copy_(torch.where(is_first, variance.log(), self.log_variance))

    def decode_indices(self, indices: Tensor) -> Tensor:
        return self.codes[indices[..., 0]]

    def find_indices(self, z: Tensor) -> Tensor:
        return nearest_code_index(z, self.codes)[..., None]


@register_quantizer("stochastic", "CODES", "512")
def make_stochastic(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Codes drawn by their distance in training, with a noise that shrinks by itself."""
    (codes,) = parse_sizes(setting, 1)
    return StochasticCodebook(positions, dim, codes)
