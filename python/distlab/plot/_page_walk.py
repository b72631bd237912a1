"""A page walk: the bits of a virtual address, the tables they index, and the physical address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def page_walk(translation: Any, ax: Axes | None = None) -> Axes:
    """How a virtual address was translated: its bits, the tables they index, the entry, the physical address.

    Parameters
    ----------
    translation : Translation
        What :meth:`distlab.memory.Mmu.translate` gave, or the ``translation`` of a :class:`distlab.MemoryFault`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> table = dl.memory.PageTable.preset("32-bit-two-level")
    >>> table.map(0x00401000, frame=0x345)
    >>> ax = table.translate(0x00401678).plot()
    >>> ax.get_title(loc="left")
    'read 0x401678 → 0x345678'
    """
    from ..memory import Translation

    given.an(Translation, translation, "translation")
    count = max(len(translation.indices), 1)
    ax = given.axes(ax, (max(6.4, 1.75 * (count + 1) + 0.6), 3.9))
    ax.set_axis_off()
    width = 1.6
    columns = [width * at for at in range(count + 1)]
    _address(ax, translation, columns)
    tables = [(step.level, step) for step in translation.steps]
    begin = min((level for level, _ in tables), default=count)
    for level, step in tables:
        _table(ax, columns[level], step, translation, last=step is translation.steps[-1])
        if level > begin:
            _arrow(ax, (columns[level - 1] + 1.22, 2.5), (columns[level], 2.95), style.BLUE)
    _skipped(ax, translation, columns, begin)
    _result(ax, translation, columns, bool(tables))
    ax.set(xlim=(-0.1, columns[-1] + 1.55), ylim=(-0.35, 6.1))
    _headline(ax, translation)
    return ax


def _rectangle(ax: Axes, x: float, y: float, width: float, height: float, color: str, fill: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), width, height, edgecolor=color, facecolor=fill, linewidth=1.0, zorder=2))


def _middle(ax: Axes, x: float, y: float, text: str, **options: Any) -> None:
    settings: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.SMALL, "zorder": 4}
    ax.text(x, y, text, **settings | options)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str, curve: float = 0.0) -> None:
    arrow = {"arrowstyle": "-|>", "color": color, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    if curve:
        arrow["connectionstyle"] = f"arc3,rad={curve}"
    ax.annotate("", end, start, arrowprops=arrow, zorder=3)


def _tint(color: str, share: float = 0.16) -> str:
    """A colour that text can be read on."""
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - it) * share):02x}" for it in parts)


def _address(ax: Axes, translation: Any, columns: list[float]) -> None:
    """The virtual address, field by field."""
    last = len(columns) - 1
    bits = translation.page_bits
    for at, x in enumerate(columns):
        offset = at == last
        color = style.GREEN if offset else style.BLUE
        _rectangle(ax, x, 5.0, 1.5, 0.55, color, _tint(color))
        if offset:
            _middle(ax, x + 0.75, 5.27, f"{translation.offset:#x}", family="monospace")
            _middle(ax, x + 0.75, 5.72, f"offset, {bits} bits", color=style.GREY)
        elif translation.indices:
            _middle(ax, x + 0.75, 5.27, f"{translation.indices[at]:#x}", family="monospace")
            _middle(ax, x + 0.75, 5.72, f"index {at}", color=style.GREY)
    if not translation.indices:
        _middle(ax, columns[0] + 0.75, 5.27, "not canonical", color=style.VERMILLION)


def _table(ax: Axes, x: float, step: Any, translation: Any, *, last: bool) -> None:
    """A table as three rows, with the entry that was read in the middle."""
    _middle(ax, x + 0.61, 3.42, f"table {step.table}", color=style.GREY)
    refused = last and translation.physical_address is None
    missing = not step.entry.present
    color = style.VERMILLION if refused or missing else style.BLUE
    for row in range(3):
        chosen = row == 1
        y = 2.75 - 0.5 * row
        edge, fill = (color, _tint(color)) if chosen else (style.PALE, "white")
        _rectangle(ax, x, y, 1.22, 0.5, edge, fill)
    _middle(ax, x + 0.61, 2.99, "⋮", color=style.GREY)
    _middle(ax, x + 0.61, 1.99, "⋮", color=style.GREY)
    _middle(ax, x + 0.61, 2.5, _entry(step.entry))
    _arrow(ax, (x + 0.28, 5.0), (x + 0.28, 2.76), color)


def _entry(entry: Any) -> str:
    if entry.frame is not None:
        return f"frame {entry.frame:#x}"
    if entry.table is not None:
        return f"→ table {entry.table}"
    if entry.swap_slot is not None:
        return f"swap slot {entry.swap_slot}"
    return "not present"


def _skipped(ax: Axes, translation: Any, columns: list[float], begin: int) -> None:
    """What the walk did not need to read."""
    if begin == 0 or not translation.indices:
        return
    end = columns[min(begin, len(columns) - 1)] - 0.4
    known = "walk cache" if translation.walk_cache is not None else "TLB" if translation.tlb_hit else ""
    if not known:
        return
    _rectangle(ax, 0, 2.1, end, 0.8, style.ORANGE, _tint(style.ORANGE))
    where = f"table {translation.walk_cache[1]}" if translation.walk_cache is not None else _frame(translation)
    _middle(ax, end / 2, 2.5, f"{known} hit: {where}")
    for x in columns[:begin]:
        _arrow(ax, (x + 0.28, 5.0), (x + 0.28, 2.91), style.ORANGE)
    if translation.walk_cache is not None:
        _arrow(ax, (end, 2.5), (columns[begin], 2.5), style.ORANGE)


def _frame(translation: Any) -> str:
    return "refused" if translation.frame is None else f"frame {translation.frame:#x}"


def _result(ax: Axes, translation: Any, columns: list[float], walked: bool) -> None:
    """The physical address, or why there is none."""
    x = columns[-1]
    entry = columns[-2] if len(columns) > 1 else 0.0
    reached = columns[translation.steps[-1].level] if walked else entry
    if translation.physical_address is None:
        _rectangle(ax, reached, 0.35, x + 1.5 - reached, 0.55, style.VERMILLION, _tint(style.VERMILLION))
        _middle(ax, (reached + x + 1.5) / 2, 0.62, f"{translation.fault} fault: {translation.denial}")
        _arrow(ax, (reached + 0.61, 2.25 if walked else 5.0), (reached + 0.61, 0.91), style.VERMILLION)
        return
    color = style.PURPLE
    _rectangle(ax, entry, 0.35, 1.5, 0.55, color, _tint(color))
    _rectangle(ax, x, 0.35, 1.5, 0.55, style.GREEN, _tint(style.GREEN))
    _middle(ax, entry + 0.75, 0.62, f"{translation.frame:#x}", family="monospace")
    _middle(ax, x + 0.75, 0.62, f"{translation.offset:#x}", family="monospace")
    _middle(ax, entry + 0.75, 0.16, "frame", color=style.GREY)
    _middle(ax, x + 0.75, 0.16, "offset", color=style.GREY)
    _middle(ax, entry - 0.1, 0.62, f"physical {translation.physical_address:#x} =", ha="right")
    _arrow(ax, (x + 0.75, 5.0), (x + 0.75, 0.91), style.GREEN)
    start = (reached + 0.61, 2.25 if walked else 2.1)
    label = None
    if walked and not translation.steps[-1].entry.present:
        label = f"{translation.fault} fault"
    _arrow(ax, start, (entry + 0.61, 0.91), style.VERMILLION if label else color)
    if label:
        _middle(ax, start[0] + 0.1, 1.55, label, ha="left", color=style.VERMILLION)


def _headline(ax: Axes, translation: Any) -> None:
    where = "refused" if translation.physical_address is None else f"{translation.physical_address:#x}"
    looks = ", ".join(f"{name} {'hit' if hit else 'miss'}" for name, hit in translation.tlbs)
    parts = [
        looks,
        f"{translation.references} {'reference' if translation.references == 1 else 'references'} to tables",
        f"{translation.time_ns:,.10g} ns",
    ]
    if translation.victim is not None:
        parts.append("victim written back" if translation.write_back else "victim dropped clean")
    ax.set_title(f"{translation.kind} {translation.virtual_address:#x} → {where}", fontsize=style.SMALL + 2, loc="left")
    ax.text(0, -0.3, ", ".join(it for it in parts if it), fontsize=style.SMALL, color=style.GREY, va="bottom")
