"""A normalizing flow, fitted to latents by maximum likelihood."""

from __future__ import annotations

from typing import Any, Literal, Self

from torch import Tensor, nn

from elbowroom import noise
from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.optimization import minimize
from elbowroom.samplers.standard import standard_log_density
from elbowroom.samplers.whitened import WhitenedSampler

FlowKind = Literal["maf", "iaf", "nsf"]
#: Steps of the fit, at most: what a core does in about ten seconds for 64 dimensions.
STEPS: dict[str, int] = {"maf": 1000, "iaf": 250, "nsf": 250}
#: Layers of a flow.
LAYERS = 3
#: Blocks of dimensions of an inverse autoregressive flow, each of which is given those before it.
IAF_BLOCKS = 8
#: Spline bins of a dimension.
BINS = 5


class FlowSampler(WhitenedSampler):
    r"""Normalizing flow: flow:maf, which is the default, flow:iaf or flow:nsf.

    .. math:: \log p(z) = \log \mathcal N(T(z); 0, I) + \log |\det \partial T / \partial z|

    ``nsf`` has rational-quadratic splines in coupling layers (Durkan et al. 2019, arXiv 1906.04032), ``maf`` masked
    autoregressive affine layers (Papamakarios et al. 2017, arXiv 1705.07057), ``iaf`` the inverses of such (Kingma et
    al. 2016, arXiv 1606.04934); all by zuko, trained on whitened latents until the density of held-out ones is
    highest. ``maf`` draws one dimension after the other, and ``iaf`` scores so: deviating from the paper its layers are
    autoregressive over eight blocks of dimensions, which makes a fit eight times faster at D = 64.

    Args:
        size: of a latent, D.
        kind: "maf", "iaf" or "nsf".
        hidden: the width of both hidden layers of each network.

    >>> import torch
    >>> latents = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> FlowSampler.fit(latents, kind="maf", steps=10)().sample((3,)).shape
    torch.Size([3, 2])
    """

    option = "kind"

    def __init__(self, size: int, kind: FlowKind = "maf", hidden: int = 128) -> None:
        super().__init__(size, kind=kind, hidden=hidden)
        self.transform = _make_transform(kind, size, (hidden, hidden))

    @classmethod
    def fit(
        cls, latents: Tensor, kind: FlowKind = "maf", hidden: int = 128, steps: int | None = None, **options: Any
    ) -> Self:
        with noise.seeded_rng(0):
            sampler = cls(latents.shape[1], kind, hidden, **options)
            whitened = sampler.whiten(latents)
            minimize(
                sampler.transform, lambda z: -sampler.whitened_log_density(z).mean(), whitened, steps or STEPS[kind]
            )
        return sampler

    def transform_whitened(self, eps: Tensor) -> Tensor:
        z: Tensor = self.transform().inv(eps)
        return z

    def whitened_log_density(self, z: Tensor) -> Tensor:
        eps, log_det = self.transform().call_and_ladj(z)
        density: Tensor = standard_log_density(eps) + log_det
        return density


def _make_transform(kind: str, size: int, hidden: tuple[int, ...]) -> nn.Module:
    """Return a zuko transform from whitened latents to standard normals."""
    import zuko

    if kind == "nsf":
        flow: nn.Module = zuko.flows.NSF(size, transforms=LAYERS, bins=BINS, passes=2, hidden_features=hidden).transform
        return flow
    passes = IAF_BLOCKS if kind == "iaf" else size
    flow = zuko.flows.MAF(size, transforms=LAYERS, passes=passes, hidden_features=hidden).transform
    return zuko.lazy.LazyInverse(flow) if kind == "iaf" else flow


SAMPLERS.add("flow", FlowSampler)
