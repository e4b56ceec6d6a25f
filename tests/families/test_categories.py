"""Categories as a family: relaxed in training at a temperature that falls, one-hot after it; parts side by side."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import OneHot, RelaxedOneHot
from tests.tiny_recipes import make_tiny

STEP = torch.tensor(0)


def test_the_temperature_falls_with_the_draws_of_a_training_and_is_saved(tmp_path):
    family = er.Categories(3, temperature=1.0, final_temperature=0.5, decay=0.1)
    phi = torch.zeros(1, 3)
    temperatures = [family(phi).temperature.item() for _ in range(10)]
    assert temperatures == pytest.approx([max(0.5, 2.718281828 ** (-0.1 * t)) for t in range(10)])
    family.eval()
    assert type(family(phi)) is OneHot
    copy = er.Categories(3, decay=0.1)
    copy.load_state_dict(family.state_dict())
    assert copy.temperature == pytest.approx(0.5)


def test_a_map_of_another_size_has_categories_of_its_own_places():
    family = er.Categories(4, space=(2, 3)).with_shape((4, 5, 6))
    assert family(torch.zeros(2, 4 * 30)).rsample().shape == (2, 4, 5, 6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: er.Categories(1), "2 classes or more"),
        (lambda: er.Categories(3, final_temperature=0.0), "final one above 0"),
        (lambda: er.Categories(3, temperature=0.1), "final one above 0"),
        (lambda: er.Parts(er.DiagonalNormal((1, 2, 2))), "parts of a latent are vectors"),
        (lambda: er.UniformCategories(er.Categories(3), "relax"), "did you mean 'relaxed'"),
        (
            lambda: er.UniformCategories(er.Categories(3, is_hard=True), "relaxed"),
            "one-hot draws have no relaxed density",
        ),
        (lambda: er.PartKL(0)(make_tiny("vae")[0].draw(torch.rand(2, 1, 8, 8)), STEP), r"use KL\(\)"),
        (lambda: er.PartKL(2)(make_tiny("joint_vae")[0].draw(torch.rand(2, 1, 8, 8)), STEP), "has 2 parts"),
    ],
)
def test_errors_advise(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kl", ["categorical", "relaxed"])
def test_the_kl_in_training_is_the_one_that_was_chosen(kl):
    model, _ = make_tiny("cat_vae", kl=kl)
    draw = model.draw(torch.rand(4, 1, 8, 8))
    assert isinstance(draw.q, RelaxedOneHot)
    assert isinstance(draw.prior, RelaxedOneHot) == (kl == "relaxed")
    estimate = (draw.log_qz - draw.log_pz)[0]
    assert torch.equal(draw.kl, estimate) == (kl == "relaxed")
    model.eval()
    assert type(model.draw(torch.rand(4, 1, 8, 8)).prior) is OneHot


def test_the_parts_of_a_joint_vae_have_a_kl_each_that_add_up():
    model, objective = make_tiny("joint_vae")
    draw = model.draw(torch.rand(4, 1, 8, 8))
    torch.testing.assert_close(er.PartKL(0)(draw, STEP) + er.PartKL(1)(draw, STEP), draw.kl.mean())
    objective(draw, STEP)
    assert {"kl_part_0", "kl_part_1", "reconstruction"} == set(draw.terms)


def test_capacities_grow_to_the_largest_kl_of_the_categories():
    model, objective = make_tiny("joint_vae", gamma=1.0, capacity=2.0, category_capacity=50.0, classes=4)
    draw = model.draw(torch.rand(4, 1, 8, 8))
    kls = [er.PartKL(i)(draw, STEP) for i in range(2)]
    for step, capacities in ((0, (0.0, 0.0)), (10, (2.0, torch.log(torch.tensor(4.0))))):
        expected = -draw.log_px.mean() + sum(abs(kl - c) for kl, c in zip(kls, capacities, strict=True))
        torch.testing.assert_close(objective(draw, torch.tensor(step)), expected)
