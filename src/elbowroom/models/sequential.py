"""Models with a latent at each step of a sequence: VRNN, deep Markov model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.families import Family
from elbowroom.models.autoregressive import AutoregressiveConditional
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents
from elbowroom.models.priors import StandardNormal
from elbowroom.networks.steps import CausalSteps, StepCell, StepDecoder, StepLayout


class PathDraw(Draw):
    """A draw whose posterior of a step depends on the latents drawn before, so that it belongs to this draw alone."""


class SequentialModel(GenerativeModel):
    r"""A latent at each step of a sequence, given what was before.

    .. math:: p(x, z) = \prod_t p(z_t \mid h_t)\, p(x_t \mid h_t, z_t), \quad
        q(z \mid x) = \prod_t q(z_t \mid h_t, a_t(x)), \quad h_{t+1} = f(h_t, z_t, x_t)

    The latent (T, D) is standardized by its prior, :math:`\epsilon_t = (z_t - \mu_t(h_t)) / \sigma_t(h_t)`, which
    changes neither the model nor any bound: its prior is the standard normal, and p(x|ε) is that of the paths which ε
    leads to. So latents are drawn, walked through and fitted as those of any other model. The KL is in closed form at
    each step, given the latents drawn before. After the last step of a series with missing values, the posterior is the
    prior, as x tells nothing there: padding costs nothing.

    Args:
        encoder: from x to features of each step, (B, T, F).
        cell: what happens at one step.
        family: p(x|z), whose steps are independent.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vrnn((2, 5), latent=3, width=8)
    >>> draw = model.draw(torch.rand(4, 2, 5), k=6)
    >>> draw.z.shape, draw.kl.shape, model.sample(2).shape
    (torch.Size([6, 4, 5, 3]), torch.Size([4]), torch.Size([2, 2, 5]))
    """

    def __init__(self, encoder: nn.Module, cell: StepCell, family: Family) -> None:
        super().__init__()
        self.layout, self.cell = StepLayout(family.shape), cell
        self.encoder = encoder
        self.latent_shape = (self.layout.steps, cell.latent)
        self.prior = StandardNormal(self.latent_shape)
        self.decoder = (
            AutoregressiveConditional(nn.Identity(), family, CausalSteps(cell, self.layout))
            if cell.reads_x
            else Conditional(StepDecoder(cell, self.layout), family)
        )

    @property
    def has_path_posterior(self) -> bool:
        return True

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        z, q = self._follow(x, self.encoder(x), k)
        return PathDraw(x, self.decoder(z), Latent(z, q, self.prior()), c=c)

    def _follow(self, x: Tensor, features: Tensor, k: int) -> tuple[Tensor, Normal]:
        """Return standardized latents (K, B, T, D) drawn step by step, and the normals they were drawn from."""
        lead = (k, len(x), -1)
        state, drawn, moments = self.cell.initial_state(k * len(x)), [], []
        steps = (features.repeat(k, 1, 1), self.layout.split(x).repeat(k, 1, 1))
        is_after = self._after_last(x)
        for t, (features_t, x_t) in enumerate(zip(*(part.unbind(1) for part in steps), strict=True)):
            prior_loc, prior_log_var = self.cell.prior(state)
            loc, log_var = self.cell.posterior(state, features_t)
            deviation = (0.5 * prior_log_var).exp()
            difference, log_ratio = (loc - prior_loc).div(deviation).view(lead), (log_var - prior_log_var).view(lead)
            if is_after is not None:
                difference = difference.masked_fill(is_after[:, t, None], 0.0)
                log_ratio = log_ratio.masked_fill(is_after[:, t, None], 0.0)
            moments.append((difference, log_ratio))
            drawn.append(Normal(*moments[-1]).rsample())
            state = self.cell.update(state, prior_loc + deviation * drawn[-1].flatten(0, 1), x_t)
        loc, log_var = (torch.stack(values, 2) for values in zip(*moments, strict=True))
        return torch.stack(drawn, 2), Normal(loc, log_var, 2)

    def _after_last(self, x: Tensor) -> Tensor | None:
        """Return which steps come after the last with a value, (B, T); None where none may be missing."""
        if not self.decoder.family.missing:
            return None
        return torch.arange(self.layout.steps, device=x.device) > self.layout.find_last(self.layout.split(x))[:, None]

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(z)
        return p
