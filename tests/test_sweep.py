"""Sweeps: the grid is the product, it goes on where it was left, and one that fails stops nobody."""

import itertools
import json
import shutil

import click
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elbowroom as er
from elbowroom.cli import main
from elbowroom.cli.compare import MultiValue, multi_value_option
from elbowroom.cli.main import commands
from elbowroom.cli.options import NumberList, option_from_argument
from elbowroom.recipes import RECIPES
from elbowroom.sweeps import parameter_grid, plan, sweep
from elbowroom.sweeps.grid import MAX_NAME_CHARS, name_points

QUICK = ["--steps", "12", "--device", "cpu", "--watch", "validation"]


def names_in(folder):
    return sorted(record.parent.name for record in folder.glob("*/recipe.json"))


def lines_of(captured):
    return [line for line in captured.out.splitlines() if line.startswith("[")]


# The grid.

VALUES = st.lists(
    st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.text("ab/. ", max_size=3)), min_size=1, max_size=4
)
AXES = st.dictionaries(st.sampled_from(["latent", "lr", "seed", "schedule"]), VALUES, min_size=1)


@given(AXES)
@settings(max_examples=60, deadline=None)
def test_a_grid_is_the_product_of_its_axes_each_combination_once(axes):
    points = parameter_grid(axes)
    product = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    assert [json.dumps(point) for point in points] == list(dict.fromkeys(json.dumps(point) for point in product))


@given(AXES)
@settings(max_examples=60, deadline=None)
def test_every_point_has_a_name_of_its_own_that_is_one_folder(axes):
    points = parameter_grid(axes)
    found = name_points(points, {})
    assert list(found.values()) == points
    for name in found:
        assert name not in ("", ".", "..")
        assert not set(name) & set('/\\:*?"<>| \n')
        assert len(name) <= MAX_NAME_CHARS + 4


def test_a_name_says_what_differs():
    points = parameter_grid({"latent": (2, 20), "hidden": ((400,), (400, 200), ()), "lr": (0.001,), "seed": (0,)})
    assert list(name_points(points, {}))[:3] == [
        "latent=2,hidden=400",
        "latent=2,hidden=400x200",
        "latent=2,hidden=none",
    ]


def test_a_grid_that_grows_keeps_its_names():
    first = name_points(parameter_grid({"latent": (2, 5), "lr": (0.001,)}), {})
    grown = name_points(parameter_grid({"latent": (2, 5), "lr": (0.001, 0.01)}), first)
    assert set(first) < set(grown)
    assert {name for name in grown if name not in first} == {"latent=2,lr=0.01", "latent=5,lr=0.01"}
    # From JSON, as a sweep remembers them, lists come back for tuples.
    again = name_points(parameter_grid({"hidden": ((64, 32), (8,))}), {"mine": {"hidden": [64, 32]}})
    assert list(again) == ["mine", "hidden=8"]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"latent": []}, "the grid's 'latent' has no value: give one"),
        ({"latent": 5}, r"the grid's 'latent' is 5, not its values: give a list, as \[5\]"),
        ({"data": "digits"}, "the grid's 'data' is 'digits', not its values"),
    ],
)
def test_a_grid_without_values_is_refused(axes, words):
    with pytest.raises(ValueError, match=words):
        parameter_grid(axes)


# The flags.


@pytest.mark.parametrize(
    ("recipe", "flag", "text", "values"),
    [
        ("vae", "latent", "2,5, 10", (2, 5, 10)),
        ("vae", "latent", "2;5", (2, 5)),
        ("vae", "hidden", "400", ((400,),)),
        ("vae", "hidden", "400,200", ((400, 200),)),
        ("vae", "hidden", "400; 400,200; none", ((400,), (400, 200), ())),
        ("vae", "likelihood", "bernoulli,gaussian:0.1", ("bernoulli", "gaussian:0.1")),
        ("beta_vae", "beta", "0.5,1,4", (0.5, 1.0, 4.0)),
        ("autoencoder", "linear", "true,false", (True, False)),
    ],
)
def test_a_flag_takes_several_values(recipe, flag, text, values):
    made = multi_value_option(option_from_argument(RECIPES[recipe].arguments[flag]))
    assert made.type.convert(text, made, None) == values


def test_a_flag_that_takes_a_list_as_a_text_is_parted_at_semicolons_alone():
    ctx = click.Context(commands)
    params = {p.name: p for p in commands.commands["sweep"].get_command(ctx, "vae").params}
    assert params["only"].type.convert("0,1; 7", None, ctx) == ("0,1", "7")
    assert params["only"].type.typed(["0", "1"]) == "0,1"
    assert params["only"].type.typed([["0", "1"], ["7"]]) == "0,1;7;"


