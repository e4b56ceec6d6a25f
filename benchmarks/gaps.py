"""Errors in hidden cells of tables that are filled: recipes here, gradient boosting and MICE by column.

    python benchmarks/gaps.py [--out runs/gaps] [--tables cardio pendigits adult] [--rates 0.2 0.5] [--rows 2500]
        [--kinds random value] [--steps 4000] [--rounds 5] [--print]
        [--methods mean mice boosting iwae vaeac not_miwae imputer]

The first ``--rows`` rows of a random order of each table; of each cell a coin says whether it is hidden, and all rows
are trained on without what is hidden, as with a table that has gaps. The kind ``random`` has the same coin for all
cells; by ``value`` numbers hide themselves, with a probability that is twice the rate for the largest of a column and
0 for the smallest. ``rmse`` is over the hidden cells of numbers, in standard deviations of the whole column, as those
that are known may be equal; ``wrong`` is the share of hidden categories that are filled with another. Peers go round
the columns (chained equations), as scikit-learn's IterativeImputer does, which they are on tables of numbers:
``mice`` with linear models of one-hot columns, ``boosting`` with histogram gradient boosting in scikit-learn's
settings. ``imputer`` is er.sklearn.Imputer as it comes; the others are recipes. Rows of ``--out``/results.jsonl that
are there are not measured again.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from images.results import Results, print_markdown

import elbowroom as er
from elbowroom.data import Data, InMemorySplit
from elbowroom.data.table_bins import choose_bins
from elbowroom.latent.imputation import expect_missing
from elbowroom.table_shape import TableShape

#: Importance samples of a filled cell.
SAMPLES = 100
#: The highest of a cycle.
LEARNING_RATE = 3e-3
#: Arguments of the recipes: what training on them was tried with is in docs/LOG.md.
RECIPES: dict[str, dict[str, Any]] = {
    "iwae": {"latent": 16, "hidden": (256, 256), "k": 10},
    "vaeac": {},
    "not_miwae": {"latent": 16, "hidden": (256, 256), "k": 10},
}


class Table(NamedTuple):
    """Standardized numbers and indices of categories, NaN where a cell is hidden, and the truth."""

    x: np.ndarray
    truth: np.ndarray
    sizes: tuple[int, ...]


def read_table(name: str, rows: int, rate: float, seed: int, kind: str = "random") -> Table:
    """Return the first rows of a table in a random order, each cell hidden with this probability, on average."""
    rng, folder = np.random.default_rng(seed), Path(os.environ["ELBOWROOM_DATA"]) / "Tables"
    values, sizes = read_adult(folder / "adult.csv") if name == "adult" else read_numbers(folder, name)
    truth = values[rng.permutation(len(values))[:rows]]
    chances = np.full(truth.shape, rate)
    if kind == "value":
        numbers = [column for column, size in enumerate(sizes) if size == 1]
        chances[:, numbers] = 2 * rate * rank(truth[:, numbers])
    x = np.where(rng.random(truth.shape) < chances, np.nan, truth)
    for column, size in enumerate(sizes):
        if size == 1:
            mean, deviation = np.nanmean(x[:, column]), truth[:, column].std()
            x[:, column], truth[:, column] = (x[:, column] - mean) / deviation, (truth[:, column] - mean) / deviation
    return Table(x, truth, sizes)


def rank(values: np.ndarray) -> np.ndarray:
    """Return the ranks of numbers in their columns, from 0 to 1; those that are equal share theirs."""
    below = [np.searchsorted(np.sort(column), column, side="left") for column in values.T]
    above = [np.searchsorted(np.sort(column), column, side="right") for column in values.T]
    ranks: np.ndarray = (np.stack(below, 1) + np.stack(above, 1)) / (2 * len(values))
    return ranks


def read_numbers(folder: Path, name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return a table of numbers, without columns that never change."""
    values = np.load(folder / "anomalies" / f"{name}.npz", allow_pickle=False)["X"].astype(np.float64)
    values = values[:, values.std(0) > 0]
    return values, (1,) * values.shape[1]


