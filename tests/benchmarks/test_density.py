"""The rows of published tables are models that recipes make."""

import elbowroom as er


def test_every_protocol_names_a_recipe_and_its_arguments(load_script):
    for name, protocol in load_script("benchmarks/density/train.py").MODELS.items():
        model, _ = er.recipes.RECIPES[protocol.recipe]((1, 28, 28), **protocol.arguments)
        assert model.shape == (1, 28, 28), name
        assert protocol.published is None or 75 < protocol.published < 105
