"""A laboratory for distributed systems."""

from .errors import *  # noqa: F403
from .node import Context, Node
