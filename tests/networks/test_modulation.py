"""Feature-wise modulation of an upsampling network by its last input."""

import pytest
import torch

import elbowroom as er
from elbowroom.networks.conv import FeatureModulation, fuse_upsampling


def up(**options):
    torch.manual_seed(0)
    return er.Up(4, 3, shape=(2, 12, 10), numbers=2 * 12 * 10, widths=(8, 16), **options)


def test_modulation_is_affine_in_the_features_of_each_channel():
    modulation, c = FeatureModulation(3, 8), torch.randn(5, 3)
    h = torch.randn(5, 8, 4, 6)
    scale, shift = modulation.affine(c).chunk(2, 1)
    expected = h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    torch.testing.assert_close(modulation(h, c), expected)
    torch.testing.assert_close(modulation(h, torch.zeros(5, 3)), h)


@pytest.mark.parametrize("lead", [(5,), (2, 5)])
def test_every_level_depends_on_the_condition(lead):
    net, z, c = up(is_modulated=True), torch.randn(*lead, 4), torch.randn(5, 3)
    assert len(net.modulations) == 2
    output = net(z, c)
    assert output.shape == (*lead, 240)
    for modulation in net.modulations:
        torch.nn.init.zeros_(modulation.affine.weight)
        changed, output = output, net(z, c)
        assert not torch.allclose(changed, output)
    torch.testing.assert_close(output[..., 1, :], net(z, c)[..., 1, :])


def test_without_modulation_the_weights_are_those_of_before():
    """So that older models load, and from one seed the same are drawn."""
    plain = up()
    assert not any("modulation" in name for name in plain.state_dict())
    for name, tensor in plain.state_dict().items():
        if not name.startswith("out"):
            assert torch.equal(tensor, up(is_modulated=True).state_dict()[name]), name


def test_fused_upsampling_is_the_same():
    net, z, c = up(is_modulated=True), torch.randn(5, 4), torch.randn(5, 3)
    before = net(z, c)
    fuse_upsampling(net)
    torch.testing.assert_close(net(z, c), before, atol=1e-5, rtol=1e-5)


def test_a_record_from_before_makes_the_model_it_made():
    from elbowroom.deprecation import upgrade_record

    shape, arguments = (1, 8, 8), {"latent": 4, "size": "s", "likelihood": "gaussian", "labels": 3}
    record = upgrade_record({"recipe": "conv_cvae", "arguments": arguments})
    model, _ = er.recipes.conv_cvae(shape, **record["arguments"])
    assert model.has_standard_prior
    assert not any("modulation" in name for name in model.state_dict())
    assert upgrade_record({"recipe": "conv_vae", "arguments": {"latent": 4}})["arguments"] == {"latent": 4}
