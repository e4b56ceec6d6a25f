"""The command ``sweep``: options that take several values."""

import click
import pytest

from elbowroom.cli import main
from elbowroom.cli.compare import MultiValue, multi_value_option
from elbowroom.cli.main import commands
from elbowroom.cli.options import NumberList, option_from_argument
from elbowroom.recipes import RECIPES


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
    assert params["only"].type.toml_to_text(["0", "1"]) == "0,1"
    assert params["only"].type.toml_to_text([["0", "1"], ["7"]]) == "0,1;7;"


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
    processes = {"heartbeat", "wait", "jobs", "cluster", "job_options"}
    assert {p.name for p in swept} == {p.name for p in train} - {"overwrite"} | {"dry_run"} | processes
    alone = {p.name for p in swept if not isinstance(p.type, MultiValue)} - processes
    of_training = {"device", "watch", "checkpoint_every", "validate_every", "max_overhead", "report", "sampler"}
    of_training |= {"log_every", "log", "progress"}
    assert alone == {"out", "config", "preset", "quiet", "dry_run"} | of_training, "what changes no result"


def test_flags_and_toml_lay_out_the_same_grid(tmp_path, capsys):
    file = tmp_path / "grid.toml"
    file.write_text('latent = [2, 5]\nhidden = [[64], [64, 32]]\nbatch-size = 32\nschedule = ["cosine", "thirds"]\n')
    out = ["--out", str(tmp_path / "s"), "--dry-run"]
    assert main(["sweep", "vae", "--config", str(file), *out]) == 0
    printed = capsys.readouterr().out
    flags = ["--latent", "2,5", "--hidden", "64;64,32", "--batch-size", "32", "--schedule", "cosine,thirds"]
    assert main(["sweep", "vae", *flags, *out]) == 0
    assert capsys.readouterr().out == printed
    assert "8 runs" in printed
    assert "latent=5,hidden=64x32,schedule=thirds  to train" in printed
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
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("command", ["sweep", "tune"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data nowhere.csv", "no such file or folder: nowhere.csv"),
        ("--data digts", "did you mean 'digits'"),
        ("--data digits --cluster local", "--cluster was given without --jobs"),
        ("--data digits --job-option timeout_min=9", "--job-option was given without --jobs"),
        ("--data digits --out file", "there is a file in its way"),
        ("--data digits --out OTHER", "is the folder of a"),
        ("--data digits --out run", "run already holds a run"),
        ("--data digits --out run --jobs 2 --cluster local", "run already holds a run"),
    ],
)
def test_mistakes_are_said_before_any_point_is_trained(tmp_path, monkeypatch, capsys, command, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    for folder in ("sweep", "tune"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sweep.json").write_text('{"points": {"latent=2": {}}, "failed": {}}')
    (tmp_path / "tune" / "journal.log").touch()
    words = words.replace("OTHER", {"sweep": "tune", "tune": "sweep"}[command])
    assert main([command, "vae", "--latent", "2,5", "--steps", "1", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["recipe.json"]


@pytest.mark.parametrize("command", ["sweep", "tune"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("vae --latent 2,5 --pairs 1", "--pairs is for recipes that learn from pairs"),
        ("vae --latent 2,5 --pairs random", "--pairs is for recipes that learn from pairs"),
        ("vae --epochs 1,2 --steps 5", "both epochs (1) and steps (5) were given"),
        ("vae --latent 2,5 --batch-size 5000", "batch size 5000 is larger than"),
        ("vae --latent 0,-1", "give a larger latent"),
        ("m2 --latent 2,5 --labels 3", "has 10 classes, and the model was made for 3"),
        ("vae --latent 2,5 --device gpu", "no device 'gpu' on this machine"),
        ("vae --latent 2,5 --watch train --final-weights best", "there are no best weights"),
        ("vae --latent 2,5 --freeze nothing", "'nothing'"),
        ("vae --latent 2,5 --labeled 1", "labeled=1"),
        ("autoencoder --latent 2,5 --kl-warmup 0.2", "no term of this objective is weighed by a KL warm-up"),
        ("avb --latent 2,5 --free-bits 0.2", "no term of this objective has free bits"),
    ],
)
@pytest.mark.parametrize("jobs", [(), ("--jobs", "2", "--cluster", "local")])
def test_what_no_point_can_be_trained_with_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, error_line, command, words, message, jobs
):
    monkeypatch.chdir(tmp_path)
    assert message in error_line(command, *words.split(), "--data", "digits", *jobs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "vae --metric elb",
            "unknown validation metric of the search 'elb': did you mean 'elbo'? Known: elbo, kl, loss",
        ),
        ("vae --metric mse", "unknown validation metric of the search 'mse'"),
        ("autoencoder --metric kl", "unknown validation metric of the search 'kl'"),
        ("vae --metric elbo --watch train", "no validation split is watched: hold some examples out"),
    ],
)
@pytest.mark.parametrize("jobs", [(), ("--jobs", "2", "--cluster", "local")])
def test_a_metric_that_no_trial_has_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, error_line, words, message, jobs
):
    monkeypatch.chdir(tmp_path)
    assert message in error_line("tune", *words.split(), "--latent", "2,5", "--data", "digits", *jobs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("metric", ["loss", "critic", "critic_accuracy"])
def test_a_metric_of_any_player_is_known_before_it_trains(tmp_path, monkeypatch, capsys, metric):
    monkeypatch.setattr("elbowroom.sweeps.tune.tune", lambda *args: None)
    monkeypatch.setattr("elbowroom.cli.tune.print_search", lambda *args: None)
    flags = ["--latent", "2,5", "--data", "digits", "--out", str(tmp_path / "out")]
    assert main(["tune", "factor_vae", *flags, "--metric", metric]) == 0


@pytest.mark.parametrize("command", ["sweep", "tune"])
def test_a_device_of_the_clusters_machines_need_not_be_here(tmp_path, monkeypatch, command):
    submitted = []
    monkeypatch.setattr("elbowroom.cli.compare.submit_work", lambda work, *others: submitted.append(work))
    flags = ["--data", "digits", "--latent", "2,5", "--device", "cuda:7", "--jobs", "2", "--out", str(tmp_path / "out")]
    assert main([command, "vae", *flags]) == 0
    assert len(submitted) == 1


def test_a_job_trains_with_what_was_given_and_no_command_to_ask(tmp_path, monkeypatch):
    """A length that is given replaces the recipe's; without the command's options each job found both."""
    submitted = []
    monkeypatch.setattr("elbowroom.cli.compare.submit_work", lambda work, *others: submitted.append(work))
    quick = ["--hidden", "8", "--device", "cpu", "--no-report", "--sampler", "none", "--batch-size", "600"]
    flags = ["--data", "digits", "--latent", "2", "--epochs", "1", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(["sweep", "vaeac", *flags, *quick]) == 0
    (point,) = submitted[0]()
    assert (point.state, point.error) == ("finished", "")
    assert point.run.record["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("sweep -q", "1 finished"),
        ("sweep --no-progress", "1 finished"),
        ("tune --quiet --trials 1 --latent 2,3", "best"),
    ],
)
def test_a_quiet_sweep_prints_how_it_ended_alone(tmp_path, capsys, words, end):
    command, *flags = words.split()
    size = ["--steps", "1", "--hidden", "8", "--latent", "2", "--device", "cpu", "--no-report", "--sampler", "none"]
    assert main([command, "vae", "--data", "digits", "--out", str(tmp_path / "out"), *size, *flags]) == 0
    printed = capsys.readouterr()
    assert end in printed.out
    assert "[1/1]" not in printed.out
    assert printed.err == ""
