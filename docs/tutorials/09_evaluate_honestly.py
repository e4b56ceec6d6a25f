# %% [markdown]
# # Evaluate honestly
#
# What a bound says and what it does not; how samples are measured; a doctor for trainings, and an auditor for claims.
#
# Everybody reports a number, and few numbers can be compared. This tutorial takes one model through the questions
# that a careful reviewer would ask.

# %%
# %pip install -q elbowroom

# %%
import torch
from matplotlib import pyplot

import elbowroom as er

SOURCE, EPOCHS = "digits", 60  # or "mnist", 5: 28x28 pixels, minutes

# %% [markdown]
# ## First: is it a likelihood at all?
#
# Cross-entropy on gray pixels, the loss of most lab sheets, is the log-density of nothing: pixels of 0.3 are not
# draws of a coin. It is a fine loss, and its value cannot be compared with a model that has a density. Two ways out:
# make the pixels coins (`binarize`), or take a density of gray values (`likelihood="continuous-bernoulli"`). We take
# the first.

# %%
data = er.load_data(SOURCE, binarize="threshold")
model, objective = er.recipes.vae(data.shape, latent=2, seed=0)
run = er.fit(
    model, objective, data, epochs=EPOCHS, lr=0.005, out="runs/honest",
    sampler="none", report=False, progress=False, overwrite=True,
)  # fmt: skip
measured = er.evaluate(run, samples=200)
measured

# %% [markdown]
# Every number comes with what makes it one: an estimator, a standard error over the test examples, the number of
# examples and samples, and a seed. What is measured is kept in the run, so that no figure has to be copied by hand.
#
# ## A bound is a bound
#
# The ELBO is never above log p(x), and how far below is not known from it. With K draws of the encoder instead of one
# the bound rises towards log p(x) (Burda et al. 2016):

# %%
sizes = (1, 3, 10, 30, 100)
bounds = [
    er.evaluate(run, metrics="likelihood", samples=k, save=False)[
        "importance_bound"
    ]
    for k in sizes
]

figure, axes = pyplot.subplots(figsize=(6, 2.8), layout="constrained")
axes.errorbar(
    sizes,
    [b.value for b in bounds],
    yerr=[b.standard_error for b in bounds],
    marker="o",
)
axes.set_xscale("log")
axes.set(xlabel="draws K", ylabel="bound of log p(x), nats")
pyplot.show()

# %% [markdown]
# Two models can be compared by bounds of the *same* K, on the same examples, prepared in the same way. A
# "log-likelihood" without its K says little. And the bars are standard errors over test images: a difference smaller
# than these is none.
#
# The effective sample size in the table above says how far to trust the bound: how many of the draws count. If it is
# near one, the largest draw alone decides, and more draws would still raise the bound.
#
# ## Samples are another question
#
# A high bound does not make good samples, nor the reverse. What the prior draws has to be measured by itself, from
# images: by the distance between the features of samples and of test images (FID), and by two shares: how many
# samples lie near real images (precision), and how many real images have a sample near them (recall).

# %%
er.fit_sampler(run, "mixture:10")
er.evaluate(
    run, metrics="images", sampler=["prior", "mixture:10"], samples=1, save=False
)

# %% [markdown]
# `mixture:10` is a density fitted to the latents of training images, from which samples are drawn in place of the
# prior. It changes neither ELBO nor KL, which are of the prior: a model with a poor prior may still be a good
# decoder. FID depends on the features, the number of images and their size, so that figures of two papers compare
# only if all of these agree. Here the features are those of a small classifier of this very data.
#
# ## The doctor
#
# Numbers at the end do not say what went wrong on the way. The doctor reads the metrics of the run, looks at the
# model and its data, and names each known problem with its evidence and a cure:

# %%
er.doctor.examine(run)

# %% [markdown]
# ## The auditor
#
# The doctor trusts the model's word. The auditor does not: it takes the reported log-likelihood as a claim, and tries
# to refute it. Can it be a density at all? Do two copies of an example in one batch change its value? Does the label
# leak? Does the value depend on the order, or on the state of the random numbers?

# %%
er.audit(run)

# %% [markdown]
# Here is a claim that cheats: it averages the KL over the latents instead of summing it. Its "likelihood" is higher.
# With two latents, log p(x) can be computed exactly, on a grid, and the audit finds the claim above it.


# %%
def generous(model, x):
    """Return a 'log-likelihood' whose KL is a mean."""
    draw = model.draw(x)
    return draw.log_px.squeeze(0) - draw.kl.squeeze(0) / 2


torch.manual_seed(0)
er.audit(er.load(run), data, log_likelihood=generous)

# %% [markdown]
# ## A checklist
#
# 1. Is the likelihood one of the values as they are, or of values made binary, and how?
# 2. Which bound, with how many draws, on which split, with which standard error?
# 3. How many seeds? One seed is an anecdote: `er.compare` gives means and deviations over runs that differ in their
#    seed alone.
# 4. What are samples drawn from, and which features is FID of?
# 5. Was the test split looked at while choosing?
#
# ## Exercises
#
# 1. Evaluate the run with `split="train"`. How much higher is the bound, and what does the difference tell you?
# 2. Train with `likelihood="continuous-bernoulli"` on gray digits. Why must its ELBO not be compared with the one
#    above?
# 3. Train the same model with three seeds, and compare the standard deviation over seeds with the standard error of
#    one run.
# 4. Write a log-likelihood that uses the label of the example. Which check finds it?
