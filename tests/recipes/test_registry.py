"""A custom recipe in a user's file: registered, trained, loaded; errors in the file are one line."""

import os

import pytest

import elbowroom as er
from elbowroom.cli import main
from tests.training.helpers import run_cli, start_cli
from tests.warm_process import WarmProcess

SOURCE = '''
import elbowroom as er


@er.recipe("Zhao, Song & Ermon 2019, arXiv 1706.02262", extends=er.recipes.vae)
def mmd_vae(shape, weight: float = 100.0, **rest):
    """The VAE whose KL is traded for a distance between aggregate posterior and prior.

    Args:
        weight: of the distance
    """
    model, _ = er.recipes.vae(shape, **rest)
    return model, er.Reconstruction() + weight * er.MMD()
'''


@pytest.fixture
def recipe_file(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(SOURCE)
    monkeypatch.setenv("ELBOWROOM_RECIPES", str(tmp_path / "own.py"))
    yield tmp_path / "own.py"
    er.recipes.RECIPES.pop("mmd_vae", None)
    from elbowroom.recipes import registry

    registry._LOADED_FILES.clear()


def test_it_is_listed_trains_saves_loads_and_is_evaluated(recipe_file, tmp_path, capsys):
    assert main(["recipes"]) == 0
    assert "mmd_vae" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "mmd_vae" in capsys.readouterr().out
    assert main(["train", "mmd_vae", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--weight" in out
    assert "--latent" in out
    run = tmp_path / "run"
    assert main(["train", "mmd_vae", "--weight", "10", "--latent", "2", "--steps", "5", "--out", str(run)]) == 0
    assert main(["evaluate", str(run), "--samples", "3"]) == 0
    assert er.Run(run).metrics("train")[-1]["mmd"] is not None
    model = er.load(run)
    assert model.recipe_call.arguments["weight"] == 10
    assert model.sample(3).shape == (3, 1, 8, 8)


def test_it_works_from_another_process(recipe_file, tmp_path):
    command = ["train", "mmd_vae", "--data", "digits", "--steps", "2", "--no-report", "--sampler", "none", "--out"]
    process = start_cli(*command, tmp_path / "run")
    _, err = process.communicate()
    assert process.returncode == 0, err
    environment = {k: v for k, v in os.environ.items() if k != "ELBOWROOM_RECIPES"}
    process = WarmProcess(run_cli, ["evaluate", str(tmp_path / "run")], environment=environment)
    _, err = process.communicate()
    assert process.returncode == 2
    assert "unknown recipe 'mmd_vae'" in err
    assert "set ELBOWROOM_RECIPES" in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("ELBOWROOM_RECIPES", "gone.py")
    assert main(["recipes"]) == 2
    assert "which is not a file" in capsys.readouterr().err
    monkeypatch.setenv("ELBOWROOM_RECIPES", os.path.dirname(__file__))
    assert main(["recipes"]) == 2
    assert "which is not a file" in capsys.readouterr().err


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
def test_a_file_that_fails_is_one_line_with_its_line(text, words, tmp_path, monkeypatch, capsys, recipes):
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


def test_a_recipe_that_extends_takes_the_rest(recipes):
    def narrow(shape, weight: float = 1.0): ...

    with pytest.raises(ValueError, match=r"recipe narrow: it extends vae, .* add \*\*rest"):
        er.recipe("P", extends=er.recipes.vae)(narrow)


def test_a_name_that_another_recipe_has(recipes, tmp_path, monkeypatch, capsys):
    def vae(shape): ...

    with pytest.raises(ValueError, match=r"there is a recipe 'vae' already, from elbowroom.recipes.vae: give"):
        er.recipe("P")(vae)
    assert recipes["vae"] is er.recipes.vae
    cell = "import elbowroom as er\n@er.recipe('P')\ndef mine(shape, latent: int = {}): ...\n"
    for default in (2, 3):  # a notebook's cell, executed again
        exec(cell.format(default), {"__name__": "__main__"})
        assert recipes["mine"].arguments["latent"].default == default
    (tmp_path / "mine.py").write_text(cell.format(4))
    for module in ("__main__", "mine"):  # a file that is run and read
        code = compile((tmp_path / "mine.py").read_text(), str(tmp_path / "mine.py"), "exec")
        recipes.pop("mine") if module == "__main__" else None
        exec(code, {"__name__": module})
    with pytest.raises(ValueError, match="there is a recipe 'mine' already, from mine"):
        exec(cell.format(5), {"__name__": "elsewhere"})


@pytest.mark.parametrize("made", [None, "model", ("model",), ("model", "model"), ("objective", "model")])
def test_a_recipe_that_returns_something_else(made, recipes, tmp_path, monkeypatch, capsys):
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


def test_a_recipe_says_which_examples_it_takes(recipes):
    @er.recipe("Example 2026", extends=er.recipes.vae, dimensions=(2, 3))
    def spatial(shape, **rest):
        """A recipe for what has space."""
        return er.recipes.vae(shape, **rest)

    @er.recipe("Example 2026", extends=spatial)
    def spatial_child(shape, **rest):
        """One that extends it."""
        return spatial(shape, **rest)

    assert [spatial_child.takes(shape) for shape in [(9,), (2, 9), (1, 8, 8)]] == [False, True, True]
    spatial_child((1, 8, 8))
    with pytest.raises(
        ValueError, match=r"spatial_child: it takes series \(C, T\) or images.*are rows of 9 values: give such"
    ):
        spatial_child((9,))
