# %% [markdown]
# # Other VAEs, and new images
#
# Seven variants in one loop, what each changes, and the two ways to better samples: a prior that learns, and a
# density fitted afterwards.
#
# More than a hundred variants are known here. They are easier to understand side by side than one by one: each
# changes one piece of the same machine.

# %%
# %pip install -q elbowroom

# %%
import torch

import elbowroom as er

SOURCE, EPOCHS = "digits", 30  # or "mnist", 5: 28x28 pixels, minutes

data = er.load_data(SOURCE, binarize="threshold")
SETTINGS = {"epochs": EPOCHS, "lr": 0.005, "sampler": "none", "watch": ("test",)}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}

# %% [markdown]
# The pixels are made black and white, so that the likelihood is one and the bounds of all models can be compared.
#
# ## The variants
#
# | recipe | what it changes | the idea |
# |---|---|---|
# | `vae` | | Kingma & Welling 2014 |
# | `beta_vae` | the weight of the KL | fewer, more independent numbers |
# | `iwae` | the bound: several draws | a tighter bound is a better teacher |
# | `vamp_vae` | the prior: a mixture of posteriors of learned images | a prior where the images are |
# | `iaf_vae` | the posterior: a flow | an encoder that may bend its normal |
# | `wae_mmd` | the KL is traded for a distance of all latents from the prior | no noise needed |
# | `vq_vae` | the latent: entries of a codebook | words instead of numbers |

# %%
VARIANTS = {
    "vae": {"latent": 10},
    "beta_vae": {"latent": 10, "beta": 2.0},
    "iwae": {"latent": 10, "k": 5},
    "vamp_vae": {"latent": 10},
    "iaf_vae": {"latent": 10},
    "wae_mmd": {"latent": 10},
    "vq_vae": {},
}
runs = {}
for name, arguments in VARIANTS.items():
    parts = er.recipes.find(name)(data.shape, seed=0, **arguments)
    print(f"{name:9} {parts[1]!r}"[:100])
    runs[name] = er.fit(*parts, data, out=f"runs/{name}", **SETTINGS)

# %% [markdown]
# Read the printed lines: the whole difference between most of them is in these objectives. The others differ in a
# distribution; `er.recipes.vamp_vae` in a cell says in which.
#
# ## What they reach
#
# The bound of log p(x) with fifty draws, for those that have one, and the squared error of reconstructions:

# %%
x = data.test.first(len(data.test)).x
models = {name: er.load(run) for name, run in runs.items()}
for name, model in models.items():
    error = (model.reconstruct(x) - x).square().flatten(1).sum(1).mean().item()
    if name == "wae_mmd":
        print(
            f"{name:9} squared error {error:5.2f}, no bound: its encoder gives points"
        )
        continue
    measured = er.evaluate(model, data, metrics="likelihood", samples=50)
    bound = measured["importance_bound" if name != "vq_vae" else "elbo"].value
    print(
        f"{name:9} squared error {error:5.2f}, log p(x) at least {bound:.2f} nats"
    )

# %% [markdown]
# The two columns do not agree, and need not. A model without noise in its latent reconstructs best, and has no
# probability to give. The bound of the codebook is far below the others, since it pays for each code of its map, and
# the doctor has seen that few of its 512 codes are chosen at all. Between the other bounds, mind the standard error
# of some tenths of a nat, and that this is one seed.
#
# ## What they draw
#
# Ten samples of each prior. The codebook of `vq_vae` has a prior of how often each code is used, and no more: nothing
# says which codes go together.

# %%
torch.manual_seed(0)
er.show([model.sample(10) for model in models.values()], labels=list(models))

# %% [markdown]
# ## Better samples, first way: a prior that learns
#
# Samples of the prior are poor where the prior has mass and no image lies. `vamp_vae` moves the prior to the images
# while it trains: p(z) is a mixture of the posteriors of pseudo-inputs, images that are learned.
#
# ## Second way: a density fitted afterwards
#
# Leave the training as it is, and fit a density to the latents of training images; then draw from that. It takes a
# second, and it works for models without any prior:

# %%
er.fit_sampler(runs["vae"], "mixture:10")
er.fit_sampler(runs["wae_mmd"], "mixture:10")
torch.manual_seed(0)
rows, labels = [], []
for name in ("vae", "wae_mmd"):
    for sampler in ("prior", "mixture:10"):
        rows.append(er.load(runs[name], sampler=sampler).sample(10))
        labels.append(f"{name}, {sampler}")
er.show(rows, labels=labels)

# %% [markdown]
# By the eye of a classifier's features (FID; smaller is nearer to the test images):

# %%
for name in ("vae", "wae_mmd"):
    measured = er.evaluate(
        runs[name],
        metrics="images",
        sampler=["prior", "mixture:10"],
        samples=1,
        save=False,
    )
    for row in ("frechet_distance", "frechet_distance[mixture:10]"):
        print(f"{name:8} {row:30} {measured[row].value:6.2f}")

# %% [markdown]
# This is what `elbowroom train faces` does for a folder of portraits, and where most of the quality of its new faces
# comes from ([convolutions and faces](06_convolutions_and_faces.ipynb)). The ELBO is the same with every sampler: it
# is a property of model and prior.
#
# ## Which one, then?
#
# [Which recipe for what](../recipes.md) answers by job. In short: for a likelihood, the tightest bound you can pay
# for; for samples, a sharp autoencoder with a fitted density, or a codebook with a network over its codes; for single
# factors, the β family; with labels, `cvae` and `m2`.
#
# ## Exercises
#
# 1. Train `vae` with the prior `prior="vamp:50"`, which is `vamp_vae` by another name. Is the bound the same?
# 2. Fit `mixture:1`, `mixture:50` and `gaussian`. What does a mixture of fifty do that is not in the spirit of new
#    images? (`elbowroom plot nearest`.)
# 3. Give `vq_vae` a prior over its codes: `er.fit_sampler(run, "pixelcnn")`. Look at its samples again.
# 4. Choose one of the hundred others by its line in `elbowroom recipes`, add it to the loop, and say what it changes.
