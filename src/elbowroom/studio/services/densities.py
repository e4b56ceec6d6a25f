"""The densities that a loaded model can draw latents from: its prior, and the samplers that are fitted to it."""

from __future__ import annotations

from elbowroom import errors
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers import PRIOR, Sampler, current_samplers, default_sampler, load_sampler, sampler_path
from elbowroom.studio.services.loaded_model import LoadedModel


def list_densities(loaded: LoadedModel) -> list[str]:
    """Return the names of the densities, as "prior" and "mixture:10": the one that the run samples from first."""
    names = [PRIOR] * loaded.model.has_prior + current_samplers(loaded.run)
    default = default_sampler(loaded.run, loaded.model)
    return sorted(names, key=lambda name: name != default)


def find_density(loaded: LoadedModel, name: str | None) -> str:
    """Return the name of a density; without one that which the run samples from.

    Raises:
        ValueError: no such sampler was fitted to it.
    """
    if name is None:
        return default_sampler(loaded.run, loaded.model)
    if name not in (names := list_densities(loaded)):
        raise errors.unknown_name("sampler of this run", name[:40], names)
    return name


def sampled_model(loaded: LoadedModel, name: str) -> GenerativeModel:
    """Return the model, sharing its weights, so that it draws latents from a density of :func:`list_densities`."""
    return loaded.model if name == PRIOR else loaded.model.with_sampler(_load(loaded, name))


def list_scalable(loaded: LoadedModel) -> list[str]:
    """Return the names of the densities whose draws a temperature scales about their mean.

    Of samplers those that are one normal: between the parts of others are latents that they do not draw.
    """
    return [name for name in list_densities(loaded) if _is_scalable(loaded, name)]


def check_scalable(loaded: LoadedModel, name: str) -> None:
    """Raise a ValueError where a temperature has no meaning."""
    if _is_scalable(loaded, name):
        return
    if name == PRIOR:
        raise ValueError("the latents are codes of a quantizer, with nothing between: leave the temperature at 1")
    raise ValueError(
        f"{name} is not one normal, whose draws a temperature scales about their mean: leave the temperature at 1, or "
        "draw from prior or gaussian"
    )


def _is_scalable(loaded: LoadedModel, name: str) -> bool:
    if name == PRIOR:
        return not loaded.model.is_quantized
    normals = _load(loaded, name).normal_components
    return normals is not None and len(normals.weights) == 1


def _load(loaded: LoadedModel, name: str) -> Sampler:
    # A sampler that is fitted again is another file.
    written = sampler_path(loaded.run, name).stat().st_mtime_ns
    return loaded.get_or_compute(("sampler", name, written), lambda: load_sampler(loaded.run, name).to(loaded.device))
