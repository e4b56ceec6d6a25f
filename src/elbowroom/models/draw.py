"""Draws from the posterior: the interface between models and objectives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call

from elbowroom import noise
from elbowroom.distributions import (
    CodeDistribution,
    Normal,
    Quantized,
    join_index,
    kl_divergence,
    kl_elements,
    no_density_reason,
)
from elbowroom.models.code_usage import CodeUsage, count_codes

if TYPE_CHECKING:
    from elbowroom.models.conditional import Conditional

#: Codes that are counted one by one, at most; of more the sub-indices are.
MAX_COUNTED_CODES = 1 << 20


@dataclass
class Latent:
    """One latent variable of a draw.

    Attributes:
        z: (K, B, *latent), drawn from ``q``.
        q: the posterior it was drawn from.
        prior: its prior, given the latents above it; ``None`` in a plain autoencoder.
    """

    z: Tensor
    q: Distribution
    prior: Distribution | None

    @cached_property
    def log_qz(self) -> Tensor:
        """log q(z|x), (K, B), nats."""
        if reason := no_density_reason(self.q):
            raise ValueError(
                f"{reason}, so KL and ELBO are undefined: "
                "use Reconstruction(), with MMD() or LatentL2() to regularize the latents"
            )
        return self.q.log_prob(self.z)

    @cached_property
    def log_pz(self) -> Tensor:
        """log p(z), (K, B), nats."""
        if self.prior is None:
            raise ValueError("this model has no prior, so log p(z) and KL are undefined: give it one")
        if isinstance(self.q, Quantized) and isinstance(self.prior, CodeDistribution):
            # The indices are known, and need not be found for z.
            return self.prior.log_mass(self.q.indices).expand(self.z.shape[:-2])
        return self.prior.log_prob(self.z)

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), (B,), nats: in closed form where there is one, else the mean over the K samples."""
        if self.prior is None or not self.is_probabilistic:
            return self.log_qz - self.log_pz  # one of the two raises a ValueError
        try:
            kl = kl_divergence(self.q, self.prior)
        except NotImplementedError:
            kl = self.log_qz - self.log_pz
        return kl.mean(0) if kl.dim() > 1 else kl

    @property
    def kl_elements(self) -> Tensor | None:
        """The KL of each element of the latent, (B, *latent), nats; ``None`` where it does not factorise over them."""
        elements = None if self.prior is None else kl_elements(self.q, self.prior)
        if elements is None or self.prior is None:
            return None
        # q or p is one for each of the K samples where it is given latents that were drawn before.
        is_drawn = max(len(self.q.batch_shape), len(self.prior.batch_shape)) > 1
        return elements.mean(0) if is_drawn else elements

    @cached_property
    def code_counts(self) -> Tensor | None:
        """How often each code was chosen, by its joint index, (codes,).

        ``None`` for a latent that is not quantized, or of more than :data:`MAX_COUNTED_CODES` codes.
        """
        if not isinstance(self.q, Quantized) or math.prod(self.q.index_sizes) > MAX_COUNTED_CODES:
            return None
        return count_codes(join_index(self.q.indices, self.q.index_sizes), math.prod(self.q.index_sizes))

    @cached_property
    def index_counts(self) -> list[Tensor]:
        """How often each value of each sub-index was chosen, (C_h,) each; empty for a latent that is not quantized."""
        if not isinstance(self.q, Quantized):
            return []
        return [count_codes(i, n) for i, n in zip(self.q.indices.unbind(-1), self.q.index_sizes, strict=True)]

    def code_metrics(self) -> dict[str, Tensor]:
        """Return how the batch uses the codes, nothing for a latent that is not quantized.

        ``code_usage`` is the share of the codes that were chosen, ``code_perplexity`` the exponential of the entropy of
        their frequencies, 1 to the number of codes: each for a sub-index, the mean over sub-indices.
        """
        usage = [CodeUsage(counts) for counts in self.index_counts]
        if not usage:
            return {}
        shares, perplexities = [one.share for one in usage], [one.perplexity for one in usage]
        return {"code_usage": torch.stack(shares).mean(), "code_perplexity": torch.stack(perplexities).mean()}

    @property
    def is_probabilistic(self) -> bool:
        """Whether posterior and prior have densities, so that KL and ELBO are defined."""
        return not self.undefined_reason

    @property
    def undefined_reason(self) -> str:
        """Why KL and ELBO are undefined, in words; empty where they are defined."""
        return no_density_reason(self.q) or ("there is no prior" if self.prior is None else "")


