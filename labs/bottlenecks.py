"""The same bottleneck four ways: principal components, a linear and a deep autoencoder, a VAE. Who keeps most of a
picture, and who can make one?

    python labs/bottlenecks.py
    python labs/bottlenecks.py --data digits --epochs 2

Codes of 2, 10 and 32 numbers. The deep autoencoder and the VAE share their networks (a hidden layer of 400) and their
likelihood (Bernoulli): the noise in the code and its price are all that differs. Look at who has the smallest error,
then at the samples: codes drawn from a normal, the prior for the VAE, and for the others fitted to the training codes'
mean and covariance.
"""

from __future__ import annotations

from functools import partial

import sheet
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.distributions import MultivariateNormal

import elbowroom as er

SIZES = (2, 10, 32)
LEARNED = {
    "linear autoencoder": partial(er.recipes.autoencoder, linear=True),
    "deep autoencoder": er.recipes.autoencoder,
    "VAE": er.recipes.vae,
}


def main() -> None:
    args = sheet.flags(__doc__, "bottlenecks", epochs=5, seed=0)
    data = er.load_data(args.data, validation=0)
    train, test = data.train.first(len(data.train)).x, data.test.first(len(data.test)).x
    error, again, fresh = {}, {}, {}
    for size in SIZES:
        pca = PCA(size, random_state=0).fit(train.flatten(1).numpy())
        back = pca.inverse_transform(pca.transform(test.flatten(1).numpy()))
        again["PCA", size] = torch.from_numpy(back).float().view_as(test)
        torch.manual_seed(1)
        z = torch.randn(10, size) * torch.from_numpy(pca.explained_variance_).float().sqrt()
        fresh["PCA", size] = torch.from_numpy(pca.inverse_transform(z.numpy())).float().view(10, *data.shape)
        for name, recipe in LEARNED.items():
            make = partial(recipe, data.shape, latent=size)
            path = args.out / f"{name.replace(' ', '-')}-{size}"
            model = sheet.trained(path, make, data, args.epochs, args.seed).model()
            again[name, size] = torch.cat([model.reconstruct(x) for x in test.split(500)])
            torch.manual_seed(1)
            fresh[name, size] = model.sample(z=model.draw_prior(10) if model.prior else normal_of(model, train, 10))
    for key, x in again.items():
        error[key] = (x - test).square().flatten(1).sum(1).mean().item()

    names = ["PCA", *LEARNED]
    rows = [(name, *(error[name, size] for size in SIZES)) for name in names]
    sheet.table(("squared error per test picture", *(f"{size} numbers" for size in SIZES)), rows)

    picture = sheet.figure(12, 3.9)
    grid = picture.subplots(2, 3, height_ratios=(5, 4))
    pick = [int((data.test.first(200).y == label).nonzero()[0]) for label in range(10)] if data.classes else range(10)
    for column, size in enumerate(SIZES):
        above, below = grid[:, column]
        labels = ["test picture", *names] if column == 0 else [""] * 5
        sheet.mosaic(above, [test[pick], *(again[name, size][pick] for name in names)], labels)
        above.set_title(f"{size} numbers: reconstructions", loc="left", fontsize=10)
        above.annotate(
            "error", (above.get_xlim()[1], above.get_yticks()[0]), (3, 0), textcoords="offset points", fontsize=8
        )
        for row, name in enumerate(names, 1):
            where = (above.get_xlim()[1], above.get_yticks()[row])
            above.annotate(
                f"{error[name, size]:.1f}", where, (3, 0), textcoords="offset points", fontsize=8, va="center"
            )
        sheet.mosaic(below, [fresh[name, size] for name in names], names if column == 0 else [""] * 4)
        below.set_title(f"{size} numbers: samples", loc="left", fontsize=10)
    sheet.save(picture, args.picture)


def normal_of(model: er.Model, x: Tensor, n: int) -> Tensor:
    """Codes drawn from the normal that has the mean and covariance of the codes of x."""
    z = torch.cat([model.encode(part) for part in x.split(500)])
    jitter = 1e-6 * torch.eye(z.shape[1])
    return MultivariateNormal(z.mean(0), z.T.cov() + jitter).sample((n,))


if __name__ == "__main__":
    main()
