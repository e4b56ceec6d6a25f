"""Families with heavier tails than a normal's: Student-t and the log-cosh density."""

from __future__ import annotations

import math

import torch
import torch.distributions as td
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import distributions, errors
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood

#: Degrees of freedom that a learned number of them starts from.
INITIAL_DF = 5.0
#: The values of the degrees of freedom, besides a number.
DF_MODES = ("learned", "predicted")


class LogParameter(nn.Module):
    """The log of a positive number for all elements, learned ten times as fast as a weight: it has far to go."""

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.tenth = nn.Parameter(torch.tensor(math.log(value) / 10))

    def forward(self) -> Tensor:
        """Return the log, a scalar."""
        return 10 * self.tenth


def parse_positive(setting: str) -> float | str:
    """Return a number, or a name to be checked by the family."""
    try:
        return float(setting)
    except ValueError:
        return setting


@register_likelihood(
    "student-t",
    "as gaussian, robust against outliers: heavy tails of DF degrees of freedom",
    "|".join(("DF", *DF_MODES)),
    parse_positive,
)
class StudentT(Family):
    r"""Student's t for every element, with the network's output as location.

    .. math:: p(x) = \prod_i t_\nu\left(\frac{x_i - \mu_i}{s}\right) / s

    ``"predicted"`` is the decoder of Takahashi et al. 2018 (IJCAI, "Student-t Variational Autoencoder for Robust
    Density Estimation"): :math:`s_i` and :math:`\nu_i` are outputs of the network, too. Deviation: their degrees of
    freedom are at least 1, so that a mean exists.

    Args:
        shape: of an example.
        df: the degrees of freedom of all elements: a number fixes it, ``"learned"`` makes it a parameter that starts
            at 5. Then one scale is learned for all elements. ``"predicted"`` has scale and degrees of freedom for each
            element from the network.

    Raises:
        ValueError: degrees of freedom that are not above 0, or an unknown name.

    >>> StudentT(4, df=3.0)(torch.zeros(2, 4)).log_prob(torch.zeros(2, 4)).detach()
    tensor([-4.0036, -4.0036])
    """

    def __init__(self, shape: Shape, df: float | str = "learned") -> None:
        if isinstance(df, str) and df not in DF_MODES:
            raise errors.unknown_name("student-t degrees of freedom", df, DF_MODES, " or a number")
        if not isinstance(df, str) and not 0 < df < math.inf:
            raise ValueError(f"degrees of freedom must be above 0 and finite, got {df}: an infinite number is gaussian")
        super().__init__(shape, per_element=3 if df == "predicted" else 1)
        self.df = df
        if df != "predicted":
            self.log_scale = LogParameter()
        if df == "learned":
            self.log_df = LogParameter(INITIAL_DF)

    def forward(self, phi: Tensor) -> td.Distribution:
        return distributions.to_event(self._build_elements(self.split_parameters(phi)), len(self.shape))

    def _build_elements(self, parameters: Tensor) -> distributions.ScaledStudentT:
        if self.df == "predicted":
            loc, log_scale, raw = parameters
            return distributions.ScaledStudentT(loc, log_scale, (1 + F.softplus(raw + INITIAL_DF - 1)).log())
        loc = parameters[0]
        log_df = self.log_df() if isinstance(self.df, str) else loc.new_tensor(math.log(self.df))
        return distributions.ScaledStudentT(loc, self.log_scale(), log_df)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, df={self.df}"


