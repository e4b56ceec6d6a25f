"""Synthetic rows of tables after the same CPU seconds: recipes here, and TVAE and CTGAN of the package ctgan.

    PYTHONPATH=SITE python benchmarks/tables.py [--out runs/tables] [--tables adult campaign cardio] [--seconds 120]
        [--seeds 0] [--methods real elbowroom:made_vae ctgan:TVAE …] [--print]

SITE has ctgan 0.12, sdmetrics, rdt and pandas below 3, as ``pip install --target SITE`` puts them there; a peer that is
not installed is left out with a word. ``adult.csv`` is the census table, and the others are sets of ADBench with their
class as a further column, where a column of at most ``MOST_CATEGORIES`` values is one of categories. The first 20,000
rows in an order of the seed are trained on (80 % of a smaller table), and as many rows are drawn; all others, 20,000 at
most, are held out. All methods have one thread, and as many seconds of processor time from the first look at the rows
to the last step; drawing comes on top. The peers stop at the end of an epoch, in the settings that they come with.

- ``quality``, ``shapes``, ``pairs``: sdmetrics' quality report against held-out rows;
- ``tstr``: AUROC of gradient boosting of the last column, which learns from synthetic rows, on held-out rows;
- ``distance``: the median distance to the nearest training row over that of held-out rows, below 1 for rows that are
  too near; ``copies``: the share of rows that are in the training rows;
- ``own_…``: the same by ``elbowroom evaluate --metrics synthetic``, and its shares of privacy.

The method ``real`` is the training rows themselves: what can be reached, and what privacy is not. Rows of
``--out``/results.jsonl that are there are not measured again.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from images.results import Results, print_markdown

import elbowroom as er
from elbowroom.data.table_rows import draw_missing, table_columns
from elbowroom.evaluation.metrics import synthetic_rows

MOST_ROWS, TRAIN_SHARE = 20_000, 0.8
#: Values of a column of categories in a table of numbers, at most.
MOST_CATEGORIES = 10
#: Synthetic and held-out rows whose nearest training rows are looked for.
DISTANCE_ROWS = 2_000
#: Steps that the seconds of one are measured with, after as many to warm up.
TIMED_STEPS = 20
#: Recipes in the settings that they come with, which say what the tables are.
RECIPES = {"elbowroom:tvae": "tvae", "elbowroom:made_vae": "made_vae"}
PEERS = {"ctgan:TVAE": "tvae", "ctgan:CTGAN": "ctgan"}
"""Synthesizers of ctgan, with their module in ``ctgan.synthesizers``."""
COLUMNS = ("quality", "shapes", "pairs", "tstr", "distance", "copies")
OWN_COLUMNS = ("own_quality", "own_tstr_auroc", "own_nearer_train", "own_membership_auroc")


class Table(NamedTuple):
    """Rows to train on and held-out ones; which columns are of categories, the last one of them to be predicted."""

    train: pd.DataFrame
    test: pd.DataFrame
    categories: list[str]


def read_table(name: str, seed: int) -> Table:
    """Return a table divided by the seed."""
    folder = Path(os.environ["ELBOWROOM_DATA"]) / "Tables"
    frame = pd.read_csv(folder / "adult.csv", skipinitialspace=True) if name == "adult" else read_set(folder, name)
    frame = frame.sample(frac=1, random_state=seed, ignore_index=True)
    n = min(MOST_ROWS, round(TRAIN_SHARE * len(frame)))
    train, test = frame[:n], frame[n : n + MOST_ROWS]
    categories = [column for column in frame if not pd.api.types.is_numeric_dtype(frame[column])]
    for column in categories:
        test = test[test[column].isin(train[column])]
    return Table(train, test.reset_index(drop=True), categories)


def read_set(folder: Path, name: str) -> pd.DataFrame:
    """Return a set of ADBench, its class last; columns of few values are names."""
    file = np.load(folder / "anomalies" / f"{name}.npz", allow_pickle=False)
    # To a millionth, as the rows of a recipe are written: two values that differ by less are one here.
    frame = pd.DataFrame(file["X"].astype(np.float64).round(6)).rename(columns="x{}".format)
    frame = frame.loc[:, frame.nunique() > 1].assign(anomaly=file["y"])
    few = [column for column in frame if frame[column].nunique() <= MOST_CATEGORIES]
    return frame.astype(dict.fromkeys(few, str))


class Draw(NamedTuple):
    """Synthetic rows, and what they took: seconds of training, and steps or epochs."""

    rows: pd.DataFrame
    seconds: float
    steps: int


def draw_with_peer(name: str, table: Table, seconds: float, seed: int) -> Draw:
    """Return rows that a synthesizer of ctgan draws, which trains whole epochs until its seconds are over."""
    module = importlib.import_module(f"ctgan.synthesizers.{PEERS[name]}")
    start, epochs = time.process_time(), 0

    def iterate(numbers: Iterable[int], **_: Any) -> Iterator[int]:
        nonlocal epochs
        for number in numbers:
            if time.process_time() - start >= seconds:
                return
            yield number
            epochs += 1

    module.tqdm = iterate  # both count their epochs by it
    torch.manual_seed(seed)
    np.random.seed(seed)
    synthesizer = getattr(module, name.partition(":")[2])(epochs=10**6, enable_gpu=False)
    synthesizer.fit(table.train, table.categories)
    trained = time.process_time() - start
    return Draw(synthesizer.sample(len(table.train)), trained, epochs)


def load_table(table: Table) -> er.Data:
    """Return a table as it is loaded for a recipe, whose test split is the held-out rows."""
    kinds = {name: "category" if name in table.categories else "number" for name in table.train}
    return er.load_data(table.train, label="", columns=kinds, validation=0, test=table.test)


def draw_with_recipe(name: str, table: Table, seconds: float, seed: int) -> Draw:
    """Return rows that a recipe draws, which trains as many steps as fit into the seconds."""
    start = time.process_time()
    data = load_table(table)
    with tempfile.TemporaryDirectory() as folder:
        marks: list[float] = []
        mark = er.on.step(lambda _: marks.append(time.process_time()))
        fit_recipe(RECIPES[name], data, 2 * TIMED_STEPS, seed, f"{folder}/timed", mark)
        seconds_per_step = (marks[-1] - marks[TIMED_STEPS - 1]) / TIMED_STEPS
        steps = max(1, int((seconds - (time.process_time() - start)) / seconds_per_step))
        model = fit_recipe(RECIPES[name], data, steps, seed, f"{folder}/run").model()
        trained = time.process_time() - start
    with torch.no_grad():
        torch.manual_seed(seed)
        x = torch.cat([model.sample(n, draw=True) for n in chunk_sizes(len(table.train), 1_000)])
    drawn = table_columns(draw_missing(x, data.protocol), data.protocol)
    return Draw(pd.DataFrame(drawn)[list(table.train)], trained, steps)


def chunk_sizes(n: int, most: int) -> list[int]:
    """Return sizes of chunks that add up to n."""
    return [most] * (n // most) + ([n % most] if n % most else [])


def fit_recipe(recipe: str, data: er.Data, steps: int, seed: int, out: str, *callbacks: er.Callback) -> er.Run:
    """Train a recipe for some steps in its own settings, without a look at held-out rows."""
    settings = dict(er.recipes.find(recipe).defaults)
    schedule = er.LRSchedule(settings.pop("schedule", "one-cycle"))
    quiet: dict[str, Any] = {"watch": (), "report": False, "progress": False, "device": "cpu", "sampler": "none"}
    model, objective = er.recipes.find(recipe)(data.shape, seed=seed)
    callbacks = (schedule, *callbacks)
    return er.fit(model, objective, data, steps=steps, seed=seed, out=out, callbacks=callbacks, **quiet, **settings)


def compute_quality(table: Table, rows: pd.DataFrame) -> dict[str, float]:
    """Return the scores of sdmetrics' quality report."""
    from sdmetrics.reports.single_table import QualityReport

    kinds = {name: {"sdtype": "categorical" if name in table.categories else "numerical"} for name in table.test}
    report = QualityReport()
    report.generate(table.test, rows, {"columns": kinds}, verbose=False)
    scores = report.get_properties().set_index("Property")["Score"]
    return {
        "quality": report.get_score(),
        "shapes": scores["Column Shapes"],
        "pairs": scores["Column Pair Trends"],
    }


