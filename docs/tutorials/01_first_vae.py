# %% [markdown]
# # Your first VAE, step by step
#
# Data, two networks, a loss, a training; then reconstructions, samples, latents of 2 to 40 numbers, and latents that
# you write by hand.
#
# A variational autoencoder learns to write an example down in a few numbers, and to make an example from such
# numbers. You need to know what a neural network and its training are, and no more. The words are explained where
# they come up; all of them are in the [glossary](../glossary.md).
#
# The images are those of MNIST, 70,000 handwritten digits of 28×28 pixels, which are downloaded once. Five models are
# trained, 42 times through all images together: seven minutes of one processor core.

# %%
# %pip install -q elbowroom

# %%
import torch

import elbowroom as er

SOURCE, EPOCHS = "mnist", 10  # or "digits", 80: 8x8 pixels, in the package, seconds

# %% [markdown]
# ## Data
#
# `load_data` takes a name, a file, a folder of images, a table or an array, and divides it into three splits. The
# model is trained on the first. The second, *validation*, is for choices; the third, *test*, is looked at when
# everything has been chosen.

# %%
data = er.load_data(SOURCE)
data

# %% [markdown]
# One example is a tensor with channels, height and width, its pixels between 0 and 1. The labels are there too.
# Nothing below uses them to train: a VAE learns from the images alone.

# %%
x, y = data.train[0]
print(x.shape, "label", int(y))
er.show(x)

# %% [markdown]
# ## Two networks
#
# The **encoder** gets an image and answers with a distribution over the *latent* z, a short vector: a mean and a
# standard deviation for each of its numbers. The **decoder** gets a z and answers with a distribution over images.
# Between them stands the **prior**, what we believe of z before any image has been seen: a standard normal.

# %%
LATENT = 2

encoder = er.Conditional.mlp(data.shape, er.DiagonalNormal(LATENT))
decoder = er.Conditional.mlp(LATENT, er.Bernoulli(data.shape))
model = er.Model(encoder, decoder, er.StandardNormal(LATENT))
print(f"{sum(p.numel() for p in model.parameters()):,} weights")

# %% [markdown]
# Let us follow four images through it by hand, before anything is trained. The encoder's answer `q` is a normal
# distribution for each image. Drawing from it has to leave a way for gradients, so the draw is written as *noise,
# scaled and moved*:

# %%
torch.manual_seed(0)
x = data.train[:4].x
with torch.no_grad():
    q = model.posterior(x)
    z = q.mean + q.stddev * torch.randn_like(q.mean)
print("means\n", q.mean)
print("deviations\n", q.stddev)
print("one draw\n", z)

# %% [markdown]
# ## The loss
#
# Two things are asked of z. It must say enough about its image that the decoder finds the image again: the
# **reconstruction** term is how improbable the decoder finds the true image, given z. And it must not be too special:
# the **KL** is how far the encoder's normal is from the prior. Their sum is what is made small. Both are in *nats*
# (the unit of natural logarithms), summed over all pixels and all numbers of z, so that they may be added.

# %%
with torch.no_grad():
    p = model.decode(z)
    reconstruction = -p.log_prob(x)
    kl = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(1)
print("reconstruction", reconstruction)
print("KL            ", kl)
print("loss          ", reconstruction + kl)

# %% [markdown]
# The formula for the KL is that of two normals; elbowroom has it, and all other terms, ready. An objective is written
# as a sum:

# %%
objective = er.Reconstruction() + er.KL()
objective

# %% [markdown]
# The negative loss has a name, the **ELBO**: it is never above the logarithm of the probability that the model gives
# to the image. So a loss that falls means images that are more probable.
#
# ## Training
#
# `fit` goes through the training split in batches, and moves all weights a little in the direction in which the loss
# falls. It shows a line for each epoch (one pass over the training images) and the loss of held-out images beside
# that of the training.

# %%
SETTINGS = {"lr": 0.002, "sampler": "none", "report": False}
run = er.fit(model, objective, data, epochs=2, out="runs/by-hand", **SETTINGS)

# %% [markdown]
# That was only a start. The same model has a name, `er.recipes.vae`, and we train that for longer without the lines.
#
# (`sampler="none"`: left to itself, `fit` also fits a density to the latents at the end, and samples come from that.
# Here we want to see what the prior gives.)

# %%
SETTINGS |= {"epochs": EPOCHS, "progress": False, "overwrite": True}


def train(latent):
    """Train a VAE with a latent of this many numbers."""
    model, objective = er.recipes.vae(data.shape, latent=latent, seed=0)
    return er.fit(model, objective, data, out=f"runs/{latent}", **SETTINGS)


run = train(2)
run

