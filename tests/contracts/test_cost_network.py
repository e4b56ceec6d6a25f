"""What a network of one's own costs: one class in a file."""

import os
from textwrap import dedent

from tests.contracts.package_copy import PRELUDE
from tests.warm_process import run_script

NETWORK = '''
"""Networks of one hidden layer."""

import elbowroom as er


@er.network("shallow")
class ShallowNetwork(er.Network):
    """One hidden layer of eight."""

    def encoder(self, *shapes, numbers):
        return er.MLP(*shapes, size=numbers, hidden=(8,))

    def decoder(self, *shapes, example, numbers):
        return er.MLP(*shapes, size=numbers, hidden=(8,))
'''


def run(folder, code):
    environment = os.environ | {"ELBOWROOM_RECIPES": "own.py", "OMP_NUM_THREADS": "1"}
    status, output, errors = run_script(PRELUDE + dedent(code), folder, environment)
    assert status == 0, errors
    return output


def test_a_run_with_a_network_of_ones_own_is_listed_trained_and_loaded_from_the_command_line(tmp_path):
    (tmp_path / "own.py").write_text(NETWORK, encoding="utf-8")
    listed = run(
        tmp_path,
        """
        print(output_of("networks"))
        words = ("beta_vae", "--network", "shallow", "--steps", "2", "--no-report", "--device", "cpu")
        output_of("train", *words, "--out", "run")
        """,
    )
    assert "shallow One hidden layer of eight." in listed
    run(
        tmp_path, 'output_of("sample", "run", "-n", "2", "--out", "samples.png")'
    )  # in a process that has not trained it
    assert (tmp_path / "samples.png").is_file()
