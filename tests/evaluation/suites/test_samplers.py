"""The suite of samplers: the standard normal changes nothing, a better density raises the bound; what is undefined."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.registry import EvalContext
from elbowroom.evaluation.suites import images, samplers
from elbowroom.samplers import fit_sampler, fit_to_model, parse
from elbowroom.samplers.training_latents import draw_training_latents
from tests.evaluation.models import make_model

#: Recipes and the reason why a sampler gives no importance bound; "" where it gives one.
BOUNDS = {"vae": "", "cvae": "", "ladder_vae": "", "vamp_vae": "", "autoencoder": "point posterior", "m2": "classes"}
BOUNDS |= {"avb": "implicit posterior"}


def make_context(model, data, fitted, samples=5, batch_size=100):
    return EvalContext(model.eval(), data, "test", data.test, samples, batch_size, 0, fitted)


@pytest.fixture
def run(digits, tmp_path):
    model, objective = make_model(latent=3)
    return er.fit(model, objective, digits, steps=20, device="cpu", sampler="none", out=tmp_path / "run")


@pytest.mark.parametrize("recipe", ["vae", "cvae"])
def test_with_the_standard_sampler_every_metric_is_the_priors(digits, recipe):
    model = make_model(recipe, latent=3)[0]
    context = make_context(model, digits, {"standard": fit_to_model(model, digits.train, "standard")})
    torch.manual_seed(0)
    metrics = samplers.metrics(context) | images.metrics(context)
    named = [key for key in metrics if key.endswith("[standard]") and not key.startswith("density_gain")]
    assert {"latent_log_density[standard]", "importance_bound[standard]", "frechet_distance[standard]"} <= set(named)
    for key in named:
        assert metrics[key].value == pytest.approx(metrics[key.partition("[")[0]].value, rel=1e-6), key
    assert metrics["density_gain[standard]"].value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("recipe", "reason"), BOUNDS.items())
def test_a_bound_is_measured_or_says_why_not(digits, recipe, reason):
    model = make_model(recipe)[0]
    fitted = {name: fit_to_model(model, digits.train, name) for name in ("gaussian", "neighbors")}
    metrics = samplers.metrics(make_context(model, digits, fitted))
    assert math.isfinite(metrics["latent_log_density[gaussian]"].value)
    assert "no density" in metrics["latent_log_density[neighbors]"].note
    bound = metrics["importance_bound[gaussian]"]
    assert reason in bound.note if reason else math.isfinite(bound.value)


def test_held_out_latents_share_no_noise_with_those_of_the_fit(digits):
    """Of a posterior that is the prior everywhere, no density is better than the prior."""
    model = make_model(latent=20)[0]
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
    fitted = {"gaussian": fit_to_model(model, digits.train, "gaussian", 359)}
    assert samplers.metrics(make_context(model, digits, fitted, 1))["density_gain[gaussian]"].value < -0.1


def test_codes_have_a_bound_that_is_the_elbo_and_bits_for_each(digits):
    model, _ = er.recipes.vq_vae(digits.shape, latent=3, codes=4, dim=2, hidden=(8,), seed=0)
    fitted = {"pixelcnn:20": fit_to_model(model, digits.train, "pixelcnn:20", 500)}
    metrics = samplers.metrics(make_context(model, digits, fitted, 2))
    for suffix in ("", "[pixelcnn:20]"):
        log_pz = metrics[f"latent_log_density{suffix}"].value
        assert metrics[f"bits_per_code{suffix}"].value == pytest.approx(-log_pz / 3 / math.log(2), rel=1e-6)
    likelihood = er.evaluate(model, digits, metrics="likelihood", samples=2, save=False)
    assert metrics["importance_bound"].value == pytest.approx(likelihood["elbo"].value, abs=1e-3)
    # The prior is uniform before a training.
    gain = metrics["importance_bound[pixelcnn:20]"].value - metrics["importance_bound"].value
    assert gain == pytest.approx(metrics["density_gain[pixelcnn:20]"].value, abs=1e-3)
    assert gain > 0


@pytest.mark.parametrize("name", ["gaussian", "two-stage"])
def test_metrics_are_the_same_in_any_batch_size(digits, name):
    """Those of a density that is an estimate too, which draws numbers of its own."""
    model = make_model(latent=3)[0]
    fitted = {name: fit_quickly(model, digits, name)}
    a, b = (samplers.metrics(make_context(model, digits, fitted, 3, size)) for size in (359, 17))
    for key in a:
        assert a[key].value == pytest.approx(b[key].value, abs=1e-4), key
    assert ("lower bound" in (a[f"importance_bound[{name}]"].note or "")) == (name == "two-stage")


def fit_quickly(model, data, name):
    latents = draw_training_latents(model, data.train, 500).z
    return parse(name)[0].fit(latents, **({"steps": 5, "hidden": 16} if name == "two-stage" else {})).eval()


def test_fitted_samplers_are_measured_and_kept_with_the_run(run):
    """Without being named; a name selects, and "prior" leaves all of them out."""
    fit_sampler(run, "gaussian")
    fit_sampler(run, "mixture:2")
    evaluation = er.evaluate(run, metrics="samplers", samples=3)
    assert {"importance_bound", "importance_bound[gaussian]", "importance_bound[mixture:2]"} <= set(evaluation)
    assert evaluation.protocol["samplers"] == ["gaussian", "mixture:2"]
    assert "importance_bound[mixture:2]" in (run.path / "evaluation.json").read_text()
    named = er.evaluate(run, sampler="mixture:2", samples=3, save=False)
    assert [key for key in named if "[" in key] == [key for key in evaluation if "mixture" in key]
    assert named["importance_bound[mixture:2]"].value == evaluation["importance_bound[mixture:2]"].value
    assert not [key for key in er.evaluate(run, metrics="samplers", sampler="prior", samples=3) if "[" in key]


def test_a_sampler_of_other_weights_is_left_out_and_refused_by_name(run):
    fit_sampler(run, "gaussian")
    er.resume(run, steps=40, device="cpu")
    with pytest.warns(UserWarning, match="gaussian is left out"):
        evaluation = er.evaluate(run, metrics="samplers", samples=2, save=False)
    assert "importance_bound[gaussian]" not in evaluation
    with pytest.raises(ValueError, match="fit it again"):
        er.evaluate(run, sampler="gaussian", samples=2)
    with pytest.raises(ValueError, match="mixture"):
        er.evaluate(run, sampler="mixtur", samples=2)
    with pytest.raises(ValueError, match="give the run"):
        er.evaluate(run.model(), run.data(), sampler="gaussian", samples=2)
