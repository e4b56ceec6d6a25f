"""Active units of the figure of KL are those of an evaluation."""

from elbowroom.plotting import PLOTS


def test_active_units_are_those_of_an_evaluation(views):
    view = views("autoencoder")
    spec = PLOTS["kl"].build_spec(view)
    (bars,) = spec.marks
    variance = view.latents.var(0, correction=0)
    assert bars.heights == sorted(variance.tolist(), reverse=True)
    assert len(bars.heights) - len(bars.inactive) == int((variance > 0.01).sum())
    assert f"{int((variance > 0.01).sum())} of 2 are active" in spec.caption
    assert "undefined: there is no prior" in spec.caption
