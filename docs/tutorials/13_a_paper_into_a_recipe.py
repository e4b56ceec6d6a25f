# %% [markdown]
# # Reading a paper into a recipe
#
# From the equations of a paper to a named recipe with flags, tests and a comparison: the Wasserstein autoencoder, as
# an example.
#
# A paper on a new VAE changes one of four things: the encoder's distribution, the prior, the decoder's distribution,
# or the loss. Find out which, and the rest is already there. We read Tolstikhin et al. 2018, *Wasserstein
# Auto-Encoders*, [arXiv 1711.01558](https://arxiv.org/abs/1711.01558).

# %%
# %pip install -q elbowroom

# %%
import torch

import elbowroom as er

SOURCE, EPOCHS = "digits", 40  # or "mnist", 5: 28x28 pixels, minutes

data = er.load_data(SOURCE)
SETTINGS = {"epochs": EPOCHS, "lr": 0.003, "sampler": "none"}
SETTINGS |= {"report": False, "progress": False, "overwrite": True}

# %% [markdown]
# ## 1. What is new?
#
# A VAE asks that the posterior of *each* image be near the prior. The paper asks only that all posteriors *together*
# be: that the latents of the whole data set look like draws of the prior. In its words the objective is a
# reconstruction cost, plus a weight λ times a divergence between the aggregate posterior and the prior:
#
# $$\min \; E_{p(x)} E_{q(z|x)}\, c(x, \hat x(z)) + \lambda\, D(q_z, p_z)$$
#
# So a table of the four things:
#
# | piece | in the VAE | in the paper |
# |---|---|---|
# | encoder | a normal | may be a point: no noise is needed |
# | prior | standard normal | the same |
# | decoder | a likelihood | a cost; squared error is that of a normal with fixed scale |
# | loss | reconstruction + KL | reconstruction + λ · divergence of latents and prior |
#
# ## 2. Which terms are there already?
#
# The divergence of the paper's second variant is the maximum mean discrepancy (MMD), a distance between two sets of
# points. It is among the terms:

# %%
print(er.MMD.__doc__.strip().split("\n\n")[0])

# %% [markdown]
# If a term were missing, it would be a class with one method, from a draw to a number:


# %%
class MeanDistance(er.Term):
    """The squared distance between the mean of a batch's latents and zero."""

    name = "mean_distance"

    def forward(self, draw, step):
        return draw.z.reshape(-1, draw.z.shape[-1]).mean(0).square().sum()


print(er.Reconstruction() + 10 * MeanDistance())

# %% [markdown]
# ## 3. Write it down
#
# A recipe is a function from the shape of an example to a model and an objective. Its signature becomes flags, its
# docstring their help, with the equation of what is minimized; `extends` takes over the arguments of another recipe.
# The first argument of the decorator is the source.


# %%
@er.recipe("Tolstikhin et al. 2018, arXiv 1711.01558", extends=er.recipes.vae)
def my_wae(shape, latent: int = 20, weight: float = 10.0, **rest):
    """The Wasserstein autoencoder: latents together follow the prior, by MMD.

    Minimized: ``−log p(x|z) + weight MMD(q(z), p(z))``, with ``z = e(x)``, and q(z) of the latents of a batch.

    Args:
        latent: size of the latent
        weight: of the distance between latents and prior, the paper's λ
    """
    vae, _ = er.recipes.vae(shape, latent=latent, **rest)
    encoder = er.Conditional.mlp(shape, er.Point(latent))
    model = er.Model(encoder, vae.decoder, vae.prior)
    return model, er.Reconstruction() + weight * er.MMD()


my_wae

# %% [markdown]
# In a file of your own that `ELBOWROOM_RECIPES` names, the command line knows it too: `elbowroom train my_wae
# --weight 100`.
#
# ## 4. Test what must be true
#
# A paper leaves identities behind, which are better tests than any picture. With λ = 0 the model is a plain
# autoencoder: the objective is the reconstruction alone. The divergence of two sets of draws of the prior is zero, up
# to chance:

# %%
model, objective = my_wae(data.shape, latent=10, weight=0.0, seed=0)
draw = model.draw(data.train[:256].x)
alone = er.Reconstruction()(draw, torch.tensor(0))
assert torch.isclose(objective(draw, torch.tensor(0)), alone)

torch.manual_seed(0)
print("MMD of latents before training:", er.MMD()(draw, torch.tensor(0)).item())

# %% [markdown]
# ## 5. Does it do what the paper says?
#
# Two claims can be looked at: reconstructions are sharper than a VAE's, since nothing forces noise into the latent;
# and samples of the prior are still images, since latents together follow it. A plain autoencoder, without the second
# term, is the control.

# %%
RECIPES = {
    "VAE": er.recipes.vae(data.shape, latent=10, seed=0),
    "weight 0": my_wae(data.shape, latent=10, weight=0.0, seed=0),
    "weight 10": my_wae(data.shape, latent=10, weight=10.0, seed=0),
    "weight 100": my_wae(data.shape, latent=10, weight=100.0, seed=0),
}
models = {}
for i, (name, parts) in enumerate(RECIPES.items()):
    models[name] = er.load(er.fit(*parts, data, out=f"runs/{i}", **SETTINGS))

# %%
x = data.test.first(len(data.test)).x
print("           squared error   deviation of latents, smallest to largest")
for name, model in models.items():
    error = (model.reconstruct(x) - x).square().flatten(1).sum(1).mean()
    deviation = model.encode(x).std(0)
    print(
        f"{name:10} {error:12.2f}    {deviation.min():.2f} to {deviation.max():.2f}"
    )

# %%
torch.manual_seed(0)
images = x[:10]
z = torch.randn(10, 10)
rows = [images, *(model.reconstruct(images) for model in models.values())]
rows += [model.sample(z=z) for model in models.values()]
labels = [f"{name}, {what}" for what in ("again", "new") for name in models]
er.show(rows, labels=["images", *labels])

# %% [markdown]
# Look at the deviations first: where they are far from one, latents and prior do not meet, and draws of a standard
# normal land where nothing was trained. With a weight they come together, and the samples with them. λ = 0 shows what
# the term is for.
#
# ## 6. Say what differs
#
# A recipe in elbowroom's own list says in its docstring where it deviates from the paper. Ours does: the networks are
# small perceptrons, not the paper's convolutions; the cost is a cross-entropy, not a squared error; the kernel is the
# one that `er.MMD` has. The published one is `er.recipes.wae_mmd`; compare the two.
#
# ## Exercises
#
# 1. Give `my_wae` a squared error (`likelihood="gaussian:1"`). What must λ be now, and why?
# 2. Add `MeanDistance` to the objective of the plain autoencoder. Is it enough to bring latents and prior together?
#    What would be the next moment?
# 3. The paper's first variant has a critic in place of the MMD: find `er.Adversarial`, and write `my_wae_gan`.
# 4. Take a paper that you like, and fill in the table of the four things before you write any code.
