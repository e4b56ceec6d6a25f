"""The estimators at a size at which they train in a moment."""

from elbowroom.sklearn import VAE, Clusterer, Imputer, OutlierDetector

SMALL = {"latent": 2, "epochs": 2, "recipe_options": {"hidden": (8,)}, "random_state": 0}

ESTIMATORS = {
    "VAE": VAE(samples=2, **SMALL),
    "OutlierDetector": OutlierDetector(samples=2, **SMALL),
    "Imputer": Imputer(n_draws=3, **SMALL),
    "Clusterer": Clusterer(
        n_clusters=3, samples=2, **SMALL | {"epochs": 5, "recipe_options": {"hidden": (16,), "pretraining": 100}}
    ),
}
