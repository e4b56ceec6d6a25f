"""What a summary needs of a run's rows, of which there may be very many: found without reading each."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress

import numpy as np

from elbowroom.runs.metrics_log import Row, number, row

#: Bytes that the new part of a file may have to be read row by row; a longer one is searched for what is needed.
FEW = 1 << 16
#: Points in a miniature, findings kept, rows remembered at the end.
SPARK, FINDINGS, RECENT = 60, 50, 24
_FINDING = b'"event": "finding'


class Thin:
    """Numbers that come without end, a bounded number of which is kept, evenly apart.

    >>> thin = Thin()
    >>> thin.extend(list(range(10_000)))
    >>> len(thin.shown()), thin.shown()[0], thin.shown()[-1]
    (60, 0, 9999)
    """

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._apart, self._count, self._last = 1, 0, math.nan

    def extend(self, values: list[float], apart: int = 1) -> None:
        """Take some more; of so many ``apart``, where they are a choice themselves."""
        if not values:
            return
        if apart > 1 and not self._count:
            self._apart = apart
            self._kept = values[:-1]
        else:
            self._kept += values[-self._count % self._apart :: self._apart]
        self._count, self._last = self._count + len(values) * apart, values[-1]
        while len(self._kept) > 8 * SPARK:
            self._kept, self._apart = self._kept[::2], self._apart * 2

    def shown(self) -> list[float]:
        """At most :data:`SPARK` of them, the first and the last included."""
        if len(self._kept) <= SPARK and self._apart == 1:
            return list(self._kept)
        before = len(self._kept) - ((self._count - 1) % self._apart == 0)  # without the last, if that was kept
        places = np.linspace(0, before - 1, min(SPARK - 1, before)).round().astype(int)
        return [*(self._kept[i] for i in places), self._last]


class Digest:
    """What a summary needs of the rows: the last ones, the best, a miniature, the findings. Its size is bounded."""

    def __init__(self) -> None:
        self.recent: deque[Row] = deque(maxlen=RECENT)
        self.findings: list[Row] = []
        self.best: dict[str, Row] = {}
        self.losses: dict[str, Thin] = {"validation": Thin(), "train": Thin()}

    def take(self, piece: bytes, best: tuple[int, float] | None = None) -> list[Row]:
        """Take whole lines in; returns their rows where they are few, and nothing where they are many.

        Args:
            piece: the lines.
            best: the step with the least validation loss, and that loss, where they are known.
        """
        if len(piece) <= FEW or not self._search(piece, best):
            found = [one for line in piece.splitlines() if (one := row(line)) is not None]
            for one in found:
                self._add(one)
            return found if len(piece) <= FEW else []
        tail = piece[piece.rfind(b"\n", 0, max(len(piece) - FEW, 0)) + 1 :].splitlines()[-RECENT:]
        self.recent.extend(one for line in tail if (one := row(line)) is not None)
        return []

    def _add(self, one: Row) -> None:
        self.recent.append(one)
        if one.get("event") == "finding":
            self._find(one)
        split, loss = one.get("split"), number(one.get("loss"))
        if isinstance(split, str) and split in self.losses and loss is not None:
            self.losses[split].extend([loss])
            self._better(split, one)

    def _search(self, piece: bytes, best: tuple[int, float] | None) -> bool:
        """Take from many rows what is needed without reading each; False where they are not written as ours are."""
        split = next((split for split in self.losses if piece.rfind(_mark(split)) >= 0), None)
        if split is None:
            return False
        known = None if best is None or split != "validation" else _row_at(piece, best)
        losses = _losses(piece, split) if known is None else _some_losses(piece, split)
        if not losses or not all(map(math.isfinite, losses)):
            return False
        if known is None:
            known = row(_line(piece, _place(piece, split, losses.index(min(losses)))))
            self.losses[split].extend(losses)
        else:
            self.losses[split].extend(
                losses, apart=max(piece.count(_mark(split), 0, FEW) * len(piece) // FEW // SPARK, 1)
            )
        self._better(split, known)
        # A needle that ends in a letter that figures have not is found fastest.
        place = piece.find(_FINDING)
        while place >= 0:
            self._find(row(_line(piece, place)))
            place = piece.find(_FINDING, place + 1)
        return True

    def _better(self, split: str, one: Row | None) -> None:
        loss = None if one is None else number(one.get("loss"))
        if one is not None and loss is not None and (split not in self.best or loss < self.best[split]["loss"]):
            self.best[split] = one

    def _find(self, one: Row | None) -> None:
        if one is not None and len(self.findings) < FINDINGS:
            self.findings.append(one)


def _mark(split: str) -> bytes:
    """How a row of a split that training writes goes on."""
    return b'"split": "%s", "loss": ' % split.encode()


def _losses(piece: bytes, split: str) -> list[float]:
    """The losses of a split's rows, all of them; none where one cannot be read so."""
    with suppress(ValueError):
        return [_loss(part) for part in piece.split(_mark(split))[1:]]
    return []


def _some_losses(piece: bytes, split: str) -> list[float]:
    """The first, the last and others evenly between."""
    mark, found = _mark(split), list[float]()
    with suppress(ValueError):
        for n in range(SPARK):
            end = n * (len(piece) - 1) // (SPARK - 1)
            place = piece.rfind(mark, 0, end) if n else piece.find(mark)
            if place >= 0:
                found.append(_loss(piece[place + len(mark) : place + len(mark) + 40]))
        return found
    return []


def _loss(text: bytes) -> float:
    return float(text[:40].partition(b",")[0].rstrip(b"}\r\n"))


def _place(piece: bytes, split: str, n: int) -> int:
    """Where the n-th row of a split is."""
    place = -1
    for _ in range(n + 1):
        place = piece.find(_mark(split), place + 1)
    return place


def _row_at(piece: bytes, best: tuple[int, float]) -> Row | None:
    """The validation's row at a step, found by halving, if its loss is as was told."""
    low, high = 0, len(piece)
    while high - low > 1:
        middle = (low + high) // 2
        step = _line(piece, middle).partition(b'"step": ')[2][:20].partition(b",")[0]
        low, high = (low, middle) if not step.isdigit() or int(step) >= best[0] else (middle, high)
    place = piece.find(_mark("validation"), low, low + FEW)
    found = row(_line(piece, place)) if place >= 0 else None
    return found if found is not None and (found["step"], found["loss"]) == best else None


def _line(piece: bytes, place: int) -> bytes:
    end = piece.find(b"\n", place)
    return piece[piece.rfind(b"\n", 0, place) + 1 : end if end >= 0 else len(piece)]
