//! What is planned, as tables in a language of their own (`language`).

use super::*;

mod holds;
mod language;
mod names;
mod properties;
mod unsure;
mod whose;
