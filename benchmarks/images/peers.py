"""Variants of peers, written from their published descriptions: PyTorch-VAE's models, and pythae, the package itself.

PyTorch-VAE (https://github.com/AntixK/PyTorch-VAE): the networks, losses and configurations ``vae``, ``bbvae`` and
``wae_mmd_imq``. pythae (https://github.com/clementchadebec/benchmark_VAE): its VAE, its networks for CelebA, its
samplers and the defaults of its trainer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from variants import Trained, Variant, all_images, count_parameters, sample_blocks, train_loop

import elbowroom as er

PYTORCH_VAE_WIDTHS = (32, 64, 128, 256, 512)
PYTORCH_VAE_LATENT = 128
#: Weight of the KL, ``kld_weight``.
KLD_WEIGHT = 0.00025
#: ``gamma``, ``max_capacity`` in nats and ``Capacity_max_iter`` in steps of its configuration of Burgess et al. 2018.
GAMMA, MAX_CAPACITY, CAPACITY_STEPS = 10.0, 25.0, 10_000
#: ``reg_weight`` and ``latent_var`` of WAE-MMD with the inverse multiquadric kernel.
MMD_WEIGHT, MMD_VARIANCE = 100.0, 2.0


class PyTorchVAE(nn.Module):
    """The network that PyTorch-VAE's models share: values in [0, 1] go in, a tanh comes out.

    Args:
        has_scale: whether the encoder has a second head, of log-variances; that of WAE-MMD has none.
        widths: ``hidden_dims``.
    """

    def __init__(self, has_scale: bool = True, widths: tuple[int, ...] = PYTORCH_VAE_WIDTHS) -> None:
        super().__init__()
        top, latent = widths[-1], PYTORCH_VAE_LATENT
        convolutions = (block(nn.Conv2d(a, b, 3, 2, 1), b) for a, b in pairwise((3, *widths)))
        self.body = nn.Sequential(*convolutions, nn.Flatten())
        self.mean = nn.Linear(4 * top, latent)
        self.log_variance = nn.Linear(4 * top, latent) if has_scale else None
        first = (nn.Linear(latent, 4 * top), nn.Unflatten(1, (top, 2, 2)))
        transposed = (block(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), b) for a, b in pairwise((*widths[::-1], widths[0])))
        self.decoder = nn.Sequential(*first, *transposed, nn.Conv2d(widths[0], 3, 3, padding=1), nn.Tanh())

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent; without a second head a variance of zero."""
        h = self.body(x)
        mean = self.mean(h)
        return mean, torch.full_like(mean, -math.inf) if self.log_variance is None else self.log_variance(h)

    def sample(self, n: int) -> Tensor:
        images: Tensor = self.decoder(torch.randn(n, PYTORCH_VAE_LATENT))
        return images


def block(convolution: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.LeakyReLU())


