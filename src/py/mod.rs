//! Python's view of a world.
