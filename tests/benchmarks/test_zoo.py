"""The benchmark of every recipe: what is trained, for how long, and the table."""

from types import SimpleNamespace

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


def test_bounds_that_a_label_takes_part_in_are_called_so(zoo):
    """Those of log p(x|y) and log p(x, y) do not stand among those of log p(x)."""
    for name in zoo.names((1, 8, 8)):
        model, _ = er.recipes.RECIPES[name]((1, 8, 8), **zoo.arguments_of(name))
        takes_part = model.requires_labels or model.is_classifier
        assert takes_part == ("class" in (zoo.likelihood_of(name) or "")), name


def test_a_recipe_is_timed_and_trained_for_some_steps(zoo, digits, tmp_path):
    assert zoo.time_step("vae", digits, str(tmp_path), steps=2) > 0
    run = zoo.fit("vae", digits, 3, 0, str(tmp_path / "run"))
    assert run.model().recipe_call.arguments["latent"] == 20
    assert max(row["step"] for row in run.metrics("train")) == 3


@pytest.mark.parametrize(("step_s", "steps", "cost"), [(1.0, 70, 1.0), (3.5, 20, 3.5), (1000.0, 1, 1000.0)])
def test_a_recipe_trains_for_the_time_of_steps_of_the_classic(zoo, digits, tmp_path, monkeypatch, step_s, steps, cost):
    """Steps of others are as many fewer as one takes longer; one at least."""
    trained = []
    monkeypatch.setattr(zoo, "time_step", lambda name, *_: 1.0 if name == zoo.CLASSIC_RECIPE else step_s)
    monkeypatch.setattr(zoo, "fit", lambda name, data, steps, *_: trained.append(steps) or SimpleNamespace(model=dict))
    monkeypatch.setattr(zoo, "count_parameters", len)
    judge = SimpleNamespace(data=digits, features=SimpleNamespace(hash="h"), score=lambda *_: {"elbo": -1.0})
    (row,) = zoo.measure("beta_vae", 0, judge, None, 70)
    assert trained == [steps]
    assert (row["steps"], row["epoch_cost"], row["elbo"]) == (steps, cost, -1.0)


def test_the_epoch_of_large_batches_is_shorter_by_their_size(zoo, digits):
    counts = [zoo.steps_per_epoch(name, digits) for name in ("vae", "mult_vae")]
    assert counts == [digits.train.steps(128), digits.train.steps(500)]


def test_features_are_kept_beside_the_results(zoo, digits, tmp_path, monkeypatch):
    """A second run reads them, whatever the machine would train."""
    kept = zoo.keep_features(tmp_path, digits)
    monkeypatch.setattr("elbowroom.evaluation.metrics.feature_extractor.default_features", None)
    assert zoo.keep_features(tmp_path, digits).hash == kept.hash


def test_the_table_has_means_over_seeds_and_the_best_bound_first(zoo, capsys):
    common = {"epoch_cost": 1.0, "kl": 2}
    rows = [
        common | {"recipe": "a", "elbo": -101.0, "importance_bound": -100.0, "findings": ["collapse"]},
        common | {"recipe": "b", "elbo": -91.0, "importance_bound": -90.0, "audit": ["normalized"]},
        common | {"recipe": "b", "elbo": -93.0, "importance_bound": -92.0, "kl": 4, "epoch_cost": 3.0, "findings": []},
        {"recipe": "c", "elbo": None, "fid_prior": 3.0},
    ]
    zoo.print_table(rows)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0] == "| `b` | -92.00 | -91.00 | 3.0 |  |  |  |  | 2.0 |  | fails normalized |"
    assert lines[1] == "| `a` | -101.00 | -100.00 | 2.0 |  |  |  |  | 1.0 | collapse |  |"
    assert lines[2] == "| `c` |  |  |  |  |  | 3.0 |  |  |  |  |"
