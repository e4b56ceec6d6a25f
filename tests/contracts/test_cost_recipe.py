"""What a recipe costs: one file."""

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
    assert '"name": "scale"' in form
    assert '"scale": 0.25' in record
