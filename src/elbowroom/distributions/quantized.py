"""Distributions over the codes of a quantizer: the posterior at one code, and categoricals over indices."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution, sample_categorical

#: Bound of uniform numbers away from 0 and 1, where their Gumbel noise is infinite.
MIN_UNIFORM = 1e-7


class CodeTable(Protocol):
    """The finite set of vectors that a quantized latent takes at each position, and their indices.

    Attributes:
        shape: of a latent, (P, D).
        index_sizes: the number of values of each of the H sub-indices of a position.
    """

    shape: tuple[int, ...]
    index_sizes: tuple[int, ...]

    def decode_indices(self, indices: Tensor) -> Tensor:
        """Return the vectors with these indices: (..., P, H) to (..., P, D)."""

    def find_indices(self, z: Tensor) -> Tensor:
        """Return the indices of vectors: (..., P, D) to (..., P, H)."""


class Quantized(UncheckedDistribution):
    """All mass on one code at each position: the posterior of a quantized latent.

    A discrete latent: ``log_prob`` is the log of a probability, zero at the chosen codes.

    Args:
        output: of the encoder, in the space of the codes (scaled or bounded, where a quantizer does so), (B, P, D).
        codes: the chosen code of each position, (B, P, D).
        indices: of these codes, (B, P, H).
        index_sizes: the number of values of each of the H sub-indices.
        z: the codes with the gradient that the encoder gets; by default passed straight through to ``output``.
        stages: the codes that the output is drawn to, (S, B, P, D): the sums after each stage of a residual quantizer;
            by default the codes alone.
        bit_logits: log-odds of each bit of the index, (B, P, H), where bits are chosen with a probability.
        code_scores: log-probability of each code but for a constant, (B, P, C), where codes are drawn by distance.
        unbounded: the output before it was bounded, (B, P, D); by default the output.
    """

    has_rsample = True

    def __init__(
        self,
        output: Tensor,
        codes: Tensor,
        indices: Tensor,
        index_sizes: tuple[int, ...],
        z: Tensor | None = None,
        stages: Tensor | None = None,
        bit_logits: Tensor | None = None,
        code_scores: Tensor | None = None,
        unbounded: Tensor | None = None,
    ) -> None:
        self.output, self.codes, self.indices, self.index_sizes = output, codes, indices, index_sizes
        self.z = straight_through(output, codes) if z is None else z
        self.stages = codes[None] if stages is None else stages
        self.bit_logits, self.code_scores = bit_logits, code_scores
        self.unbounded = output if unbounded is None else unbounded
        super().__init__(output.shape[:-2], output.shape[-2:])

    @property
    def mean(self) -> Tensor:
        return self.codes

    @property
    def compact_indices(self) -> Tensor:
        """The indices without the last dimension where there is one sub-index: (B, P), else (B, P, H)."""
        return self.indices[..., 0] if len(self.index_sizes) == 1 else self.indices

    @property
    def commitment(self) -> Tensor:
        """Squared distance of the encoder's output from its codes, (B,); only the encoder gets a gradient."""
        return (self.output - self.stages.detach()).square().sum((-2, -1)).sum(0)

    @property
    def codebook_distance(self) -> Tensor:
        """The same distance, (B,), with a gradient for the codes alone, where they are parameters."""
        return (self.output.detach() - self.stages).square().sum((-2, -1)).sum(0)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Return the codes, with a gradient for the encoder's output."""
        return self.z.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return value.new_zeros(value.shape[:-2])


