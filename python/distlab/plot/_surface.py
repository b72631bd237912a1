"""Something measured at every pair of two settings: a grid of cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import text
from ..errors import ParameterError, ParameterTypeError
from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Up to so many cells have their value written into them.
WRITTEN = 200


def heatmap(
    x: Sequence[Any],
    y: Sequence[Any],
    values: Any,
    ax: Axes | None = None,
    *,
    xlabel: str = "",
    ylabel: str = "",
    label: str = "",
    words: Callable[[float], str] | None = None,
    low: float | None = None,
    high: float | None = None,
    seed: int | None = None,
) -> Axes:
    """What was measured at every pair of two settings, such as availability over timeout and crash rate.

    Each pair is a cell of equal size, whatever the steps between the settings are; its value is written into it where
    there are 200 cells or fewer. Cells without a value (nan) are hatched.

    Parameters
    ----------
    x, y : sequence
        The settings, as numbers or words; the first of ``y`` is at the bottom.
    values : array_like, shape (len(y), len(x))
        What was measured.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    xlabel, ylabel, label : str
        What the settings and the values are called, with their units.
    words : callable, optional
        How a value is written; three digits otherwise.
    low, high : float, optional
        The values at the ends of the colours; the least and the greatest value otherwise.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    ParameterError
        If the shape does not fit, no value is a number, or ``low`` is not below ``high``.
    ParameterTypeError
        If an argument is of another type.

    Examples
    --------
    >>> import distlab as dl
    >>> available = [[0.99, 0.97], [0.95, float("nan")]]
    >>> ax = dl.plot.heatmap(["1 s", "10 s"], [1, 2], available, xlabel="time between failures", ylabel="crashes")
    >>> [it.get_text() for it in ax.texts]
    ['0.99', '0.97', '0.95']
    """
    grid = given.numbers(values, "values", "an array of numbers")
    columns, rows = _settings(x, "x"), _settings(y, "y")
    for name, it in (("xlabel", xlabel), ("ylabel", ylabel), ("label", label)):
        text(it, name, "text")
    if words is not None and not callable(words):
        raise ParameterTypeError("words", words, "a callable, or None")
    if grid.shape != (len(rows), len(columns)):
        raise ParameterError("values", grid.shape, f"the shape ({len(rows)}, {len(columns)}) of y and x")
    known = grid[np.isfinite(grid)]
    if not len(known):
        raise ParameterError("values", values, "at least one finite value")
    bounds = (_bound(low, "low", known.min()), _bound(high, "high", known.max()))
    if bounds[0] > bounds[1] or (low is not None and low == high):
        raise ParameterError("low", low, f"a number below high, {bounds[1]:g}")
    width = max(0.55, 0.1 * max(map(len, columns)))
    ax = given.axes(ax, (1.8 + width * len(columns), 1.2 + 0.38 * len(rows)))
    ax.set_facecolor("white")
    ax.patch.set(hatch="////", edgecolor=style.PALE)
    shown = np.ma.masked_invalid(grid)
    mesh = ax.imshow(shown, origin="lower", aspect="auto", cmap="YlGnBu", vmin=bounds[0], vmax=bounds[1])
    if grid.size <= WRITTEN:
        _write_values(ax, grid, mesh, words or (lambda value: f"{value:.3g}"))
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.colorbar(mesh, ax=ax, label=label, shrink=0.9)
    style.caption(ax, style.seed_text(seed))
    return ax


def _settings(values: Any, parameter: str) -> list[str]:
    """Settings as words."""
    if isinstance(values, str | bytes) or not hasattr(values, "__len__") or not hasattr(values, "__iter__"):
        raise ParameterTypeError(parameter, values, "a sequence of numbers or words")
    if not len(values):
        raise ParameterError(parameter, values, "at least one setting")
    return [f"{it:g}" if isinstance(it, float | np.floating) else str(it) for it in values]


def _bound(value: Any, parameter: str, otherwise: Any) -> float:
    if value is None:
        return float(otherwise)
    found = given.numbers(value, parameter, "a number, or None")
    if found.ndim or not np.isfinite(found):
        raise ParameterError(parameter, value, "a finite number, or None")
    return float(found)


def _write_values(ax: Axes, grid: NDArray[np.float64], mesh: Any, words: Callable[[float], str]) -> None:
    """The values in their cells, in black on light colours and in white on dark ones."""
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            dark = float(np.dot(mesh.cmap(mesh.norm(value))[:3], (0.299, 0.587, 0.114))) < 0.5
            look: dict[str, Any] = {"color": "white" if dark else "black", "fontsize": style.SMALL - 1}
            ax.text(column, row, words(float(value)), ha="center", va="center", **look)