def test_an_optimiser_keeps_the_commas_of_its_arguments():
    text = "adam,sgd(momentum=0.9,nesterov=True),adamw(eps=1e-6,betas=(0.9,0.99))"
    found = MultiValue(click.STRING).convert(text, None, None)
    assert found == ("adam", "sgd(momentum=0.9,nesterov=True)", "adamw(eps=1e-6,betas=(0.9,0.99))")


@pytest.mark.parametrize(
    ("numbers", "field", "typed"),
    [
        (NumberList(), [400, 200], "400,200"),
        (NumberList(), [[400], [400, 200], []], "400;400,200;none;"),
        (click.INT, [2, 5], "2;5;"),
        (click.STRING, ["adam", "sgd(a=1,b=2)"], "adam;sgd(a=1,b=2);"),
        (click.BOOL, [True, False], "true;false;"),
    ],
)
def test_a_list_in_toml_means_what_the_flag_does(numbers, field, typed):
    assert MultiValue(numbers).toml_to_text(field) == typed


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_a_sweep_has_every_flag_of_the_training(recipe):
    ctx = click.Context(commands)
    train, swept = (commands.commands[name].get_command(ctx, recipe).params for name in ("train", "sweep"))
    assert {p.name for p in swept} == {p.name for p in train} | {"dry_run"}
    alone = {p.name for p in swept if not isinstance(p.type, MultiValue)}
    assert alone == {"out", "device", "watch", "config", "preset", "dry_run"}


