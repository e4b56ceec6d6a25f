"""Figures that hold: any batch size, any company, bounded memory, and nothing changed by looking."""

import io
import json
import math

import numpy as np
import pytest
import torch
from rich.console import Console

import elbowroom as er
from elbowroom import noise
from elbowroom.evaluation.registry import all_suites, suite
from elbowroom.evaluation.suites import likelihood


def make(recipe="vae", shape=(1, 8, 8), **more):
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe](shape, **more)


def test_every_split_gives_the_same_figures_in_any_batch_size_and_again():
    """Training pixels that are drawn anew at every use are drawn once for an evaluation, from its seed."""
    data = er.load_data("digits", binarize="dynamic")
    model, _ = make(latent=2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, b = (er.evaluate(model, data, samples=3, split="train", batch_size=size) for size in (1258, 7))
    assert torch.equal(torch.get_rng_state(), before)
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-4), name
    assert er.evaluate(model, data, samples=3, split="train", seed=1)["elbo"].value != a["elbo"].value


def test_one_sample_has_a_bound_too(digits):
    figures = er.evaluate(make(latent=2)[0], digits, samples=1)
    assert figures["effective_sample_size"].value == pytest.approx(1)
    # Its KL is estimated where the ELBO's is exact, so they agree within the error.
    gap = abs(figures["importance_bound"].value - figures["elbo"].value)
    assert gap < 4 * figures["importance_bound"].standard_error


@pytest.mark.parametrize("recipe", ["vae", "vamp_vae", "vq_vae", "ladder_vae", "m2"])
def test_memory_is_bounded_whatever_the_samples(digits, recipe, monkeypatch):
    """No tensor of a pass is much larger than the limit, however many samples are asked for."""
    limit = 200_000
    monkeypatch.setattr(likelihood, "MAX_TENSOR_NUMBERS", limit)
    monkeypatch.setattr(likelihood, "MAX_DECODED_NUMBERS", limit)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    model, _ = make(recipe, likelihood="categorical" if recipe == "vae" else "bernoulli")
    batch = next(digits.test.batches(10))
    with Watch():
        likelihood.estimate_bounds(model.eval(), batch, 40, seed=0)
    # A prior's components or codes may take four times as much; weights are as large as they are.
    allowed = 4 * limit if recipe in ("vamp_vae", "vq_vae") else limit
    assert largest <= max(allowed, *(p.numel() for p in model.parameters()))


def test_the_samples_of_an_example_are_the_same_in_any_pass(digits, monkeypatch):
    """However the samples are cut into passes, and the examples among them."""
    model, _ = make(latent=3)
    batch = digits.test.first(7)
    model.eval()
    whole = likelihood.estimate_bounds(model, batch, 40, seed=0)
    monkeypatch.setattr(likelihood, "MAX_TENSOR_NUMBERS", 3 * 400)
    monkeypatch.setattr(likelihood, "MAX_DECODED_NUMBERS", 400)
    parts = likelihood.estimate_bounds(model, batch, 40, seed=0)
    for name in whole:
        assert parts[name] == pytest.approx(whole[name], abs=1e-4), name
    assert not any(value.is_inference() for value in whole.values())


