"""The picture of docs/strange-rows.md: shares of the columns in what is strange about ten wines.

python docs/strange_rows_figure.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_wine

import elbowroom as er


def main() -> None:
    """Train on one kind of wine, print the strangest of another, and draw their shares."""
    wine = load_wine()
    kinds = [dict(zip(wine.feature_names, wine.data[wine.target == kind].T, strict=True)) for kind in range(3)]
    data = er.load_data(kinds[0], label="", seed=0)
    model, objective = er.recipes.vae(data.shape, latent=4, hidden=(64,), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        run = er.fit(model, objective, data, epochs=300, lr=3e-3, out=Path(folder, "wine"), report=False)
        result = er.anomalies(run, kinds[2], normal=data, score="default", level=0.25, explain=10)
    print(result)
    rows = result.strange["other"].explanation
    print(*rows.reasons()[:3], sep="\n")
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    image = axes.imshow(rows.shares * 100, cmap="Blues", vmin=0, aspect="auto")
    axes.set_xticks(
        range(len(rows.columns)), [name.replace("_", " ") for name in rows.columns], rotation=40, ha="right"
    )
    axes.set_yticks(range(10), [str(i + 1) for i in result.strange["other"].index.tolist()])
    axes.set_ylabel("row")
    figure.colorbar(image, label="share of the surprise, %")
    figure.savefig(Path(__file__).parent / "images" / "strange_rows.png", dpi=110)


if __name__ == "__main__":
    main()