@register_likelihood(
    "log-cosh",
    "the log-cosh loss: squared for small errors, absolute for large ones",
    "SHARPNESS",
    parse_positive,
)
class LogCosh(Family):
    """:class:`elbowroom.distributions.ScaledLogCosh` for every element, with one learned scale.

    Args:
        shape: of an example.
        sharpness: of the loss at zero: as it grows the density becomes a Laplace; chosen by us after PyTorch-VAE's.

    Raises:
        ValueError: a sharpness that is not above 0 and finite.

    >>> LogCosh(4, sharpness=1.0)(torch.zeros(1, 4)).log_prob(torch.zeros(1, 4)).detach()
    tensor([-4.5789])
    """

    def __init__(self, shape: Shape, sharpness: float | str = 10.0) -> None:
        if isinstance(sharpness, str) or not 0 < sharpness < math.inf:
            raise ValueError(f"the sharpness of log-cosh must be a number above 0, got {sharpness}: write log-cosh:10")
        super().__init__(shape)
        self.sharpness, self.log_scale = sharpness, LogParameter()

    def forward(self, phi: Tensor) -> td.Distribution:
        loc = torch.unflatten(phi, -1, self.shape)
        return distributions.to_event(
            distributions.ScaledLogCosh(loc, self.log_scale(), self.sharpness), len(self.shape)
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sharpness={self.sharpness:g}"


class StudentPosterior(Family):
    r"""The posterior of t³-VAE: Student's t of all latents at once, the tail lighter the more values an example has.

    .. math:: q(z \mid x) = t_m\left(\mu(x), \tfrac{\nu}{\nu + n} \operatorname{diag} \sigma^2(x), \nu + n\right)

    Kim et al. 2024, arXiv 2312.01133: the posterior of such a form that a joint t of x and z has.

    Args:
        latent: m, the number of latents.
        df: :math:`\nu`, the degrees of freedom of the joint density.
        values: n, the values of an example.

    Raises:
        ValueError: two degrees of freedom or less, which have no variance.

    >>> StudentPosterior(2, df=3.0, values=64)(torch.zeros(1, 4)).variance  # nearly ν / (ν + n)
    tensor([[0.0462, 0.0462]])
    """

    def __init__(self, latent: int, df: float, values: int) -> None:
        check_has_variance(df)
        super().__init__(latent, per_element=2)
        self.df, self.values = df, values

    def forward(self, phi: Tensor) -> distributions.MultivariateStudentT:
        loc, log_var = self.split_parameters(phi)
        df = self.df + self.values
        return distributions.MultivariateStudentT(loc, (log_var + math.log(self.df / df)) / 2, loc.new_tensor(df))


class StudentErrors(Family):
    r"""Errors of all values of an example at once, whose scale is that of a joint t of example and latent.

    .. math:: p(x \mid z) = t_n\left(\mu(z), \tfrac{1 + \|z\|^2 / \nu}{1 + m / \nu}\, \sigma^2 I, \nu + m\right)

    Kim et al. 2024, arXiv 2312.01133. Where a latent is known, :class:`elbowroom.StudentDecoder` gives its squared
    norm; without one, the scale is that of the norm :math:`\|z\|^2 = m`, :math:`\sigma`.

    Args:
        shape: of an example.
        df: :math:`\nu`, the degrees of freedom of the joint density.
        latent: m, the number of latents.
        scale: :math:`\sigma`.

    Raises:
        ValueError: two degrees of freedom or less; a scale that is not above 0.

    >>> StudentErrors(4, df=3.0, latent=2)(torch.zeros(1, 4)).log_prob(torch.zeros(1, 4))
    tensor([-3.3393])
    """

    def __init__(self, shape: Shape, df: float, latent: int, scale: float = 1.0) -> None:
        check_has_variance(df)
        if not 0 < scale < math.inf:
            raise ValueError(f"the scale of errors must be above 0 and finite, got {scale:g}: 1 is the paper's")
        super().__init__(shape)
        self.df, self.latent, self.scale = df, latent, scale

    def forward(self, phi: Tensor, squared_norm: Tensor | None = None) -> distributions.MultivariateStudentT:
        loc = torch.unflatten(phi, -1, self.shape)
        ratio = 1 if squared_norm is None else (self.df + squared_norm) / (self.df + self.latent)
        log_scale = loc.new_tensor(self.scale).square().mul(ratio).log() / 2
        log_scale = log_scale.reshape(*log_scale.shape, *[1] * len(self.shape))
        df = loc.new_tensor(self.df + self.latent)
        return distributions.MultivariateStudentT(loc, log_scale, df, len(self.shape))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, df={self.df:g}, scale={self.scale:g}"


def check_has_variance(df: float) -> None:
    """Raise a ValueError unless a Student-t with these degrees of freedom has a variance."""
    if not 2 < df < math.inf:
        raise ValueError(
            f"df, the degrees of freedom, must be above 2 and finite, got {df:g}: a vae is an infinite one"
        )
