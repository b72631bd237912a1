"""What pictures are given: refused by name where it is not what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import text
from ..errors import ParameterTypeError
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes(ax: Any, size: tuple[float, float] = (6.4, 3.4)) -> Axes:
    """``ax``, if it is one, or the axes of a new figure."""
    style.pyplot()
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise ParameterTypeError("ax", ax, "axes of matplotlib's, or None")
    return style.axes(ax, size)


def words(value: Any, parameter: str) -> str | None:
    """Text, or None."""
    return None if value is None else text(value, parameter, "text, or None")


def numbers(values: Any, parameter: str, allowed: str) -> NDArray[np.float64]:
    """Numbers of any shape."""
    try:
        found: NDArray[Any] = np.asarray(values)
    except ValueError:
        raise ParameterTypeError(parameter, values, allowed) from None
    if found.dtype.kind not in "iuf":
        raise ParameterTypeError(parameter, values, allowed)
    return found.astype(np.float64)


def an(expected: type[Any], value: Any, parameter: str) -> None:
    """Something of a class."""
    if not isinstance(value, expected):
        raise ParameterTypeError(parameter, value, f"a {expected.__name__}")


def panels(ax: Axes, count: int, gap: float = 0.06) -> list[Axes]:
    """Equally wide axes side by side within ``ax``, which shows nothing of its own any more."""
    ax.set_axis_off()
    width = (1 - gap * (count - 1)) / count
    return [style.axes(ax.inset_axes((at * (width + gap), 0, width, 1))) for at in range(count)]