def read_adult(path: Path) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the census table: six columns of numbers and nine of categories; a question mark is a category."""
    with path.open(newline="") as file:
        _, *lines = csv.reader(file, skipinitialspace=True)
    columns, sizes = [], []
    for cells in zip(*(line for line in lines if line), strict=True):
        if all(cell.isdigit() for cell in cells):
            columns.append(np.array(cells, dtype=np.float64))
            sizes.append(1)
        else:
            names, index = np.unique(cells, return_inverse=True)
            columns.append(index.astype(np.float64))
            sizes.append(len(names))
    return np.stack(columns, 1), tuple(sizes)


def fill_with_means(table: Table, rounds: int, seed: int) -> np.ndarray:
    """Return the table filled with the mean, or the most frequent category, of each column."""
    filled = table.x.copy()
    for column, size in enumerate(table.sizes):
        known = table.x[~np.isnan(table.x[:, column]), column]
        value = known.mean() if size == 1 else np.bincount(known.astype(int)).argmax()
        filled[np.isnan(filled[:, column]), column] = value
    return filled


def fill_with_mice(table: Table, rounds: int, seed: int) -> np.ndarray:
    """Return the table filled by linear regressions and logistic regressions of each column on all others."""
    from sklearn.linear_model import BayesianRidge, LogisticRegression

    if max(table.sizes) == 1:
        return fill_iteratively(table, BayesianRidge(), rounds, seed)
    return fill_in_chains(table, BayesianRidge, lambda: LogisticRegression(max_iter=200), True, rounds)


def fill_with_boosting(table: Table, rounds: int, seed: int) -> np.ndarray:
    """Return the table filled by gradient boosting of each column on all others."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if max(table.sizes) == 1:
        return fill_iteratively(table, HistGradientBoostingRegressor(random_state=seed), rounds, seed)
    make_regressor = lambda: HistGradientBoostingRegressor(random_state=seed)  # noqa: E731
    make_classifier = lambda: HistGradientBoostingClassifier(random_state=seed)  # noqa: E731
    return fill_in_chains(table, make_regressor, make_classifier, False, rounds)


