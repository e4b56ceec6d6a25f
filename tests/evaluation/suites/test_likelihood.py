"""Bounds on log p(x): in bounded memory, the same however samples are divided, equal to those of the model's draw."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.evaluation.suites import likelihood
from tests.evaluation.models import make_model


def test_bound_of_one_sample(digits):
    metrics = er.evaluate(make_model(latent=2)[0], digits, samples=1)
    assert metrics["effective_sample_size"].value == pytest.approx(1)
    # Its KL is estimated where the ELBO's is exact, so they agree within the error.
    gap = abs(metrics["importance_bound"].value - metrics["elbo"].value)
    assert gap < 4 * metrics["importance_bound"].standard_error


@pytest.mark.parametrize("recipe", ["vae", "vamp_vae", "vq_vae", "ladder_vae", "m2"])
def test_memory_is_bounded_whatever_the_samples(digits, recipe, monkeypatch):
    """No tensor of a pass is much larger than the limit, for any number of samples."""
    limit = 200_000
    monkeypatch.setattr(likelihood, "MAX_TENSOR_NUMBERS", limit)
    monkeypatch.setattr(likelihood, "MAX_DECODED_NUMBERS", limit)
    largest = 0

    class RecordLargest(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    model, _ = make_model(recipe, likelihood="categorical" if recipe == "vae" else "bernoulli")
    batch = next(digits.test.batches(10))
    with RecordLargest():
        likelihood.estimate_bounds(model.eval(), batch, 40, seed=0)
    # A prior's components or codes may take four times as much; weights are as large as they are.
    allowed = 4 * limit if recipe in ("vamp_vae", "vq_vae") else limit
    assert largest <= max(allowed, *(p.numel() for p in model.parameters()))


def test_samples_of_an_example_are_the_same_in_any_pass(digits, monkeypatch):
    """However samples and examples are divided into passes."""
    model, _ = make_model(latent=3)
    batch = digits.test.first(7)
    model.eval()
    whole = likelihood.estimate_bounds(model, batch, 40, seed=0)
    monkeypatch.setattr(likelihood, "MAX_TENSOR_NUMBERS", 3 * 400)
    monkeypatch.setattr(likelihood, "MAX_DECODED_NUMBERS", 400)
    divided = likelihood.estimate_bounds(model, batch, 40, seed=0)
    for name in whole:
        assert divided[name] == pytest.approx(whole[name], abs=1e-4), name
    assert not any(value.is_inference() for value in whole.values())


@pytest.mark.parametrize("recipe", ["vae", "vamp_vae", "vq_vae", "ladder_vae", "cvae", "m2", "autoencoder"])
def test_scores_are_those_of_the_model_draw(digits, recipe):
    """Encoded once and decoded in blocks, or drawn at once: the same latents and the same weights."""
    model, _ = make_model(recipe)
    batch = digits.test.first(5)
    values = likelihood.estimate_bounds(model.eval(), batch, 6, seed=3)
    with torch.no_grad(), noise.keyed_noise(3, batch.index):
        draw = model.draw(batch.x, batch.y, 6)
    assert values["reconstruction"].tolist() == pytest.approx((-draw.log_px.mean(0)).tolist(), abs=1e-4)
    if draw.is_probabilistic:
        bound = draw.log_w.double().logsumexp(0) - math.log(6)
        assert values["importance_bound"].tolist() == pytest.approx(bound.tolist(), abs=1e-4)
        assert values["kl"].tolist() == pytest.approx(draw.kl.tolist(), abs=1e-4)
        assert values["elbo"].tolist() == pytest.approx(draw.elbo.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("recipe", "count"), [("autoencoder", 1), ("rae_l2", 1), ("vq_vae", 1), ("avb", 40), ("vae", 40)]
)
def test_samples_that_are_all_alike_are_decoded_once(digits, recipe, count, monkeypatch):
    model, _ = make_model(recipe)
    batch = digits.test.first(3)
    decoded = []
    monkeypatch.setattr(likelihood, "count_activations", lambda *_: (1, 1))
    handle = model.eval().decoder.register_forward_pre_hook(lambda _, inputs: decoded.append(len(inputs[0])))
    values = likelihood.estimate_bounds(model, batch, 40, seed=0)
    handle.remove()
    assert sum(decoded) == 1 + count, "once without noise, and each other sample"
    if "effective_sample_size" in values and count == 1:
        assert values["effective_sample_size"].tolist() == pytest.approx([40] * 3)


@pytest.mark.parametrize(
    ("likelihood_name", "binarize", "defined"),
    [
        ("bernoulli", "none", False),
        ("bernoulli", "threshold", True),
        ("categorical", "none", True),
        ("gaussian", "none", False),
    ],
)
def test_bits_are_given_only_for_probabilities(likelihood_name, binarize, defined):
    data = er.load_data("digits", binarize=binarize)
    model, _ = make_model(latent=2, likelihood=likelihood_name)
    metrics = er.evaluate(model, data, samples=2)
    assert ("bits_per_dim" in metrics) is defined
    if defined:
        bits = -metrics["importance_bound"].value / (64 * math.log(2))
        assert metrics["bits_per_dim"].value == pytest.approx(bits)
