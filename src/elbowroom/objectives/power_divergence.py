"""The loss of t³-VAE: a divergence of powers in place of the KL divergence."""

from __future__ import annotations

import math

from torch import Tensor

from elbowroom.distributions import MultivariateStudentT
from elbowroom.families.heavy_tails import check_has_variance
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class PowerDivergence(Term):
    r"""The γ-power divergence of q(z|x) p(x) from p(x, z), both of them powers as a Student-t is, per example.

    .. math:: \tfrac12 \left[ \tfrac1{\sigma^2} E_q \|x - \mu(z)\|^2 + \beta \left( E_q \|z\|^2
        - \nu C |\Sigma|^{1/(\nu+n+m-2)} + \nu \tau^2 \right) \right]

    of m latents and n values with :math:`q = t_m(\mu, \frac{\nu}{\nu+n} \Sigma, \nu+n)`; :math:`C` and
    :math:`\tau` are constants. The second part, the regularizer, is at least 0, and 0 where q is
    :math:`t_m(0, \frac{\nu}{\nu+n} \tau^2 I, \nu+n)`, which is not the prior: the latents as a whole are
    pulled there, so that samples are better drawn from a density that is fitted to them. As
    :math:`\nu \to \infty` the whole becomes the negated ELBO of a VAE with normals, less the constant
    :math:`\frac n2 \log 2\pi\sigma^2` (nats); for a small :math:`\nu` it is no bound of log p(x). A KL warm-up weighs
    the regularizer.

    Kim et al. 2024, arXiv 2312.01133, and the authors' code, whose loss is twice this.

    Args:
        df: :math:`\nu`, above 2.
        scale: :math:`\sigma`, of the errors.
        beta: weight of the regularizer.

    Raises:
        ValueError: degrees of freedom of 2 or less; in training, the posterior is no Student-t of all latents.

    >>> import torch, elbowroom as er
    >>> model, objective = er.recipes.t3_vae((1, 8, 8), latent=2, df=5.0)
    >>> objective, bool(objective(model.draw(torch.rand(6, 1, 8, 8)), torch.tensor(0)) > 0)
    (power_divergence, True)
    """

    name = "power_divergence"

    def __init__(self, df: float, scale: float = 1.0, beta: float = 1.0) -> None:
        super().__init__()
        check_has_variance(df)
        self.df, self.scale, self.beta = df, scale, beta

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw.q, MultivariateStudentT):
            raise ValueError("PowerDivergence() is for posteriors of Student's t: take er.StudentPosterior, or ELBO()")
        errors = (draw.x - draw.p.mean).square().flatten(2).sum(-1).mean(0) / self.scale**2
        weight = self.beta * draw.kl_weight
        return (errors + weight * self.regularizer(draw.q, draw.x[0].numel())).mean() / 2

    def regularizer(self, q: MultivariateStudentT, values: int) -> Tensor:
        """Return twice the divergence of the posterior from where it costs nothing: (B,), at least 0.

        Args:
            q: the posterior.
            values: n, the values of an example.
        """
        m, n, df = q.event_shape.numel(), values, self.df
        log_constant = self.log_constant(n)
        log_det = (2 * q.log_scale + math.log((df + n) / df)).sum(-1)
        power = (log_det + 2 * log_constant) / (df + n + m - 2)
        second_moment = q.mean.square().sum(-1) + q.variance.sum(-1)
        least = math.exp(2 * log_constant / (df + n - 2))
        return second_moment - df * (df + n + m - 2) / (df + n - 2) * power.exp() + df * least

    def log_constant(self, n: int) -> float:
        r"""Return the log of :math:`\sigma^{-n} C_{\nu,n} (\nu-2) / (\nu+n-2)`, C the constant of a t of n numbers."""
        df = self.df
        constant = math.lgamma((df + n) / 2) - math.lgamma(df / 2) - n / 2 * math.log(df * math.pi)
        return constant - n * math.log(self.scale) + math.log((df - 2) / (df + n - 2))