@dataclass(frozen=True)
class BoundConditional:
    """A conditional distribution with the condition of each example: the encoder or decoder that a draw was made by.

    Attributes:
        module: q(z|x) or p(x|z), whose parameters are the encoder's or the decoder's.
        condition: the encoded condition of each example, (B, n), or none at all.
    """

    module: Conditional
    condition: tuple[Tensor, ...] = ()

    def __call__(self, value: Tensor) -> Distribution:
        """Return q(z|x) of examples (B, *shape), or p(x|z) of latents (K, B, *latent)."""
        distribution: Distribution = self.module(value, *self.condition)
        return distribution

    def decode_detached(self, z: Tensor) -> Distribution:
        """Return p(x|z) by the decoder's parameters as constants: gradients pass through it, and do not change it."""
        constants = {name: parameter.detach() for name, parameter in self.module.named_parameters()}
        distribution: Distribution = functional_call(self.module, constants, (z, *self.condition))
        return distribution

    @property
    def output_weight(self) -> nn.Parameter:
        """The weights of the network's last layer."""
        return self.module.output_weight


class Draw:
    r"""A draw for a batch: latents sampled from the posterior, and the likelihood of the data given them.

    Log terms are (K, B), ``kl`` is (B,), all in nats, each computed once, on first use. With several
    latents, :math:`z = (z_1, \dots, z_L)`, the terms are the sums over them.

    Args:
        x: the data, (B, *shape).
        p: p(x|z), with batch (K, B).
        latents: one :class:`Latent` or several, the one next to the data first.
        c: the labels that the model was conditioned on, if any.
        encoder: that made the posterior from x; ``None`` as for the decoder.
        decoder: that made p from z; ``None`` where it takes more than one latent, or the module is your own.

    >>> import elbowroom as er
    >>> model, objective = er.recipes.vae((1, 8, 8), latent=2)
    >>> draw = model.draw(torch.rand(5, 1, 8, 8), k=3)
    >>> draw.z.shape, draw.log_w.shape, draw.kl.shape
    (torch.Size([3, 5, 2]), torch.Size([3, 5]), torch.Size([5]))
    """

    def __init__(
        self,
        x: Tensor,
        p: Distribution,
        *latents: Latent,
        c: Tensor | None = None,
        encoder: BoundConditional | None = None,
        decoder: BoundConditional | None = None,
    ) -> None:
        self.x, self.p, self.latents, self.c = x, p, latents, c
        self._encoder, self._decoder = encoder, decoder
        self._kl_weight, self._free_nats = 1.0, 0.0
        #: Which of ``kl_weight`` and ``free_nats`` a term has asked for: what no term asks for changes nothing.
        self.settings_in_use: set[str] = set()
        #: Values of the objective's terms for this draw, by name.
        self.terms: dict[str, Tensor] = {}

    def __repr__(self) -> str:
        latents = ", ".join(str(tuple(latent.z.shape)) for latent in self.latents)
        return f"Draw(x={tuple(self.x.shape)}, z={latents}, p={type(self.p).__name__})"

    @property
    def kl_weight(self) -> float:
        """Weight of the KL in the objective, 1 unless a callback sets it. The reported KL is unweighted."""
        self.settings_in_use.add("kl_weight")
        return self._kl_weight

    @kl_weight.setter
    def kl_weight(self, weight: float) -> None:
        self._kl_weight = weight

    @property
    def free_nats(self) -> float:
        """Nats of each dimension for which no KL is charged (free bits), 0 unless a callback sets it."""
        self.settings_in_use.add("free_nats")
        return self._free_nats

    @free_nats.setter
    def free_nats(self, nats: float) -> None:
        self._free_nats = nats

    def _single_latent(self) -> Latent:
        if len(self.latents) > 1:
            raise ValueError(
                f"this draw has {len(self.latents)} latents, expected a single one: "
                "use draw.latents, or a term that sums over them (Reconstruction, KL, ImportanceBound)"
            )
        return self.latents[0]

    @property
    def encoder(self) -> BoundConditional:
        """The encoder, from examples (B, *shape) to q(z|x).

        Raises:
            ValueError: there are several latents or classes, or the module is your own.
        """
        return _require_known(self._encoder, "encoder")

    @property
    def decoder(self) -> BoundConditional:
        """The decoder, from latents (K, B, *latent) to p(x|z).

        Raises:
            ValueError: the decoder takes several latents or classes, or the module is your own.
        """
        return _require_known(self._decoder, "decoder")

    @cached_property
    def prior_z(self) -> Tensor:
        """Latents drawn from the prior, as many as from the posterior, (K, B, *latent); standard normal without one."""
        z, prior = self.z, self.prior
        with noise.global_rng():
            if prior is None:
                return torch.randn_like(z)
            sample: Tensor = prior.sample(z.shape[: 2 - len(prior.batch_shape)])
        return sample.reshape(z.shape)

    @cached_property
    def prior_p(self) -> Distribution:
        """p(x|z) of the latents drawn from the prior, with batch (K, B).

        Raises:
            ValueError: the draw does not know its decoder.
        """
        return self.decoder(self.prior_z)

    def redraw(self, x: Tensor, trains_decoder: bool = True) -> Draw:
        """Return a draw for other examples (B, *shape) by the same encoder and decoder, with one sample of each.

        Args:
            x: the examples.
            trains_decoder: whether its gradient reaches the decoder's parameters; it reaches the encoder through them.

        Raises:
            ValueError: the draw does not know its encoder.
        """
        q = self.encoder(x)
        z = q.rsample(torch.Size((1,)))
        p = self.decoder(z) if trains_decoder else self.decoder.decode_detached(z)
        return Draw(x, p, Latent(z, q, self.prior), c=self.c, encoder=self.encoder, decoder=self.decoder)

    @cached_property
    def pairwise_log_qz(self) -> Tensor:
        """log q(z_i | x_j) of each number of each latent under each example's posterior, (K, B, B, D), nats.

        Raises:
            ValueError: the posterior is no normal of independent numbers, or depends on what was drawn.
        """
        q = self.q
        if not isinstance(q, Normal) or len(q.batch_shape) != 1:
            raise ValueError(
                "total correlation, mutual information and dimension-wise KL need a posterior that is a normal with "
                f"independent numbers, and this one is a {type(q).__name__}: take --posterior normal, or another recipe"
            )
        numbers = Normal(q.loc.flatten(1)[..., None], q.log_var.expand_as(q.loc).flatten(1)[..., None])
        return numbers.log_prob(self.z.flatten(2)[:, :, None, :, None])

    @property
    def z(self) -> Tensor:
        """The latents, (K, B, *latent)."""
        return self._single_latent().z

    @property
    def q(self) -> Distribution:
        """q(z|x)."""
        return self._single_latent().q

    @property
    def prior(self) -> Distribution | None:
        """p(z)."""
        return self._single_latent().prior

    @property
    def is_probabilistic(self) -> bool:
        """Whether every latent has a posterior density and a prior, so that KL and ELBO are defined."""
        return not self.undefined_reason

    @property
    def undefined_reason(self) -> str:
        """Why KL and ELBO are undefined, in words; empty where they are defined."""
        return next(filter(None, (latent.undefined_reason for latent in self.latents)), "")

    @cached_property
    def log_px(self) -> Tensor:
        """log p(x|z), (K, B), nats."""
        return self.p.log_prob(self.x)

    @cached_property
    def log_pz(self) -> Tensor:
        """log p(z), (K, B), nats."""
        return _sum([latent.log_pz for latent in self.latents])

    @cached_property
    def log_qz(self) -> Tensor:
        """log q(z|x), (K, B), nats."""
        return _sum([latent.log_qz for latent in self.latents])

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), (B,), nats."""
        return _sum([latent.kl for latent in self.latents])

    @property
    def weighted_kl(self) -> Tensor:
        """The KL in the objective, weighted and with free bits: a scalar, the mean over the batch, nats."""
        if self.free_nats == 0:
            return self.kl_weight * self.kl.mean()
        clamped = []
        for latent in self.latents:
            elements = latent.kl_elements
            if elements is None:
                raise ValueError(
                    "free bits need a KL for each dimension, and this prior does not factorise: leave them out"
                )
            clamped.append(elements.mean(0).clamp_min(self.free_nats).sum())
        return self.kl_weight * torch.stack(clamped).sum()

    @cached_property
    def log_w(self) -> Tensor:
        """log p(x, z) - log q(z|x), the log importance weight, (K, B), nats."""
        return self.log_px + self.log_pz - self.log_qz

    def metrics(self) -> dict[str, Tensor]:
        """Return the metrics of a draw: means over the batch, in nats, with the KL of each of several latents."""
        metrics = {"elbo": self.elbo.mean(), "kl": self.kl.mean()} if self.is_probabilistic else {}
        if self.is_probabilistic and len(self.latents) > 1:
            metrics |= {f"kl_z{i}": latent.kl.mean() for i, latent in enumerate(self.latents, 1)}
        for i, latent in enumerate(self.latents, 1):
            suffix = f"_z{i}" if len(self.latents) > 1 else ""
            metrics |= {name + suffix: value for name, value in latent.code_metrics().items()}
        return metrics | {"reconstruction": -self.log_px.mean()}

    @property
    def elbo(self) -> Tensor:
        """E[log p(x|z)] - KL, (B,), nats: higher is better."""
        return self.log_px.mean(0) - self.kl


def _sum(values: list[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(values).sum(0)


def _require_known(module: BoundConditional | None, name: str) -> BoundConditional:
    if module is None:
        raise ValueError(
            f"this draw does not know its {name}, as those of er.Model do: with several latents, classes that are "
            f"summed over, or a module of your own, leave out the terms that use the {name}"
        )
    return module
