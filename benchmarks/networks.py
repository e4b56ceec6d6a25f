"""Parameters and cost of a training step of each network, for the VAE on images of two shapes.

    python benchmarks/networks.py [--steps 8] [--batch 32]

The latent is a vector of 20 numbers, or a map of 4 channels whose sides are a quarter of the image's. Two rows are the
same networks to a map without this package: one written by hand in plain torch, and diffusers' AutoencoderKL, where it
is installed, each with the same losses.

A step is forward, backward and Adam, without the recording of steps that long trainings use. Its cost is the processor
time of one thread, the least of ``--steps`` after one that is not counted: the wait for a core that other programs use
is no part of it, though they share its caches. It compares networks, and is no promise for another machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

import elbowroom as er

SHAPES = ((1, 28, 28), (3, 64, 64))
SIZES = ("s", "m")
#: Channels of the latents that are maps.
MAP_CHANNELS = 4


class HandWrittenVAE(nn.Module):
    """The network 'conv' of size s to a map and back, as one writes it by hand."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 16, 3, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.GroupNorm(8, 32), nn.SiLU()
        )
        self.moments = nn.Conv2d(32, 2 * MAP_CHANNELS, 3, 1, 1)
        self.decoder = nn.Sequential(
            *(nn.Conv2d(MAP_CHANNELS, 32, 3, 1, 1), nn.SiLU()),
            *(nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, 1, 1), nn.GroupNorm(4, 16), nn.SiLU()),
            *(nn.Upsample(scale_factor=2), nn.Conv2d(16, channels, 3, 1, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the negative ELBO of a batch of images."""
        mean, log_var = self.moments(self.encoder(x)).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        return negative_elbo(x, self.decoder(z), mean, log_var)


def negative_elbo(x: Tensor, image: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return the negative ELBO of a normal of scale 1 and a standard normal prior, nats per example."""
    error = 0.5 * ((x - image) ** 2 + math.log(2 * math.pi)).sum() / len(x)
    return error + 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum() / len(x)


def diffusers_loss(shape: tuple[int, ...]) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """Return diffusers' autoencoder with the structure of 'kl' of size s, and its negative ELBO of a batch."""
    import diffusers

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    sizes = {"in_channels": shape[0], "out_channels": shape[0], "latent_channels": MAP_CHANNELS}
    model = diffusers.AutoencoderKL(
        block_out_channels=(16, 32, 64), layers_per_block=2, norm_num_groups=4, **sizes, **blocks
    )

    def loss(x: Tensor) -> Tensor:
        posterior = model.encode(2 * x - 1).latent_dist
        return negative_elbo(x, model.decode(posterior.sample()).sample, posterior.mean, posterior.logvar)

    return model, loss


def vector_vae(shape: tuple[int, ...], **arguments: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """Return the VAE whose latent is a vector, and its loss."""
    model, objective = er.recipes.vae(shape, seed=0, likelihood="gaussian:1", **arguments)
    return model, lambda x: objective(model.draw(x), torch.tensor(0))


def map_vae(shape: tuple[int, ...], network: str, size: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """Return the VAE whose latent is a map, and its loss."""
    architecture, objective = er.Architecture(shape, network, size=size), er.ELBO()
    latent = er.DiagonalNormal(architecture.map_shape(MAP_CHANNELS))
    decoder = architecture.decoder(latent, er.likelihood("gaussian:1", shape))
    model = er.Model(architecture.encoder(latent), decoder, er.StandardNormal(latent.shape))
    return model, lambda x: objective(model.draw(x), torch.tensor(0))


def cases(shape: tuple[int, ...]) -> dict[str, Callable[[], tuple[nn.Module, Callable[[Tensor], Tensor]]]]:
    """Return what is measured for a shape of images, by name."""
    networks: dict[str, Callable[[], tuple[nn.Module, Callable[[Tensor], Tensor]]]] = {}
    for name in er.networks.NETWORKS:
        for size in ("",) if name == "mlp" else SIZES:
            arguments = {"network": name} | ({"size": size} if size else {})
            networks[f"{name} {size}".strip()] = partial(vector_vae, shape, **arguments)
    for name in er.networks.NETWORKS:
        if name != "mlp":
            networks[f"{name} s, map"] = partial(map_vae, shape, name, "s")
    networks["conv s, map, by hand"] = lambda: (model := HandWrittenVAE(shape[0]), model)
    if importlib.util.find_spec("diffusers"):
        networks["kl s, map, diffusers"] = partial(diffusers_loss, shape)
    return networks


def cheapest_step(model: nn.Module, loss: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> float:
    """Return the processor time of the cheapest training step, seconds."""
    optimizer, seconds = torch.optim.Adam(model.parameters()), []
    for _ in range(steps + 1):
        start = time.process_time()
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", default="", help="part of the name of those to measure")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for shape in SHAPES:
        print(f"\n{'x'.join(map(str, shape))}\n\n| network | parameters | CPU ms per example |\n|---|---:|---:|")
        x = torch.rand(args.batch, *shape)
        for name, make in cases(shape).items():
            if args.only not in name:
                continue
            model, loss = make()
            parameters = sum(parameter.numel() for parameter in model.parameters())
            milliseconds = 1000 * cheapest_step(model, loss, x, args.steps) / args.batch
            print(f"| {name} | {parameters:,} | {milliseconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
