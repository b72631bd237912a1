//! A placeholder bench main until protocols exist.
fn main() {}
