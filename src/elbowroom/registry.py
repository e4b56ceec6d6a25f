"""Registry of plug-ins by name: recipes, suites, checks, diagnoses, plots, samplers, readers, endpoints, callbacks."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from itertools import accumulate
from typing import Any, Concatenate, ParamSpec, TypeVar

from elbowroom import errors
from elbowroom.deprecation import warn_renamed

P = ParamSpec("P")
T = TypeVar("T")
AnyT = TypeVar("AnyT")


class Registry(MutableMapping[str, T]):
    """Items by name, in the order in which they were registered.

    The modules that register items of the package are imported when the registry is first read, in the given order:
    with ``"elbowroom.recipes.*"`` a new item is one file. Items that were registered elsewhere come after those.

    Args:
        kind: what an item is, for the error at an unknown name: "recipe".
        modules: dotted names of the modules that register the package's own items; ``package.*`` stands for the modules
            of a package that are not named, by name, without packages inside it; ``.name`` is beside the one before.
        renamed: deprecated names, with the current ones; they work with a warning.
        advice: the end of the error at an unknown name: what else may be given.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Shape:
    ...     area: Callable[[float], float]
    ...     name: str
    ...     corners: int
    >>> shapes = Registry("shape")
    >>> shape = shapes.decorator(Shape)
    >>> @shape("square", corners=4)
    ... def square(side):
    ...     '''A square.'''
    ...     return side**2
    >>> shapes["square"].area(3), shapes.help("square"), list(shapes)
    (9, 'A square.', ['square'])
    >>> shapes.find("sqare")
    Traceback (most recent call last):
    ValueError: unknown shape 'sqare': did you mean 'square'? Known: square
    """

    def __init__(
        self,
        kind: str,
        modules: tuple[str, ...] = (),
        renamed: Mapping[str, str] | None = None,
        advice: str = "",
    ) -> None:
        self.kind, self._modules, self._renamed, self._advice = kind, modules, renamed or {}, advice
        self._items: dict[str, T] = {}
        self._help: dict[str, str] = {}
        self._source: dict[str, str] = {}
        self._is_complete = not modules

    def add(self, name: str, item: T, help: str | None = None, source: Any = None) -> T:
        """Register an item, in place of one of the same name; return it.

        Args:
            name: what it is asked for by.
            item: the function, class or description.
            help: what it is, in a line; by default the first line of its docstring.
            source: the function or class that it was made from, if it is not that itself.
        """
        defined = item if source is None else source
        self._items[name] = item
        self._help[name] = (inspect.getdoc(defined) or "").partition("\n")[0] if help is None else help
        self._source[name] = getattr(defined, "__module__", "")
        return item

    def decorator(
        self, entry: Callable[Concatenate[Any, str, P], T], help: Callable[[T], str] | None = None
    ) -> Callable[Concatenate[str, P], Callable[[AnyT], AnyT]]:
        """Return a decorator of functions or classes that registers an item made of each, and leaves it as it is.

        Args:
            entry: the item's dataclass. Its first field is what is decorated, its second the name; that and the other
                fields are the arguments of the decorator.
            help: from an item to what it is, in a line; by default the first line of what is decorated.
        """

        def decorator(name: str, *args: P.args, **kwargs: P.kwargs) -> Callable[[AnyT], AnyT]:
            def register(decorated: AnyT) -> AnyT:
                item = entry(decorated, name, *args, **kwargs)
                self.add(name, item, help and help(item), source=decorated)
                return decorated

            return register

        _, *parameters = inspect.signature(entry).parameters.values()
        decorator.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        decorator.__doc__ = f"Register a {self.kind}; a decorator with the fields of:\n\n{inspect.getdoc(entry)}"
        decorator.__qualname__ = self.kind
        return decorator  # type: ignore[return-value]  # the name may be given as name=, too

    def find(self, name: str) -> T:
        """Return the item of this name.

        Raises:
            ValueError: there is none; the message names the nearest.
        """
        if name not in self and name in self._renamed:
            warn_renamed(f"the {self.kind} '{name}'", f"'{self._renamed[name]}'")
            name = self._renamed[name]
        if name not in self:
            raise errors.unknown_name(self.kind, name, list(self), self._advice)
        return self[name]

    def help(self, name: str) -> str:
        """Return what the item of this name is, in a line."""
        self._complete()
        return self._help[name]

    def source(self, name: str) -> str:
        """Return the dotted name of the module that defines the item of this name."""
        self._complete()
        return self._source[name]

    def __getitem__(self, name: str) -> T:
        self._complete()
        return self._items[name]

    def __setitem__(self, name: str, item: T) -> None:
        self.add(name, item)

    def __delitem__(self, name: str) -> None:
        self._complete()
        del self._items[name]

    def __iter__(self) -> Iterator[str]:
        self._complete()
        return iter(self._items)

    def __len__(self) -> int:
        self._complete()
        return len(self._items)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {list(self)})"

    def _complete(self) -> None:
        """Import the package's own modules once, and bring their items to the front, in the order of the modules."""
        if self._is_complete:
            return
        self._is_complete = True  # now, for the modules may read it
        try:
            modules = expand_modules(self._modules)
            for module in modules:
                importlib.import_module(module)
        except BaseException:
            self._is_complete = False
            raise
        rank = {module: i for i, module in enumerate(modules)}
        self._items = dict(sorted(self._items.items(), key=lambda item: rank.get(self._source[item[0]], len(rank))))


def expand_modules(names: tuple[str, ...]) -> list[str]:
    """Return the full names of modules, with those of a package that are not named for ``package.*``.

    >>> expand_modules(("elbowroom.models.draw", ".*"))[:2]
    ['elbowroom.models.draw', 'elbowroom.models.adapter']
    """
    modules: list[str] = []
    names = tuple(accumulate(names, lambda one, name: one.rpartition(".")[0] + name if name[0] == "." else name))
    for name in names:
        if not name.endswith(".*"):
            modules.append(name)
            continue
        package = importlib.import_module(name.removesuffix(".*"))
        scanned = [
            module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.") if not module.ispkg
        ]
        modules += [module for module in scanned if module not in names]
    return modules
