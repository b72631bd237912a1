//! The search against published numbers, and against slow and obvious searches on many small models.
mod agreement;
mod behaviors;
mod graph;
mod limits;
mod parts;
mod published;
mod reference;
