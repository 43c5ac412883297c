//! What `message` promises, as claims.