# %% [markdown]
# The three curves lie on one another: what the model has learned is true of images that it has not seen. If the blue
# curve went on falling and the others rose, it would be learning its images by heart.
#
# ## What it has learned
#
# Test images above, and below each what comes out if it goes through two numbers and back:

# %%
er.plot("reconstructions", run)

# %% [markdown]
# Ones, zeros and most sevens come back; a 4 comes back as a 9, and a 5 as something between 8 and 3. Two numbers are
# not enough to keep ten shapes apart, let alone a person's handwriting. Where did each image go? A point for each of
# 2,000, colored by its label, which the model was never told:

# %%
er.plot("latents", run)

# %% [markdown]
# The ones lie apart, above, and the zeros below; fours and nines lie on one another, and that is why a 4 came back as
# a 9. In the other direction: a grid of latents over the plane, each decoded. Neighbors look alike, and between two
# digits there is a place where one becomes the other. That is what the KL has done: it has pushed the images together
# until hardly any space was left between them.

# %%
er.plot("plane", run)

# %% [markdown]
# ## New images
#
# Draw z from the prior, and decode it. Each of these was written by nobody. Most can be read, all are soft, and some
# lie between two digits:

# %%
model = er.load(run)
torch.manual_seed(0)
er.show(model.sample(40))

# %% [markdown]
# ## Two numbers, ten, forty
#
# How many numbers should z have? Train a model for each size, and measure.

# %%
SIZES = (2, 5, 10, 40)
runs = {size: run if size == 2 else train(size) for size in SIZES}

print("size   loss = reconstruction +    KL   numbers in use")
for size, run in runs.items():
    measured = er.evaluate(run, metrics="likelihood,latent", samples=5)
    reconstruction, kl = measured["reconstruction"].value, measured["kl"].value
    used = measured["active_units"].value
    loss = reconstruction + kl
    print(f"{size:4} {loss:6.2f} {reconstruction:16.2f} {kl:7.2f} {used:16.0f}")

# %% [markdown]
# From 2 to 5 numbers the loss falls by 28 nats, from 5 to 10 by 15, from 10 to 40 by three. The last column says why
# that is so little: of forty numbers 25 are used. A number that costs more KL than it saves in reconstruction is
# given up; its normal becomes the prior's, and the decoder no longer looks at it. A VAE finds the size that it needs,
# as long as it is offered enough.
#
# Ten test images, and their reconstructions at each size:

# %%
images = data.test[:10].x
models = {size: er.load(run) for size, run in runs.items()}
rows = [images, *(model.reconstruct(images) for model in models.values())]
er.show(rows, labels=["images", *map(str, SIZES)])

# %% [markdown]
# And ten samples of each:

# %%
torch.manual_seed(1)
rows = [model.sample(10) for model in models.values()]
er.show(rows, labels=[str(size) for size in SIZES])

# %% [markdown]
# Samples turn the order round. With forty numbers the reconstructions are the best, down to the slant of a stroke;
# but of their samples several are loose strokes, no digits. With two, reconstructions are poor, and samples are soft
# and mostly digits. A larger space has more places where no image lies, and the prior draws from those too. What can
# be done about it is the subject of [other VAEs, and new faces](08_other_vaes.ipynb).
#
# ## Latents by hand
#
# Take the model with two numbers, and say where to look. Five latents on the way from one corner to the other:

# %%
z = torch.tensor([[-1.5, -1.5], [-0.7, -0.7], [0, 0], [0.7, 0.7], [1.5, 1.5]])
er.show(models[2].sample(z=z)[None])

# %% [markdown]
# From a zero, by way of shapes that are neither, to a nine. Or take two images, ask the encoder of ten numbers for
# their means, and go from one to the other:

# %%
first, second = models[10].encode(data.test[:2].x)
steps = torch.linspace(0, 1, 10)[:, None]
er.show(models[10].sample(z=first + steps * (second - first))[None])

# %% [markdown]
# The 7 fades in the middle, and comes back as a 2: with ten numbers the straight way leads through a place where few
# images lie.
#
# In a notebook, `er.explore(run)` shows the plane itself, where you drag the pointer over the latents.
#
# ## Exercises
#
# 1. With `few = data.train.first(1000)`, train on `er.load_data((few.x, few.y))`, a thousand images alone, for 300
#    epochs. When do the curves of training and validation part?
# 2. Find by hand, in the picture of the plane, a latent that gives a 3, and one that gives a 9. What lies in the
#    middle?
# 3. Replace `er.KL()` by `0 * er.KL()` in the objective of the first model, train it for `EPOCHS` epochs, and look
#    at its plane and its samples. What has become of the prior?
# 4. Take `SOURCE, EPOCHS = "digits", 80`, images of 8x8 pixels. Which size is enough for these, by the column of
#    numbers in use?
