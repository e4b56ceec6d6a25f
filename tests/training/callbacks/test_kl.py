"""KL warm-up and free bits."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.training import state
from elbowroom.training.callback import CallbackList
from elbowroom.training.step import Step
from elbowroom.training.trial import require_effect
from tests.tiny_recipes import make_tiny
from tests.training.helpers import assert_same_tensors, small_model, train


def test_warmup_weights(digits, tmp_path):
    once, thrice = er.Warmup(0.5), er.Warmup(0.5, cycles=3)
    assert [once.weight(s, 100) for s in (0, 25, 50, 99, 100)] == [0, 0.5, 1, 1, 1]
    assert [round(thrice.weight(s, 300), 2) for s in (0, 25, 50, 99, 100, 125, 299)] == [0, 0.5, 1, 1, 0, 0.5, 1]
    with pytest.warns(UserWarning, match="warm-up of 40 steps will not finish in a run of 20"):
        train(digits, tmp_path / "run", er.Warmup(steps=40))


@pytest.mark.parametrize("recipe", ["vae", "iwae", "vamp_vae", "ladder_vae", "vq_vae"])
def test_warmup_eases_the_kl_of_whatever_objective(digits, recipe):
    small = {"iwae": {"k": 3}, "vamp_vae": {"components": 5}}.get(recipe, {})
    torch.manual_seed(0)
    model, objective = er.recipes.RECIPES[recipe]((1, 8, 8), **small)
    now = state.State()
    now[state.STEP], now[state.STEPS], now[state.MODEL] = 0, 100, model
    losses = Step(model, objective, now, CallbackList([er.Warmup(0.5)]))(digits.train.first(16), torch.tensor(10**6))
    draw = now[state.DRAW]
    if recipe == "iwae":
        expected = (math.log(3) - draw.log_px.logsumexp(0)).mean()
    else:
        expected = -draw.log_px.mean() + (0.25 * draw.q.commitment.mean() if recipe == "vq_vae" else 0)
    torch.testing.assert_close(losses.players["model"], expected)
    # What is reported is the whole KL.
    torch.testing.assert_close(losses.terms["kl"], draw.kl.mean())
    assert losses.terms["kl"] > 0


def test_free_bits_charge_at_least_their_floor(digits):
    model, objective = small_model()
    now = state.State()
    step = Step(model, objective, now, CallbackList([er.FreeBits(3.0)]))
    losses = step(digits.train.first(16), torch.tensor(0))
    draw = now[state.DRAW]
    torch.testing.assert_close(losses.players["model"], -draw.log_px.mean() + 6.0)
    draw.free_nats = 1e-6
    torch.testing.assert_close(draw.weighted_kl, draw.kl.mean())
    model, objective = small_model("vamp_vae", components=4)
    with pytest.raises(ValueError, match="free bits need a KL for each dimension"):
        Step(model, objective, now, CallbackList([er.FreeBits(1.0)]))(digits.train.first(4), torch.tensor(0))
    model, objective = small_model("iwae", k=2)
    with pytest.raises(ValueError, match=r"free bits change a KL, and ImportanceBound\(\) has none"):
        Step(model, objective, now, CallbackList([er.FreeBits(1.0)]))(digits.train.first(4), torch.tensor(0))


#: Recipes whose objective has no KL, and those whose KL is none of single dimensions.
WITHOUT_KL = ("autoencoder", "aae", "wae_gan", "wae_mmd", "swae", "rae_l2", "rae_gp")
WITHOUT_DIMENSIONS = ("avb", "t3_vae")


@pytest.mark.parametrize(
    ("recipe", "callback", "words"),
    [(name, er.Warmup(0.5), "no term of this objective is weighed by a KL warm-up") for name in WITHOUT_KL]
    + [(name, er.FreeBits(0.5), "no term of this objective has free bits") for name in WITHOUT_KL + WITHOUT_DIMENSIONS]
    + [(name, er.FreeBits(0.5), "free bits are for continuous latents") for name in ("m2", "m1_m2")],
)
def test_what_would_change_nothing_is_refused_before_anything_is_lost(digits, recipe, callback, words, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    settings = {"steps": 1, "out": tmp_path / "run", "overwrite": True, "watch": (), "sampler": "none"}
    with pytest.raises(ValueError, match=words):
        er.fit(*make_tiny(recipe), digits, callbacks=[callback], **settings)
    assert (tmp_path / "run" / "recipe.json").read_text() == "{}"


@pytest.mark.parametrize("recipe", ["vae", "avb", "t3_vae", "telbo", "hierarchical_vae", "vq_vae", "m2", "ada_gvae"])
def test_looking_for_an_effect_changes_no_model_and_draws_no_noise(digits, recipe):
    model, objective = make_tiny(recipe)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = er.load_data("shapes", resize=8, examples=100) if model.learns_from_pairs else digits
    state_of_rng = torch.get_rng_state()
    require_effect(model, objective, data, [er.Warmup(0.5)])
    assert torch.equal(torch.get_rng_state(), state_of_rng)
    assert_same_tensors(dict(model.state_dict()), before)
