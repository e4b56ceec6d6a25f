"""The semi-amortized model: the encoder's posterior, refined for each example by steps up its ELBO."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.families import DiagonalNormal
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.differentiation import as_constant, as_differentiable, differentiation
from elbowroom.models.draw import Draw, Latent

#: Pairs of opposite draws by which a step estimates the ELBO: in training, and in use, where they are always the same.
TRAINING_PAIRS = 1
FIXED_PAIRS = 8
#: The most that a step moves the mean, in standard deviations, and the log-variance.
MAX_MOVE = 1.0


class SemiAmortizedModel(Model):
    r"""A model whose posterior is refined for each example: q starts at the encoder's, and climbs its own ELBO.

    .. math:: \mu \leftarrow \mu + \eta\, \sigma^2\, \nabla_\mu \mathrm{ELBO}, \qquad
        \log \sigma^2 \leftarrow \log \sigma^2 + \eta\, \nabla_{\log \sigma^2} \mathrm{ELBO}

    Kim et al. 2018, arXiv 1802.02550. The objective scores the refined posterior, and its gradient goes through the
    steps into encoder and decoder. In use the steps take always the same draws, so that a posterior is a function of
    its example; the encoder, the decoder and the prior stay as they are. In the ELBO that is climbed
    the KL has the weight 1, whatever weight the objective gives it.

    Deviations from the paper: second derivatives are those of autograd where the paper takes finite differences; the
    mean's step is scaled by the variance, which is Newton's where q is exact, and limited to a standard deviation, in
    place of a rate and a clipped norm; the steps are few (the paper's 20 are for text).

    Args:
        encoder: with a diagonal normal.
        decoder: z to p(x|z).
        prior: () to p(z), or condition to p(z|c).
        refinements: steps of each example.
        rate: :math:`\eta`.
        condition: as for :class:`Model`.

    Raises:
        ValueError: the encoder has another posterior; refinements is below 0, or the rate not between 0 and 1.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.semi_amortized_vae((1, 8, 8), latent=2, refinements=3)
    >>> model.draw(torch.rand(5, 1, 8, 8), k=4).log_w.shape
    torch.Size([4, 5])
    """

    fixed_noise: Tensor

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module | None,
        refinements: int = 5,
        rate: float = 0.5,
        condition: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder, decoder, prior, condition)
        if prior is None or not isinstance(encoder.family, DiagonalNormal):
            raise ValueError(
                "refinement takes a prior, and a posterior with mean and variance: give it both, as er.DiagonalNormal"
            )
        if refinements < 0 or not 0 < rate <= 1:
            raise ValueError(f"refinements is at least 0 and the rate in (0, 1], got {refinements} and {rate:g}")
        self.refinements, self.rate = refinements, rate
        shape = (refinements, FIXED_PAIRS, 1, *self.latent_shape)
        self.register_buffer("fixed_noise", torch.randn(shape, generator=torch.Generator().manual_seed(0)), False)

    @property
    def has_gradient_posterior(self) -> bool:
        return True

    def infer(self, x: Tensor, *condition: Tensor) -> Distribution:
        q = super().infer(x, *condition)
        assert isinstance(q, Normal)
        with differentiation() as is_training:
            x, condition = as_constant(x), tuple(map(as_constant, condition))
            loc, log_var = as_differentiable(q.loc), as_differentiable(q.log_var)
            for step in range(self.refinements):
                q = Normal(loc, log_var, len(self.latent_shape))
                elbo = self._estimate_elbo(q, self._draw_noise(step, loc), x, condition)
                of_loc, of_log_var = torch.autograd.grad(elbo.sum(), (loc, log_var), create_graph=is_training)
                std = (0.5 * log_var).exp()
                loc = loc + std * (self.rate * std * of_loc).clamp(-MAX_MOVE, MAX_MOVE)
                log_var = log_var + (self.rate * of_log_var).clamp(-MAX_MOVE, MAX_MOVE)
        refined = (loc, log_var) if is_training else (loc.detach(), log_var.detach())
        return Normal(*refined, len(self.latent_shape))

    def _draw_noise(self, step: int, like: Tensor) -> Tensor:
        """Return pairs of opposite standard normals, (2 pairs, B, *latent)."""
        fixed = self.fixed_noise[step].expand(-1, *like.shape)
        eps = torch.randn_like(fixed[:TRAINING_PAIRS]) if self.training else fixed
        return torch.cat((eps, -eps))

    def _estimate_elbo(self, q: Normal, eps: Tensor, x: Tensor, condition: tuple[Tensor, ...]) -> Tensor:
        z = q.loc + (0.5 * q.log_var).exp() * eps
        assert self.prior is not None
        return Draw(x, self.decoder(z, *condition), Latent(z, q, self.prior(*condition))).elbo
