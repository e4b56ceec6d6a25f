"""Weights that follow a constraint: they settle where it holds, and stay as they are outside of training."""

import pytest
import torch

import elbowroom as er
from elbowroom.objectives import WeightController

STEP = torch.tensor(0)


def settle(controller, measure, steps):
    """Move a controller by what a term would be at its weight; return the weight and the term's last excess."""
    for _ in range(steps):
        excess = measure(controller.weight)
        controller.update(excess)
    return controller.weight.item(), excess.item()


def test_the_multiplier_settles_where_the_constraint_holds():
    """min w² subject to 3 - w <= 0: at w = λ / 2 the Lagrangian is least, and λ = 6 meets the constraint."""
    weight, excess = settle(er.LagrangeMultiplier(rate=0.05, max_step=0.1), lambda w: 3 - w / 2, 4000)
    assert weight == pytest.approx(6, rel=1e-3)
    assert abs(excess) < 1e-3


def test_the_multiplier_of_a_constraint_that_holds_by_itself_vanishes():
    weight, _ = settle(er.LagrangeMultiplier(rate=0.05, max_step=0.1), lambda w: torch.tensor(-1.0), 1000)
    assert weight == pytest.approx(1e-6)


@pytest.mark.parametrize(("target", "expected"), [(8.0, 0.4), (30.0, 0.0), (1.0, 1.0)])
def test_the_controller_settles_at_its_target_or_at_a_limit(target, expected):
    """Of a KL of 20 exp(-w / 0.4365) nats, which is 8 at a weight of 0.4."""
    controller = er.ProportionalIntegral(proportional=0.01, integral=1e-2)
    kl = lambda w: 20 * (-w / 0.4365).exp()  # noqa: E731 - the plant of the controller
    weight, excess = settle(controller, lambda w: kl(w) - target, 3000)
    assert weight == pytest.approx(expected, abs=0.02)
    assert expected in (0, 1) or abs(excess) < 0.01
    # At a limit the sum does not run away: the way back is short.
    _, excess = settle(controller, lambda w: kl(w) - 8, 300)
    assert abs(excess) < 0.5


@pytest.mark.parametrize("controller", [er.LagrangeMultiplier(), er.ProportionalIntegral(minimum=0.5)])
def test_only_training_moves_the_weight(controller, draw):
    term = er.Constrained(er.Reconstruction(), 10.0, controller)
    before = {name: value.clone() for name, value in controller.state_dict().items()}
    value = term.eval()(draw, STEP)
    torch.testing.assert_close(value, before["weight"] * (-draw.log_px.mean() - 10))
    assert all(torch.equal(before[name], value) for name, value in controller.state_dict().items())
    term.train()(draw, STEP)
    assert not torch.equal(before["weight"], controller.weight)
    assert draw.terms["multiplier"] == controller.weight
    torch.testing.assert_close(draw.terms["constraint"], draw.terms["reconstruction"] - 10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: er.LagrangeMultiplier(rate=0), "rate, max_step and initial value are above 0"),
        (lambda: er.ProportionalIntegral(minimum=1), "limits 0 <= minimum < maximum"),
        (lambda: er.Constrained(er.KL(), torch.inf, er.LagrangeMultiplier()), "a number of nats per example, got inf"),
        (lambda: er.Constrained(er.Players(er.ELBO(), er.KL()), 1, er.LagrangeMultiplier()), "is a whole objective"),
    ],
)
def test_impossible_constraints_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_doctor_finds_the_weight_without_moving_it(draw):
    from elbowroom.doctor.loss_weights import weights_from_objective

    term = er.Constrained(er.Reconstruction(), 10.0, er.LagrangeMultiplier(initial=2.5))
    assert weights_from_objective(er.KL() + term, draw).reconstruction == pytest.approx(2.5)
    assert isinstance(term.controller, WeightController)
    assert term.controller.weight == 2.5
