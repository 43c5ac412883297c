//! What the benches of parts work on: one set of heads and tables for time and for instructions.

pub(crate) mod heads;
pub(crate) mod routes;
