"""A recipe of one's own is a few lines in a file of one's own."""

import os
import subprocess
import sys
from typing import Literal

import pytest

import elbowroom as er
from elbowroom.cli import main

OWN = '''
import elbowroom as er


@er.recipe("Zhao, Song & Ermon 2019, arXiv 1706.02262", extends=er.recipes.vae)
def info_vae(shape, weight: float = 100.0, **rest):
    """The VAE whose KL is traded for a distance between aggregate posterior and prior.

    Args:
        weight: of the distance
    """
    model, _ = er.recipes.vae(shape, **rest)
    return model, er.Reconstruction() + weight * er.MMD()
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.setenv("ELBOWROOM_RECIPES", str(tmp_path / "own.py"))
    yield tmp_path / "own.py"
    er.recipes.RECIPES.pop("info_vae", None)
    from elbowroom.recipes import registry

    registry._LOADED_FILES.clear()


def test_it_is_listed_trains_saves_loads_and_is_judged(own, tmp_path, capsys):
    assert main(["recipes"]) == 0
    assert "info_vae" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "info_vae" in capsys.readouterr().out
    assert main(["train", "info_vae", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--weight" in out
    assert "--latent" in out
    run = tmp_path / "run"
    assert main(["train", "info_vae", "--weight", "10", "--latent", "2", "--steps", "5", "--out", str(run)]) == 0
    assert main(["evaluate", str(run), "--samples", "3"]) == 0
    assert er.Run(run).metrics("train")[-1]["mmd"] is not None
    model = er.load(run)
    assert model.recipe_call.arguments["weight"] == 10
    assert model.sample(3).shape == (3, 1, 8, 8)


def test_it_works_from_another_process(own, tmp_path):
    command = [sys.executable, "-m", "elbowroom", "train", "info_vae", "--steps", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    environment = {k: v for k, v in os.environ.items() if k != "ELBOWROOM_RECIPES"}
    command = [sys.executable, "-m", "elbowroom", "evaluate", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "unknown recipe 'info_vae'" in done.stderr
    assert "set ELBOWROOM_RECIPES" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("ELBOWROOM_RECIPES", "gone.py")
    assert main(["recipes"]) == 2
    assert "which is not a file" in capsys.readouterr().err
    monkeypatch.setenv("ELBOWROOM_RECIPES", os.path.dirname(__file__))
    assert main(["recipes"]) == 2
    assert "which is not a file" in capsys.readouterr().err


@pytest.fixture
def table(monkeypatch):
    """The table of recipes, as it was again afterwards."""
    from elbowroom.recipes import registry

    before = dict(er.recipes.RECIPES)
    yield er.recipes.RECIPES
    er.recipes.RECIPES.clear()
    er.recipes.RECIPES.update(before)
    registry._LOADED_FILES.clear()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import elbowroom as er\n\ndef broken(:\n", "line 3: SyntaxError: "),
        ("import os\nimport no_such_module\n", "line 2: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\n\n\nx / 0\n", "line 4: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        (
            "import elbowroom as er\n@er.recipe('P')\ndef r(shape, x: dict = None):\n    pass\n",
            "line 2: ValueError: recipe r: its argument 'x' has the annotation dict, which makes no flag",
        ),
    ],
)
def test_a_file_that_fails_is_one_line_with_its_line(text, words, tmp_path, monkeypatch, capsys, table):
    file = tmp_path / "own.py"
    file.write_text(text)
    monkeypatch.setenv("ELBOWROOM_RECIPES", str(file))
    for command in (["recipes"], ["train", "vae", "--help"]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"elbowroom: {file}, {words}")
        assert err.endswith("fix it, or remove it from ELBOWROOM_RECIPES\n")
        assert err.count("\n") == 1
    file.write_text("")
    assert main(["recipes"]) == 0


def every_kind(
    shape,
    count: int,
    rate: float = 1,
    name: str = "a",
    on: bool = False,
    widths: tuple[int, ...] = (3, 2),
    scales: tuple[float, ...] = (0.5, 1),
    how: Literal["up", "down"] = "up",
    K: int | None = None,  # noqa: N803 - somebody may write it so
    maybe: bool | None = None,
    some: tuple[int, ...] | None = None,
    guessed=7,
    guessed_too=(1, 2.5),
):
    """Every kind of argument."""
    model, objective = er.recipes.vae(shape, latent=2)
    return model, objective


def test_every_kind_of_argument_is_a_flag(table, tmp_path, capsys):
    er.recipe("P")(every_kind)
    assert main(["train", "every_kind", "--steps", "1", "--out", str(tmp_path / "x")]) == 2
    assert "Missing option '--count'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="recipe every_kind: it needs count: give a value"):
        table["every_kind"]((1, 8, 8))
    assert main(["train", "every_kind", "--help"]) == 0
    assert "--how [up|down]" in capsys.readouterr().out
    base = ["train", "every_kind", "--count", "3", "--steps", "1", "--out"]
    assert main([*base, str(tmp_path / "defaults")]) == 0
    found = er.Run(tmp_path / "defaults").record["arguments"]
    assert found == {
        "count": 3, "rate": 1.0, "name": "a", "on": False, "widths": [3, 2], "scales": [0.5, 1.0], "how": "up",
        "K": None, "maybe": None, "some": None, "guessed": 7, "guessed_too": [1.0, 2.5],
    }  # fmt: skip
    more = "--rate 2.5 --on --widths none --scales 1,2.5 --how down --K 4 --no-maybe --some 5 --guessed 8"
    assert main([*base, str(tmp_path / "given"), *more.split()]) == 0
    found = er.Run(tmp_path / "given").record["arguments"]
    assert found == {
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
        ({"how": "left"}, "how='left': expected one of 'up', 'down'"),
        ({"name": None}, "name=None: expected a text"),
    ],
)
def test_arguments_of_another_type_are_named(given, words, table):
    made = er.recipe("P")(every_kind)
    with pytest.raises(ValueError, match=f"recipe every_kind.*: {words}"):
        made((1, 8, 8), **{"count": 1} | given)


def unknown_kind(shape, x: list[int] = (1,)): ...
def no_hint(shape, x): ...
def no_hint_for_none(shape, x=None): ...
def no_hint_for_nothing(shape, x=()): ...
def numbers_of(shape, x: Literal[1, 2] = 1): ...
def implicitly_optional(shape, x: int = None): ...  # noqa: RUF013
def wrong_default(shape, x: int = 2.5): ...
def no_shape(): ...
def all_at_once(*everything): ...
def lost(shape, x: "Nowhere" = 1): ...  # noqa: F821


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
        (all_at_once, "it has to take the shape"),
        (lost, "an annotation cannot be read .*Nowhere"),
    ],
)
def test_arguments_that_make_no_flag_are_refused_at_once(function, words, table):
    with pytest.raises(ValueError, match=f"recipe {function.__name__}: .*{words}"):
        er.recipe("P")(function)
    assert function.__name__ not in table


def test_a_recipe_that_extends_takes_the_rest(table):
    def narrow(shape, weight: float = 1.0): ...

    with pytest.raises(ValueError, match=r"recipe narrow: it extends vae, .* add \*\*rest"):
        er.recipe("P", extends=er.recipes.vae)(narrow)


def test_a_name_that_another_recipe_has(table, tmp_path, monkeypatch, capsys):
    def vae(shape): ...

    with pytest.raises(ValueError, match=r"there is a recipe 'vae' already, from elbowroom.recipes.vae: give"):
        er.recipe("P")(vae)
    assert table["vae"] is er.recipes.vae
    cell = "import elbowroom as er\n@er.recipe('P')\ndef mine(shape, latent: int = {}): ...\n"
    for default in (2, 3):  # a notebook's cell, executed again
        exec(cell.format(default), {"__name__": "__main__"})
        assert table["mine"].arguments["latent"].default == default
    (tmp_path / "mine.py").write_text(cell.format(4))
    for module in ("__main__", "mine"):  # a file that is run and read
        code = compile((tmp_path / "mine.py").read_text(), str(tmp_path / "mine.py"), "exec")
        table.pop("mine") if module == "__main__" else None
        exec(code, {"__name__": module})
    with pytest.raises(ValueError, match="there is a recipe 'mine' already, from mine"):
        exec(cell.format(5), {"__name__": "elsewhere"})


@pytest.mark.parametrize("made", [None, "model", ("model",), ("model", "model"), ("objective", "model")])
def test_a_recipe_that_returns_something_else(made, table, tmp_path, monkeypatch, capsys):
    def odd(shape):
        parts = dict(zip(("model", "objective"), er.recipes.vae(shape, latent=2), strict=True))
        return tuple(parts[name] for name in made) if isinstance(made, tuple) else parts.get(made)

    er.recipe("P")(odd)
    assert main(["train", "odd", "--steps", "1", "--out", str(tmp_path / "x")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("elbowroom: recipe odd: it returned ")
    assert "expected (model, objective)" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["lr", "data", "config", "help"])
def test_an_argument_named_as_a_flag_of_train(name, table, capsys):
    exec(f"import elbowroom as er\n@er.recipe('P')\ndef clash(shape, {name}: int = 1): ...\n", {"__name__": "cell"})
    assert main(["train", "clash"]) == 2
    assert f"recipe clash has the argument '{name}', which is a flag of train: rename it" in capsys.readouterr().err
