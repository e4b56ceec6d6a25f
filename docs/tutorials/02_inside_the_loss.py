# %% [markdown]
# # Inside the loss
#
# What the KL charges for, why sums must not become means, what β trades, and how a latent that carries nothing is
# found and cured.
#
# The loss of a VAE is one line, *reconstruction + KL*, and most trainings that fail do so within this line. We look
# at each part by itself, break it in the three ways in which it is usually broken, and mend it. [Your first
# VAE](01_first_vae.ipynb) explains the words. Six models are trained on MNIST, five epochs each: five minutes of one
# processor core.

# %%
# %pip install -q elbowroom

# %%
import math
import warnings

import torch
from matplotlib import pyplot

import elbowroom as er

SOURCE, EPOCHS = "mnist", 5  # or "digits", 80: 8x8 pixels, in the package, seconds

data = er.load_data(SOURCE)
pixels = math.prod(data.shape)

# %% [markdown]
# ## What the KL charges for
#
# The encoder answers with a normal of mean μ and standard deviation σ for each number of the latent; the prior is the
# normal of mean 0 and deviation 1. The divergence between the two can be written down:
#
# $$KL = \tfrac12 (\mu^2 + \sigma^2 - 1 - \log \sigma^2)$$
#
# It is what it costs, in nats, to tell the decoder a z that is better known than the prior has it.

# %%
mean = torch.linspace(-3, 3, 121)[None]
log_variance = torch.linspace(-6, 2, 161)[:, None]
kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)

figure, axes = pyplot.subplots(figsize=(6.5, 4), layout="constrained")
levels = (0, 0.1, 0.5, 1, 2, 3, 4, 6, 8)
grid = mean[0], log_variance[:, 0] / 2, kl
axes.contourf(*grid, levels, cmap="cividis_r")
lines = axes.contour(*grid, levels, colors="white", linewidths=0.6)
axes.clabel(lines, fontsize=8)
axes.plot(0, 0, "o", color="#D55E00")
axes.annotate("nothing is said: 0 nats", (0, 0), (0, 8), ha="center",
              textcoords="offset points")  # fmt: skip
axes.set(xlabel="mean μ", ylabel="log σ", title="KL of one number, in nats")
pyplot.show()

# %% [markdown]
# Three things can be read off.
#
# - It is zero at one point only, μ = 0 and σ = 1. There every image has the same posterior, and z says nothing.
# - To the sides it grows with the square of the mean: far from the prior is dear.
# - Downwards it grows slowly, with minus the logarithm of σ. To know a number twice as exactly costs log 2 ≈ 0.7 nats
#   more, wherever you start.
#
# So a number of the latent is kept only if knowing it saves more in the reconstruction than it costs here.
#
# ## The mean instead of the sum
#
# The commonest mistake in VAEs written by hand: the reconstruction is *averaged* over pixels, as `F.mse_loss` and
# `F.binary_cross_entropy` do when nothing else is said, while the KL is summed. The reconstruction is then too small
# by the number of pixels. Train both.

# %%
SETTINGS = {"epochs": EPOCHS, "lr": 0.002, "sampler": "none"}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}


def train(name, objective=None, **more):
    """Train the classic VAE, with another objective or another callback."""
    model, own = er.recipes.vae(data.shape, seed=0)
    out = f"runs/{name}"
    return er.fit(model, objective or own, data, out=out, **SETTINGS, **more)


summed = train("summed", er.Reconstruction() + er.KL())

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the training itself warns: see below
    objective = er.Reconstruction() / pixels + er.KL()
    averaged = train("averaged", objective)

# %%
models = {"summed": er.load(summed), "averaged": er.load(averaged)}
images = data.test[:10].x
rows = [images, *(model.reconstruct(images) for model in models.values())]
er.show(rows, labels=["images", *models])

# %% [markdown]
# The second model answers every image with the same gray mean of all. Nothing crashed, and its loss fell like any
# other. The KL shows what happened. In the first model each of the twenty numbers carries something, 25 nats
# together; in the second there is nothing at all. Every number of the latent was too dear for a reconstruction that
# counted for almost nothing.

# %%
er.plot("kl", summed)

# %%
for name, run in (("summed", summed), ("averaged", averaged)):
    kl = er.evaluate(run, metrics="likelihood", samples=5)["kl"].value
    print(f"{name:9} KL {kl:.4f} nats per image")

