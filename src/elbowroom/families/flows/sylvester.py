"""Sylvester flow, whose orthogonal matrix is a product of Householder reflections."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.families.flows.base import Flow, register_flow, solve_tanh
from elbowroom.families.flows.householder import reflect

#: Reflections whose product is the orthogonal matrix of a layer.
REFLECTIONS = 8


class SylvesterFlow(Flow):
    r"""Sylvester flow: a planar flow with as many units as there are latents.

    .. math:: f(z) = z + Q R \tanh(\tilde R Q^T z + b), \quad
        \log |\det| = \sum_i \log(1 + r_{ii} \tilde r_{ii} (1 - \tanh^2(\cdot)_i))

    van den Berg et al. 2018, arXiv 1803.05649, their H-SNF: Q is a product of Householder reflections, R and its
    companion are upper triangular, all from the encoder, and the diagonals are within (-1, 1), by which the map is
    invertible. The inverse solves for one number of :math:`Q^T z` after the other, from the last.

    Args:
        latent: D.
        reflections: of which Q is the product, chosen by us.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, latent: int, reflections: int = REFLECTIONS) -> None:
        super().__init__()
        rows, columns = torch.triu_indices(latent, latent, 1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.latent, self.reflections = latent, reflections
        self.sizes = [reflections * latent, len(rows), len(rows), latent, latent, latent]
        self.size = sum(self.sizes)

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        v, r1, r2, b = self._read(phi)
        h = torch.tanh(_multiply(r2, self._rotate(z, v, backwards=True)) + b)
        return z + self._rotate(_multiply(r1, h), v), self._log_det(r1, r2, h)

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        v, r1, r2, b = self._read(phi)
        h = self._solve(self._rotate(z, v, backwards=True), r1, r2, b)
        return z - self._rotate(_multiply(r1, h), v), self._log_det(r1, r2, h)

    def _solve(self, target: Tensor, r1: Tensor, r2: Tensor, b: Tensor) -> Tensor:
        """Return h = tanh(R₂ y + b) of the y with y + R₁ h = target, both (..., D)."""
        y: list[Tensor] = []
        h: list[Tensor] = []
        for i in reversed(range(self.latent)):
            shift, known = b[..., i], target[..., i]
            if y:
                shift = shift + (r2[..., i, i + 1 :] * torch.stack(y, -1)).sum(-1)
                known = known - (r1[..., i, i + 1 :] * torch.stack(h, -1)).sum(-1)
            y.insert(0, solve_tanh(known, r1[..., i, i], r2[..., i, i], shift))
            h.insert(0, torch.tanh(r2[..., i, i] * y[0] + shift))
        return torch.stack(h, -1)

    def _log_det(self, r1: Tensor, r2: Tensor, h: Tensor) -> Tensor:
        diagonal = r1.diagonal(dim1=-2, dim2=-1) * r2.diagonal(dim1=-2, dim2=-1)
        return torch.log1p(diagonal * (1 - h.square())).sum(-1)

    def _rotate(self, z: Tensor, v: Tensor, backwards: bool = False) -> Tensor:
        """Return Q z, or its inverse, by reflections at v, (..., reflections, D)."""
        for i in reversed(range(self.reflections)) if backwards else range(self.reflections):
            z = reflect(z, v[..., i, :])
        return z

    def _read(self, phi: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return v, R, its companion and b."""
        v, upper1, upper2, diagonal1, diagonal2, b = torch.split(phi, self.sizes, -1)
        r1, r2 = self._triangle(upper1, diagonal1), self._triangle(upper2, diagonal2)
        return torch.unflatten(v, -1, (self.reflections, self.latent)), r1, r2, b

    def _triangle(self, upper: Tensor, diagonal: Tensor) -> Tensor:
        matrix = torch.diag_embed(torch.tanh(diagonal))
        above = torch.zeros_like(matrix).flatten(-2)
        above = above.index_copy(-1, self.rows * self.latent + self.columns, upper)
        return matrix + torch.unflatten(above, -1, (self.latent, self.latent))


def _multiply(matrix: Tensor, vector: Tensor) -> Tensor:
    """Multiply matrices (..., D, D) and vectors (..., D)."""
    return (matrix @ vector[..., None])[..., 0]


@register_flow("sylvester", "A planar flow of as many units as latents.", layers=4)
def sylvester(latent: int, context: int, index: int) -> SylvesterFlow:
    """Return a Sylvester flow."""
    return SylvesterFlow(latent)
