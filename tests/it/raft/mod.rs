//! Raft: scripts whose whole course is the expectation, and properties over many seeds.
