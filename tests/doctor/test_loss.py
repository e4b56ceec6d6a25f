"""Diagnoses of the loss, and the weights of its terms."""

import numpy as np
import pytest

import elbowroom as er
from elbowroom.doctor import examine
from elbowroom.doctor.loss_weights import weights_from_objective, weights_from_rows
from elbowroom.doctor.registry import NotApplicableError
from tests.doctor.runs import causes, get_finding, make, train
from tests.tiny_recipes import make_tiny


def test_averaged_reconstruction(digits, tmp_path):
    run = train(digits, tmp_path / "run", make()[0], er.Reconstruction() / 64 + er.KL(), steps=60)
    findings = examine(run)
    finding = get_finding(findings, "reconstruction averaged")
    assert finding.severity == "fault"
    assert "the loss has 1/64 of the reconstruction and 1 of the KL" in finding.evidence
    assert causes(findings) == {"reconstruction averaged"}


@pytest.mark.parametrize(
    ("objective", "words", "severity"),
    [
        (lambda: er.Reconstruction() + er.KL() / 64, "the KL weighs 1/64 as much as the reconstruction, which is the "
         "number of values of an example", "fault"),
        (lambda: er.Reconstruction() + er.KL() / 1258, "the number of training examples", "fault"),
        (lambda: er.Reconstruction() + 0.01 * er.KL(), "the KL weighs 1/100 as much", "warning"),
        (lambda: er.Reconstruction() + 30 * er.KL(), "the KL weighs 30 times as much", "warning"),
    ],
)  # fmt: skip
def test_kl_out_of_proportion(objective, words, severity, digits, tmp_path):
    run = train(digits, tmp_path / "run", make()[0], objective(), steps=60)
    finding = get_finding(examine(run), "KL out of proportion")
    assert words in finding.evidence
    assert finding.severity == severity


@pytest.mark.parametrize(
    ("objective", "reconstruction", "kl"),
    [
        (er.ELBO(), 1, 1),
        (er.ELBO(3), 1, 1),
        (er.Reconstruction() + 4 * er.KL(), 1, 4),
        (er.Reconstruction() / 64 + er.KL(), 1 / 64, 1),
        (er.ImportanceBound(5), 1, 1),
        (er.Reconstruction() + 10 * er.MMD(), 1, 0),
        (er.Reconstruction() + er.ramp(0, 2, 1000) * er.KL(), 1, 2),
        (er.Reconstruction() + er.KL() + 6 * er.MMD(), 1, 1),
    ],
)
def test_weights_from_objective(objective, reconstruction, kl, digits):
    batch = digits.train.first(20)
    draw = make()[0].draw(batch.x, k=objective.k)
    weights = weights_from_objective(objective, draw)
    assert weights.reconstruction == pytest.approx(reconstruction, rel=1e-5)
    assert weights.kl == pytest.approx(kl, rel=1e-4, abs=1e-6)
    # Adding a reconstruction adds one to its weight, whatever else is in the objective.
    both = weights_from_objective(objective + er.Reconstruction(), draw)
    assert both.reconstruction == pytest.approx(reconstruction + 1, rel=1e-5)


def test_nonlinear_kl_has_no_weight(digits):
    draw = make()[0].draw(digits.train.first(20).x)
    with pytest.raises(NotApplicableError, match="is not linear in the KL"):
        weights_from_objective(er.Reconstruction() + 1000 * abs(er.KL() - 25), draw)


def test_weights_from_rows():
    rng = np.random.default_rng(0)
    terms = rng.uniform(1, 30, (12, 3))
    rows = [
        {"step": i, "epoch": 1, "split": "train", "examples": 5, "seconds": 0.1, "reconstruction": r, "kl": k, "mmd": m,
         "loss": 0.5 * r + 3 * k + 7 * m}
        for i, (r, k, m) in enumerate(terms)
    ]  # fmt: skip
    weights = weights_from_rows(rows)
    assert (weights.reconstruction, weights.kl) == (pytest.approx(0.5), pytest.approx(3))
    with pytest.raises(NotApplicableError, match="4 rows are too few"):
        weights_from_rows(rows[:4])
    for i, row in enumerate(rows):
        row["loss"] += i
    with pytest.raises(NotApplicableError, match="no fixed weighted sum of its terms"):
        weights_from_rows(rows)


@pytest.mark.parametrize("source", ["recipe", "callback"])
def test_unfinished_warmup(source, digits, tmp_path):
    model_and_objective = make("ladder_vae", warmup=10_000) if source == "recipe" else make()
    settings = {} if source == "recipe" else {"callbacks": [er.Warmup(steps=40)]}
    run = train(digits, tmp_path / "run", *model_and_objective, steps=20, **settings)
    finding = get_finding(examine(run), "warm-up unfinished")
    assert f"and the run ended after 20: {'0' if source == 'recipe' else '50'}% of the way" in finding.evidence
    assert finding.severity == "warning"


@pytest.mark.parametrize(("beta", "severity"), [({}, "note"), ({"beta": 1e-5}, "warning")])
def test_a_small_weight_of_the_kl_is_no_mistake_where_the_recipe_has_it(beta, severity, digits, tmp_path):
    model, objective = make_tiny("autoencoder_kl", adversarial=0.0, **beta)
    run = train(digits, tmp_path / "run", model, objective, steps=2)
    assert get_finding(examine(run, digits), "KL out of proportion").severity == severity
