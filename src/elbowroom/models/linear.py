"""The linear autoencoder: an affine encoder and an affine decoder."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from elbowroom.families import Gaussian, Point
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional

#: Training examples that its first directions are made of, at most.
MAX_INITIAL_EXAMPLES = 2000


class LinearAutoencoder(Model):
    r"""An affine encoder and an affine decoder with squared error: :math:`\hat x = b + V (W x + a)`.

    Its optimum spans the principal components (Baldi & Hornik 1989, doi 10.1016/0893-6080(89)90014-2). From random
    weights the descent spends its steps on the mean of the data first, so that :meth:`initialize` puts the mean into
    the offsets, and V and W on the same orthonormal directions.

    Args:
        shape: of an example.
        latent: size of z.
        scale: standard deviation of the Gaussian p(x|z).

    >>> model = LinearAutoencoder((1, 8, 8), latent=3)
    >>> model.components.shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(self, shape: tuple[int, ...], latent: int, scale: float = 1.0) -> None:
        encoder = Conditional.mlp(shape, Point(latent), hidden=())
        super().__init__(encoder, Conditional.mlp(latent, Gaussian(shape, scale), hidden=()), prior=None)

    @property
    def components(self) -> Tensor:
        return self._decoder_layer.weight.detach().T.reshape(-1, *self.shape)

    @property
    def _encoder_layer(self) -> nn.Linear:
        return cast(nn.Linear, cast(nn.Sequential, self.encoder.net.layers)[-1])

    @property
    def _decoder_layer(self) -> nn.Linear:
        return cast(nn.Linear, cast(nn.Sequential, self.decoder.net.layers)[-1])

    @property
    def n_initial_examples(self) -> int:
        return MAX_INITIAL_EXAMPLES

    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        """Set the offsets to the mean of training examples, the directions to random combinations of them.

        The combinations are a random range finder: Halko, Martinsson & Tropp 2011, arXiv 0909.4061.
        """
        x, latent = x.flatten(1), self.latent_shape[0]
        # Categories of a table take more inputs than outputs, and more latents than values are no basis.
        if self._encoder_layer.weight.shape != (latent, x.shape[1]) or latent > x.shape[1]:
            return
        mean = x.mean(0)
        weights = torch.randn(len(x), latent, generator=generator)
        self.set_components(torch.linalg.qr((x - mean).T @ weights)[0], mean)

    @torch.no_grad()
    def set_components(self, directions: Tensor, mean: Tensor) -> None:
        """Project onto orthonormal directions (D, latent) around a mean (D,)."""
        self._decoder_layer.weight.copy_(directions)
        self._decoder_layer.bias.copy_(mean)
        self._encoder_layer.weight.copy_(directions.T)
        self._encoder_layer.bias.copy_(-directions.T @ mean)
