"""The classic VAE with state and callbacks: the model leaves ``mu`` and ``logvar`` in the state, a callback adds the KL
to the loss, another saves the first 8 validation images over their reconstructions.

    python labs/callback_state.py [EPOCHS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from custom_module import VAE, mnist_loaders
from torch import Tensor

import elbowroom as er
from elbowroom.plotting import reconstruction_grid
from elbowroom.training.state import DATA, EPOCH, LOSS, MODEL, RUN

MU, LOGVAR = er.state_key("mu"), er.state_key("logvar")


class Stateful(VAE):
    """Returns the reconstruction alone; what the KL needs goes into the state."""

    def forward(self, x: Tensor, state: er.State) -> Tensor:
        x_hat, state[MU], state[LOGVAR] = super().forward(x)
        return x_hat


@er.on.loss
def add_kl(state: er.State) -> None:
    mu, logvar = state[MU], state[LOGVAR]
    state[LOSS] = state[LOSS] - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


@er.on.validation
def save_images(state: er.State) -> None:
    x = state[DATA].validation.first(8).x
    with torch.no_grad():
        x_hat = state[MODEL](x, state).reshape(x.shape)
    reconstruction_grid(x, x_hat, f"epoch {state[EPOCH]}").save(state[RUN].images / f"first-8-{state[EPOCH]:04d}.png")


def reconstruction(x_hat: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(x_hat, x.flatten(1), reduction="sum")


def main(epochs: int) -> Path:
    train, test = mnist_loaders()
    data = er.load_data(train, validation=test, test=0)
    torch.manual_seed(0)
    run = er.fit(
        Stateful(),
        er.Loss(reconstruction, reduction="sum"),
        data,
        epochs=epochs,
        out=tempfile.mkdtemp() + "/run",
        callbacks=[add_kl, save_images],
        pass_state=True,
    )
    print(f"test loss {run.metrics('validation')[-1]['loss']:.2f} nats per example after {epochs} epochs")
    print(*sorted(run.images.glob("first-8-*.png"))[-1:])
    return run.path


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
