"""Usage and perplexity of codes against counts of their indices."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.latent.encode import encode_split
from tests.tiny_recipes import make_tiny


def perplexity(index, size):
    share = np.bincount(index.flatten(), minlength=size) / index.numel()
    return np.exp(-(share[share > 0] * np.log(share[share > 0])).sum())


@pytest.mark.parametrize("name", ["codebook:8", "fsq:4,3", "residual:8x2"])
def test_usage_is_counted_jointly_and_by_sub_index(digits, name):
    model, _ = make_tiny("quantized_vae", quantizer=name)
    torch.nn.init.normal_(model.prior.logits)
    index = encode_split(model.eval(), digits.test)["index"].reshape(359, 3, -1)
    joint, sizes = model.quantizer.join_index(index), model.quantizer.index_sizes
    metrics = er.evaluate(model, digits, metrics="code_usage, likelihood", samples=1)
    assert metrics["code_usage"].value == pytest.approx(len(joint.unique()) / model.quantizer.n_codes)
    assert metrics["code_perplexity"].value == pytest.approx(perplexity(joint, model.quantizer.n_codes), rel=1e-5)
    columns = list(zip(index.flatten(0, 1).T, sizes, strict=True))
    assert metrics["index_usage"].value == pytest.approx([len(i.unique()) / size for i, size in columns])
    assert metrics["index_perplexity"].value == pytest.approx([perplexity(i, size) for i, size in columns], rel=1e-5)
    assert metrics["code_nats"].value == pytest.approx(metrics["kl"].value, abs=1e-5)


def test_codes_too_many_to_count_are_counted_by_sub_index(digits):
    model, _ = make_tiny("quantized_vae", quantizer="lfq:24")
    metrics = er.evaluate(model, digits, metrics="code_usage, latent")
    assert "too many" not in (metrics["index_usage"].note or "")
    assert len(metrics["index_usage"].value) == 24
    for name in ("code_usage", "code_perplexity", "codes_in_use"):
        assert metrics[name].value is None
        assert "more codes than can be counted" in metrics[name].note


def test_a_latent_that_is_not_quantized_has_none(digits):
    metrics = er.evaluate(make_tiny("vae")[0], digits, metrics="code_usage")
    assert {metric.note for metric in metrics.values()} == {"the latent is not quantized"}
