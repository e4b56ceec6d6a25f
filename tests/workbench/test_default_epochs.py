"""The default number of epochs."""

import pytest

import elbowroom as er


@pytest.mark.parametrize(("count", "batch_size", "epochs"), [(1258, 128, 100), (1258, 1, 10)])
def test_small_data_sets_are_trained_for_more_epochs(tmp_path, digits, count, batch_size, epochs):
    assert len(digits.train) == count

    @er.on.step
    def stop(state):
        state[er.training.state.STOP] = "stopped"

    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=())
    run = er.fit(model, objective, digits, batch_size=batch_size, device="cpu", out=tmp_path / "run", callbacks=[stop])
    assert run.record["training"]["epochs"] == epochs