def compute_transfer(table: Table, rows: pd.DataFrame) -> dict[str, float]:
    """Return the AUROC of gradient boosting of the last column, which learns from synthetic rows, on held-out rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    *inputs, target = table.train
    names = {name: pd.CategoricalDtype(sorted(table.train[name].dropna().unique())) for name in table.categories}
    learned, tested = rows[[*inputs, target]].astype(names), table.test.astype(names)
    if learned[target].nunique() < 2:
        return {"tstr": 0.5}
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    model.fit(learned[inputs], learned[target])
    positive = model.classes_[1]
    scores = model.predict_proba(tested[inputs])[:, 1]
    return {"tstr": roc_auc_score(tested[target] == positive, scores)}


def compute_privacy(table: Table, rows: pd.DataFrame) -> dict[str, float]:
    """Return how near rows are to training rows, beside held-out ones, and the share of copies."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=1, algorithm="brute", metric="manhattan").fit(encode(table, table.train))
    medians = [
        np.median(near.kneighbors(encode(table, part[:DISTANCE_ROWS]))[0])
        for part in (rows.sample(frac=1, random_state=0), table.test)
    ]
    known = set(table.train.itertuples(index=False, name=None))
    copies = np.mean([row in known for row in rows[list(table.train)].itertuples(index=False, name=None)])
    return {"distance": medians[0] / max(medians[1], 1e-9), "copies": copies}


