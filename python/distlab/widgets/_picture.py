"""What moving pictures share: the module that draws, a page of its own, a widget, and how a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .. import units
from ..errors import ParameterTypeError
from ..plot._style import MissingExtra
from ._page import page

INLINE_BYTES = 8 << 20
"""Up to how many bytes a page is put into the output of a notebook where anywidget is not installed."""

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "spacetime.js": ("shared.js", "spacetime.js"),
        "player.js": ("shared.js", "recording.js", "ring.js", "strip.js", "player.js"),
    }
)
"""The files that make up each module; a file knows only those before it."""


class Picture:
    """A picture that can be moved: what the browser gets, and the ES module that draws it.

    Attributes
    ----------
    payload : dict
        What the browser gets: JSON, with columns deflated and in base64.
    height : int
        In CSS pixels.
    """

    _module: ClassVar[str]  # the file of the module
    _kind: ClassVar[str]  # what it is, in words
    _traits: ClassVar[Mapping[str, tuple[str, Any]]]  # what else the module shares: kind of traitlet, default

    payload: dict[str, Any]
    height: int

    def __init__(self) -> None:
        self._widget: Any = None

    def _values(self) -> dict[str, Any]:
        """What the module is given beside payload and height."""
        return {}

    def widget(self) -> Any:
        """The picture as a widget for Jupyter, VS Code and Marimo; always the same one.

        Raises
        ------
        MissingExtra
            If anywidget is not installed.
        """
        if self._widget is None:
            self._widget = _widget_class(type(self))(payload=self.payload, height=self.height, **self._values())
        return self._widget

    def to_html(self, path: str | Path | None = None) -> str | None:
        """A page of its own: it opens from a file, without a server or a network, and may load nothing.

        Parameters
        ----------
        path : path, optional
            Where to write it; without, the text is returned.

        Returns
        -------
        str or None

        Examples
        --------
        >>> import distlab as dl
        >>> text = dl.spacetime(dl.Raft(3, trace="full")).to_html()
        >>> text.startswith("<!DOCTYPE html>")
        True
        """
        text = page(source(self._module), self.payload | self._values(), self.payload["title"] or self._kind)
        if path is None:
            return text
        Path(path).write_text(text, encoding="utf-8")
        return None

    def _still(self) -> dict[str, Any]:
        """What is shown where neither a widget nor a page can be: nothing, or data by MIME type."""
        return {}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """As a widget if anywidget is there, otherwise as a page in a frame."""
        try:
            widget = self.widget()
        except MissingExtra:
            return {"text/plain": repr(self), "text/html": self._frame()} | self._still()
        bundle = widget._repr_mimebundle_()
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = self._still() | dict(data)
        return (data, *rest) if rest else data

    def _frame(self) -> str:
        text = self.to_html()
        assert text is not None
        if len(text) > INLINE_BYTES:
            words = f"{self!r}: a page of {len(text) / 1e6:.1f} MB; write it with to_html(path), or install anywidget"
            return f"<p>{escape(words)}</p>"
        frame = f'style="width:100%;height:{self.height + 16}px;border:0" title="{self._kind}"'
        return f'<iframe sandbox="allow-scripts" {frame} srcdoc="{escape(text)}"></iframe>'


def source(module: str) -> str:
    """An ES module that draws: the parts of :data:`PARTS`, one after the other."""
    folder = resources.files(__package__)
    return "\n".join(folder.joinpath(it).read_text(encoding="utf-8") for it in PARTS[module])


def _widget_class(picture: type[Picture]) -> Any:
    """The class of a picture's widget, made when anywidget is there."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingExtra("anywidget", "widgets") from error
    members = {
        "__doc__": f"The {picture._kind}, and what is shared with it.",
        "_esm": source(picture._module),
        "payload": traitlets.Dict().tag(sync=True),
        "height": traitlets.Int(480).tag(sync=True),
        **{it: getattr(traitlets, kind)(default).tag(sync=True) for it, (kind, default) in picture._traits.items()},
    }
    return type(f"{picture.__name__}Widget", (anywidget.AnyWidget,), members)


def height_of(value: Any) -> int:
    """A height in CSS pixels."""
    return units.count(int(value) if isinstance(value, np.integer) else value, "height", least=120)


def text_of(parameter: str, value: Any) -> str:
    """A text as it was given."""
    if not isinstance(value, str):
        raise ParameterTypeError(parameter, value, "text")
    return value
