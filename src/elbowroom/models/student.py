"""The decoder of t³-VAE, whose errors are the larger the farther out a latent is."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.families import StudentErrors
from elbowroom.models.conditional import Conditional


class StudentDecoder(Conditional):
    r"""A decoder p(x|z) with :class:`elbowroom.StudentErrors`, which gives them the squared norm of the latent.

    Kim et al. 2024, arXiv 2312.01133. With a prior :math:`t_m(0, I, \nu)`, p(x, z) is a power of
    :math:`1 + \frac1\nu (\|z\|^2 + \|x - \mu(z)\|^2 / \sigma^2)`: the joint tail of a t.

    Args:
        net: latents (..., m) to the parameters of p(x|z).
        family: the errors.

    >>> import torch, elbowroom as er
    >>> decoder = StudentDecoder(er.MLP(2, size=4), er.StudentErrors(4, df=3.0, latent=2))
    >>> decoder(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).log_scale[:, 0]
    tensor([-0.2554,  0.8614])
    """

    family: StudentErrors

    def __init__(self, net: nn.Module, family: StudentErrors) -> None:
        super().__init__(net, family)

    def forward(self, *context: Tensor) -> Distribution:
        distribution: Distribution = self.family(self.net(*context), context[0].square().sum(-1))
        return distribution
