"""Topic models: a decoder that mixes topics, and the model that shows them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel, Model
from elbowroom.models.fixed_prior import FixedPrior

#: Added to a variance, as in the authors' code.
EPSILON = 1e-3


class ShiftNorm(nn.Module):
    """Batch normalization of (..., D) with a learned shift and no scale; a batch of one takes the running statistics.

    Those are the mean of the first ten batches, and then an exponential average: they start where the data are.

    Args:
        size: D.
        pace: how many times as fast as a weight the shift moves.

    >>> ShiftNorm(2)(torch.tensor([[1.0, 0.0], [3.0, 0.0]])).round().detach()
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, size: int, pace: float = 1.0) -> None:
        super().__init__()
        self.pace, self.shift = pace, nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if not self.training or len(rows) < 2:
            return (x - self.mean) * (self.variance + EPSILON).rsqrt() + self.pace * self.shift
        variance, mean = torch.var_mean(rows, 0)
        self._update(mean.detach(), variance.detach())
        return (x - mean) * (variance + EPSILON).rsqrt() + self.pace * self.shift

    def _update(self, mean: Tensor, variance: Tensor) -> None:
        self.batches += 1
        rate = (1 / self.batches).clamp_min(0.1)
        self.mean += rate * (mean - self.mean)
        self.variance += rate * (variance - self.variance)


class TopicMixture(nn.Module):
    r"""The decoder of ProdLDA: topics' weights of items, mixed by the softmax of z: (..., K) to logits (..., D).

    .. math:: \mathrm{logits} = \mathrm{BN}(\theta \beta), \quad \theta = \mathrm{softmax}(z)

    The mixture of logits is a product of experts, where LDA mixes probabilities.

    Args:
        topics: K, at least 2.
        items: D, the number of words.
        dropout: share of the topics that are left out in training.
    """

    def __init__(self, topics: int, items: int, dropout: float = 0.2) -> None:
        super().__init__()
        if topics < 2:
            raise ValueError(f"a mixture needs at least 2 topics, got {topics}")
        self.dropout, self.weights = nn.Dropout(dropout), nn.Linear(topics, items, False)
        self.norm = ShiftNorm(items, pace=10.0)  # the logits of frequencies have far to go

    def forward(self, z: Tensor, *context: Tensor) -> Tensor:
        logits: Tensor = self.norm(self.weights(self.dropout(z.softmax(-1))))
        return logits


class TopicModel(Model):
    """A model whose decoder is a :class:`TopicMixture`: its latents are proportions of topics, by a softmax."""

    @property
    def topics(self) -> Tensor | None:
        """The weights of the items in each topic, (topics, *shape); of a likelihood with one logit for each item."""
        net = self.decoder.net
        assert isinstance(net, TopicMixture)
        weights = net.weights.weight.detach().T
        return weights.reshape(-1, *self.shape) if weights.shape[1] == math.prod(self.shape) else None


def dirichlet_prior(topics: int, concentration: float) -> FixedPrior:
    r"""Return the normal nearest to a symmetric Dirichlet over the softmax of z, by Laplace's approximation.

    .. math:: \mu_k = 0, \quad \sigma_k^2 = \frac1\alpha \left(1 - \frac2K\right) + \frac{1}{K \alpha}

    Srivastava & Sutton 2017, arXiv 1703.01488, after Hennig et al. 2012.

    Args:
        topics: K, at least 2.
        concentration: :math:`\alpha`; the smaller, the fewer topics has an example.

    Raises:
        ValueError: a concentration that is not above 0.

    >>> dirichlet_prior(4, 0.5)().variance
    tensor([1.5000, 1.5000, 1.5000, 1.5000])
    """
    if concentration <= 0:
        raise ValueError(f"the concentration of a Dirichlet must be above 0, got {concentration:g}")
    variance = (1 - 2 / topics) / concentration + 1 / (topics * concentration)
    return FixedPrior(_normal, torch.zeros(topics), torch.full((topics,), math.log(variance)))


def _normal(loc: Tensor, log_var: Tensor) -> Distribution:
    return Normal(loc, log_var)


def top_items(model: GenerativeModel, n: int) -> Tensor:
    """Return the positions of the n items with the largest weights in each topic, the largest first: (topics, n).

    Raises:
        ValueError: the model has no topics.

    >>> import elbowroom as er
    >>> top_items(er.recipes.prod_lda((30,), latent=4)[0], 5).shape
    torch.Size([4, 5])
    """
    weights = model.topics
    if weights is None:
        raise ValueError("this model has no topics: train prod_lda on bags of words")
    return weights.flatten(1).topk(min(n, weights[0].numel()), -1).indices
