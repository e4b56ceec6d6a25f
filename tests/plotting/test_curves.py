"""Training curves show the rows of metrics.jsonl, with units."""

import pytest

from elbowroom.plotting import plot_curves
from elbowroom.plotting.curves import _y_limits
from elbowroom.plotting.figure import Line


def test_curves_are_the_rows_of_the_metrics(views):
    run = views("factor_vae").run
    figure = plot_curves(run)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "loss"
    assert {"log density ratio, by the critic", "the critic's own loss", "ELBO, higher is better"} <= set(titles)
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].get_lines()}
    assert lines == {split: [row["loss"] for row in run.metrics(split)] for split in ("train", "validation", "test")}
    # Where the loss is the negated bound, one of them is enough.
    titles = [axes.get_title(loc="left") for axes in plot_curves(views("vae").run).axes]
    assert titles == ["loss, −ELBO", "reconstruction, −log p(x|z)", "KL(q ‖ p)"]


def test_the_kl_of_every_latent_of_a_hierarchy_is_in_one_chart(views):
    run = views("hierarchical_vae").run
    (axes,) = [a for a in plot_curves(run).axes if a.get_title(loc="left").startswith("KL of each latent, validation")]
    rows = run.metrics("validation")
    kl = [key for key in rows[-1] if key.startswith("kl_z")]
    assert len(kl) > 1
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[row[key] for row in rows] for key in kl]


def test_units_other_than_nats_are_named(views):
    axes = {a.get_title(loc="left"): a.get_ylabel() for a in plot_curves(views("vq_vae").run).axes}
    assert axes["commitment"] == "squared distance per example"


@pytest.mark.parametrize(
    ("values", "cut_off"),
    [
        ([900.0] * 5 + [10 - i / 20 for i in range(95)], {900.0}),
        ([-900.0] * 5 + [i / 20 for i in range(95)], {-900.0}),
        ([0.01] * 80 + [0.7 + i / 100 for i in range(20)], set()),
        ([1.0] * 50 + [80.0] + [1.0] * 49, set()),
    ],
    ids=["falls", "rises", "rises at the end", "spike"],
)
def test_only_first_values_are_cut_off(values, cut_off):
    """Far from the rest; what comes late is what a curve is about."""
    low, high = _y_limits([Line("train", list(range(100)), values, "train")]) or (min(values), max(values))
    assert {value for value in values if not low <= value <= high} == cut_off