def test_flags_and_toml_lay_out_the_same_grid(tmp_path, capsys):
    file = tmp_path / "grid.toml"
    file.write_text('latent = [2, 5]\nhidden = [[64], [64, 32]]\nbatch-size = 32\nschedule = ["cosine", "thirds"]\n')
    out = ["--out", str(tmp_path / "s"), "--dry-run"]
    assert main(["sweep", "vae", "--config", str(file), *out]) == 0
    told = capsys.readouterr().out
    flags = ["--latent", "2,5", "--hidden", "64;64,32", "--batch-size", "32", "--schedule", "cosine,thirds"]
    assert main(["sweep", "vae", *flags, *out]) == 0
    assert capsys.readouterr().out == told
    assert "8 runs" in told
    assert "latent=5,hidden=64x32,schedule=thirds  to train" in told
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--latent", "2,x"], "'x' is not a valid integer"),
        (["--latent", ","], "no value: give one, or several with commas"),
        (["--hidden", "400;a"], "'a' is not a list of whole numbers"),
        (["--seed", "0,-1"], "-1 is not in the range"),
        (["--latnet", "2"], "No such option"),
    ],
)
def test_a_mistake_is_one_line(arguments, words, capsys):
    assert main(["sweep", "vae", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


# The trainings.


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Trainings leave neither curves nor a report behind, which take longer than these trainings do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        patch.setattr("elbowroom.training.callbacks.Pictures.end", lambda self, state: None)
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two sizes of code, one impossible, on two seeds."""
    folder = tmp_path_factory.mktemp("sweep") / "s"
    assert main(["sweep", "vae", "--latent", "0,2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]) == 1
    return folder


def test_each_point_is_what_train_makes_of_its_flags(swept, tmp_path):
    assert names_in(swept) == ["latent=2,seed=0", "latent=2,seed=1", "latent=3,seed=0", "latent=3,seed=1"]
    alone = tmp_path / "alone"
    assert main(["train", "vae", "--latent", "3", "--seed", "1", *QUICK, "--out", str(alone)]) == 0
    weights = (swept / "latent=3,seed=1" / "model.safetensors").read_bytes()
    assert (alone / "model.safetensors").read_bytes() == weights


def test_what_fails_is_told_and_the_others_go_on(swept, capsys):
    held = json.loads((swept / "sweep.json").read_text())
    assert list(held["failed"]) == ["latent=0,seed=0", "latent=0,seed=1"]
    assert "give a larger latent" in held["failed"]["latent=0,seed=0"]
    assert main(["sweep", "vae", "--latent", "0,2", "--seed", "0", *QUICK, "--out", str(swept)]) == 1
    said = capsys.readouterr()
    assert "1 finished, 1 failed" in said.out
    assert said.err.count("\n") == 1
    assert said.err.startswith("failed     latent=0,seed=0: recipe vae(latent=0)")


def test_begun_again_it_keeps_what_is_finished_and_resumes_what_is_not(swept, tmp_path, capsys):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    kept = {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in names_in(folder)}
    # One was cut off after its first epoch, one after its last step and before its last line.
    cut, late = folder / "latent=2,seed=1", folder / "latent=3,seed=0"
    max((cut / "checkpoints").glob("0*.safetensors")).unlink()
    for run in (cut, late):
        rows = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        (run / "metrics.jsonl").write_text("".join(rows[:-1]))
        assert er.Run(run).state == "unfinished"
    flags = ["--latent", "2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]
    assert main(["sweep", "vae", *flags, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("unfinished") == 2
    assert main(["sweep", "vae", *flags]) == 0
    told = lines_of(capsys.readouterr())
    assert [line.endswith("finished before") for line in told] == [True, False, False, True]
    for name, before in kept.items():
        assert er.Run(folder / name).state == "finished"
        written = (folder / name / "model.safetensors").stat().st_mtime_ns
        assert (written == before) is (name != cut.name), name
    # Resumed, it is the run that was never cut off.
    assert (cut / "model.safetensors").read_bytes() == (swept / cut.name / "model.safetensors").read_bytes()


def test_a_grown_grid_trains_the_new_points_only(swept, tmp_path, capsys):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    flags = ["--latent", "2", "--seed", "0", "--lr", "0.001,0.01", *QUICK, "--out", str(folder)]
    assert main(["sweep", "vae", *flags]) == 0
    told = lines_of(capsys.readouterr())
    assert told == ["[1/2] latent=2,seed=0  finished before", "[2/2] latent=2,lr=0.01,seed=0"]


@pytest.fixture
def start(digits):
    """Trains one point in a few steps."""

    def start(out, latent=2, seed=0, fails="", stops=False):
        if fails:
            raise {"memory": MemoryError, "runtime": RuntimeError, "value": ValueError}[fails](f"{fails}\nat length")
        torch.manual_seed(seed)

        @er.on.step
        def stop(state):
            state[er.training.state.STOP] = "interrupted"

        callbacks = [stop] if stops else []
        return er.fit(
            *er.recipes.vae(digits.shape, latent=latent),
            digits,
            steps=3,
            seed=seed,
            out=out,
            device="cpu",
            watch=("validation",),
            callbacks=callbacks,
        )

    return start


def test_any_function_that_trains_can_be_swept(start, tmp_path):
    told = []
    points = sweep(start, {"latent": (2, 3), "seed": (0,)}, tmp_path, told.append)
    assert [point.state for point in points] == ["finished", "finished"]
    assert [point.run.model().latent_shape for point in points] == [(2,), (3,)]
    assert told[0] == "[1/2] latent=2"
    loss = points[0].run.metrics("validation")[-1]["loss"]
    assert f"finished, validation loss {loss:.2f}" in told[1]


def test_whatever_goes_wrong_is_one_line(start, tmp_path):
    points = sweep(start, {"fails": ("memory", "runtime", "value", "")}, tmp_path, lambda _: None)
    assert [point.error for point in points] == [
        "MemoryError: memory at length",
        "RuntimeError: runtime at length",
        "value at length",
        "",
    ]
    assert points[-1].state == "finished"
    # What failed is tried again, and what no longer fails is no failure any more.
    again = sweep(lambda out, fails: start(out), {"fails": ("memory",)}, tmp_path, lambda _: None)
    assert [point.state for point in again] == ["finished"]
    assert "fails=memory" not in json.loads((tmp_path / "sweep.json").read_text())["failed"]


def test_a_sweep_that_is_stopped_stops_there(start, tmp_path):
    points = sweep(start, {"stops": (False, True, False), "latent": (2, 3)}, tmp_path, lambda _: None)
    assert [point.state for point in points] == ["finished", "finished", "unfinished"]
    assert [point.state for point in plan(parameter_grid({"stops": (True,), "latent": (2, 3)}), tmp_path)] == [
        "unfinished",
        "to train",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"points": 3}', '{"points": {"a": 1}, "failed": {}}'])
def test_a_damaged_sweep_says_so(text, tmp_path):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ValueError, match=r"sweep.json is damaged: restore it, or remove it"):
        plan(parameter_grid({"latent": (2,)}), tmp_path)


def test_a_folder_that_is_none_says_so(start, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="give another --out"):
        sweep(start, {"latent": (2,)}, tmp_path / "file", lambda _: None)
