"""Pictures that can be moved: drawn by one plain ES module, in a notebook or in a page of its own.

- :func:`spacetime`: who said what to whom, to zoom into, point at and filter;
- :func:`player`: a cluster to play, forwards and backwards, and to break;
- :func:`watched`: what the nodes know after each event, for the picture to say.
"""

from __future__ import annotations

from ._player import Player, player
from ._spacetime import SpaceTime, spacetime
from ._watch import Lasting, watched

__all__ = ["Lasting", "Player", "SpaceTime", "player", "spacetime", "watched"]
