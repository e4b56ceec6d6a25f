"""Anomalies in tables: AUROC and AUPRC of elbowroom's scores and of PyOD's detectors, trained on normal rows alone.

    python benchmarks/anomalies.py [--out FOLDER] [--sets glass thyroid ...] [--seeds 0 1 2] [--methods elbowroom ...]

The sets are those of ADBench (Han et al. 2022, arXiv 2206.09426) in ``ELBOWROOM_DATA/Tables/anomalies``: each a .npz
with rows ``X`` and ``y``, 1 for an anomaly. 70 % of the normal rows, drawn by the seed, are trained on; the others and
all anomalies are judged. PyOD's detectors have its default settings and the rows standardised by those they are trained
on; elbowroom has one VAE for all scores, with the same settings for all sets. A detector that is not installed is left
out with a word. AUPRC is the average precision, anomalies positive. What ``results.jsonl`` has is not measured again;
at the end the tables are printed. Seconds are those of training and scoring by the clock of the process, on one core:
elbowroom's of all its scores together.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from images.results import Results, Row, print_markdown
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

import elbowroom as er
from elbowroom.data import load_undivided
from elbowroom.evaluation.anomaly.reference import open_reference
from elbowroom.evaluation.anomaly.scores import SCORES, compute_scores, default_score

#: The share of the normal rows that is trained on.
TRAIN_SHARE = 0.7
#: Of the VAE: size of the latent, width of the hidden layers, and its training.
LATENT = 8
HIDDEN = 128
TRAINING: dict[str, Any] = {"steps": 700, "lr": 2e-3, "report": False, "progress": False}
#: Posterior samples of the scores that take any.
SAMPLES = 10
PEERS = {
    "KNN": "knn",
    "IForest": "iforest",
    "ECOD": "ecod",
    "AutoEncoder": "auto_encoder",
    "VAE": "vae",
}
"""PyOD's detectors, with their module in ``pyod.models``."""


class Rows(NamedTuple):
    """The rows that are trained on, (N, D), those that are judged, (M, D), and which of these are anomalies, (M,)."""

    train: np.ndarray
    test: np.ndarray
    is_anomaly: np.ndarray


def load_rows(path: Path, seed: int) -> Rows:
    """Load a set, divided by the seed."""
    file = np.load(path)
    x, is_anomaly = file["X"].astype(np.float64), file["y"] == 1
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~is_anomaly))
    train, held_out = np.split(normal, [round(TRAIN_SHARE * len(normal))])
    test = np.concatenate([held_out, np.flatnonzero(is_anomaly)])
    return Rows(x[train], x[test], is_anomaly[test])


def score_by_peer(name: str, rows: Rows, seed: int) -> dict[str, np.ndarray]:
    """Return the scores of a detector of PyOD."""
    import importlib
    import inspect

    detector = getattr(importlib.import_module(f"pyod.models.{PEERS[name]}"), name)
    scaler = StandardScaler().fit(rows.train)
    given = {"random_state": seed, "verbose": 0}
    settings = {key: value for key, value in given.items() if key in inspect.signature(detector.__init__).parameters}
    torch.manual_seed(seed)
    fitted = detector(**settings).fit(scaler.transform(rows.train))
    return {name: fitted.decision_function(scaler.transform(rows.test))}


