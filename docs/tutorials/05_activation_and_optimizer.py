# %% [markdown]
# # ReLU and Adam, or sigmoid and AdaGrad
#
# Two things changed since the first VAEs: the activation and the optimizer. Which of them made trainings short? An
# experiment with one change at a time.
#
# The first VAEs were trained with sigmoids and AdaGrad, for many hours (Kingma & Welling 2014). A lab sheet of today
# has ReLU and Adam, and takes minutes. That the new pair is better is no secret; which of the two did it can only be
# told if each is changed alone. Four models are trained on MNIST, five epochs each: three minutes of one processor
# core.

# %%
# %pip install -q elbowroom

# %%
import torch
from matplotlib import pyplot

import elbowroom as er

SOURCE, EPOCHS = "mnist", 5  # or "digits", 80: 8x8 pixels, in the package, seconds

data = er.load_data(SOURCE)
SETTINGS = {"epochs": EPOCHS, "sampler": "none", "watch": ("test",)}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}

# %% [markdown]
# ## One change at a time
#
# Four corners of a square: two activations, two optimizers. The rest is the same: networks, weights at the start (up
# to what the activation changes), order of images. AdaGrad gets ten times the rate of Adam, since it divides by *all*
# past gradients and slows down by itself.

# %%
CORNERS = {
    "ReLU, Adam": ("relu", "adam", 0.002),
    "sigmoid, Adam": ("sigmoid", "adam", 0.002),
    "ReLU, AdaGrad": ("relu", "adagrad", 0.02),
    "sigmoid, AdaGrad": ("sigmoid", "adagrad", 0.02),
}
COLORS = ("#0072B2", "#56B4E9", "#D55E00", "#E69F00")

runs = {}
for name, (activation, optimizer, lr) in CORNERS.items():
    parts = er.recipes.vae(data.shape, activation=activation, seed=0)
    out = f"runs/{activation}-{optimizer}"
    how = {"optimizer": optimizer, "lr": lr}
    runs[name] = er.fit(*parts, data, out=out, **how, **SETTINGS)

# %%
figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
for color, (name, run) in zip(COLORS, runs.items(), strict=True):
    rows = run.metrics("test")
    epochs = [row["epoch"] for row in rows]
    axes.plot(epochs, [row["loss"] for row in rows], color=color, label=name)
axes.set(xlabel="epochs", ylabel="test loss, nats per image")
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend(frameon=False)
pyplot.show()

# %%
final = {name: run.metrics("test")[-1]["loss"] for name, run in runs.items()}
for name, loss in final.items():
    print(f"{name:17} {loss:.2f}")
sigmoid = final["sigmoid, Adam"] - final["ReLU, Adam"]
adagrad = final["ReLU, AdaGrad"] - final["ReLU, Adam"]
print(f"the sigmoid costs {sigmoid:.2f} nats, AdaGrad {adagrad:.2f}")

# %% [markdown]
# Read the square along its sides: from the first row to the second the activation changes and nothing else, from the
# first to the third the optimizer. If the two did not depend on each other, the fourth corner would lie as far from
# the first as both steps together, 16 nats. It lies 30 away: each makes the other worse. Seen from the old pair, one
# change is most of the way. ReLU alone gains 21 nats, Adam alone 23, both together 30.
#
# So neither did it alone, and they help at different times. After the first epoch ReLU with AdaGrad is ahead of the
# sigmoid with Adam; from the fourth it is behind, and its curve is the flatter of the two.
#
# ## Why the sigmoid is slow
#
# Its slope is at most a quarter, and near zero where its input is large. Each layer multiplies the gradient by that
# slope on the way back. Look at how much arrives at the first layer of the encoder, before the first step:

# %%
x = data.train.first(256).x
for activation in ("relu", "tanh", "sigmoid"):
    for depth in (1, 3):
        hidden = (400,) * depth
        model, objective = er.recipes.vae(
            data.shape, activation=activation, hidden=hidden, seed=0
        )
        torch.manual_seed(0)
        objective(model.draw(x), torch.tensor(0)).backward()
        first = next(model.encoder.parameters())
        size = first.grad.norm().item()
        print(f"{activation:8} {depth} hidden layers: gradient {size:.5f}")

# %% [markdown]
# With one hidden layer the sigmoid's signal is two fifths of that of ReLU, with three layers a fifth. Adam divides
# each gradient by its usual size, so that a weak signal is no slower than a strong one, as long as its direction is
# right. That is the second half of the answer: a good optimizer forgives a bad activation, to some depth.
#
# ## Why AdaGrad slows down
#
# Both divide by the size of past gradients. AdaGrad *adds up* all of them, so that its steps can only become shorter;
# Adam forgets, with a memory of about a thousand steps. Follow one weight with a gradient of constant size:

# %%
RATES = {"Adam": 0.002, "Adagrad": 0.02}
figure, axes = pyplot.subplots(figsize=(6, 2.6), layout="constrained")
for color, (kind, lr) in zip(COLORS[::2], RATES.items(), strict=True):
    weight = torch.zeros(1, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([weight], lr=lr)
    sizes = []
    for _ in range(500):
        before = weight.item()
        weight.grad = torch.ones(1)
        optimizer.step()
        sizes.append(abs(weight.item() - before))
    axes.semilogy(sizes, color=color, label=f"{kind}, rate {lr}")
axes.set(xlabel="step", ylabel="size of the step")
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# AdaGrad's steps fall with one over the square root of their number: after a hundred steps at ten times the rate it
# is as slow as Adam, and later slower. A hundred steps are less than a quarter of an epoch of MNIST, which has 461.
# For a convex problem the shrinking steps are what guarantees that it arrives. For a network they mean that the rate
# has to be chosen for the length of the training.
#
# ## Exercises
#
# 1. Give AdaGrad 0.05 and 0.1. Does the order of the corners change? And with the rate of Adam at 0.0005?
# 2. Repeat ReLU with Adam for `seed=1` and `seed=2`. How large must a difference between corners be before you
#    believe it?
# 3. Which activation between the two would you expect `softplus` to resemble? Try it.
# 4. `elbowroom lab convergence` runs a like experiment for ten epochs, with 500 hidden units and other rates. Compare
#    its table with yours: how far has the sigmoid with Adam come by then?
