"""BIVA: a hierarchy of latents inferred in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.families import DiagonalNormal, Family
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents
from elbowroom.models.priors import StandardNormal
from elbowroom.networks import MLP


class UpwardLatent(Latent):
    """A latent that those above it were inferred from, which its prior is given: its KL is estimated from the draw.

    It depends on them in q, so that the closed form at a draw of them is not the expectation.
    """

    @cached_property
    def kl(self) -> Tensor:
        """The mean of log q − log p over the K samples, (B,), nats."""
        return (self.log_qz - self.log_pz).mean(0)

    @property
    def kl_elements(self) -> Tensor:
        """The mean of log q − log p over the K samples, of each dimension: (B, D), nats."""
        pair = (self.q, cast("Distribution", self.prior))
        q, p = (Normal(each.mean[..., None], each.variance.log()[..., None]) for each in pair)
        return (q.log_prob(self.z[..., None]) - p.log_prob(self.z[..., None])).mean(0)


class BidirectionalHierarchy(GenerativeModel):
    r"""A hierarchy with two latents at each level but the top: one inferred from below, and one from above.

    .. math:: p(x, z) = p(x \mid z)\, p(z_L) \prod_{l<L} p(z_l^{\uparrow} \mid z_{>l})\, p(z_l^{\downarrow} \mid z_{>l})

    .. math:: q(z \mid x) = q(z_L \mid x, z_{<L}^{\uparrow})
        \prod_{l<L} q(z_l^{\uparrow} \mid x, z_{<l}^{\uparrow})\,
        q(z_l^{\downarrow} \mid x, z_{<l}^{\uparrow}, z_{>l})

    Both directions pass on features of all latents before, so that every level has a path to x. Maaløe et al. 2019,
    arXiv 1902.02102. Deviations: perceptrons in place of residual convolutions, and no weight normalisation or free
    bits.

    Args:
        shape: of an example.
        family: p(x|z).
        latent: size of the latents of each level, the one next to the data first.
        hidden: width of the features of each level.
        activation: of the hidden layers.

    >>> import elbowroom as er
    >>> model = er.BidirectionalHierarchy((1, 8, 8), er.Bernoulli((1, 8, 8)), (6, 3), (32, 16))
    >>> [tuple(latent.z.shape) for latent in model.draw(torch.rand(5, 1, 8, 8), k=2).latents]
    [(2, 5, 6), (2, 5, 6), (2, 5, 3)]
    """

    def __init__(
        self,
        shape: Sequence[int],
        family: Family,
        latent: Sequence[int],
        hidden: Sequence[int],
        activation: str = "leaky-relu",
    ) -> None:
        super().__init__()
        below: list[int | Sequence[int]] = [shape, *hidden[:-1]]
        self.climb = nn.ModuleList(
            MLP(a, size=b, hidden=(b,), activation=activation) for a, b in zip(below, hidden, strict=True)
        )
        self.levels = nn.ModuleList(
            _Level((latent[i], hidden[i], hidden[i + 1]), _sizes_below(latent, hidden, i), activation)
            for i in range(len(latent) - 1)
        )
        top, net = DiagonalNormal(latent[-1]), partial(MLP, hidden=hidden[-1:], activation=activation)
        self.top = Conditional(net(hidden[-1], *_sizes_below(latent, hidden, len(latent) - 1), size=top.size), top)
        self.prior = StandardNormal(latent[-1])
        self.descend = net(latent[-1], size=hidden[-1])
        self.decoder = Conditional(MLP(hidden[0], size=family.size, hidden=(hidden[0],), activation=activation), family)
        self.latent_shape = (latent[-1],)
        self.sizes = tuple(latent)

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        sizes = [size for size in self.sizes[:-1] for _ in range(2)] + [self.sizes[-1]]
        return {f"z{i}": (size,) for i, size in enumerate(sizes, 1)}

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        features = [x]
        for climb in self.climb:
            features.append(climb(features[-1]))
        upwards: list[tuple[Tensor, Distribution]] = []
        reads: list[Tensor] = []
        path: tuple[Tensor, ...] = ()
        for level, own in zip(self._levels, features[1:-1], strict=True):
            read, q = level.infer_upwards(own, *path)
            upwards.append((q.rsample() if path else q.rsample(torch.Size((k,))), q))
            reads.append(read)
            path = (read, upwards[-1][0])
        q = self.top(features[-1], *path)
        z = q.rsample() if path else q.rsample(torch.Size((k,)))
        latents, h = [Latent(z, q, self.prior())], self.descend(z)
        for level, read, up in zip(self._levels[::-1], reads[::-1], upwards[::-1], strict=True):
            prior_up, prior_down = level.propose(h)
            q_down = level.down(read, h)
            z_down = q_down.rsample()
            latents += [UpwardLatent(*up, prior_up), Latent(z_down, q_down, prior_down)]
            h = level.merge(h, up[0], z_down)
        return Draw(x, self.decoder(h), *reversed(latents), c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        h = self.descend(z)
        for level in self._levels[::-1]:
            h = level.merge(h, *(prior.rsample() for prior in level.propose(h)))
        p: Distribution = self.decoder(h)
        return p

    @property
    def _levels(self) -> Sequence[_Level]:
        return cast("Sequence[_Level]", list(self.levels))


def _sizes_below(latent: Sequence[int], hidden: Sequence[int], level: int) -> tuple[int, ...]:
    """Return the sizes of what was read on the level below, and of its latent; nothing below the lowest."""
    return (hidden[level - 1], latent[level - 1]) if level else ()


class _Level(nn.Module):
    """Two latents of a level: their posteriors, their priors given the features above, and what they add to these.

    Args:
        sizes: of the latents, of the features of this level, and of those above.
        below: sizes of what was read on the level below, and of its latent; nothing at the lowest.
        activation: of the hidden layers.
    """

    def __init__(self, sizes: tuple[int, int, int], below: tuple[int, ...], activation: str) -> None:
        super().__init__()
        latent, width, above = sizes
        normal = DiagonalNormal(latent)
        mlp = partial(MLP, hidden=(width,), activation=activation)
        self.read = mlp(width, *below, size=width)
        self.up, self.down = (
            Conditional(mlp(width, size=normal.size), normal),
            Conditional(mlp(width, above, size=normal.size), normal),
        )
        self.prior_up, self.prior_down = (Conditional(mlp(above, size=normal.size), normal) for _ in range(2))
        self.merge = mlp(above, latent, latent, size=width)

    def infer_upwards(self, features: Tensor, *below: Tensor) -> tuple[Tensor, Distribution]:
        """Return what is read at this level, and the posterior given it and the latents below."""
        read = self.read(features, *below)
        return read, self.up(read)

    def propose(self, h: Tensor) -> tuple[Distribution, Distribution]:
        """Return the priors of both latents, given the features of those above."""
        return self.prior_up(h), self.prior_down(h)
