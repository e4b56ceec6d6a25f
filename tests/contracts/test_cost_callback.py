"""What a callback costs: one file."""

from tests.contracts.package_copy import run_with_files

CALLBACK = '''
"""Weight noise."""

import torch

from elbowroom.training.callback import Callback
from elbowroom.training.state import MODEL


class WeightNoise(Callback):
    """Add normal noise to every weight after a step.

    Args:
        scale: standard deviation of the noise.
    """

    def __init__(self, scale=1e-3):
        self.scale = scale

    def step(self, state):
        with torch.no_grad():
            for weight in state[MODEL].parameters():
                weight += self.scale * torch.randn_like(weight)
'''

FILES = {"training/callbacks/weight_noise.py": CALLBACK}


def test_a_callback_in_a_new_file_is_recorded_and_made_again(tmp_path):
    recorded, again = run_with_files(
        tmp_path,
        FILES,
        """
        import elbowroom as er
        from elbowroom.training.callbacks.weight_noise import WeightNoise

        data = er.load_data("digits")
        model_and_objective = er.recipes.vae(data.shape, latent=2)
        run = er.fit(*model_and_objective, data, steps=2, out="run", device="cpu", callbacks=[WeightNoise(0.5)])
        print(run.record["training"]["callbacks"])
        """,
        """
        from elbowroom.workbench import from_record

        (callback,) = from_record(run.record["training"]["callbacks"])
        print(type(callback).__name__, callback.scale)
        """,
    )
    assert recorded == "[{'name': 'WeightNoise', 'arguments': {'scale': 0.5}}]"
    assert again == "WeightNoise 0.5"
