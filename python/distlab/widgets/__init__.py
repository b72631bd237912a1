"""Pictures that can be moved: drawn by one plain ES module, in a notebook or in a page of its own.

- :func:`spacetime`: who said what to whom, to zoom into, point at and filter.
"""

from __future__ import annotations

from ._spacetime import SpaceTime, spacetime

__all__ = ["SpaceTime", "spacetime"]
