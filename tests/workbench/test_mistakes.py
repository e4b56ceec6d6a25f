"""What is said where a name stands for what it is not: a recipe for a model, an animation for a figure, no run."""

import re

import pytest

import elbowroom as er
from elbowroom import plotting
from elbowroom.runs.settings import CALLBACK_OPTIONS


@pytest.mark.parametrize("arguments", [("vae", "digits"), ("beta_vae",), ("no such recipe", "objective", "digits")])
def test_fit_says_how_a_recipe_is_called(arguments):
    with pytest.raises(ValueError, match="is no model: make both from a recipe") as error:
        er.fit(*arguments)
    assert f"er.recipes.{'beta_vae' if arguments[0] == 'beta_vae' else 'vae'}(data.shape)" in str(error.value)
    with pytest.raises(ValueError, match="fit takes a model and its objective, and Recipe is no model"):
        er.fit(model=er.recipes.vae, objective=None, data="digits")


@pytest.mark.parametrize("name", CALLBACK_OPTIONS)
def test_a_flag_that_is_a_callback_in_python_is_given_as_one(name, digits):
    value = {str: "cosine", int: 3, float: 0.5}[CALLBACK_OPTIONS[name].argument.type]
    with pytest.raises(TypeError, match=f"no argument '{name}': in Python it is a callback") as error:
        er.fit(*er.recipes.vae(digits.shape, latent=2), digits, **{name: value})
    call = re.search(r"callbacks=\[(.*)\]$", str(error.value))[1]
    made = eval(call, {"er": er})
    assert isinstance(made, er.Callback)
    assert vars(made)[CALLBACK_OPTIONS[name].parameter] == value


def test_fit_says_how_a_loss_function_is_given(digits, tmp_path):
    model, _ = er.recipes.vae(digits.shape, latent=2)

    def squared_error(output, x):
        return ((output - x) ** 2).sum()

    with pytest.raises(ValueError, match=r"squared_error is none: give er\.Loss\(squared_error\) if it sums"):
        er.fit(model, squared_error, digits, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_call_that_fit_proposes_works(tmp_path):
    data = er.load_data("digits")
    run = er.fit(*er.recipes.vae(data.shape), data, steps=1, out=tmp_path / "run", progress=False)
    assert run.metrics()[-1]["step"] == 1


def test_an_animation_is_written_by_another_function():
    with pytest.raises(ValueError, match=r"'training' is an animation .* write it by elbowroom.plotting.write_gif"):
        plotting.plot("training", "no-run")
    with pytest.raises(ValueError, match="no-run holds no run"):
        plotting.write_gif(er.Run("no-run"), "training.gif")


@pytest.mark.parametrize("arguments", [(), ([],)])
def test_a_comparison_of_no_runs_says_what_to_give(arguments):
    with pytest.raises(ValueError, match="no runs to compare: give runs, their directories, or a folder"):
        er.compare(*arguments)
