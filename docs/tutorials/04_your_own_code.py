# %% [markdown]
# # Your own code: modules, losses, callbacks, a loop
#
# A plain PyTorch module and loss in our loop; callbacks that share a state; and our models in a loop of yours.
#
# Nothing has to inherit from anything. Bring as much or as little as you like: each section replaces another piece by
# your own. Three models are trained on MNIST, five epochs each: two and a half minutes of one processor core.

# %%
# %pip install -q elbowroom

# %%
import math

import torch
import torch.nn.functional as F
from matplotlib import pyplot
from torch import nn

import elbowroom as er
from elbowroom.training.state import LOSS, MODEL, ROW, STOP

SOURCE, EPOCHS = "mnist", 5  # or "digits", 80: 8x8 pixels, in the package, seconds

data = er.load_data(SOURCE)
pixels = math.prod(data.shape)
SETTINGS = {"epochs": EPOCHS, "lr": 0.002, "sampler": "none"}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}

# %% [markdown]
# ## A module and a loss, as you have them
#
# This is the VAE that most people have written once. It returns three tensors, and the loss is a function of these
# and the batch.


# %%
class PlainVAE(nn.Module):
    """Encoder and decoder with one hidden layer each."""

    def __init__(self, latent=10, hidden=200):
        super().__init__()
        self.hidden = nn.Linear(pixels, hidden)
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.back = nn.Linear(latent, hidden)
        self.out = nn.Linear(hidden, pixels)

    def decode(self, z):
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def forward(self, x):
        h = F.relu(self.hidden(x.flatten(1)))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        return self.decode(z), mu, logvar


def reconstruction_and_kl(output, x):
    """Return the loss, summed over pixels, latents and the batch."""
    again, mu, logvar = output
    target = x.flatten(1)
    bce = F.binary_cross_entropy(again, target, reduction="sum")
    return bce + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


# %% [markdown]
# `er.Loss` makes a term of the function. `reduction="sum"` says that it sums over the batch, so that the loop can
# divide: losses are nats per image everywhere.

# %%
torch.manual_seed(0)
model = PlainVAE()
loss = er.Loss(reconstruction_and_kl, reduction="sum")
run = er.fit(model, loss, data, out="runs/plain", **SETTINGS)
run

# %% [markdown]
# Checkpoints, resuming, curves: all of it is there, because none of it looks into the model. A module that returns
# *(reconstruction, mu, logvar)* can be evaluated as well; the trained weights are in `model`.

# %%
er.evaluate(model, data, metrics="likelihood", samples=5)

# %% [markdown]
# ## Callbacks, and the state that they share
#
# A callback is a function that is called at a point of each step. It gets the *state*, where the loop keeps what it
# is doing under typed keys. Callbacks may read it, change it, and add keys of their own.
#
# Here are three. The first looks: it keeps the size of each gradient. The second changes the training: it adds a term
# to the loss before the gradients are taken, here a penalty on large means, which the model leaves in the state for
# it. The third ends the training when the loss is good enough.

# %%
MEANS = er.state_key("means")
GOOD_ENOUGH = 120  # nats per image; of the digits, 25
norms = []


class StatefulVAE(PlainVAE):
    """As before; it also leaves its means in the state."""

    def forward(self, x, state):
        output = super().forward(x)
        state[MEANS] = output[1]
        return output


@er.on.backward
def keep_gradient_norm(state):
    gradients = [p.grad.norm() for p in state[MODEL].parameters()]
    norms.append(torch.stack(gradients).norm().item())


@er.on.loss
def hold_means_together(state):
    state[LOSS] = state[LOSS] + 0.1 * state[MEANS].square().sum(1).mean()


@er.on.row
def stop_when_good_enough(state):
    if state[ROW].get("split") == "train" and state[ROW]["loss"] < GOOD_ENOUGH:
        state[STOP] = "good enough"


# %%
torch.manual_seed(0)
callbacks = [keep_gradient_norm, hold_means_together, stop_when_good_enough]
stopped = er.fit(
    StatefulVAE(),
    loss,
    data,
    out="runs/callbacks",
    callbacks=callbacks,
    pass_state=True,
    **SETTINGS,
)
print(stopped.state, "after", len(norms), "steps")

figure, axes = pyplot.subplots(figsize=(6, 2.5), layout="constrained")
axes.semilogy(norms)
axes.set(xlabel="step", ylabel="norm of the gradient")
pyplot.show()

# %% [markdown]
# The training ended in its fourth epoch of five. Its gradients fall within the first fifty steps, come back, and keep
# their size while the loss falls: they are those of batches, and say little of how near the end is.
#
# Ready-made callbacks are passed in the same list: `er.Warmup`, `er.FreeBits`, `er.GradientClipping`,
# `er.LRSchedule`, `er.EMA`, `er.EarlyStopping`. Further points are `start`, `batch`, `forward`, `step`, `validation`,
# `epoch`, `checkpoint` and `end`; `er.every(10, callback)` and `er.once(callback)` say how often.
#
# ## Our models in your loop
#
# The other way round: keep your loop, and take the model and its loss from here. One pass through a model is a
# *draw*, with the latents and all densities in it; an objective turns a draw into a number that can be
# differentiated.

# %%
model, objective = er.recipes.vae(data.shape, latent=10, seed=0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
x = data.train.first(len(data.train)).x
generator = torch.Generator().manual_seed(0)

step, losses = 0, []
for _ in range(EPOCHS):
    for batch in x[torch.randperm(len(x), generator=generator)].split(128):
        draw = model.draw(batch)
        value = objective(draw, torch.tensor(step))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        step += 1
print(f"{losses[0]:.1f} nats at first, {losses[-1]:.1f} at the end")

# %% [markdown]
# `step` is there for terms that change with time, as a warm-up does. What is in a draw:

# %%
draw = model.draw(x[:4])
print("z        ", tuple(draw.z.shape))
print("log p(x|z)", draw.log_px.tolist())
print("KL        ", draw.kl.tolist())

# %%
model.eval()
torch.manual_seed(0)
images = data.test[:10].x
rows = [images, model.reconstruct(images), model.sample(10)]
er.show(rows, labels=["images", "again", "new"])

# %% [markdown]
# What your loop does not have: the order of examples, noise and weights on record, a run that goes on after a crash,
# figures of held-out images with the same noise each time. Whether you need them is for you to say; they are one
# `er.fit` away.
#
# ## Exercises
#
# 1. Let `hold_means_together` have no weight, and 1 instead of 0.1. What becomes of the KL?
# 2. Write a callback with `@er.on.validation` that saves the reconstructions of the first eight validation images
#    (`state[DATA].validation`).
# 3. Return the logits from `PlainVAE`, use `F.binary_cross_entropy_with_logits`, and compare speed and loss.
# 4. Add a second term to `objective`: `objective + 10 * er.MMD()`. Which line of the loop has to change?
