"""Typed arguments of recipes as flags, and the errors of invalid ones."""

from typing import Literal

import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.recipes import RECIPES
from tests.tiny_recipes import make_tiny


def every_kind(
    shape,
    count: int,
    rate: float = 1,
    name: str = "a",
    on: bool = False,
    widths: tuple[int, ...] = (3, 2),
    scales: tuple[float, ...] = (0.5, 1),
    how: Literal["up", "down"] = "up",
    K: int | None = None,  # noqa: N803 - a user may name it so
    maybe: bool | None = None,
    some: tuple[int, ...] | None = None,
    guessed=7,
    guessed_too=(1, 2.5),
):
    """Every kind of argument."""
    model, objective = er.recipes.vae(shape, latent=2)
    return model, objective


def test_every_kind_of_argument_is_a_flag(recipes, tmp_path, capsys):
    er.recipe("P")(every_kind)
    assert main(["train", "every_kind", "--steps", "1", "--out", str(tmp_path / "x")]) == 2
    assert "Missing option '--count'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="recipe every_kind: it needs count: give a value"):
        recipes["every_kind"]((1, 8, 8))
    assert main(["train", "every_kind", "--help"]) == 0
    assert "--how [up|down]" in capsys.readouterr().out
    base = ["train", "every_kind", "--count", "3", "--steps", "1", "--out"]
    assert main([*base, str(tmp_path / "defaults")]) == 0
    arguments = er.Run(tmp_path / "defaults").record["arguments"]
    assert arguments == {
        "count": 3, "rate": 1.0, "name": "a", "on": False, "widths": [3, 2], "scales": [0.5, 1.0], "how": "up",
        "K": None, "maybe": None, "some": None, "guessed": 7, "guessed_too": [1.0, 2.5],
    }  # fmt: skip
    more = "--rate 2.5 --on --widths none --scales 1,2.5 --how down --K 4 --no-maybe --some 5 --guessed 8"
    assert main([*base, str(tmp_path / "given"), *more.split()]) == 0
    arguments = er.Run(tmp_path / "given").record["arguments"]
    assert arguments == {
        "count": 3, "rate": 2.5, "name": "a", "on": True, "widths": [], "scales": [1.0, 2.5], "how": "down",
        "K": 4, "maybe": False, "some": [5], "guessed": 8, "guessed_too": [1.0, 2.5],
    }  # fmt: skip
    assert er.load(tmp_path / "given").recipe_call.arguments["scales"] == (1.0, 2.5)
    capsys.readouterr()
    assert main([*base, str(tmp_path / "x"), "--scales", "1,nan"]) == 2
    assert "'1,nan' is not a list of finite numbers" in capsys.readouterr().err
    assert main([*base, str(tmp_path / "x"), "--how", "left"]) == 2
    assert "'left' is not one of 'up', 'down'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"count": 1.5}, "count=1.5: expected a whole number"),
        ({"count": True}, "count=True: expected a whole number"),
        ({"rate": "fast"}, "rate='fast': expected a number"),
        ({"on": 1}, "on=1: expected True or False"),
        ({"widths": 3}, r"widths=3: expected whole numbers, as \(400, 200\)"),
        ({"how": "left"}, "unknown how 'left'. Known: down, up"),
        ({"name": None}, "name=None: expected a text"),
    ],
)
def test_arguments_of_another_type_are_named(given, words, recipes):
    recipe = er.recipe("P")(every_kind)
    with pytest.raises(ValueError, match=f"recipe every_kind.*: {words}"):
        recipe((1, 8, 8), **{"count": 1} | given)


def unknown_kind(shape, x: list[int] = (1,)): ...


def no_hint(shape, x): ...


def no_hint_for_none(shape, x=None): ...


def no_hint_for_nothing(shape, x=()): ...


def numbers_of(shape, x: Literal[1, 2] = 1): ...


def implicitly_optional(shape, x: int = None): ...  # noqa: RUF013


def wrong_default(shape, x: int = 2.5): ...


def no_shape(): ...


def positional_only(*values): ...


def undefined_annotation(shape, x: "Nowhere" = 1): ...  # noqa: F821


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (unknown_kind, r"its argument 'x' has the annotation list\[int\], which makes no flag: annotate it as int"),
        (no_hint, "its argument 'x' has no annotation"),
        (no_hint_for_none, "its argument 'x' has no annotation"),
        (no_hint_for_nothing, "its argument 'x' has no annotation"),
        (numbers_of, r"its argument 'x' has the annotation .*Literal\[1, 2\]"),
        (implicitly_optional, "the default x=None: expected a whole number; change"),
        (wrong_default, "the default x=2.5: expected a whole number; change"),
        (no_shape, "it has to take the shape"),
        (positional_only, "it has to take the shape"),
        (undefined_annotation, "an annotation cannot be read .*Nowhere"),
    ],
)
def test_arguments_that_make_no_flag_are_refused_at_once(function, words, recipes):
    with pytest.raises(ValueError, match=f"recipe {function.__name__}: .*{words}"):
        er.recipe("P")(function)
    assert function.__name__ not in recipes


@pytest.mark.parametrize("name", ["lr", "data", "config", "help"])
def test_an_argument_named_as_a_flag_of_train(name, recipes, capsys):
    exec(f"import elbowroom as er\n@er.recipe('P')\ndef clash(shape, {name}: int = 1): ...\n", {"__name__": "cell"})
    assert main(["train", "clash"]) == 2
    assert f"recipe clash has the argument '{name}', which is a flag of train: rename it" in capsys.readouterr().err


#: Numbers that may be negative: a power, the weights 1 - α of the KL and α + λ - 1, and nats of a density.
SIGNED = {("renyi_vae", "alpha"), ("info_vae", "alpha"), ("geco_vae", "target")}


@pytest.mark.parametrize("name", RECIPES)
def test_no_number_of_a_recipe_is_negative_or_nan_unless_it_has_a_meaning(name):
    recipe = RECIPES[name]
    shape = {1: (9,), 2: (2, 12), 3: (1, 8, 8)}[recipe.dimensions[0] if recipe.dimensions else 3]
    for argument in recipe.arguments.values():
        if argument.type not in (int, float) or (name, argument.name) in SIGNED:
            continue
        wrong = [argument.type(-3)] + [float("nan")] * (argument.type is float)
        for value in wrong:
            with pytest.raises(ValueError, match=argument.name):
                make_tiny(name, shape, **{argument.name: value})
