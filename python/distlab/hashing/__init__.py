"""Which server holds which key: consistent hashing, its alternatives, and Merkle trees."""

from .alternatives import (
    AlphabeticalRanges,
    BoundedLoadRing,
    Jump,
    Maglev,
    Modulo,
    MultiProbe,
    RandomTable,
    Rendezvous,
)
from .comparison import Comparison, compare
from .forest import ForestDiff, MerkleForest
from .keys import sample_keys
from .measure import Load, Movement
from .merkle import MerkleProof, MerkleTree, Message, TreeDiff
from .placement import Placement
from .plan import MovementPlan, movement_plan
from .ring import HashRing, Range
from .strategies import (
    DYNAMO_FIGURE_8,
    DynamoFigure,
    EqualPartitions,
    Transfer,
    dynamo_efficiency,
    dynamo_figure,
    dynamo_loads,
    dynamo_metadata,
)

__all__ = [
    "DYNAMO_FIGURE_8",
    "AlphabeticalRanges",
    "BoundedLoadRing",
    "Comparison",
    "DynamoFigure",
    "EqualPartitions",
    "ForestDiff",
    "HashRing",
    "Jump",
    "Load",
    "Maglev",
    "MerkleForest",
    "MerkleProof",
    "MerkleTree",
    "Message",
    "Modulo",
    "Movement",
    "MovementPlan",
    "MultiProbe",
    "Placement",
    "RandomTable",
    "Range",
    "Rendezvous",
    "Transfer",
    "TreeDiff",
    "compare",
    "dynamo_efficiency",
    "dynamo_figure",
    "dynamo_loads",
    "dynamo_metadata",
    "movement_plan",
    "sample_keys",
]
