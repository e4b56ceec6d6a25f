"""What the recipes reach in the same minutes: the rows that ``benchmarks/images/zoo.py`` wrote, as a table."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Collection
from pathlib import Path
from typing import Any

from elbowroom.recipes import RECIPES

#: What ``benchmarks/images/zoo.py`` measured: ``results.jsonl`` and a picture of each recipe.
ZOO = Path(__file__).parents[1] / "zoo"
FIGURES = {
    "elbo": ("ELBO, nats", ".2f"),
    "importance_bound": ("importance bound of 100 samples, nats", ".2f"),
    "kl": ("KL, nats", ".1f"),
    "active_units": ("active units", ".0f"),
    "linear_probe_accuracy": ("accuracy of a linear probe", ".1%"),
    "fid_prior": ("FID, samples of the prior", ".1f"),
    "fid_sampler": ("FID, samples of a fitted density", ".1f"),
    "epoch_cost": ("time of an epoch, in epochs of the classic", ".1f"),
    "parameters": ("parameters", ",d"),
}
#: The figures of the table, as its head has them.
TABLE = {
    "elbo": "ELBO",
    "importance_bound": "bound",
    "kl": "KL",
    "active_units": "active",
    "linear_probe_accuracy": "probe",
    "fid_prior": "FID prior",
    "fid_sampler": "FID sampler",
    "epoch_cost": "epoch",
}
#: Those whose standard deviation over seeds is shown.
WITH_SPREAD = ("elbo", "importance_bound", "fid_prior", "fid_sampler")

#: The likelihood whose bounds are compared: log-probabilities of bits.
COMPARABLE = "bernoulli"

PROTOCOL = """\
{count} of {recipes} recipes, each trained on binarized MNIST for the time of {steps:,} steps of the classic: one and a
half to two minutes of one processor core, beside other work. Judged on 2,000 test images; nats per image, means over
seeds ± their standard deviation; an empty cell is what the model does not define. The time of an epoch is in epochs of
the classic. Bounds are comparable where the likelihood is the Bernoulli of bits; those of densities and counts stand
below, and those of images given their class or together with it. After so short a training the quick ones are ahead:
importance bounds of many samples and critics cost steps. How many depends on the processor: the rows are of several,
and a step of `iwae`, whose 50 samples are larger than a cache, costs 17 steps of the classic on one and 34 to 39 on
another, so that its three seeds had 414, 177 and 205 steps.

Samples are means of p(x|z), grey where the model is unsure; those of a decoder that reads x (`made_vae`, `pixel_vae`,
`text_vae`, `vrae`, `vrnn`) are draws, bits as the test images are. FID is in the features of a classifier of the
digits, in which as many training images have {floor:.1f}. The classifier is kept in `docs/zoo`; rows from before it was
are in that of another processor, which differs by rounding alone. In four classifiers of different instructions the
same samples of `vae` had 20.2 to 20.7, those of `conv_vae` 28.2 to 29.3: two distances that are nearer to each other
than that say nothing.

    python benchmarks/images/zoo.py --out docs/zoo

"""


def read_rows() -> dict[str, list[dict[str, Any]]]:
    """Return the measured rows by recipe."""
    path = ZOO / "results.jsonl"
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(line)
        rows.setdefault(row["recipe"], []).append(row)
    return rows


def render_table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Return the page that has the figures of all recipes that were measured, the best bound first."""
    head = "---\norphan: true\n---\n\n# The zoo in figures\n\n"
    measured = {name: average(same) for name, same in rows.items() if name in RECIPES}
    if not measured:
        return f"{head}None were measured: `python benchmarks/images/zoo.py --out docs/zoo` does.\n"
    others = {name: rows[name][0].get("likelihood") or "its own" for name in measured}
    others = {name: likelihood for name, likelihood in others.items() if likelihood != COMPARABLE}
    lines = [f"| recipe | {' | '.join(TABLE.values())} | likelihood | the doctor | the auditor |"]
    lines += ["|---" * (len(TABLE) + 4) + "|"]

    def rank(name: str) -> tuple[bool, float]:
        return name in others, -measured[name].get("importance_bound", -math.inf)

    for name in sorted(measured, key=rank):
        cells = [write_mean(rows[name], key) for key in TABLE]
        found, failed = (", ".join(name_findings(rows[name], key)) for key in ("findings", "audit"))
        cells += [others.get(name, ""), found, failed and f"fails {failed}"]
        lines.append(f"| [`{name}`]({name}.md) | {' | '.join(cells)} |")
    best = choose(measured, others)
    return head + describe_protocol(rows, len(measured)) + "\n".join([*best, "", *lines, ""])


def describe_protocol(rows: dict[str, list[dict[str, Any]]], count: int) -> str:
    """Return how the figures were measured."""
    steps = next(iter(rows.values()))[0]["classic_steps"]
    floor = next((row["fid_prior"] for row in rows.get("training images", ())), math.nan)
    return PROTOCOL.format(count=count, recipes=len(RECIPES), steps=steps, floor=floor)


#: What a reader may look for, the figure that says it, and whether a high one is good.
AIMS = (
    ("the closest bound of log p(x)", "importance_bound", True),
    ("the best samples of the prior", "fid_prior", False),
    ("the best samples with a fitted density", "fid_sampler", False),
    ("latents that tell the classes", "linear_probe_accuracy", True),
    ("the shortest epoch", "epoch_cost", False),
)


def choose(measured: dict[str, dict[str, float]], others: Collection[str]) -> list[str]:
    """Return the three best recipes for each aim; those of other likelihoods have no comparable bound."""
    lines = ["| if you look for | take one of |", "|---|---|"]
    for aim, key, is_high_good in AIMS:
        left_out = others if key == "importance_bound" else ()
        known = {name: row[key] for name, row in measured.items() if key in row and name not in left_out}
        ranked = sorted((value * (-1 if is_high_good else 1), name) for name, value in known.items())
        best = ", ".join(f"[`{name}`]({name}.md) ({write(key, measured[name][key])})" for _, name in ranked[:3])
        lines.append(f"| {aim} | {best} |")
    return lines


def write(key: str, value: float) -> str:
    """Return a figure in its form, with a minus sign."""
    form = FIGURES[key][1]
    return f"{int(value) if form == ',d' else value:{form}}".replace("-", "−")


def write_mean(rows: list[dict[str, Any]], key: str) -> str:
    """Return the mean of a figure over seeds; if its spread says something, with the standard deviation."""
    values = values_of(rows, key)
    if not values:
        return ""
    spread = f" ± {write(key, statistics.stdev(values))}" if key in WITH_SPREAD and len(values) > 1 else ""
    return write(key, statistics.fmean(values)) + spread


def values_of(rows: list[dict[str, Any]], key: str) -> list[float]:
    """Return a figure of each row that has it."""
    return [row[key] for row in rows if row.get(key) is not None]


def average(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the means over seeds of the figures that a recipe has."""
    return {key: statistics.fmean(values) for key in FIGURES if (values := values_of(rows, key))}


def name_findings(rows: list[dict[str, Any]], key: str) -> list[str]:
    """Return the titles that the doctor or the auditor gave to any of the rows."""
    return sorted({title for row in rows for title in row[key]})
