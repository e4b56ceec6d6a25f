"""The classic VAE as a plain module and loss function, trained by elbowroom's loop over plain loaders.

    python labs/custom_module.py [EPOCHS]

Prints the test loss beside that of ``recipes.vae``: the same model, so the same loss up to the spread over seeds.
"""

from __future__ import annotations

import sys
import tempfile

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er


class VAE(nn.Module):
    """784-400-20, as in PyTorch's example; nothing of elbowroom in it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mu, self.logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.back, self.out = nn.Linear(20, 400), nn.Linear(400, 784)

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


def mnist_loaders(batch_size: int = 128) -> tuple[DataLoader, DataLoader]:
    """Return MNIST as plain loaders of float tensors, training shuffled, and test."""
    data = er.load_data("mnist", validation=0)
    train, test = (TensorDataset(split.first(len(split)).x) for split in (data.train, data.test))
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


def main(epochs: int) -> None:
    train, test = mnist_loaders()
    data = er.load_data(train, validation=0, test=test)
    folder = tempfile.mkdtemp()
    torch.manual_seed(0)
    own = er.fit(VAE(), er.Loss(loss_function, reduction="sum"), data, epochs=epochs, out=f"{folder}/own")
    torch.manual_seed(0)
    recipe = er.fit(*er.recipes.vae(data.shape), data, epochs=epochs, out=f"{folder}/recipe")
    for name, run in (("your module", own), ("recipes.vae", recipe)):
        print(f"{name}: test loss {run.metrics('test')[-1]['loss']:.2f} nats per example after {epochs} epochs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
