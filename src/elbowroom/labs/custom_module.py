"""The classic VAE as a plain module and loss function, trained by elbowroom's loop over plain loaders.

    elbowroom lab custom_module

Prints the test loss beside that of ``recipes.vae``: the same model, so the same loss up to the spread over seeds.
"""

from __future__ import annotations

import math
import tempfile
from argparse import Namespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er

FLAGS = {"epochs": {"mnist": 10, "digits": 60}}


class ClassicVAE(nn.Module):
    """784-400-20, as in PyTorch's example; nothing of elbowroom in it."""

    def __init__(self, pixels: int = 784) -> None:
        super().__init__()
        self.hidden, self.mu, self.logvar = nn.Linear(pixels, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.back, self.out = nn.Linear(20, 400), nn.Linear(400, pixels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = F.relu(self.hidden(x.flatten(1)))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(F.relu(self.back(z)))), mu, logvar


def loss_function(output: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
    """Return reconstruction + KL, summed over dimensions and batch."""
    reconstruction, mu, logvar = output
    bce = F.binary_cross_entropy(reconstruction, x.flatten(1), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


Loader = DataLoader[tuple[Tensor, ...]]


def plain_loaders(name: str, batch_size: int = 128) -> tuple[Loader, Loader]:
    """Return a data set as plain loaders of float tensors, training shuffled, and test."""
    data = er.load_data(name, validation=0)
    assert data.test is not None
    train, test = (TensorDataset(split.first(len(split)).x) for split in (data.train, data.test))
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


def main(args: Namespace) -> None:
    """Train both, and print their test losses."""
    train, test = plain_loaders(args.data)
    data = er.load_data(train, validation=0, test=test)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        own, objective = ClassicVAE(math.prod(data.shape)), er.Loss(loss_function, reduction="sum")
        runs = {"your module": er.fit(own, objective, data, out=f"{folder}/own", epochs=args.epochs)}
        torch.manual_seed(0)
        runs["recipes.vae"] = er.fit(*er.recipes.vae(data.shape), data, out=f"{folder}/recipe", epochs=args.epochs)
        for name, run in runs.items():
            loss = run.metrics("test")[-1]["loss"]
            print(f"{name}: test loss {loss:.2f} nats per example after {args.epochs} epochs")
