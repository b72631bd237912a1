//! Values and machines that need no world.
