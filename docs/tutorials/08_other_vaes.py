# %% [markdown]
# # Other VAEs, and new images
#
# Seven variants in one loop, what each changes, and the two ways to better samples: a prior that learns, and a
# density fitted afterwards, with which new faces are drawn. Seven minutes of one processor core.
#
# More than a hundred variants are known here. They are easier to understand side by side than one by one: each
# changes one piece of the same machine.

# %%
# %pip install -q elbowroom

# %%
import torch

import elbowroom as er

SOURCE, EPOCHS = "mnist", 10  # or "digits", 60: 8x8 pixels, in the package

data = er.load_data(SOURCE, binarize="threshold", validation=3 / 4)
SETTINGS = {"epochs": EPOCHS, "lr": 0.002, "sampler": "none", "watch": ()}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}
FACES, FACE_EPOCHS = "frey-faces", 30

# %% [markdown]
# The pixels are made black and white, so that the likelihood is one and the bounds of all models can be compared. Three
# quarters of MNIST's training images are set aside, which leaves 15,000: enough to see what differs, in minutes.
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
# The bound of log p(x) with twenty draws, for those that have one, and the squared error of reconstructions:

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
    measured = er.evaluate(model, data, metrics="likelihood", samples=20)
    bound = measured["importance_bound" if name != "vq_vae" else "elbo"].value
    print(
        f"{name:9} squared error {error:5.2f}, log p(x) at least {bound:.2f} nats"
    )

# %% [markdown]
# Of those with ten numbers `vamp_vae` is ahead by almost four nats; the others lie within two or so of one another,
# and this is one seed. The codebook is another kind of model: it writes each image as a map of words, which is why
# its reconstructions are the best by far, and its bound the worst, since it pays for each word.
# `wae_mmd` has no noise in its latent, and no probability to give for an image.
#
# ## What they draw
#
# Ten samples of each prior. The codebook of `vq_vae` has a prior of how often each code is used, and no more: nothing
# says which codes go together, and strokes are strewn about. The prior of `vamp_vae` has been moved to where the
# images are, and its row is the one that can be read.

# %%
torch.manual_seed(0)
er.show([model.sample(10) for model in models.values()], labels=list(models))

# %% [markdown]
# ## New faces
#
# Two ways lead to better samples: a prior that learns to be where the images are, as that of `vamp_vae`; or any prior,
# or none, and a density that is fitted to the latents afterwards, which takes a second. Three models of a video's frames, with the same
# convolutions, and both ways of drawing from each:

# %%
faces = er.load_data(FACES)
VARIANTS = {
    "vae": {"likelihood": "continuous-bernoulli"},
    "wae_mmd": {},
    "rae_l2": {},
}
rows, labels, distances = [], [], {}
for name, arguments in VARIANTS.items():
    recipe = er.recipes.find(name)
    parts = recipe(
        faces.shape, network="conv", size="s", latent=16, seed=0, **arguments
    )
    how = SETTINGS | {"epochs": FACE_EPOCHS}
    run = er.fit(*parts, faces, out=f"runs/faces-{name}", **how)
    er.fit_sampler(run, "mixture:10")
    samplers = ["prior", "mixture:10"] if parts[0].has_prior else ["mixture:10"]
    torch.manual_seed(0)
    for sampler in samplers:
        rows.append(er.load(run, sampler=sampler).sample(10))
        labels.append(f"{name}, {sampler}")
    distances[name] = er.evaluate(
        run, faces, metrics="images", sampler=samplers, samples=1, save=False
    )
er.show(rows, labels=labels)

# %% [markdown]
# By the distance of features (FID; smaller is nearer to the test frames), and by how far training frames are from
# them, which is what a perfect model would have:

# %%
ROWS = "frechet_distance", "frechet_distance[mixture:10]"
for name, measured in distances.items():
    for row in ROWS:
        if measured[row].value is not None:
            print(f"{name:8} {row:30} {measured[row].value:7.2f}")
floor = distances["vae"]["frechet_distance_floor"].value
print(f"training frames {floor:38.2f}")

# %% [markdown]
# Where a KL has drawn the latents to the prior, as in `vae`, a fitted mixture changes little. `wae_mmd` is held near
# its prior by a distance that four hundred steps have hardly acted on: from the prior it draws noise, and from the
# mixture sharper faces than the `vae` has. `rae_l2` has no prior at all, and does as well. The ELBO is the same with
# every sampler: it is a property of model and prior.
#
# `elbowroom train faces` does this for a folder of portraits ([convolutions and
# faces](06_convolutions_and_faces.ipynb)), and a fitted density is where most of the quality of its new faces comes
# from.
#
# ## Which one, then?
#
# [Which recipe for what](../recipes.md) answers by job. In short: for a likelihood, the tightest bound you can pay
# for; for samples, a sharp autoencoder with a fitted density, or a codebook with a network over its codes; for single
# factors, the β family; with labels, `cvae` and `m2`.
#
# ## Exercises
#
# 1. Train `vae` with the prior `prior="vamp:50"`, which is `vamp_vae` with fewer pseudo-inputs. How much of the bound
#    is left?
# 2. Fit `mixture:1`, `mixture:50` and `gaussian`. What does a mixture of fifty do that is not in the spirit of new
#    images? (`elbowroom plot nearest`.)
# 3. Give `vq_vae` a prior over its codes: `er.fit_sampler(run, "pixelcnn")`. Look at its samples again.
# 4. Choose one of the hundred others by its line in `elbowroom recipes`, add it to the loop, and say what it changes.
