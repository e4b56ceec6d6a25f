"""HTML forms: every displayed class has one, which escapes what it shows."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.auditor.audit import Audit
from elbowroom.auditor.outcome import Outcome
from elbowroom.comparing import Comparison
from elbowroom.display import HTML_FORMS, Displayed
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.recipes import RECIPES
from elbowroom.studio import StudioLink

HOSTILE = "<script>alert(1)</script>"


def displayed_classes(base=Displayed):
    for one in base.__subclasses__():
        yield one
        yield from displayed_classes(one)


def test_every_displayed_class_of_the_package_has_a_form():
    list(HTML_FORMS)  # imports them all
    names = {one.__name__ for one in displayed_classes() if one.__module__.startswith("elbowroom")}
    assert {"Run", "Data", "Evaluation", "Comparison", "Recipe", "Audit", "Finding", "Samples"} <= names
    assert StudioLink.__name__ in names
    assert names == set(HTML_FORMS)


FORMS = {
    "evaluation": Evaluation({"elbo": Metric(-98.25, "nats", HOSTILE, 0.35, suite="likelihood")}, {"split": "test"}),
    "audit": Audit(HOSTILE, "a bound", [Outcome("exact", True, "it is exact")]),
    "findings": Findings([Finding(HOSTILE, "e", "c", "a", "fault")], ["x"], {"ids": "no table"}, ["x"]),
    "finding": Finding("t", HOSTILE, "c", "a"),
    "data": er.load_data(np.random.default_rng(0).normal(size=(9, 2)), validation=0, test=0),
}
FORMS["data"].name = HOSTILE


@pytest.mark.parametrize("name", list(FORMS))
def test_what_is_shown_is_escaped(name):
    html = FORMS[name]._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_an_evaluation_keeps_error_and_protocol():
    html = FORMS["evaluation"]._repr_html_()
    assert "−98.25" in html
    assert "0.35" in html
    assert "split test" in html
    assert repr(FORMS["evaluation"]) == "elbo = −98.25 ± 0.35 nats"


def test_a_healthy_run_says_what_was_looked_for():
    html = Findings([], ["dead codes", "loss"], {"ids": "no table"})._repr_html_()
    assert "passed: dead codes, loss" in html
    assert "not applicable, no table: ids" in html
    assert "<table" not in html


@pytest.mark.parametrize("name", ["vae", "beta_vae"])
def test_a_recipe_shows_all_its_arguments(name):
    html = RECIPES[name]._repr_html_()
    assert all(f">{argument}<" in html for argument in RECIPES[name].arguments)


def test_data_shows_its_splits_and_first_examples(digits):
    html = digits._repr_html_()
    assert ">1,258<" in html
    assert "data:image/png;base64," in html
    assert "classes: 0, 1, 2" in html


def test_a_comparison_is_a_table_in_html_and_as_text(root):
    comparison = er.compare(root / "tests" / "compat" / "runs" / "finished")
    assert isinstance(comparison, Comparison)
    assert "<table>" in comparison._repr_html_()
    loss = comparison.entries[0].run.metrics("test")[-1]["elbo"]
    assert f"{-loss:.2f}" in comparison._repr_html_()
    assert f"{-loss:.2f}" in repr(comparison)


@pytest.mark.parametrize(
    ("values", "form"), [(torch.rand(3, 1, 8, 8), "<img"), (torch.rand(3, 4), "<table"), (torch.rand(3, 2, 99), None)]
)
def test_samples_are_images_or_rows_and_else_a_tensor(values, form):
    from elbowroom.models.samples import Samples

    html = values.as_subclass(Samples)._repr_html_()
    assert html is None if form is None else form in html


def test_samples_compute_as_tensors_do(digits):
    model, _ = er.recipes.vae(digits.shape, latent=2)
    samples = model.sample(3)
    assert type(samples * 2) is torch.Tensor
    assert type(samples.clone()) is torch.Tensor
    assert np.asarray(samples).shape == (3, 1, 8, 8)


def test_a_figure_has_its_own_png(digits, tmp_path):
    run = er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=(8,)), digits, steps=2, out=tmp_path / "run")
    assert run.plot("loss")._repr_png_()[:4] == b"\x89PNG"
    assert digits.show()._repr_png_()[:4] == b"\x89PNG"


def test_texts_of_data_are_a_line(digits):
    assert repr(digits).startswith("Data('digits', examples of (1, 8, 8), train 1,258")
    assert repr(digits.train) == "InMemorySplit(1,258 examples of (1, 8, 8), labels)"
    batch = digits.train.first(2)
    assert repr(batch) == "Batch(x=(2, 1, 8, 8) float32, y=(2,) int64, index=(2,) int64)"
    model, _ = er.recipes.vae(digits.shape, latent=2)
    assert repr(model.draw(batch.x, k=3)) == "Draw(x=(2, 1, 8, 8), z=(3, 2, 2), p=IndependentBernoulli)"


def test_examples_are_a_sequence_of_pairs(digits):
    x, y = digits.test[-1]
    last = digits.test.first(len(digits.test))
    assert x.equal(last.x[-1])
    assert y == last.y[-1]
    pairs = list(digits.test)
    assert len(pairs) == len(digits.test)
    assert torch.stack([x for x, _ in pairs]).equal(last.x)
    assert digits.test[2:4].x.equal(last.x[2:4])
    with pytest.raises(IndexError):
        digits.test[len(digits.test)]