def reconstruct_and_kl(model: PyTorchVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean squared error per value and the KL, the mean over the batch."""
    mean, log_variance = model.posterior(x)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    return F.mse_loss(model.decoder(z), x), kl


def vanilla_loss(model: PyTorchVAE, x: Tensor, step: int) -> Tensor:
    error, kl = reconstruct_and_kl(model, x)
    return error + KLD_WEIGHT * kl


def capacity_loss(model: PyTorchVAE, x: Tensor, step: int) -> Tensor:
    error, kl = reconstruct_and_kl(model, x)
    capacity = min(MAX_CAPACITY, MAX_CAPACITY * step / CAPACITY_STEPS)
    return error + GAMMA * KLD_WEIGHT * (kl - capacity).abs()


def wae_loss(model: PyTorchVAE, x: Tensor, step: int) -> Tensor:
    """Mean squared error and the maximum mean discrepancy; its cross term leaves the diagonal out, as published."""
    z, _ = model.posterior(x)
    prior = torch.randn_like(z)
    within = off_diagonal_kernel(z, z) + off_diagonal_kernel(prior, prior)
    return F.mse_loss(model.decoder(z), x) + MMD_WEIGHT * (within - 2 * off_diagonal_kernel(prior, z))


def off_diagonal_kernel(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean of the inverse multiquadric kernel over pairs of different indices."""
    scale = 2 * a.shape[1] * MMD_VARIANCE
    kernel = scale / (scale + (a[:, None] - b[None]).square().sum(2))
    return (kernel.sum() - kernel.diag().sum()) / (len(a) * (len(a) - 1))


def train_pytorch_vae(
    loss: Callable[..., Tensor], networks: dict[str, Any], data: er.Data, cpu_s: float, seed: int
) -> Trained:
    """Adam at 0.005, times 0.95 after every epoch, batches of 64, images mirrored at random."""
    torch.manual_seed(seed)
    model = PyTorchVAE(**networks)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    steps, trained_s = train_loop(model, partial(loss, model), optimizer, data, cpu_s, decay=0.95, flip=True)
    return Trained({"prior": partial(sample_blocks, model.sample)}, count_parameters(model), steps, trained_s)


def train_pythae(
    make_networks: Callable[[Any], tuple[nn.Module, nn.Module]], lr: float, data: er.Data, cpu_s: float, seed: int
) -> Trained:
    """pythae's VAE with latents of 64, sampled by its normal and by its Gaussian mixture of ten; batches of 64, Adam.

    Args:
        make_networks: encoder and decoder, from pythae's configuration.
        lr: learning rate; 1e-4 is its trainer's default.
        data: to train on.
        cpu_s: CPU seconds to train.
        seed: of weights, order and noise.
    """
    from pythae.models import VAE, VAEConfig
    from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig, NormalSampler

    torch.manual_seed(seed)
    config = VAEConfig(input_dim=(3, 64, 64), latent_dim=64)
    model: Any = VAE(config, *make_networks(config))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps, trained_s = train_loop(model, lambda x, step: model({"data": x}).loss, optimizer, data, cpu_s)
    mixture = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=10))
    mixture.fit(all_images(data))
    samplers: dict[str, Any] = {"prior": NormalSampler(model), "mixture:10": mixture}
    draws = {name: partial(sample_blocks, partial(draw_pythae, sampler)) for name, sampler in samplers.items()}
    return Trained(draws, count_parameters(model), steps, trained_s)


def draw_pythae(sampler: Any, n: int) -> Tensor:
    images: Tensor = sampler.sample(n, batch_size=n)
    return images


def pythae_networks(config: Any) -> tuple[nn.Module, nn.Module]:
    """Return pythae's encoder and decoder for CelebA, with widths of 128 to 1,024."""
    from pythae.models.nn.benchmarks.celeba import Decoder_Conv_AE_CELEBA, Encoder_Conv_VAE_CELEBA

    return Encoder_Conv_VAE_CELEBA(config), Decoder_Conv_AE_CELEBA(config)


def elbowroom_networks(config: Any) -> tuple[nn.Module, nn.Module]:
    """Return the encoder and decoder of elbowroom's ``conv`` of size s, with a sigmoid, as pythae's modules."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    model, _ = er.recipes.conv_vae(config.input_dim, latent=config.latent_dim, size="s", likelihood="gaussian")

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = model.encoder

        def forward(self, x: Tensor) -> Any:
            posterior = self.network(x)
            return ModelOutput(embedding=posterior.mean, log_covariance=2 * posterior.stddev.log())

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = model.decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.network(z).mean)

    return Encoder(), Decoder()


NARROW = {"widths": tuple(width // 2 for width in PYTORCH_VAE_WIDTHS)}
PEER_VARIANTS: dict[str, Variant] = {
    "pytorch-vae VanillaVAE": partial(train_pytorch_vae, vanilla_loss, {}),
    "pytorch-vae BetaVAE": partial(train_pytorch_vae, capacity_loss, {}),
    "pytorch-vae WAE_MMD": partial(train_pytorch_vae, wae_loss, {"has_scale": False}),
    "pytorch-vae VanillaVAE, half width": partial(train_pytorch_vae, vanilla_loss, NARROW),
    "pythae VAE": partial(train_pythae, pythae_networks, 1e-4),
    "pythae VAE, elbowroom's network": partial(train_pythae, elbowroom_networks, 1e-3),
}
