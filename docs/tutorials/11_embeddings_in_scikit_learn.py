# %% [markdown]
# # Embeddings in scikit-learn
#
# A VAE as a step of a pipeline: few labels and many examples, grids over latent sizes, missing cells, and clusters.
#
# A latent is a short description of an example, learned without labels. For scikit-learn it is a transformer like
# PCA, with `fit`, `transform` and `inverse_transform`, and it goes wherever those go.

# %%
# %pip install -q elbowroom

# %%
import numpy
from matplotlib import pyplot
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import elbowroom as er

SOURCE, EPOCHS = "digits", 40  # the digits of scikit-learn; or an array of yours

images, y = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
train, test, y_train, y_test = train_test_split(
    images, y, test_size=400, random_state=0
)
print(train.shape, test.shape)

# %% [markdown]
# ## An embedding
#
# An array (N, H, W) is taken as images. `random_state` fixes weights, order and noise.

# %%
vae = er.sklearn.VAE(
    latent=10, likelihood="bernoulli", epochs=EPOCHS, lr=0.005, random_state=0
)
vae.fit(train)
z = vae.transform(test)
print(z.shape, "bound of log p(x):", round(vae.score(test), 2))

# %%
again = vae.inverse_transform(z[:10])
er.show([test[:10, None], again.reshape(-1, 1, 8, 8)], labels=["images", "again"])

# %% [markdown]
# ## Few labels, many images
#
# Labels are dear, images are not. Learn the embedding from all training images, without labels; then give a
# classifier the labels of a few. The same classifier on the pixels, and on ten principal components, for comparison.

# %%
pca = PCA(10, random_state=0).fit(train.reshape(len(train), -1))
SPACES = {
    "pixels": lambda x: x.reshape(len(x), -1),
    "PCA": lambda x: pca.transform(x.reshape(len(x), -1)),
    "VAE": vae.transform,
}
COUNTS = (20, 50, 100, 400)

scores = {name: [] for name in SPACES}
for name, embed in SPACES.items():
    a, b = embed(train), embed(test)
    for count in COUNTS:
        folds = []
        for seed in range(5):
            rows = numpy.random.default_rng(seed).permutation(len(a))[:count]
            classifier = KNeighborsClassifier(1).fit(a[rows], y_train[rows])
            folds.append(classifier.score(b, y_test))
        scores[name].append((numpy.mean(folds), numpy.std(folds)))

figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
for name, values in scores.items():
    mean, deviation = zip(*values, strict=True)
    axes.errorbar(COUNTS, mean, yerr=deviation, marker="o", label=name)
axes.set_xscale("log")
axes.set_xticks(COUNTS, COUNTS)
axes.minorticks_off()
axes.set(xlabel="labeled images", ylabel="share of test images right")
axes.legend(frameon=False)
pyplot.show()

# %%
print("labels  " + "  ".join(f"{count:>12}" for count in COUNTS))
for name, values in scores.items():
    print(f"{name:7} " + "  ".join(f"{m:.3f} ± {d:.3f}" for m, d in values))

# %% [markdown]
# Read it without hope: here the VAE is behind both, by more than the deviation over draws of labels where there are
# many. On 8×8 digits pixels are a good embedding already, and ten components keep nearly all of them, while a VAE
# leaves out what is not worth its price. An embedding helps where images vary much in ways that have nothing to do
# with their class. Whether yours do is what such a picture says, and it takes a minute.
#
# If labels are there while the embedding is learned, use them there: that is the semi-supervised VAE,
# `er.recipes.m2`.
#
# ## In a pipeline, in a grid
#
# The latent size as a parameter of a search, chosen by the classifier at the end:

# %%
pipeline = make_pipeline(
    er.sklearn.VAE(
        likelihood="bernoulli", epochs=EPOCHS // 3, lr=0.005, random_state=0
    ),
    LogisticRegression(max_iter=2000),
)
grid = GridSearchCV(pipeline, {"vae__latent": [2, 10]}, cv=2)
grid.fit(train[:600], y_train[:600])
for parameters, score in zip(
    grid.cv_results_["params"], grid.cv_results_["mean_test_score"], strict=True
):
    print(parameters, f"{score:.3f}")

# %% [markdown]
# ## The estimator is a run
#
# With `out=` an estimator leaves a run directory, with which everything else of elbowroom works: figures, the doctor,
# the studio, exports.

# %%
kept = er.sklearn.VAE(
    latent=2,
    likelihood="bernoulli",
    epochs=EPOCHS,
    lr=0.005,
    random_state=0,
    out="runs/kept",
)
kept.fit(train)
er.plot("plane", er.Run("runs/kept"))

# %% [markdown]
# ## Exercises
#
# 1. Repeat the curves with `latent=2` and `latent=30`. Which is best with 20 labels, and which with 400?
# 2. Put `LogisticRegression` in place of the nearest neighbor. Does the order of the three spaces change?
# 3. Take a table with gaps and `er.sklearn.Imputer`; compare it with `SimpleImputer` by hiding cells whose values you
#    know.
# 4. `er.sklearn.Clusterer(n_clusters=10)` clusters while it embeds. How well do its clusters agree with the digits
#    (`adjusted_rand_score`)?
