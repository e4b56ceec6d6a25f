"""The same bottleneck four ways: principal components, a linear and a deep autoencoder, a VAE. Which keeps most of an
image, and which can generate one?

    elbowroom lab bottlenecks
    elbowroom lab bottlenecks --data digits

Latents of 2, 10 and 32 numbers. The deep autoencoder and the VAE share their networks (a hidden layer of 400) and their
likelihood (Bernoulli): the noise in the latent and its KL are all that differs. Look at which has the smallest error,
then at the samples: latents drawn from a normal, the prior for the VAE, and for the others fitted to the mean and
covariance of the training latents.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial

import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.distributions import MultivariateNormal

import elbowroom as er
from elbowroom.labs import lab_common as lab

FLAGS = {"epochs": {"mnist": 5, "digits": 60}, "seed": 0}
SIZES = (2, 10, 32)
LEARNED = {
    "linear autoencoder": partial(er.recipes.autoencoder, linear=True),
    "deep autoencoder": er.recipes.autoencoder,
    "VAE": er.recipes.vae,
}


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    train, test = data.train.first(len(data.train)).x, data.test.first(len(data.test)).x
    error, reconstructions, samples = {}, {}, {}
    for size in SIZES:
        pca = PCA(size, random_state=0).fit(train.flatten(1).numpy())
        projected = pca.inverse_transform(pca.transform(test.flatten(1).numpy()))
        reconstructions["PCA", size] = torch.from_numpy(projected).float().view_as(test)
        torch.manual_seed(1)
        z = torch.randn(10, size) * torch.from_numpy(pca.explained_variance_).float().sqrt()
        samples["PCA", size] = torch.from_numpy(pca.inverse_transform(z.numpy())).float().view(10, *data.shape)
        for name, recipe in LEARNED.items():
            make = partial(recipe, data.shape, latent=size)
            path = args.out / f"{name.replace(' ', '-')}-{size}"
            model = lab.train_or_load(path, make, data, args.epochs, args.seed).model()
            reconstructions[name, size] = torch.cat([model.reconstruct(x) for x in test.split(500)])
            torch.manual_seed(1)
            samples[name, size] = model.sample(
                z=model.draw_prior(10) if model.prior else sample_fitted_normal(model, train, 10)
            )
    for key, x in reconstructions.items():
        error[key] = (x - test).square().flatten(1).sum(1).mean().item()

    names = ["PCA", *LEARNED]
    rows = [(name, *(error[name, size] for size in SIZES)) for name in names]
    lab.print_table(("squared error per test image", *(f"{size} numbers" for size in SIZES)), rows)

    figure = lab.new_figure(12, 3.9)
    grid = figure.subplots(2, 3, height_ratios=(5, 4))
    shown = [int((data.test.first(200).y == label).nonzero()[0]) for label in range(10)] if data.classes else range(10)
    for column, size in enumerate(SIZES):
        above, below = grid[:, column]
        labels = ["test image", *names] if column == 0 else [""] * 5
        lab.draw_images(above, [test[shown], *(reconstructions[name, size][shown] for name in names)], labels)
        above.set_title(f"{size} numbers: reconstructions", loc="left", fontsize=10)
        above.annotate(
            "error", (above.get_xlim()[1], above.get_yticks()[0]), (3, 0), textcoords="offset points", fontsize=8
        )
        for row, name in enumerate(names, 1):
            position = (above.get_xlim()[1], above.get_yticks()[row])
            above.annotate(
                f"{error[name, size]:.1f}", position, (3, 0), textcoords="offset points", fontsize=8, va="center"
            )
        lab.draw_images(below, [samples[name, size] for name in names], names if column == 0 else [""] * 4)
        below.set_title(f"{size} numbers: samples", loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)


def sample_fitted_normal(model: er.Model, x: Tensor, n: int) -> Tensor:
    """Draw n latents from the normal with the mean and covariance of the latents of x."""
    z = torch.cat([model.encode(part) for part in x.split(500)])
    jitter = 1e-6 * torch.eye(z.shape[1])
    return MultivariateNormal(z.mean(0), z.T.cov() + jitter).sample((n,))
