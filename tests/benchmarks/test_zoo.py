"""The benchmark of every recipe: what is trained, for how long, and the table."""

import pytest

import elbowroom as er


@pytest.fixture
def zoo(load_image_benchmark):
    return load_image_benchmark("zoo").run


def test_every_recipe_of_images_is_made_with_the_classics_sizes_where_it_has_them(zoo):
    shape = (1, 8, 8)
    assert set(zoo.MOST_USED) <= set(zoo.names(shape))
    for name in zoo.names(shape):
        er.recipes.RECIPES[name](shape, **zoo.arguments_of(name))
    assert zoo.arguments_of("iwae") == zoo.arguments_of("beta_vae") == {"hidden": (400,), "latent": 20}
    assert zoo.arguments_of("conv_vae") == {"likelihood": "bernoulli"}
    assert zoo.arguments_of("vq_vae") == {}


def test_a_recipe_trains_for_the_steps_that_fit(zoo, digits, tmp_path):
    counts = [zoo.count_steps("vae", digits, seconds, str(tmp_path / str(seconds))) for seconds in (1, 100)]
    assert 1 < counts[0] < counts[1]
    run = zoo.fit("vae", digits, 3, 0, str(tmp_path / "run"))
    assert run.model().recipe_call.arguments["latent"] == 20
    assert max(row["step"] for row in run.metrics("train")) == 3


def test_the_table_has_means_over_seeds_and_the_best_bound_first(zoo, capsys):
    rows = [
        {"recipe": "a", "elbo": -101.0, "importance_bound": -100.0, "kl": 2, "epoch_s": 1.0, "findings": ["collapse"]},
        {"recipe": "b", "elbo": -91.0, "importance_bound": -90.0, "kl": 2, "epoch_s": 1.0, "audit": ["normalized"]},
        {"recipe": "b", "elbo": -93.0, "importance_bound": -92.0, "kl": 4, "epoch_s": 3.0, "findings": []},
        {"recipe": "c", "elbo": None, "fid_prior": 3.0},
    ]
    zoo.print_table(rows)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0] == "| `b` | -92.00 | -91.00 | 3.0 |  |  |  |  | 2.0 |  | fails normalized |"
    assert lines[1] == "| `a` | -101.00 | -100.00 | 2.0 |  |  |  |  | 1.0 | collapse |  |"
    assert lines[2] == "| `c` |  |  |  |  |  | 3.0 |  |  |  |  |"
