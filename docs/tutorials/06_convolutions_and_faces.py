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

# Or the path of a folder of portraits; or "digits", 30: 8x8 pixels, in the package.
SOURCE, EPOCHS = "frey-faces", 40

data = er.load_data(SOURCE)
SETTINGS = {"lr": 0.002, "sampler": "none", "watch": ("validation",)}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}
data

# %% [markdown]
# 1,965 frames of a video, in which one man makes faces, 28×20 pixels in gray. Neighboring frames are almost alike, so
# that validation and test are blocks of the video: a frame held out at random would have its twin in training.
#
# A folder of images is read by its path, whatever their sizes: `er.load_data("portraits", resize=64)` crops each at
# the center and resizes it; subfolders become labels.

# %%
every = torch.linspace(0, len(data.train) - 1, 20).long()
er.show(data.train.x[every].unflatten(0, (2, 10)))

# %% [markdown]
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
images = data.test[::20].x[:10]
models = {name: er.load(run) for name, run in runs.items()}
rows = [images, *(model.reconstruct(images) for model in models.values())]
er.show(rows, labels=["test frames", *models])

# %% [markdown]
# With less than a fifth of the weights, the convolutions are three nats ahead, and they keep the mouth where the
# perceptron gives a mean one. The larger the image, the more of it: at 64×64 in color the first layer of the
# perceptron alone has 64 · 64 · 3 · 400, five million weights, where a convolution has a few hundred. The second test
# frame is of a kind that training did not have: neither network knows what to do with it.
#
# ## New faces
#
# Samples of the prior are poor wherever the latents of the images are not where the prior has its mass. A density
# that is fitted to the latents of the training images, here a mixture of ten normals, takes a second, and draws from
# where the images are:

# %%
run = runs["convolutions"]
er.fit_sampler(run, "mixture:10")
torch.manual_seed(0)
samples = {
    "prior": er.load(run, sampler="prior").sample(20),
    "mixture": er.load(run, sampler="mixture:10").sample(20),
}
rows = [part for x in samples.values() for part in x.split(10)]
er.show(rows, labels=["prior", "", "mixture of 10", ""])

# %% [markdown]
# Are they new? Beside each sample of the mixture the training frame that is nearest to it:

# %%
new = samples["mixture"][:10]
frames = data.train.first(len(data.train)).x
nearest = torch.cdist(new.flatten(1), frames.flatten(1)).argmin(1)
er.show([new, frames[nearest]], labels=["new", "nearest frame"])

# %% [markdown]
# They are: the same man with another angle of the head, or a mouth between two of the video's. A sample that equals
# its neighbor would be a copy, which a mixture of as many normals as frames would make. And look at the prior's: most
# are faces here, but some are gray smears, where no frame has its latents.
#
# For a folder of portraits there is a recipe with its settings: convolutions, 64×64, 128 latents, mirroring, averaged
# weights, the best ones by the validation bound, and samples from such a mixture. It takes about ten minutes of two
# cores:
#
# ```bash
# elbowroom train faces --data FOLDER --out runs/faces
# elbowroom sample runs/faces --out new-faces.png
# ```
#
# [Faces from a folder](../faces.md) has what to expect of it, with figures beside those of other implementations, and
# the experiments by which each setting was chosen.
#
# ## Few examples
#
# Frames of one man are so alike that a few dozens of them do. Handwritten digits are not: keep only a part of MNIST's
# training images, and follow the loss of training and validation, with a perceptron, for as many steps each.


# %%
def first_examples(data, count):
    """Return data with the first so many training images, and 1,000 of the others."""
    sizes = {"train": count, "validation": 1_000, "test": 1_000}
    splits = {name: getattr(data, name) for name in sizes}
    for name, split in splits.items():
        index = torch.arange(min(sizes[name], len(split)))
        splits[name] = split.subset(index)
    return replace(data, **splits, protocol=data.protocol | {"sizes": sizes})


def train_on(few, name, **how):
    """Train the perceptron on these data, for the same number of steps."""
    parts = er.recipes.vae(few.shape, latent=16, seed=0)
    out = f"runs/{name}"
    return er.fit(
        *parts, few, steps=STEPS, batch_size=64, out=out, **how, **SETTINGS
    )


DIGITS, STEPS = "mnist", 25 * EPOCHS
digits = er.load_data(DIGITS)
COUNTS = (100, 1_000, 10_000)
curves = {count: train_on(first_examples(digits, count), count) for count in COUNTS}

figure, grid = pyplot.subplots(
    1, 3, figsize=(10, 3), layout="constrained", sharey=True, sharex=True
)
for axes, (count, run) in zip(grid, curves.items(), strict=True):
    for split in ("train", "validation"):
        metrics = run.metrics(split)
        steps = [row["step"] for row in metrics]
        axes.plot(steps, [row["loss"] for row in metrics], label=split)
    axes.set(title=f"{count:,} images", xlabel="step", ylim=(60, 220))
grid[0].set_ylabel("loss, nats per image")
grid[0].legend(frameon=False)
pyplot.show()

# %% [markdown]
# A hundred images are seen over and over, and the model learns *them*: the training loss falls on, while that of
# validation rises from the second time that it is taken. With ten thousand the two curves are almost one. The gap
# between them is what has been learned by heart.
#
# ## What helps
#
# - **More images from the same ones**: shifted by a pixel or two, and, for faces, mirrored: `shift=2` and `flip=True`
#   of `load_data`, drawn anew at every use.
# - **Stopping in time**, at the best validation loss: `er.EarlyStopping`, or `final_weights="best"`.
# - **Smaller weights**: `optimizer="adamw(weight_decay=3)"`.

# %%
few = first_examples(digits, 100)
shifted = first_examples(er.load_data(DIGITS, shift=2), 100)
HELP = {
    "nothing": (few, {}),
    "shifted": (shifted, {}),
    "best weights": (few, {"final_weights": "best"}),
    "weight decay": (few, {"optimizer": "adamw(weight_decay=3)"}),
}
for name, (images, how) in HELP.items():
    run = train_on(images, name.replace(" ", "-"), **how)
    train, test = (
        er.evaluate(er.load(run), few, split=split, metrics="likelihood",
                    samples=5)["elbo"].value
        for split in ("train", "test")
    )  # fmt: skip
    print(
        f"{name:13} ELBO of training images {train:7.1f}, of test images {test:7.1f}"
    )

# %% [markdown]
# A cure takes something from the first column and gives to the second. Shifts give most: they stand for what is true
# of digits, that a shifted three is a three. The best weights are those of the first two hundred steps, which is the
# best of a poor training. None of them is worth as much as more images: after as many steps with ten thousand, the
# loss above is 117.
#
# Faces are no different: [small sets](../labs/small_sets.md) does this with portraits, and with samples.
#
# ## Exercises
#
# 1. `er.load_data(frames)` sets aside a part of an array at random. How much better does the ELBO of its test frames
#    look, and why is the model no better?
# 2. Mirror the digits (`flip=True`). What happens to the validation loss, and why is this no cure for digits?
# 3. Draw the test ELBO over the number of training images: 32, 64, …, 1,024. Where does the curve bend?
# 4. Train the faces recipe on a folder of yours, and find the nearest training image of each sample: `elbowroom plot
#    nearest RUN --out nearest.png`.