def score_by_elbowroom(rows: Rows, seed: int) -> dict[str, np.ndarray]:
    """Return every score of a VAE; the name of the default one says so."""
    data = er.load_data(name_columns(rows.train), label="", validation=0, test=0, seed=seed)
    model, objective = er.recipes.vae(data.shape, latent=LATENT, hidden=(HIDDEN,), seed=seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        er.fit(model, objective, data, out=Path(folder, "run"), seed=seed, device="cpu", **TRAINING)
    judged = load_undivided(name_columns(rows.test), data.protocol).train
    with open_reference(model, data, samples=SAMPLES, seed=seed, device="cpu") as reference:
        scores = compute_scores(reference, judged, list(SCORES), batch_size=1_000)
    default = default_score(model)
    return {f"{name} (default)" if name == default else name: values.numpy() for name, values in scores.items()}


def name_columns(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return a table with a name for each column."""
    return {f"x{i}": column for i, column in enumerate(x.T)}


METHODS: dict[str, Callable[[Rows, int], dict[str, np.ndarray]]] = {
    "elbowroom": score_by_elbowroom,
    **{name: partial(score_by_peer, name) for name in PEERS},
}
"""Functions from rows and a seed to the scores of the judged rows, by the score's name."""


def measure_scores(method: str, rows: Rows, seed: int) -> Iterator[Row]:
    """Yield the measures of each score of a method."""
    began = time.process_time()
    scores = METHODS[method](rows, seed)
    seconds = time.process_time() - began
    for name, values in scores.items():
        finite = np.nan_to_num(values, nan=np.inf, posinf=np.finfo(np.float64).max)
        yield {
            "score": name,
            "auroc": round(float(roc_auc_score(rows.is_anomaly, finite)), 5),
            "auprc": round(float(average_precision_score(rows.is_anomaly, finite)), 5),
            "seconds": round(seconds, 2),
        }


def is_installed(method: str) -> bool:
    """Return whether a method can run; say so where it cannot."""
    if method not in PEERS:
        return True
    try:
        import pyod  # noqa: F401
    except ImportError:
        print(f"{method} is left out: PyOD is not installed (pip install pyod)")
        return False
    return True


def print_tables(rows: list[Row]) -> None:
    """Print the AUROC of each set, and means over sets with mean ranks; all of them means over seeds."""
    names = list(dict.fromkeys(row["score"] for row in rows))
    sets = sorted({row["set"] for row in rows}, key=str.lower)

    def mean(key: str, score: str, name: str) -> float:
        values = [row[key] for row in rows if row["score"] == score and row["set"] == name]
        return float(np.mean(values)) if values else np.nan

    table: dict[str, Any] = {
        key: np.array([[mean(key, score, name) for score in names] for name in sets])
        for key in ("auroc", "auprc", "seconds")
    }
    ranks = (table["auroc"][:, None, :] > table["auroc"][:, :, None]).sum(2) + 1
    auroc = zip(sets, table["auroc"], strict=True)
    print_markdown(["AUROC", *names], [[name, *(f"{value:.3f}" for value in line)] for name, line in auroc])
    print()
    means = {key: values.mean(0) for key, values in table.items()}
    columns = zip(names, means["auroc"], ranks.mean(0), means["auprc"], means["seconds"], strict=True)
    print_markdown(
        ["score", "mean AUROC", "mean rank", "mean AUPRC", "seconds per set"],
        [[name, f"{a:.3f}", f"{rank:.2f}", f"{p:.3f}", f"{seconds:.1f}"] for name, a, rank, p, seconds in columns],
    )


def main() -> None:
    data = Path(os.environ.get("ELBOWROOM_DATA", "data"), "Tables", "anomalies")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/anomalies"), help="folder of results.jsonl")
    parser.add_argument("--sets", nargs="+", default=sorted((path.stem for path in data.glob("*.npz")), key=str.lower))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.out)
    for method in filter(is_installed, arguments.methods):
        for seed in arguments.seeds:
            for name in arguments.sets:
                key = {"set": name, "seed": seed, "method": method}
                rows = load_rows(data / f"{name}.npz", seed)
                results.measure(key, lambda m=method, r=rows, s=seed: measure_scores(m, r, s))  # type: ignore[misc]
    keys = [{"set": name, "seed": seed} for name in arguments.sets for seed in arguments.seeds]
    print_tables([row for key in keys for row in results.rows(key) if row["method"] in arguments.methods])


if __name__ == "__main__":
    main()