class CodeDistribution(UncheckedDistribution, ABC):
    """A distribution over the codes of a quantizer, that is over indices (P, H): a prior or a sampler of codes.

    Its masses are those of indices. Where several indices have the same vector, as sums of entries of one codebook in
    different order, ``log_prob`` is that of the indices that the quantizer finds for the vector.

    Args:
        quantizer: decodes indices, and finds those of vectors.
        batch_shape: of the distribution.
    """

    def __init__(self, quantizer: CodeTable, batch_shape: torch.Size = torch.Size()) -> None:
        self.quantizer = quantizer
        super().__init__(batch_shape, torch.Size(quantizer.shape))

    @abstractmethod
    def sample_indices(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw indices, (*sample_shape, *batch, P, H)."""

    @abstractmethod
    def log_mass(self, indices: Tensor) -> Tensor:
        """Return the log-probability of indices, nats: (..., P, H) to (...)."""

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.quantizer.decode_indices(self.sample_indices(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self.log_mass(self.quantizer.find_indices(value))


class CodeCategorical(CodeDistribution):
    r"""Independent categoricals, one for each sub-index of each position.

    .. math:: \log p(i) = \sum_p \sum_h \log p_{ph}(i_{ph})

    Args:
        logits: (*batch, P, C_1 + ... + C_H), those of the sub-indices one after the other.
        quantizer: whose indices these are.
    """

    def __init__(self, logits: Tensor, quantizer: CodeTable) -> None:
        super().__init__(quantizer, logits.shape[:-2])
        #: Log-probabilities of each sub-index, (*batch, P, C_h) each.
        self.log_probs = [part.log_softmax(-1) for part in torch.split(logits, list(quantizer.index_sizes), -1)]

    def sample_indices(self, sample_shape: Any = torch.Size()) -> Tensor:
        return torch.stack([sample_categorical(part, sample_shape) for part in self.log_probs], -1)

    def sample_from_noise(self) -> Tensor:
        """Draw codes, (*batch, P, D), as a function of :mod:`elbowroom.noise`; without noise the most probable."""
        noisy = [part + gumbel_noise(part.shape, part) for part in self.log_probs]
        return self.quantizer.decode_indices(torch.stack([part.argmax(-1) for part in noisy], -1))

    def log_mass(self, indices: Tensor) -> Tensor:
        return self.position_log_mass(indices).sum(-1)

    def position_log_mass(self, indices: Tensor) -> Tensor:
        """Return the log-probability of the indices of each position, nats: (..., P, H) to (..., P)."""
        masses = [
            part.expand(*index.shape, part.shape[-1]).gather(-1, index[..., None]).squeeze(-1)
            for part, index in zip(self.log_probs, indices.unbind(-1), strict=True)
        ]
        return torch.stack(masses).sum(0)


def gumbel_noise(shape: torch.Size, like: Tensor) -> Tensor:
    """Return Gumbel noise as a function of standard normals: the largest log-probability with it is a draw."""
    uniform: Tensor = torch.special.ndtr(noise.standard_normal(shape, like))
    return -(-uniform.clamp(MIN_UNIFORM, 1 - MIN_UNIFORM).log()).log()


def straight_through(output: Tensor, codes: Tensor) -> Tensor:
    """Return the codes with the gradient of the identity for the output: Bengio et al. 2013, arXiv 1308.3432."""
    return output + (codes - output).detach()


def nearest_code_index(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Return the index of the codebook entry nearest to each vector: (..., D) and (C, D) to (...)."""
    # |c|² − 2 e·c is one matrix product; |e|² does not change the minimum.
    return (codebook.square().sum(-1) - 2 * vectors @ codebook.T).argmin(-1)


def join_index(indices: Tensor, index_sizes: Sequence[int]) -> Tensor:
    """Return one number for the sub-indices of each position, the last the fastest: (..., H) to (...).

    >>> join_index(torch.tensor([[0, 0], [1, 2]]), (2, 3))
    tensor([0, 5])
    """
    joined = torch.zeros_like(indices[..., 0])
    for index, size in zip(indices.unbind(-1), index_sizes, strict=True):
        joined = joined * size + index
    return joined


def split_index(joined: Tensor, index_sizes: Sequence[int]) -> Tensor:
    """Return the sub-indices of joint indices, as :func:`join_index` numbers them: (...) to (..., H).

    >>> split_index(torch.tensor([0, 5]), (2, 3))
    tensor([[0, 0],
            [1, 2]])
    """
    strides = [math.prod(index_sizes[h + 1 :]) for h in range(len(index_sizes))]
    parts = [joined // stride % size for stride, size in zip(strides, index_sizes, strict=True)]
    return torch.stack(parts, -1)
