"""What a recipe costs: one file."""

import ast

from tests.contracts.package_copy import run_with_files

RECIPE = '''
"""Recipes with less KL."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Example 2026", extends=vae)
def scaled_vae(shape: tuple[int, ...], scale: float = 0.5, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with its KL scaled down.

    Minimized: ``−E_q[log p(x|z)] + scale KL(q(z|x) ‖ p(z))``.

    Args:
        scale: of the KL
    """
    model, _ = vae(shape, **rest)
    return model, er.Reconstruction() + scale * er.KL()
'''

#: The name of the module is that of the recipe, which must not hide it.
FILES = {"recipes/scaled_vae.py": RECIPE}


def test_a_recipe_in_a_new_file_is_a_public_name_a_command_a_form_and_a_run(tmp_path):
    name, listed, help_, form, record = run_with_files(
        tmp_path,
        FILES,
        "print(er.recipes.scaled_vae.name, 'scaled_vae' in er.recipes.__all__)",
        "print(output_of('recipes'))",
        "print(output_of('train', 'scaled_vae', '--help'))",
        """
        from elbowroom.studio.services.train_form import recipe_form

        print(json.dumps(recipe_form(er.recipes.scaled_vae)["fields"][0]))
        """,
        """
        output_of("train", "scaled_vae", "--scale", "0.25", "--steps", "2", "--out", "run", "--device", "cpu")
        print(json.dumps(json.load(open("run/recipe.json"))["arguments"]))
        """,
    )
    assert name == "scaled_vae True"
    assert "scaled_vae The VAE with its KL scaled down. Example 2026" in listed
    assert "--scale FLOAT of the KL" in help_
    assert "Minimized: −E_q[log p(x|z)] + scale KL(q(z|x) ‖ p(z)). Example 2026" in help_
    assert '"name": "scale"' in form
    assert '"scale": 0.25' in record


def test_no_recipe_is_longer_than_fifteen_lines(root):
    lengths = {}
    for path in sorted((root / "src" / "elbowroom" / "recipes").glob("*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and "recipe(" in "".join(
                map(ast.unparse, function.decorator_list)
            ):
                first, *_ = (line for line in function.body if not isinstance(line, ast.Expr))
                lengths[function.name] = function.body[-1].end_lineno - first.lineno + 1
    assert len(lengths) > 60
    assert {name: lines for name, lines in lengths.items() if lines > 15} == {}
