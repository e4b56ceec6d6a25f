"""The classic VAE with state and callbacks: the model leaves ``mu`` and ``logvar`` in the state, a callback adds the KL
to the loss, another saves the first 8 validation images over their reconstructions.

    elbowroom lab callback_state
"""

from __future__ import annotations

import math
from argparse import Namespace

import torch
import torch.nn.functional as F
from torch import Tensor

import elbowroom as er
from elbowroom.labs.custom_module import ClassicVAE, plain_loaders
from elbowroom.plotting import reconstruction_grid
from elbowroom.training.state import DATA, EPOCH, LOSS, MODEL, RUN

FLAGS = {"epochs": {"mnist": 10, "digits": 60}}
MU, LOGVAR = er.state_key("mu"), er.state_key("logvar")


class Stateful(ClassicVAE):
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


def main(args: Namespace) -> None:
    """Train with both callbacks, and print the last loss and the last image."""
    train, test = plain_loaders(args.data)
    data = er.load_data(train, validation=test, test=0)
    torch.manual_seed(0)
    run = er.fit(
        Stateful(math.prod(data.shape)),
        er.Loss(reconstruction, reduction="sum"),
        data,
        epochs=args.epochs,
        out=args.out / "run",
        overwrite=True,
        callbacks=[add_kl, save_images],
        pass_state=True,
    )
    loss = run.metrics("validation")[-1]["loss"]
    print(f"test loss {loss:.2f} nats per example after {args.epochs} epochs")
    print(*sorted(run.images.glob("first-8-*.png"))[-1:])
