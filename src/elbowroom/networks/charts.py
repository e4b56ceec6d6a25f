"""First layers of decoders that take points of a manifold: angles by sine and cosine, distances to gyroplanes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom.manifolds import PoincareBall


class AngleFeatures(nn.Module):
    """Sine and cosine of angles, in which a turn changes nothing: (..., D) to (..., 2 D).

    Args:
        latent: the number of angles.

    >>> AngleFeatures(1)(torch.tensor([[0.0]]))
    tensor([[0., 1.]])
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.size = 2 * latent

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat((z.sin(), z.cos()), -1)


class Gyroplanes(nn.Module):
    r"""The signed distances of points of the Poincaré ball to hyperplanes: (..., D) to (..., planes).

    .. math:: f_k(z) = \frac{\|a_k\|}{\sqrt c} \operatorname{asinh}
        \frac{2 \sqrt c\, \langle u, \hat a_k \rangle}{1 - c \|u\|^2}, \quad
        u = -p_k \oplus z, \quad p_k = \exp_0(b_k \hat a_k)

    The geodesic layer of Mathieu et al. 2019, arXiv 1901.06033, after Ganea, Bécigneul & Hofmann 2018, arXiv
    1805.09112: the first layer of a decoder, affine in flat space, :math:`\|a_k\| (2 \langle \hat a_k, z \rangle -
    b_k)` as c goes to 0. In single precision under autocast, too.

    Args:
        latent: D.
        planes: their number.
        ball: the space.

    Raises:
        ValueError: there is no plane.

    >>> Gyroplanes(2, 5, PoincareBall(1.0))(torch.zeros(3, 2)).shape
    torch.Size([3, 5])
    """

    def __init__(self, latent: int, planes: int, ball: PoincareBall) -> None:
        super().__init__()
        if planes < 1:
            raise ValueError(f"planes, the first layer of the decoder, must be at least 1, got {planes}")
        self.size, self.ball = planes, ball
        self.normals = nn.Parameter(torch.empty(planes, latent))
        self.offsets = nn.Parameter(torch.zeros(planes))
        nn.init.kaiming_normal_(self.normals)

    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return self._distances(z.float(), self.ball.curvature, self.ball.root)

    def _distances(self, z: Tensor, c: float, root: float) -> Tensor:
        length = self.normals.square().sum(-1).clamp_min(1e-24).sqrt()
        along, square = z @ (self.normals / length[:, None]).T, z.square().sum(-1, keepdim=True)
        position = (root * self.offsets / 2).tanh() / root
        room = 1 - c * position.square()
        # Of operations that the page of an export has, which has no 1 - x and no asinh.
        x = room * along - position * (c * square - 2 * c * position * along + 1)
        x = 2 * root * x / (room.clamp_min(1e-7) * (-c * square + 1).clamp_min(1e-7))
        size = x.abs()
        distance = torch.log1p(size + size.square() / (1 + (1 + size.square()).sqrt()))
        return length / root * torch.where(x < 0, -distance, distance)