def encode(table: Table, rows: pd.DataFrame) -> np.ndarray:
    """Return rows as numbers: by their standard deviation, and categories so that two that differ are 1 apart."""
    numbers = [name for name in table.train if name not in table.categories]
    scaled = (rows[numbers].astype(float) - table.train[numbers].mean()) / table.train[numbers].std()
    names = [sorted(table.train[name].unique()) for name in table.categories]
    flags = [rows[[c]].to_numpy() == np.array(own)[None] for c, own in zip(table.categories, names, strict=True)]
    encoded: np.ndarray = np.concatenate([scaled.to_numpy(), *(0.5 * part for part in flags)], 1, dtype=np.float32)
    return np.nan_to_num(encoded)


def compute_own(table: Table, rows: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the suite ``synthetic``."""
    data = load_table(table)
    kinds = {column.name: column for column in data.columns or ()}
    levels = [column.n_categories or None for column in kinds.values()]
    drawn = er.load_data(rows[list(table.train)], label="", columns=data.protocol["columns"], validation=0, test=0)
    x, train, test = (split.first(MOST_ROWS).x.double().numpy() for split in (drawn.train, data.train, data.test))
    values: dict[str, Any] = {"quality": synthetic_rows.fidelity(test, x, levels)["quality"]}
    values["tstr_auroc"] = synthetic_rows.transfer_auroc(x, test, target=len(levels) - 1)
    return {f"own_{key}": value for key, value in (values | synthetic_rows.privacy(train, test, x, levels)).items()}


def draw_real(name: str, table: Table, seconds: float, seed: int) -> Draw:
    """Return the training rows."""
    return Draw(table.train, 0.0, 0)


def measure(method: str, table: Table, seconds: float, seed: int) -> list[dict[str, Any]]:
    """Return the measures of the rows that a method draws."""
    draw_rows: Callable[..., Draw] = (
        draw_real if method == "real" else draw_with_peer if method in PEERS else draw_with_recipe
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw = draw_rows(method, table, seconds, seed)
        values: dict[str, Any] = {}
        for compute in (compute_quality, compute_transfer, compute_privacy, compute_own):
            values |= compute(table, draw.rows)
    values = {key: None if value is None else round(float(value), 5) for key, value in values.items()}
    return [values | {"took": round(draw.seconds, 1), "steps": draw.steps}]


def is_installed(method: str) -> bool:
    """Return whether a method can run; say so where it cannot."""
    try:
        importlib.import_module("ctgan" if method in PEERS else "elbowroom")
    except ImportError:
        print(f"{method} is left out: ctgan is not installed (pip install --target SITE ctgan sdmetrics)")
        return False
    return True


def print_results(results: Results, tables: list[str]) -> None:
    """Print means over seeds."""
    for name in tables:
        rows = results.rows({"table": name})
        groups = dict.fromkeys((row["seconds"], row["method"]) for row in rows)
        print(f"\n{name}\n")
        lines = []
        for seconds, method in sorted(groups):
            own = [row for row in rows if (row["seconds"], row["method"]) == (seconds, method)]
            means = [np.mean([row[key] for row in own if row[key] is not None]) for key in (*COLUMNS, *OWN_COLUMNS)]
            lines.append([f"{seconds:g}", method, str(len(own)), *(f"{value:.3f}" for value in means)])
        print_markdown(("seconds", "method", "seeds", *COLUMNS, *OWN_COLUMNS), lines)


def main() -> None:
    """Measure what is not yet there, and print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/tables"))
    parser.add_argument("--tables", nargs="+", default=["adult", "campaign", "cardio"])
    parser.add_argument("--methods", nargs="+", default=["real", *RECIPES, *PEERS])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--print", action="store_true", help="print what was measured, and measure nothing")
    args = parser.parse_args()
    results = Results(args.out)
    torch.set_num_threads(1)
    for seed in [] if args.print else args.seeds:
        for name in args.tables:
            table = read_table(name, seed)
            for method in filter(is_installed, args.methods):
                key = {"table": name, "method": method, "seed": seed}
                key |= {"seconds": 0.0 if method == "real" else args.seconds}
                results.measure(key, partial(measure, method, table, args.seconds, seed))
    print_results(results, args.tables)


if __name__ == "__main__":
    main()
