# %% [markdown]
# # Pyro: model, guide, SVI
#
# Variational inference by itself, first for a straight line, then for a VAE: Pyro and elbowroom compute the same
# ELBO; and t-SNE of the test set.
#
# A VAE is a special case of something older: a probabilistic *model*, whose unknown quantities get an approximate
# posterior, the *guide*, by stochastic variational inference (SVI). Pyro is a language for exactly this. We begin
# with a model whose posterior is known.

# %%
# %pip install -q "elbowroom[pyro]"

# %%
import pyro
import pyro.distributions as dist
import torch
from matplotlib import pyplot
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO

import elbowroom as er
from elbowroom.integrations.pyro import bridge

SOURCE, EPOCHS = "digits", 40  # or "mnist", 5: 28x28 pixels, minutes

pyro.set_rng_seed(0)

# %% [markdown]
# ## A straight line
#
# Twenty points on a line with noise. Slope and intercept are unknown, with a normal prior each: Bayesian linear
# regression. The *model* says how the data came about; the *guide* has the same unknowns, with means and deviations
# to be learned.

# %%
x = torch.linspace(-1, 2, 20)
y = 0.7 * x - 0.4 + 0.3 * torch.randn(20)


def line(x, y):
    """Draw a line from the prior, and points around it."""
    w = pyro.sample("w", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("points", len(x)):
        pyro.sample("y", dist.Normal(w[0] * x + w[1], 0.3), obs=y)


def guide(x, y):
    """Draw a line from the approximate posterior."""
    mean = pyro.param("mean", torch.zeros(2))
    scale = pyro.param(
        "scale", 0.5 * torch.ones(2), constraint=dist.constraints.positive
    )
    pyro.sample("w", dist.Normal(mean, scale).to_event(1))


# The rate falls with every step, so that the noise of single draws dies away.
optimizer = pyro.optim.ClippedAdam({"lr": 0.05, "lrd": 0.994})
svi = SVI(line, guide, optimizer, TraceMeanField_ELBO())
losses = [svi.step(x, y) for _ in range(800)]

# %% [markdown]
# Here the exact posterior is known: a normal with full covariance, from a formula. Beside it what SVI found, which
# has to have independent coordinates:

# %%
design = torch.stack([x, torch.ones(20)], 1)
precision = design.T @ design / 0.3**2 + torch.eye(2)
exact = torch.distributions.MultivariateNormal(
    torch.linalg.solve(precision, design.T @ y / 0.3**2), precision_matrix=precision
)
mean, scale = pyro.param("mean").detach(), pyro.param("scale").detach()
print("exact mean", exact.mean.numpy(), "deviations", exact.stddev.numpy())
print("guide mean", mean.numpy(), "deviations", scale.numpy())

figure, (left, right) = pyplot.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained"
)
left.plot(losses, linewidth=0.6)
left.set(xlabel="step", ylabel="−ELBO, nats", ylim=(0, 60))
draws = exact.sample((500,))
right.scatter(*draws.T, s=4, alpha=0.5, label="exact")
right.scatter(
    *(mean + scale * torch.randn(500, 2)).T, s=4, alpha=0.5, label="guide"
)
right.set(xlabel="slope", ylabel="intercept")
right.legend(frameon=False)
pyplot.show()

# %% [markdown]
# The means agree. The guide's cloud is narrower where the exact one is long and tilted: it cannot tilt, and rather
# leaves out than covers too much. This is true of every VAE with a diagonal encoder, where nobody can look at the
# exact posterior.
#
# ## A VAE is the same, with one unknown per image
#
# `bridge` turns a model of elbowroom into a Pyro model and guide: z is the unknown, the encoder is the guide. The
# guide's parameters are not learned for each image, but by a network for all (amortization). The parameters stay
# those of the model.

# %%
data = er.load_data(SOURCE)
model, objective = er.recipes.vae(data.shape, latent=10, seed=0)
p, q = bridge(model)
images = data.train[:256].x

with torch.no_grad():
    pyros = TraceMeanField_ELBO().loss(p, q, images) / len(images)
    ours = objective(model.draw(images), torch.tensor(0)).item()
print(
    f"−ELBO before training: Pyro {pyros:.2f}, elbowroom {ours:.2f} nats per image"
)

# %% [markdown]
# The same number, up to the noise of one draw. Now train by SVI, without our loop:

# %%
svi = SVI(p, q, pyro.optim.Adam({"lr": 0.005}), Trace_ELBO())
everything = data.train.first(len(data.train)).x
curve = []
for _ in range(EPOCHS):
    order = torch.randperm(len(everything))
    losses = [svi.step(batch) for batch in everything[order].split(128)]
    curve.append(sum(losses) / len(everything))

# %% [markdown]
# And the same model by our loop:

# %%
parts = er.recipes.vae(data.shape, latent=10, seed=0)
run = er.fit(
    *parts, data, epochs=EPOCHS, lr=0.005, out="runs/ours", watch=("test",),
    sampler="none", report=False, progress=False, overwrite=True,
)  # fmt: skip
for name, trained in (("Pyro's SVI", model.eval()), ("our loop", er.load(run))):
    print(
        name, er.evaluate(trained, data, metrics="likelihood", samples=20)["elbo"]
    )

# %% [markdown]
# Two programs, one bound: the difference is that of two orders of images and two streams of noise. Pyro's way is
# worth its detour where the model is not a VAE any more: several unknowns, plates within plates, other estimators of
# the gradient. Ours is shorter where it is one.
#
# ## The test set, by t-SNE
#
# Ten dimensions cannot be drawn. t-SNE lays the points out in a plane so that near ones stay near; distances between
# clusters mean little.

# %%
er.plot("tsne", run, examples=1000)

# %% [markdown]
# The colors were never seen in training. Digits that are written alike lie together, and the islands between clusters
# are the ones that people confuse as well.
#
# ## Exercises
#
# 1. Give the line a guide that can tilt (`dist.MultivariateNormal`, or
#    `pyro.infer.autoguide.AutoMultivariateNormal`). Does its cloud now cover the exact one?
# 2. Use five points instead of twenty. How far apart are guide and posterior then?
# 3. Train with `Trace_ELBO(num_particles=5, vectorize_particles=True)`. What does it cost, and is the curve smoother?
# 4. Draw the t-SNE of the pixels beside that of the latents. What has the encoder added?
