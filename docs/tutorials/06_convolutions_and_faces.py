# %% [markdown]
# # Convolutions, faces, and small sets
#
# Why images want convolutions, what a folder of portraits takes, and what to do when there are only a few hundred of
# them.
#
# A perceptron sees an image as a list of pixels: shift it by one, and it is another list. A convolution looks at
# neighborhoods, with the same weights everywhere. That saves weights, and it saves examples, which is what small sets
# are short of.

# %%
# %pip install -q elbowroom

# %%
from dataclasses import replace

import torch
from matplotlib import pyplot

import elbowroom as er

# Or "frey-faces", 8: 1,965 frames of one face, 28x20; or the path of a folder of yours.
SOURCE, EPOCHS = "digits", 30

data = er.load_data(SOURCE)
SETTINGS = {"lr": 0.002, "sampler": "none", "watch": ("validation",)}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}
data

# %% [markdown]
# A folder of images is read by its path, whatever their sizes: `er.load_data("portraits", resize=64)` crops each at
# the center and resizes it; subfolders become labels.
#
# ## Perceptron against convolutions
#
# `vae` and `conv_vae` are the same model but for their networks and some defaults. To change one thing only, we take
# `vae` twice, with another `network`, and the same likelihood for gray values.

# %%
NETWORKS = {
    "perceptron": {"network": "mlp"},
    "convolutions": {"network": "conv", "size": "s"},
}

runs = {}
for name, network in NETWORKS.items():
    parts = er.recipes.vae(
        data.shape, latent=16, likelihood="continuous-bernoulli", seed=0, **network
    )
    weights = sum(p.numel() for p in parts[0].parameters())
    run = er.fit(*parts, data, epochs=EPOCHS, out=f"runs/{name}", **SETTINGS)
    runs[name] = run
    loss = run.metrics("validation")[-1]["loss"]
    print(f"{name:13} {weights:9,} weights, validation loss {loss:8.2f}")

# %%
torch.manual_seed(0)
images = data.test[:10].x
models = {name: er.load(run) for name, run in runs.items()}
rows = [images, *(model.reconstruct(images) for model in models.values())]
rows += [model.sample(10) for model in models.values()]
labels = [f"{name}, {what}" for what in ("again", "new") for name in models]
er.show(rows, labels=["images", *labels])

# %% [markdown]
# On images of 8×8 pixels the perceptron is ahead after as many epochs. The convolutions have a sixth of its weights,
# and take more steps to get as far. The larger the image, the more this turns: at 64×64 the first layer of the
# perceptron alone has 64 · 64 · 3 · 400, five million weights, where a convolution has a few hundred. Samples of the
# prior are poor for both, with a latent this large; that has its own cure, in [other VAEs](08_other_vaes.ipynb).
#
# ## Few examples
#
# Now keep only a part of the training images, and follow the loss of training and validation.


# %%
def first_examples(data, count):
    """Return the data with the first so many training images."""
    train = data.train.subset(torch.arange(min(count, len(data.train))))
    sizes = data.protocol["sizes"] | {"train": len(train)}
    return replace(data, train=train, protocol=data.protocol | {"sizes": sizes})


def train_on(few, name, **how):
    """Train the perceptron on these data, for the same number of steps."""
    parts = er.recipes.vae(
        data.shape, latent=16, likelihood="continuous-bernoulli", seed=0
    )
    out = f"runs/{name}"
    return er.fit(
        *parts, few, steps=STEPS, batch_size=64, out=out, **how, **SETTINGS
    )


COUNTS = (64, 256, 1024)
STEPS = 20 * EPOCHS
curves = {count: train_on(first_examples(data, count), count) for count in COUNTS}

figure, grid = pyplot.subplots(
    1, 3, figsize=(10, 3), layout="constrained", sharey=True, sharex=True
)
for axes, (count, run) in zip(grid, curves.items(), strict=True):
    for split in ("train", "validation"):
        metrics = run.metrics(split)
        steps = [row["step"] for row in metrics]
        axes.plot(steps, [row["loss"] for row in metrics], label=split)
    axes.set(title=f"{count} images", xlabel="step")
grid[0].set_ylabel("loss, nats per image")
grid[0].legend(frameon=False)
pyplot.show()

# %% [markdown]
# The same number of steps for all three. With 64 images each is seen six hundred times, and the model learns *them*:
# the training loss falls on, while the validation loss stands still. With a thousand the two curves are one. The gap
# between them is what has been learned by heart.
#
# ## What may help
#
# - **More images from the same ones**: shifted by a pixel, and, for faces, mirrored: `shift=1` and `flip=True` of
#   `load_data`, drawn anew at every use.
# - **Stopping in time**, at the best validation loss: `er.EarlyStopping`, or `final_weights="best"`.
# - **Smaller weights**: `optimizer="adamw(weight_decay=0.1)"`.

# %%
shifted = first_examples(er.load_data(SOURCE, shift=1), 64)
HELP = {
    "nothing": (first_examples(data, 64), {}),
    "shifted": (shifted, {}),
    "weight decay": (
        first_examples(data, 64),
        {"optimizer": "adamw(weight_decay=0.3)"},
    ),
    "best weights": (first_examples(data, 64), {"final_weights": "best"}),
}
for name, (few, how) in HELP.items():
    run = train_on(few, name.replace(" ", "-"), **how)
    train, test = (
        er.evaluate(er.load(run), data if split == "test" else few, split=split,
                    metrics="likelihood", samples=5)["elbo"].value
        for split in ("train", "test")
    )  # fmt: skip
    print(
        f"{name:13} ELBO of training images {train:7.1f}, of test images {test:7.1f}"
    )

# %% [markdown]
# A cure takes something from the first column and gives to the second. Here none does, and it pays to ask why. The
# validation curve has not turned yet, so that there is no better moment to stop at. A pixel is an eighth of these
# images' width: shifted digits are not what the test images are. And the decay is too weak to bind within so few
# steps. On faces with hundreds of pixels the same three are worth a lot ([small sets](../labs/small_sets.md)).
# Measure before you believe in a cure; and none of them replaces images.
#
# ## Faces
#
# For a folder of portraits there is a recipe with its settings: convolutions, 64×64, 128 latents, mirroring, averaged
# weights, the best ones by the validation bound, and samples from a density that is fitted to the latents. It takes
# about ten minutes of two cores:
#
# ```bash
# elbowroom train faces --data FOLDER --out runs/faces
# elbowroom sample runs/faces --out new-faces.png
# ```
#
# [Faces from a folder](../faces.md) has what to expect of it, with figures beside those of other implementations, and
# the experiments by which each setting was chosen.
#
# ## Exercises
#
# 1. Take `SOURCE, EPOCHS = "frey-faces", 8`, and look at the networks again. The frames are those of a video: why are
#    frames held out at random no test?
# 2. Mirror the digits (`flip=True`). What happens to the validation loss, and why is this no cure for digits?
# 3. Draw the test ELBO over the number of training images: 32, 64, …, 1,024. Where does the curve bend?
# 4. Train the faces recipe on a folder of yours, and find the nearest training image of each sample: `elbowroom plot
#    nearest RUN --out nearest.png`.
