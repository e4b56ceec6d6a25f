# %% [markdown]
# # PCA, autoencoders, and the VAE
#
# The same bottleneck four ways: principal components, a linear and a deep autoencoder, a VAE. Which keeps most of an
# image, and which can make one?
#
# All four write an image down in a few numbers and make an image of them again. They differ in two points only:
# whether the way there and back may bend, and whether there is noise in the middle, with a price on it. Each step
# from one to the next changes one of the two. Three of them are trained on MNIST, five epochs each: two minutes of
# one processor core.

# %%
# %pip install -q elbowroom

# %%
import torch
from matplotlib import pyplot

import elbowroom as er
from elbowroom.comparing import pca

SOURCE, EPOCHS = "mnist", 5  # or "digits", 80: 8x8 pixels, in the package, seconds
LATENT = 10

data = er.load_data(SOURCE)
SETTINGS = {"epochs": EPOCHS, "lr": 0.002, "sampler": "none"}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}


def train(name, recipe, **arguments):
    """Train a recipe with the same latent as the others."""
    parts = recipe(data.shape, latent=LATENT, seed=0, **arguments)
    return er.load(er.fit(*parts, data, out=f"runs/{name}", **SETTINGS))


# %% [markdown]
# ## Straight and flat: PCA
#
# Principal components lay a plane of ten dimensions through the cloud of images, so that the squared distances to it
# are as small as they can be. There is nothing to train: the answer is in the covariance of the images.

# %%
models = {"PCA": pca(data, LATENT)}

# %% [markdown]
# Its latents are ten coordinates in that plane, and each has a direction in the space of images, which is an image
# itself. From the mean of all, two standard deviations of the training images' latents ahead and back:

# %%
plane = models["PCA"]
some = data.train.first(5000).x
step = 2 * plane.encode(some).std(0).diag()
center = plane.sample(z=torch.zeros(LATENT, LATENT))
rows = [plane.sample(z=step), center, plane.sample(z=-step)]
er.show(rows, labels=["+2 deviations", "mean", "-2 deviations"])

# %% [markdown]
# Back along the first is a zero, ahead a one: that is what images differ in most. The later ones are no digits, but
# corrections.
#
# ## The same, learned: a linear autoencoder
#
# An encoder and a decoder of one matrix each, trained by squared error. It can do no better than PCA, and with enough
# steps no worse. Let us start it from random weights, where it has to find the plane by itself.

# %%
torch.manual_seed(0)
linear, objective = er.recipes.autoencoder(
    data.shape, latent=LATENT, linear=True, likelihood="gaussian", seed=0
)
linear.is_initialized = True  # or it would begin at the components
run = er.fit(linear, objective, data, out="runs/linear", **SETTINGS)
models["linear"] = er.load(run)
er.plot("component-angles", run)

# %% [markdown]
# An angle of zero says that a direction of the learned plane lies in that of PCA. It finds the same plane, not the
# same axes: any turn within the plane is as good for the error. Nine directions are within three degrees after five
# epochs; the last, which matters least for the error, is learned last, and still seven degrees off.
#
# ## Bent: a deep autoencoder
#
# Now put a hidden layer on either side. The plane becomes a surface that can follow the images.

# %%
models["deep"] = train("deep", er.recipes.autoencoder)

# %% [markdown]
# ## With noise, and a price: the VAE
#
# The same networks, but the encoder gives a distribution instead of a point, and its distance from the prior is added
# to the loss.

# %%
models["VAE"] = train("vae", er.recipes.vae)

# %% [markdown]
# ## What is kept
#
# Ten test images, once through each, and the squared error over all test images (the sum over pixels):

# %%
x = data.test.first(len(data.test)).x
for name, model in models.items():
    again = torch.cat([model.reconstruct(part) for part in x.split(500)])
    error = (again - x).square().flatten(1).sum(1).mean()
    print(f"{name:7} {error:6.2f}")

# %%
images = x[:10]
rows = [images, *(model.reconstruct(images) for model in models.values())]
er.show(rows, labels=["images", *models])

# %% [markdown]
# Bending the plane halves the error: PCA and the linear autoencoder make a blot of the 2, which the deep autoencoder
# has as it is; the 5 is hard for all four. Noise and its price cost something: the VAE's error is eight per cent
# larger than that of the deep autoencoder with the same networks. If compression is all you want, this is the price
# of what follows.
#
# ## What can be made
#
# Draw latents, and decode them. The VAE has a prior, and was trained to have its images there. The others have none:
# nobody told them where latents should be. The best simple guess is a normal with the mean and covariance of the
# latents of the training images.

# %%
torch.manual_seed(0)


def sample_fitted_normal(model):
    """Decode draws of a normal fitted to the latents of training images."""
    z = torch.cat([model.encode(part) for part in some.split(500)])
    covariance = z.T.cov() + 1e-4 * torch.eye(LATENT)
    normal = torch.distributions.MultivariateNormal(z.mean(0), covariance)
    return model.sample(z=normal.sample((10,)))


rows = [sample_fitted_normal(model) for model in models.values()]
er.show([*rows, models["VAE"].sample(10)], labels=[*models, "VAE, prior"])

# %% [markdown]
# For PCA and the linear autoencoder this is as good as it gets: images are no normal cloud, and what is drawn between
# them is a mixture of strokes. The deep autoencoder's draws are sharp, and some are no digit at all: its surface has
# folds and holes that a normal falls into. More of the VAE's can be read, and they need no fitting: the last row
# comes from the prior itself, into whose shape the latents were pressed while the decoder learned to read them. Not
# all of it are digits either. How good samples are is hard to say by eye; [evaluate
# honestly](09_evaluate_honestly.ipynb) measures them.
#
# ## Where the images lie
#
# The first two of the ten numbers for each model, colored by digit:

# %%
figure, grid = pyplot.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
batch = data.test.first(2000)
for axes, (name, model) in zip(grid, models.items(), strict=True):
    z = model.encode(batch.x)
    points = axes.scatter(*z[:, :2].T, c=batch.y, s=3, cmap="tab10")
    axes.set_title(name)
    axes.set_aspect("equal", "datalim")
figure.legend(*points.legend_elements(), loc="outside right", frameon=False)
pyplot.show()

# %% [markdown]
# Look at the scales of the axes. Those of the autoencoders are of any size, whatever came of their weights: the
# linear one stays within 1.5, the deep one goes beyond 10. The VAE's go from −3 to 3, because the prior is a unit
# that everyone pays in. Two numbers of ten do not part the digits in any of them; the other eight say the rest.
#
# ## Exercises
#
# 1. Set `LATENT = 2`, and then 32. How do the errors change, and how does the gap between the deep autoencoder and
#    the VAE?
# 2. Fit a better density than a normal to the deep autoencoder's latents: `er.fit_sampler("runs/deep",
#    "mixture:10")`, and draw with `elbowroom sample runs/deep --sampler mixture:10 -n 40 --out new.png`. Does it
#    catch up with the VAE?
# 3. Shrink the noise: train `er.recipes.beta_vae` with `beta=0.01`. Which of the four does it come to resemble?