@pytest.mark.parametrize("recipe", ["vae", "vamp_vae", "vq_vae", "ladder_vae", "cvae", "m2", "autoencoder"])
def test_the_score_is_that_of_the_model_s_own_draw(digits, recipe):
    """Encoded once and decoded in blocks, or drawn as a whole: the same codes, and the same weights."""
    model, _ = make(recipe)
    batch = digits.test.first(5)
    found = likelihood.estimate_bounds(model.eval(), batch, 6, seed=3)
    with torch.no_grad(), noise.keyed_noise(3, batch.index):
        draw = model.draw(batch.x, batch.y, 6)
    assert found["reconstruction"].tolist() == pytest.approx((-draw.log_px.mean(0)).tolist(), abs=1e-4)
    if draw.is_probabilistic:
        bound = draw.log_w.double().logsumexp(0) - math.log(6)
        assert found["importance_bound"].tolist() == pytest.approx(bound.tolist(), abs=1e-4)
        assert found["kl"].tolist() == pytest.approx(draw.kl.tolist(), abs=1e-4)
        assert found["elbo"].tolist() == pytest.approx(draw.elbo.tolist(), abs=1e-4)


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_bits_score_the_same_with_and_without_a_gradient(scale):
    """Also where a logit has no exponential in single precision, and with values that do not fit the logits' shape."""
    torch.manual_seed(0)
    logits, x = scale * torch.randn(6, 5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    p = er.Bernoulli((1, 4, 4))(logits.flatten(2))
    expected = -torch.nn.functional.binary_cross_entropy_with_logits(
        logits.double(), x.double().expand_as(logits), reduction="none"
    ).sum((-3, -2, -1))
    for value in (x, x.double(), x.expand(6, 5, 1, 4, 4), x.expand(2, 6, 5, 1, 4, 4)):
        with torch.no_grad():
            fast = p.log_prob(value)
        assert fast.isfinite().all()
        torch.testing.assert_close(fast.double(), expected.expand_as(fast), rtol=2e-6, atol=2e-6 * scale)
        torch.testing.assert_close(fast, p.log_prob(value), rtol=2e-6, atol=2e-6 * scale)


def test_active_units_of_a_hierarchy_do_not_count_the_noise_from_above(digits):
    """A lower latent whose posterior follows the one above, and not the data, carries nothing of its own."""
    model, _ = make("ladder_vae", latent=(4, 3), hidden=(16, 16))
    with torch.no_grad():
        for read in model.read:
            # Neither mean nor precision depends on the data: upward messages say nothing.
            read.net.layers[-1].weight.zero_()
            read.net.layers[-1].bias.zero_()
        model.descend[0].net.layers[-1].weight.mul_(4)
    figures = er.evaluate(model, digits, samples=1)
    assert figures["active_units_z1"].value == 0
    assert figures["active_units_z2"].value == 0


def test_errors_of_latent_figures_are_the_spread_over_other_examples():
    """Against resampled examples: the error of the KL, and the doubt about a dimension at the line."""
    torch.manual_seed(0)
    encoder = er.Conditional(torch.nn.Linear(3, 6), er.DiagonalNormal(3))
    with torch.no_grad():
        # The means are the numbers themselves; variances of 1, of just what counts as active, and of nearly nothing.
        encoder.net.weight.copy_(torch.cat((torch.eye(3), torch.zeros(3, 3))))
        encoder.net.bias.zero_()
    model = er.Model(encoder, er.Conditional.mlp(3, er.Gaussian(3)), er.StandardNormal(3))
    world = torch.randn(40, 500, 3) * torch.tensor([1.0, 0.1, 0.01])
    found = [
        er.evaluate(model, er.load_data(x.numpy(), validation=0, test=0), metrics="latent", split="train")
        for x in world
    ]
    largest = torch.tensor([f["kl_per_dimension"].value[0] for f in found]).std().item()
    assert found[0]["kl_per_dimension"].standard_error == pytest.approx(largest, rel=0.4)
    counts = {f["active_units"].value for f in found}
    assert counts == {1.0, 2.0}
    assert sum(f["active_units"].standard_error for f in found) / 40 == pytest.approx(0.45, abs=0.1)


def test_figures_refuse_data_that_the_model_was_not_made_for(digits, tmp_path):
    model, objective = make(latent=2)
    run = er.fit(model, objective, digits, steps=2, out=tmp_path / "run", device="cpu")
    for subject in (model, run):
        with pytest.raises(ValueError, match="outside"):
            er.evaluate(subject, np.full((50, 8, 8), 3.0), split="train")
        with pytest.raises(ValueError, match="the model was made for 1x8x8"):
            er.evaluate(subject, np.zeros((50, 9, 9)), split="train")


@pytest.mark.parametrize("recipe", ["vq_vae", "vae"])
def test_looking_at_a_model_does_not_change_it(digits, recipe):
    model, _ = make(recipe, likelihood="gaussian:optimal")
    x = digits.train.first(20).x
    before = {name: t.clone() for name, t in model.state_dict().items()}
    assert model.training
    model.reconstruct(x), model.encode(x), model.sample(3)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_optimal_scale_in_evaluation_is_that_of_the_last_steps(digits, tmp_path):
    model, objective = make(latent=4, likelihood="gaussian:optimal")
    er.fit(model, objective, digits, epochs=8, lr=3e-3, out=tmp_path / "run", device="cpu")
    x = digits.train.first(500).x
    with torch.no_grad():
        error = (model.draw(x).p.mean[0] - x).square().mean().sqrt().item()
    assert model.decoder.family.log_scale.exp().item() == pytest.approx(error, rel=0.1)


def test_the_protocol_travels_with_the_figures(digits):
    model, _ = make(latent=2)
    figures = er.evaluate(model, digits, samples=4, seed=3)
    assert figures.protocol["seed"] == 3
    assert figures.protocol["data"]["fingerprint"] == digits.protocol["fingerprint"]
    assert figures["elbo"].samples == 4
    assert figures["elbo"].examples == len(digits.test)
    spread = figures["mse"].standard_error * math.sqrt(len(digits.test))
    assert 0.001 < spread < 1


@pytest.mark.parametrize(
    ("likelihood_name", "binarise", "defined"),
    [
        ("bernoulli", "none", False),
        ("bernoulli", "threshold", True),
        ("categorical", "none", True),
        ("gaussian", "none", False),
    ],
)
def test_bits_are_given_only_for_probabilities(likelihood_name, binarise, defined):
    data = er.load_data("digits", binarize=binarise)
    model, _ = make(latent=2, likelihood=likelihood_name)
    figures = er.evaluate(model, data, samples=2)
    assert ("bits_per_dim" in figures) is defined
    if defined:
        bits = -figures["importance_bound"].value / (64 * math.log(2))
        assert figures["bits_per_dim"].value == pytest.approx(bits)


def test_suites_are_asked_for_by_name_each_with_a_word_of_itself(digits):
    table = all_suites()
    assert [name for name, suite in table.items() if suite.is_default] == ["likelihood", "latent", "error"]
    assert all(suite.name == name and suite.description for name, suite in table.items())
    model, _ = make(latent=2)
    default = er.evaluate(model, digits, samples=2)
    asked = er.evaluate(model, digits, samples=2, metrics="latent, error,likelihood,latent")
    assert asked.protocol["metrics"] == ["latent", "error", "likelihood"]
    assert {name: m.value for name, m in asked.items()} == {name: m.value for name, m in default.items()}
    assert [m.suite for m in er.evaluate(model, digits, metrics=["error"]).values()] == ["error"]


def test_unknown_and_no_metrics_are_refused(digits):
    model, _ = make(latent=2)
    with pytest.raises(ValueError, match="unknown metrics 'likelyhood': did you mean 'likelihood'"):
        er.evaluate(model, digits, metrics="likelyhood")
    with pytest.raises(ValueError, match="no metrics were asked for: choose from likelihood"):
        er.evaluate(model, digits, metrics=" , ")


def test_a_suite_of_ones_own_is_one_of_them(digits, monkeypatch):
    monkeypatch.setattr("elbowroom.evaluation.registry.SUITES", dict(all_suites()))

    @suite("mine", "how many examples there are")
    def mine(subject):
        drawn = torch.randn(()).item()
        return {"count": er.Metric(len(subject.part), "examples", "counted"), "drawn": er.Metric(drawn, "", "drawn")}

    model, _ = make(latent=2)
    before = torch.get_rng_state()
    alone = er.evaluate(model, digits, metrics="mine")
    after = er.evaluate(model, digits, metrics="error,mine", samples=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert alone["count"].value == len(digits.test)
    # Whatever it draws is the seed's, and not what the suites before it left.
    assert alone["drawn"].value == after["drawn"].value
    assert list(all_suites())[-1] == "mine"


def test_a_figure_of_two_suites_is_the_same_figure(digits):
    model, _ = make(latent=2, hidden=(8,))
    found = {name: er.evaluate(model, digits, metrics=name, samples=2) for name in all_suites() if name != "annealed"}
    together = er.evaluate(model, digits, metrics=list(found), samples=2)
    assert set(together) == {name for figures in found.values() for name in figures}
    for figures in found.values():
        for name, metric in figures.items():
            assert metric.value == together[name].value, name


def test_an_undefined_figure_says_so_in_json_and_table(digits):
    model, _ = make("autoencoder", latent=2)
    figures = er.evaluate(model, digits, samples=2)
    found = json.loads(figures.json())["metrics"]["elbo"]
    assert found["value"] is None
    assert "undefined" in found["note"]
    screen = Console(width=200, file=io.StringIO())
    screen.print(figures.table())
    (line,) = [line for line in screen.file.getvalue().splitlines() if line.startswith("elbo")]
    assert "undefined" in line
    assert "point posterior" in line


def test_the_table_shows_every_estimator_as_it_is_written():
    """Brackets are not markup, and each figure says over how many examples it is taken."""
    how = "E[log q(z|x) − log q(z)]"
    figures = er.Evaluation({"a": er.Metric(1.0, "nats", how, 0.5, examples=1234, suite="one")}, {})
    screen = Console(width=200, file=io.StringIO())
    screen.print(figures.table())
    assert how in screen.file.getvalue()
    assert "1,234" in screen.file.getvalue()


def test_the_help_names_every_suite():
    from click.testing import CliRunner

    from elbowroom.cli.evaluate_sample import evaluate

    text = CliRunner().invoke(evaluate, ["--help"]).output
    assert all(name in text for name in all_suites())
