"""What starting from training examples changes: the linear autoencoder beside PCA, samples of a VampPrior.

    elbowroom lab initialization
    elbowroom lab initialization --model vamp_vae

The first prints squared errors of test examples, the second the ELBO and how different samples are, each from random
weights and from training examples.
"""

from __future__ import annotations

import tempfile
import warnings
from argparse import Namespace

import torch
from torch import Tensor

import elbowroom as er
from elbowroom.comparing import pca
from elbowroom.errors import unknown_name

FLAGS = {"data": "digits", "model": "autoencoder", "epochs": 0}
#: Sizes of the latent.
SIZES = (1, 2, 5, 10, 20, 32, 50)
#: Samples, and training examples that they are compared with.
N_SAMPLES = 1000


def train(data: er.Data, recipe: str, epochs: int | None, is_initialized: bool, **arguments: object) -> er.Run:
    """Train with the defaults; a model that is said to be initialized keeps its random weights."""
    torch.manual_seed(0)
    model, objective = er.recipes.find(recipe)(data.shape, **arguments)
    model.is_initialized = is_initialized
    out = tempfile.mkdtemp() + "/run"
    return er.fit(model, objective, data, epochs=epochs, out=out, device="cpu", report=False, progress=False)


def squared_error(model: er.GenerativeModel, data: er.Data) -> float:
    """Return the squared error of test examples, summed over their values."""
    x = data.test.first(len(data.test)).x
    return (model.reconstruct(x) - x).square().flatten(1).sum(1).mean().item()


def linear(data: er.Data, epochs: int | None) -> None:
    """Print the error of the linear autoencoder, before and after, and that of PCA."""
    for size in SIZES:
        errors = [
            squared_error(train(data, "autoencoder", epochs, start, latent=size, linear=True).model(), data)
            for start in (True, False)
        ]
        print(f"{size:3} numbers: random weights {errors[0]:.3f}, from examples {errors[1]:.3f}, "
              f"PCA {squared_error(pca(data, size), data):.3f}", flush=True)  # fmt: skip


def largest_group(x: Tensor, radius: float) -> float:
    """Return the largest share of rows within a distance of one of them."""
    return (torch.cdist(x, x) < radius).float().mean(1).max().item()


def pseudo_inputs(data: er.Data, epochs: int | None) -> None:
    """Print the ELBO, and the variance and the largest group of similar samples."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[:N_SAMPLES]
    examples = next(iter(data.train.batches(N_SAMPLES, order))).x.flatten(1)
    distance = torch.pdist(examples).median().item()
    print(f"examples: largest group {largest_group(examples, distance / 2):.3f}")
    for start, name in ((True, "noise"), (False, "training examples")):
        run = train(data, "vamp_vae", epochs, start)
        torch.manual_seed(1)
        samples = run.model().sample(N_SAMPLES).flatten(1)
        variance = (samples.var(0).sum() / examples.var(0).sum()).item()
        elbo, group = run.metrics("test")[-1]["elbo"], largest_group(samples, distance / 2)
        print(f"pseudo-inputs from {name}: test ELBO {elbo:.2f}, variance of samples {variance:.3f} of the data's, "
              f"largest group {group:.3f}", flush=True)  # fmt: skip


def main(args: Namespace) -> None:
    """Compare both starts of a model; no epochs are as many as a training has by itself."""
    experiments = {"autoencoder": linear, "vamp_vae": pseudo_inputs}
    if args.model not in experiments:
        raise unknown_name("model", args.model, experiments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        experiments[args.model](er.load_data(args.data), args.epochs or None)