# %% [markdown]
# A training that is watched says so by itself. The doctor compares the weights of the terms with those of the ELBO,
# from the metrics that every run keeps:

# %%
er.doctor.examine(averaged)

# %% [markdown]
# ## What β trades
#
# Give the KL another weight on purpose, and you have the β-VAE (Higgins et al. 2017). The same images, with a tenth
# to ten times of the KL:

# %%
WEIGHTS = (0.1, 1.0, 10.0)


def train_beta(beta):
    """Train the classic VAE with a weighted KL."""
    if beta == 1:
        return summed
    return train(f"beta-{beta}", er.Reconstruction() + beta * er.KL())


by_weight = {beta: train_beta(beta) for beta in WEIGHTS}
print("   β   reconstruction      KL   ELBO (β = 1)   numbers in use")
for beta, run in by_weight.items():
    measured = er.evaluate(run, metrics="likelihood,latent", samples=5)
    names = "reconstruction", "kl", "elbo", "active_units"
    reconstruction, kl, elbo, used = (measured[name].value for name in names)
    print(f"{beta:4} {reconstruction:16.1f} {kl:7.1f} {elbo:14.1f} {used:16.0f}")

# %%
torch.manual_seed(0)
models = {beta: er.load(run) for beta, run in by_weight.items()}
rows = [model.reconstruct(images) for model in models.values()]
rows += [model.sample(10) for model in models.values()]
names = [f"{what}, beta {beta}" for what in ("again", "new") for beta in models]
er.show([images, *rows], labels=["images", *names])

# %% [markdown]
# A small β gives the sharpest reconstructions, and samples of which hardly one is a digit: the latents have moved
# away from the prior, which hardly anybody pays for, so that the prior draws where no image lies. With ten times the
# KL three nats pass in place of 25, and six numbers of twenty. That is enough for a soft 7 or 1; a 4 comes back as a
# 9, and a 5 as a blot. Its samples are as soft, and more of them could pass for a digit than with β = 0.1. β is not a
# quality knob: it says how much of the message may pass. The ELBO column is the bound of log p(x) whatever the weight
# was in training, and of these three it is highest where the weight was one, which is what was maximized there.
#
# ## Collapse, and its cures
#
# Early in training the decoder cannot use z yet, and the KL is already charged. The cheapest thing is then to say
# nothing, and from there some models never come back; those with a decoder that can do without z most of all. Two
# cures change the start of the training:
#
# - **Warm-up**: the weight of the KL grows from 0 to 1. The latent is used first, and paid for later.
# - **Free bits**: the first nats of each number cost nothing, so that there is no reason to give it up.

# %%
cured = {
    "as it is": summed,
    "warm-up": train("warm-up", callbacks=[er.Warmup(0.5)]),
    "free bits": train("free-bits", callbacks=[er.FreeBits(0.5)]),
}
print("             ELBO      KL   numbers in use")
for name, run in cured.items():
    measured = er.evaluate(run, metrics="likelihood,latent", samples=5)
    names = "elbo", "kl", "active_units"
    elbo, kl, used = (measured[name].value for name in names)
    print(f"{name:9} {elbo:8.2f} {kl:7.2f} {used:16.0f}")

# %% [markdown]
# Here there was nothing to cure. All twenty numbers are in use in each of the three, and the ELBOs lie within half a
# nat; the one without a cure is highest. On simple images, with a decoder that needs its z, a VAE uses what helps and
# leaves out the rest, and that is right. More numbers in use would not be a better model yet either: compare the
# ELBO. The cures earn their place where *all* of the latent is lost: with strong decoders, which write pixel after
# pixel or word after word, and in deep hierarchies.
#
# ## Exercises
#
# 1. In the picture of the KL, find σ for a number with μ = 0 that costs one nat. By how many bits is it then better
#    known than the prior?
# 2. `F.mse_loss(x_hat, x)` averages over pixels *and* images. By which factor is it too small for 28×28 pixels? Which
#    β would you have to give to the KL to undo it?
# 3. Train with `er.KL() * er.ramp(0, 1, 500)` in place of the warm-up. Where is the difference?
# 4. Train `er.recipes.capacity_vae`, whose KL is held at a number of nats that grows. At which number do the samples
#    begin to be digits?
# 5. Take `SOURCE, EPOCHS = "digits", 80`. How many numbers are in use there, without and with each cure? Where is the
#    ELBO best?
