//! What the operator wrote: the routes file, read into values that cannot be wrong.
//!
//! One door: [`parse`] turns text into a [`Parsed`]; [`Parsed::settle`] joins it with what served before, and the
//! [`Config`] that comes out is complete. `model` holds that `Config`.

mod model;

pub use model::*;
