"""What an option of ``fit`` or ``load_data`` costs: one line, beside the code that uses it."""

import json

import pytest

from tests.contracts.package_copy import run_with_files

SETUP = """
    import contextlib, inspect, io, json
    import elbowroom as er
    from elbowroom.cli import main
    from elbowroom.runs import repeat_command
    from elbowroom.runs.settings import flat_settings, train_options
    from elbowroom.studio.services.train_form import argument_field

    def output_of(*words):
        with contextlib.redirect_stdout(io.StringIO()) as text:
            assert main(list(words)) == 0
        return " ".join(text.getvalue().split())

    TRAIN = ["train", "vae", "--steps", "2", "--latent", "2", "--hidden", "none", "--no-report", "--device", "cpu"]
"""
OPTION = '    sharpness: int = option(2, "of the example", minimum=1)'
#: The line after which the option is added, and the file that has it, by function.
PLACES = {
    "fit": ("runs/settings.py", '    lr: float = option(1e-3, "learning rate; losses are means over the batch")'),
    "load_data": ("data/options.py", '    flip: bool = option(False, "flip half of the training images at random")'),
}


@pytest.mark.parametrize("function", PLACES)
def test_an_option_is_one_line(tmp_path, function):
    path, line = PLACES[function]
    signature, documented, wrong, help_, recorded, repeated, grid, form = run_with_files(
        tmp_path,
        {},
        SETUP,
        f"print(inspect.signature(er.{function}).parameters['sharpness'])",
        f"print('sharpness: of the example' in er.{function}.__doc__)",
        f"config = dict(fit=er.TrainConfig, load_data=er.DataConfig)['{function}']",
        """
        try:
            config(sharpness=0)
        except ValueError as error:
            print(error)
        """,
        "print(output_of('train', 'vae', '--help'))",
        """
        open("run.toml", "w").write("sharpness = 3")
        output_of(*TRAIN, "--config", "run.toml", "--out", "run")
        record = er.Run("run").record
        print(flat_settings(record)["sharpness"])
        """,
        "print(repeat_command(record).line)",
        """
        open("grid.toml", "w").write("sharpness = [3, 4]")
        print(output_of("sweep", "vae", "--config", "grid.toml", "--out", "s", "--dry-run"))
        """,
        "print(json.dumps(argument_field(train_options()['sharpness'])))",
        lines={path: (line, OPTION)},
    )
    assert signature == "sharpness: 'int' = 2"
    assert documented == "True"
    assert wrong == "sharpness=0: expected a whole number, at least 1"
    assert "--sharpness INTEGER RANGE of the example [default: 2; x>=1]" in help_
    assert recorded == "3"
    assert "--sharpness 3" in repeated
    assert "sharpness=3 to train sharpness=4 to train 2 runs in s" in grid
    assert json.loads(form) | {"type": "int", "default": 2, "help": "of the example"} == json.loads(form)


@pytest.mark.parametrize("function", PLACES)
def test_runs_and_sweeps_from_before_have_its_default(tmp_path, function):
    path, line = PLACES[function]
    grid = "['sweep', 'vae', '--latent', '2', '--steps', '2', '--no-report', '--out', 's']"
    run_with_files(tmp_path, {}, SETUP, "output_of(*TRAIN, '--out', 'run')", f"output_of(*{grid})")
    (tmp_path / "elbowroom").rename(tmp_path / "before")
    known, loaded = run_with_files(
        tmp_path,
        {},
        SETUP,
        f"print(output_of(*{grid}, '--dry-run'))",
        "print(er.TrainConfig().record.keys() <= er.Run('run').record['training'].keys(), er.load('run').latent_shape)",
        lines={path: (line, OPTION)},
    )
    assert known == "run state why run finished 1 run in s"
    assert loaded == "True (2,)"
