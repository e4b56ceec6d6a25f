# %% [markdown]
# # Strange rows, and synthetic ones
#
# A table instead of images: find the rows that are unlike the others and say why, and make new rows that are like
# them.
#
# A VAE of a table has a likelihood for each column, a normal for numbers and a categorical for categories, so that
# nothing has to be scaled or encoded by hand, and missing cells cost nothing. The same trained model answers two
# questions that look unlike: which rows do not belong here, and what would other rows look like?

# %%
# %pip install -q elbowroom pandas

# %%
import pandas
import torch
from matplotlib import pyplot
from sklearn.datasets import load_wine

import elbowroom as er

# The chemistry of 178 wines, which scikit-learn brings; any frame or .csv will do.
SOURCE, EPOCHS = "wine", 300  # 178 rows

frame, kinds = load_wine(as_frame=True, return_X_y=True)
frame["color"] = pandas.cut(
    frame.color_intensity, 3, labels=["light", "medium", "deep"]
)
frame.head(5)

# %% [markdown]
# We have added a column of words, to see what becomes of it. Two of the three kinds of wine play the normal ones; the
# third will be new.

# %%
normal, strange = frame[kinds < 2], frame[kinds == 2]
data = er.load_data(normal, label="")
data

# %% [markdown]
# ## One training
#
# Numbers are standardized by the training rows; each column has its own scale, which is learned.

# %%
model, objective = er.recipes.vae(data.shape, latent=4, hidden=(64,), seed=0)
run = er.fit(
    model, objective, data, epochs=EPOCHS, lr=0.003, out="runs/wine",
    sampler="none", report=False, progress=False, overwrite=True,
)  # fmt: skip
run

# %% [markdown]
# ## Which rows are strange?
#
# The third kind of wine against rows that were held out. By default the score of a table is the distance to the
# nearest training rows, measured in the values *and* in what the model fails to reconstruct of them. The threshold is
# set so that of normal rows a chosen share is flagged.

# %%
result = er.anomalies(
    run, strange, normal=data, score="default", level=0.2, explain=8
)
result

# %% [markdown]
# AUROC is the probability that a strange row has a higher score than a normal one; one half is guessing. The kinds
# are easy to tell apart here.
#
# ## And why?
#
# A flag without a reason is of little use. The *surprise* of a cell is how much less probable it is than what the
# model would have expected there, in nats:

# %%
explanation = result.strange["other"].explanation
for reason in explanation.reasons()[:5]:
    print(reason)

# %% [markdown]
# Numbers and words are on one scale, since both are probabilities. Ask a person who knows wine: that is a sentence
# you can check.
#
# A table with errors in it works the same way. Take a normal wine, and spoil one cell:

# %%
spoiled = normal.sample(3, random_state=0).copy()
spoiled.iloc[0, spoiled.columns.get_loc("ash")] *= 10  # a slipped decimal point
found = er.anomalies(
    run, spoiled, normal=data, score="default", level=0.2, explain=3
)
for reason in found.strange["other"].explanation.reasons():
    print(reason)

# %% [markdown]
# The first line has found it. What was expected is off as well, since it comes from a latent in which the wrong value had
# its say. The other two wines are normal: what is named for them are small surprises, as every row has.
#
# ## New rows
#
# Draw latents, decode them, draw cells. Words come back as words, with the names and types of the columns:

# %%
torch.manual_seed(0)
made = pandas.DataFrame(er.data.decode_rows(er.load(run).sample(200), data.columns))
made.columns = [column.name for column in data.columns]
made.head(5)

# %% [markdown]
# Compare two pairs of columns, real above and made below. Single columns are easily right; what relates them is the
# test.

# %%
PAIRS = (("alcohol", "proline"), ("flavanoids", "od280/od315_of_diluted_wines"))
figure, grid = pyplot.subplots(
    2, 2, figsize=(7, 5), layout="constrained", sharex="col", sharey="col"
)
for column, (a, b) in enumerate(PAIRS):
    for row, (name, table) in enumerate((("real", normal), ("made", made))):
        axes = grid[row, column]
        axes.scatter(table[a].astype(float), table[b].astype(float), s=8, alpha=0.6)
        axes.set(xlabel=a if row else "", ylabel=b, title=name)
pyplot.show()

# %% [markdown]
# The clouds have the right place and slope. They are rounder: a normal likelihood draws normal noise, and the columns
# of real tables have limits, zeros and whole numbers. `er.recipes.tvae` with `likelihood="bins"` draws those as well
# ([synthetic tables](../synthetic-tables.md)).
#
# Two things to ask before such rows are given away. Are they useful: does a model that learned from them work on real
# rows? And do they give anybody away: is a made row nearer to a training row than held-out rows are?

# %%
er.evaluate(run, data, metrics="synthetic", save=False)

# %% [markdown]
# ## Exercises
#
# 1. Empty a fifth of the cells of `normal` (`normal.mask(...)`) and train again. How much does the AUROC lose?
# 2. Use `score="elbo"`. Where does it differ from the default, and on which rows?
# 3. Which column contributes most to the surprise over all strange wines? Leave it out, and see whether they are
#    still found.
# 4. Train `er.recipes.tvae(data.shape, likelihood="bins")`, and draw the picture of the pairs again.
