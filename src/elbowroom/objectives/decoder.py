"""Terms that regularize the decoder: gradient penalty and weight norm."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class DecoderGradientPenalty(Term):
    r"""Gradient penalty of the decoder: :math:`\frac12 \| J_D(z) \|_F^2` per example, with D(z) the mean of p(x|z).

    Ghosh et al. 2020, arXiv 1903.12436 (RAE-GP). The squared Frobenius norm of the Jacobian is estimated without
    bias from one projection, :math:`E_v \| J^\top v \|^2` with v standard normal (Hutchinson 1990,
    doi 10.1080/03610919008812866), for one backward pass in place of one for each pixel. The gradient reaches the
    encoder too, through z.

    Deviations: the factor ½, as in :class:`LatentL2`; and the authors' code penalizes one gradient, that of the sum of
    squared pixels, where the paper writes the norm of all of them, which this is.

    Raises:
        ValueError: the draw does not know its decoder, or the mean of p(x|z) has no gradient, as that of categories.

    >>> import torch, elbowroom as er
    >>> model, _ = er.recipes.autoencoder((1, 8, 8), latent=2)
    >>> er.DecoderGradientPenalty()(model.draw(torch.rand(5, 1, 8, 8)), torch.tensor(0)) > 0
    tensor(True)
    """

    name = "decoder_gradient_penalty"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        decoder, is_training = draw.decoder, torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            z = draw.z if draw.z.requires_grad else draw.z.detach().clone().requires_grad_()
            mean = decoder(z).mean
            if not mean.requires_grad:
                raise ValueError(
                    "the mean of p(x|z) has no gradient, as that of categories: choose another likelihood, or rae_l2"
                )
            (projected,) = torch.autograd.grad(mean, z, torch.randn_like(mean), create_graph=is_training)
        return 0.5 * projected.square().flatten(2).sum(-1).mean()


class DecoderL2(Term):
    r"""L2 penalty of the decoder's parameters, :math:`\| \theta \|^2`, the same for every example.

    Ghosh et al. 2020, arXiv 1903.12436 (RAE-L2): weight decay of the decoder alone. It covers weights and offsets,
    and what the likelihood learns beside the network.

    Raises:
        ValueError: the draw does not know its decoder.

    >>> import torch, elbowroom as er
    >>> model, _ = er.recipes.autoencoder((1, 8, 8), latent=2)
    >>> DecoderL2()(model.draw(torch.rand(5, 1, 8, 8)), torch.tensor(0)) > 0
    tensor(True)
    """

    name = "decoder_l2"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        squares = [parameter.square().sum() for parameter in draw.decoder.module.parameters()]
        return torch.stack(squares).sum()
