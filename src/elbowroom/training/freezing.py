"""Frozen parameters: named, recorded, and frozen again when a training is resumed."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from elbowroom import errors


def named_parameters(model: nn.Module, objective: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a training by name, each once: those of the objective with ``objective.`` before it.

    >>> list(named_parameters(nn.Linear(2, 1), nn.Linear(2, 1, bias=False)))
    ['weight', 'bias', 'objective.weight']
    """
    parameters = dict(model.named_parameters())
    known = {id(parameter) for parameter in parameters.values()}
    own = objective.named_parameters(prefix="objective")
    return parameters | {name: parameter for name, parameter in own if id(parameter) not in known}


def frozen_names(model: nn.Module, objective: nn.Module) -> list[str]:
    """Return the names of the parameters that no optimiser moves, for the record."""
    return [name for name, parameter in named_parameters(model, objective).items() if not parameter.requires_grad]


def freeze_parameters(model: nn.Module, objective: nn.Module, names: Iterable[str]) -> None:
    """Freeze the parameters that were frozen when the run was started.

    Raises:
        ValueError: there is no such parameter: it is another model.
    """
    parameters = named_parameters(model, objective)
    for name in names:
        if name not in parameters:
            raise errors.unknown_name("frozen parameter of the record", name, parameters)
        parameters[name].requires_grad_(False)


def freeze_modules(model: nn.Module, names: Iterable[str]) -> None:
    """Freeze all parameters of these modules of a model: no optimiser moves them.

    Args:
        model: the model.
        names: of its modules or parameters, as ``encoder`` or ``decoder.net``.

    Raises:
        ValueError: there is no such module, or it has no parameters.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> freeze_modules(net, ["0"])
    >>> frozen_names(net, nn.Identity())
    ['0.weight', '0.bias']
    """
    parameters = dict(model.named_parameters())
    for name in names:
        chosen = [p for key, p in parameters.items() if key == name or key.startswith(f"{name}.")]
        if not chosen:
            raise errors.unknown_name("module to freeze", name, {key.partition(".")[0] for key in parameters})
        for parameter in chosen:
            parameter.requires_grad_(False)
    if names and not any(parameter.requires_grad for parameter in parameters.values()):
        raise ValueError(f"freeze={','.join(names)} leaves nothing to train: leave a module out of it")
