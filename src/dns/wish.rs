//! What the operator has written, as it reaches whoever keeps the records: [`Wish`].

use std::sync::Arc;

use crate::config::Config;

/// The configuration that serves.
#[derive(Debug, Clone)]
pub struct Wish {
    /// All of it: the section `dns`, the routes with their hosts.
    pub config: Arc<Config>,
    /// Somebody has written just that. Else there was no text, or something in it was wrong: a host that is not named here
    /// may be named again a moment later.
    pub is_whole: bool,
}

impl Wish {
    /// Whether nothing has changed.
    pub fn is_same(&self, other: &Wish) -> bool {
        Arc::ptr_eq(&self.config, &other.config) && self.is_whole == other.is_whole
    }
}