def fill_iteratively(table: Table, estimator: Any, rounds: int, seed: int) -> np.ndarray:
    """Return a table of numbers filled by scikit-learn's imputer."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    filled: np.ndarray = IterativeImputer(estimator, max_iter=rounds, random_state=seed).fit_transform(table.x)
    return filled


def fill_in_chains(
    table: Table, make_regressor: Callable[[], Any], make_classifier: Callable[[], Any], one_hot: bool, rounds: int
) -> np.ndarray:
    """Return a table filled as that imputer does it, with classifiers for the columns of categories."""
    filled, is_missing = fill_with_means(table, rounds, 0), np.isnan(table.x)
    for _ in range(rounds):
        for column in np.argsort(is_missing.sum(0)):
            others = [c for c in range(len(table.sizes)) if c != column]
            inputs = np.concatenate([code_column(filled[:, c], table.sizes[c], one_hot) for c in others], 1)
            gaps, known = is_missing[:, column], filled[~is_missing[:, column], column]
            model = make_regressor() if table.sizes[column] == 1 else make_classifier()
            if gaps.any() and len(np.unique(known)) > 1:
                filled[gaps, column] = model.fit(inputs[~gaps], known).predict(inputs[gaps])
    return filled


def code_column(values: np.ndarray, size: int, one_hot: bool) -> np.ndarray:
    """Return a column as inputs of a regression: categories as indices, or one-hot."""
    return np.eye(size)[values.astype(int)] if one_hot and size > 1 else values[:, None]


def fill_with_recipe(recipe: str, steps: int, table: Table, seed: int) -> np.ndarray:
    """Return the table filled by the expectations of a model that was trained on it."""
    x = torch.from_numpy(table.x).float()
    bins = [choose_bins(column) if size == 1 else None for column, size in zip(table.x.T, table.sizes, strict=True)]
    shape = TableShape(table.sizes, rows=len(x), bins=bins)
    model, objective = er.recipes.find(recipe)(shape, seed=seed, **RECIPES[recipe])
    with tempfile.TemporaryDirectory() as folder:
        er.fit(
            model,
            objective,
            Data("gaps", InMemorySplit(x), None, None, shape),
            steps=steps,
            batch_size=128,
            lr=LEARNING_RATE,
            seed=seed,
            device="cpu",
            callbacks=[er.LRSchedule("one-cycle")],
            report=False,
            progress=False,
            sampler="none",
            out=Path(folder) / "run",
        )
    model.eval()
    parts = [expect_missing(model, part, samples=SAMPLES) for part in x.split(256)]
    return torch.cat(parts).double().numpy()


def fill_with_imputer(table: Table, rounds: int, seed: int) -> np.ndarray:
    """Return the table filled by the estimator in its own settings."""
    import pandas as pd

    names = [f"x{column}" for column in range(len(table.sizes))]
    frame = pd.DataFrame(table.x, columns=names)
    for name, size in zip(names, table.sizes, strict=True):
        if size > 1:
            frame[name] = frame[name].map("c{:.0f}".format, na_action="ignore").astype(object)
    filled = pd.DataFrame(er.sklearn.Imputer(random_state=seed).fit_transform(frame), columns=names)
    for name, size in zip(names, table.sizes, strict=True):
        if size > 1:
            filled[name] = filled[name].str.removeprefix("c")
    return filled.to_numpy(dtype=np.float64)


#: Functions from a table, rounds and a seed to the table without gaps; other methods are recipes.
FILLERS = {
    "mean": fill_with_means,
    "mice": fill_with_mice,
    "boosting": fill_with_boosting,
    "imputer": fill_with_imputer,
}


def score(table: Table, filled: np.ndarray) -> dict[str, float]:
    """Return the errors in the hidden cells."""
    hidden, is_number = np.isnan(table.x), np.array(table.sizes) == 1
    numbers, categories = hidden & is_number, hidden & ~is_number
    values = {"rmse": float(np.sqrt(np.mean((filled - table.truth)[numbers] ** 2)))}
    return values | ({"wrong": float(np.mean((filled != table.truth)[categories]))} if categories.any() else {})


def measure(method: str, table: Table, steps: int, rounds: int, seed: int) -> list[dict[str, Any]]:
    """Return the errors of a method, and the seconds of processor time it took."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few rounds are not yet converged, and the imputer says so each time
        if method in FILLERS:
            filled = FILLERS[method](table, rounds, seed)
        else:
            filled = fill_with_recipe(method, steps, table, seed)
    return [score(table, filled) | {"seconds": round(time.process_time() - start, 1)}]


def print_results(results: Results) -> None:
    """Print the rows as a table."""
    names = ("table", "kind", "rate", "rows", "method", "rmse", "wrong", "seconds")
    rows = sorted(results.rows({}), key=lambda row: (row["table"], row["kind"], row["rate"], row["rmse"]))
    print_markdown(names, ([_format(row.get(name, "")) for name in names] for row in rows))


def _format(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure what is not yet there, and print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/gaps"))
    parser.add_argument("--tables", nargs="+", default=["cardio", "pendigits", "adult"])
    parser.add_argument("--methods", nargs="+", default=[*FILLERS, *RECIPES])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.2, 0.5])
    parser.add_argument("--kinds", nargs="+", choices=["random", "value"], default=["random", "value"])
    for name, default in (("rows", 2500), ("steps", 4000), ("rounds", 5), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--print", action="store_true", help="print what was measured, and measure nothing")
    args = parser.parse_args()
    results = Results(args.out)
    torch.set_num_threads(1)
    for name, kind, rate in [] if args.print else itertools.product(args.tables, args.kinds, args.rates):
        table = read_table(name, args.rows, rate, args.seed, kind)
        for method in args.methods:
            key = {"table": name, "kind": kind, "rate": rate, "rows": len(table.x), "seed": args.seed, "method": method}
            key |= {"rounds": args.rounds} if method in FILLERS else {"steps": args.steps}
            results.measure(key, partial(measure, method, table, args.steps, args.rounds, args.seed))
    print_results(results)


if __name__ == "__main__":
    main()
