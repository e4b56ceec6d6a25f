# %% [markdown]
# # Ship it
#
# A trained model for others: a page that runs anywhere, ONNX for other programs, a repository of the hub, a folder
# for diffusers.
#
# A run directory is all you need as long as you are the only user. Others have no elbowroom, no Python, or no
# patience; for each there is a form.

# %%
# %pip install -q "elbowroom[onnx,hub]" diffusers

# %%
import json
from pathlib import Path

import numpy
import torch

import elbowroom as er

SOURCE, EPOCHS = "digits", 40  # or "mnist", 5: 28x28 pixels, minutes

data = er.load_data(SOURCE)
QUIET = {"report": False, "progress": False, "overwrite": True}
run = er.fit(
    *er.recipes.vae(data.shape, latent=2, seed=0),
    data, epochs=EPOCHS, lr=0.005, out="runs/shipped", sampler="none", **QUIET,
)  # fmt: skip
run

# %% [markdown]
# ## A page
#
# One HTML file with the decoder inside. It opens in any browser, on a phone too, without a server, a network or an
# account: the latent space under the pointer, sliders for each dimension, samples. Send it by mail.

# %%
for path, summary in er.export(run, html="explorer.html"):
    print(path, "·", summary)

# %% [markdown]
# When the page opens, it decodes three latents that were decoded by torch at export, and says how far it is off. In a
# notebook, `er.explore(run)` shows the page in a cell.
#
# ## ONNX
#
# For C++, Rust, JavaScript, a database or a phone: a graph of standard operations. Encoder, decoder and sampler are
# files of their own, and `model.json` says what goes in and comes out.

# %%
for path, summary in er.export(run, onnx="onnx"):
    print(path, "·", summary)

# %%
description = json.loads(Path("onnx/model.json").read_text())
print(json.dumps(description, indent=1)[:600], "…")

# %% [markdown]
# Use it as a stranger would, with onnxruntime alone, and compare:

# %%
import onnxruntime

session = onnxruntime.InferenceSession("onnx/decoder.onnx")
z = numpy.array([[0.0, 0.0], [1.0, -1.0], [-1.0, 1.0]], dtype="float32")
[images] = session.run(None, {session.get_inputs()[0].name: z})
ours = er.load(run).sample(z=torch.from_numpy(z))
print("largest difference:", float(abs(images - ours.numpy()).max()))
er.show([torch.from_numpy(images), ours], labels=["onnxruntime", "torch"])

# %% [markdown]
# ## A repository of the hub
#
# The folder that Hugging Face expects: weights, record, and a model card with what was measured, found and audited.
# Nobody but you can choose the license. `push="you/name"` uploads it; here it stays on the disk.

# %%
er.evaluate(run, samples=20)
for path, summary in er.export_hub(run, "hub", license="mit"):
    print(path, "·", summary)

# %%
print(Path("hub/README.md").read_text()[:1500], "…")

# %% [markdown]
# Others load it with `er.load("hf://you/name")`, and from a folder by its path:

# %%
torch.manual_seed(0)
er.show(er.load("hub").sample(20))

# %% [markdown]
# ## Diffusers
#
# Latent diffusion needs an autoencoder whose latent is a map. `er.recipes.autoencoder_kl` is one, and
# `er.export_diffusers` writes the folder that `diffusers.AutoencoderKL.from_pretrained` reads, with the scaling
# factor measured on your data. Training a good one takes longer than a tutorial: a few steps are enough to see that
# both programs compute the same.

# %%
parts = er.recipes.autoencoder_kl(data.shape, widths=(8, 16, 16), seed=0)
kl_run = er.fit(
    *parts, data, steps=5, batch_size=32, out="runs/kl", sampler="none", **QUIET
)
for path, summary in er.export_diffusers(kl_run, "vae", license="mit"):
    print(path, "·", summary)

# %%
from diffusers import AutoencoderKL

theirs = AutoencoderKL.from_pretrained("vae", low_cpu_mem_usage=False)
ours = er.load(kl_run)
x = data.test[:4].x
with torch.no_grad():
    z = theirs.encode(2 * x - 1).latent_dist.mean
print(
    "latents", tuple(z.shape), "differ by", float((z - ours.encode(x)).abs().max())
)

# %% [markdown]
# ## Exercises
#
# 1. Open `explorer.html`. Where on the plane is the border between two digits, and is it sharp?
# 2. Fit a sampler (`er.fit_sampler(run, "mixture:10")`), and export with `sampler="mixture:10"`. What is in
#    `sampler.onnx` now?
# 3. Read the model card as a reviewer ([evaluate honestly](09_evaluate_honestly.ipynb)). What would you still ask?
# 4. Time `session.run` against `model.sample` for one latent and for a thousand.
