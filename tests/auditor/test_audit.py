"""Audits of recipes, likelihoods, runs and modules that are correct, and the result of an audit."""

import json
import math

import pytest
import torch

import elbowroom as er
from elbowroom.auditor import CHECKS, audit, bound
from elbowroom.deprecation import AUDIT_CHECKS
from tests.auditor.modules import (
    BATCH_SIZE,
    BOUND,
    CONDITIONAL,
    DECODER,
    EVAL_MODE,
    ORDER,
    REST_OF_BATCH,
    SIDE_EFFECTS,
    VAEModule,
    failed_checks,
    first,
    importance_bound,
    make,
)
from tests.tiny_recipes import distinct_recipes, representative_recipes

KINDS = representative_recipes()
TRAINED = ("vae", "cvae")
#: Those that are audited every week: as other codes, hierarchies, sequences and conditional models are, of more steps.
LONG = ("vq_vae_2", "vqgan", "biva", "dmm", "conv_cvae")


@pytest.mark.filterwarnings("ignore:decoder variance running away")  # by the doctor, of a training of few steps
@pytest.mark.parametrize(
    ("name", "steps"),
    [pytest.param(name, 0, marks=[pytest.mark.exhaustive] if name in LONG else []) for name in KINDS]
    + [pytest.param(name, 0, marks=pytest.mark.exhaustive) for name in distinct_recipes() if name not in KINDS]
    + [pytest.param(name, 40, marks=pytest.mark.slow) for name in TRAINED]
    + [pytest.param(name, 40, marks=pytest.mark.exhaustive) for name in KINDS if name not in TRAINED],
)
def test_every_recipe_passes(name, steps, binary_digits, tmp_path, monkeypatch):
    """Without training by default, after 40 steps with --slow and --exhaustive; with half of the samples."""
    monkeypatch.setattr(bound, "TOTAL_SAMPLES", 512)
    model, objective = make(name)
    if steps:
        er.fit(model, objective, binary_digits, steps=steps, out=tmp_path / "run", device="cpu", watch=())
    result = audit(model, binary_digits)
    assert result.passed, result
    for check in (BATCH_SIZE, ORDER, REST_OF_BATCH, EVAL_MODE, SIDE_EFFECTS, CONDITIONAL, DECODER):
        depend = model.is_autoregressive or name == "t3_vae"  # values of x on one another, given z
        if check == CONDITIONAL and depend and result[check].passed is None:
            assert "there are too many x to enumerate" in result[check].evidence  # of few, oracles add them up
            continue
        if check == CONDITIONAL and model.decoder.family.has_mask:
            assert "complete examples add up to less than one" in result[check].evidence
            continue
        assert result[check].passed, result[check]


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian:0.01", "laplace", "continuous-bernoulli", "categorical",
                                        "discretized-logistic", "diagonal-normal", "gaussian:optimal"])  # fmt: skip
def test_every_likelihood_is_normalized(likelihood):
    result = audit(make(shape=(2, 3, 3), likelihood=likelihood)[0])
    assert result.passed, result
    assert result[CONDITIONAL].passed, result[CONDITIONAL]


def test_result_as_table_json_and_text(binary_digits):
    model, _ = make()
    result = er.audit(model, binary_digits)
    content = json.loads(result.json())
    assert content["subject"] == "recipe vae"
    assert content["passed"] is True
    assert [check["name"] for check in content["checks"]] == list(CHECKS)
    assert result.table().row_count == len(CHECKS)
    assert str(result).count("\n") == len(CHECKS)
    assert all(check.description.endswith(".") for check in CHECKS.values())


def test_old_check_names_give_the_outcome_with_a_warning(binary_digits):
    result = audit(make()[0], binary_digits)
    with pytest.warns(DeprecationWarning, match="'nothing passes the code' is now called 'the decoder sees only z'"):
        assert result["nothing passes the code"] is result[DECODER]
    assert set(AUDIT_CHECKS.values()) <= set(CHECKS)
    with pytest.raises(KeyError, match="no such check"):
        result["no such check"]


def test_audit_does_not_change_the_model(binary_digits):
    model, _ = make("vq_vae", likelihood="gaussian:optimal")
    before = {name: t.clone() for name, t in model.state_dict().items()}
    rng_state = torch.get_rng_state()
    er.audit(model, binary_digits)
    assert model.training
    assert torch.equal(torch.get_rng_state(), rng_state)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_run_is_audited_on_its_test_split(binary_digits, tmp_path):
    run = er.fit(*make(), binary_digits, steps=5, out=tmp_path / "run", device="cpu")
    result = er.audit(run)
    assert result.passed
    assert result.subject == str(run.path)
    assert list(result) == list(er.audit(str(run.path)))


def test_correct_module_passes(binary_digits):
    result = audit(VAEModule(), first(binary_digits))
    assert result.passed, result
    assert result[CONDITIONAL].passed
    assert result[DECODER].passed
    assert result[BOUND].passed
    assert "a grid over z" in result[BOUND].evidence
    result = audit(VAEModule(), first(binary_digits), log_likelihood=importance_bound)
    assert result.passed, result
    assert result[BOUND].passed


def test_nan_fails(binary_digits):
    result = audit(VAEModule(), first(binary_digits), log_likelihood=lambda module, x: module(x)[0].sum(1) * math.nan)
    assert "is reported as nan nats" in result[BATCH_SIZE].evidence
    assert {BATCH_SIZE, ORDER, REST_OF_BATCH, EVAL_MODE, SIDE_EFFECTS} <= failed_checks(result)


def test_missing_arguments_raise(digits):
    class DictOutput(VAEModule):
        def forward(self, x):
            return {"x": super().forward(x)[0]}

    with pytest.raises(ValueError, match=r"does not return \(reconstruction, mu, logvar\).*give log_likelihood="):
        audit(DictOutput(), first(digits))
    with pytest.raises(ValueError, match="VAEModule was given without data: pass examples"):
        audit(VAEModule())
    with pytest.raises(ValueError, match=r"log_likelihood returned \(\) for 13 examples: expected one value for each"):
        audit(VAEModule(), first(digits), log_likelihood=lambda module, x: importance_bound(module, x, 2).mean())


def test_log_likelihood_of_an_elbowroom_model(binary_digits):
    def log_likelihood(model, x, k):
        return model.draw(x, k=k).log_w.logsumexp(0) - math.log(k)

    model = make()[0]
    assert audit(model, binary_digits, log_likelihood=log_likelihood).passed
    result = audit(model, binary_digits, log_likelihood=lambda model, x, k: model.draw(x, k=k).log_w.amax(0))
    assert failed_checks(result) == {BOUND}
