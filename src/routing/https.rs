//! What becomes of a request that came in clear. One door: [`way`], for the data plane and for whoever explains it.

use super::Target;
use crate::config::Https;

/// What an authority asks for in clear to know that a host is ours (RFC 8555 8.3).
const CHALLENGE: &str = "/.well-known/acme-challenge/";

/// Where a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Here.
    On,
    /// At the same place under https.
    Https,
    /// Nowhere.
    Refused,
    /// Under https when a certificate is loaded on every node. Else it is refused, or goes on.
    WhenLoaded {
        /// Which of the two.
        else_refused: bool,
    },
}

/// `secure`: a proxy in front, which is believed, says that its client spoke https. `closed`: nobody comes to the host
/// without a client certificate; what is in clear never does, not even what an authority asks for, since the app behind
/// it is for those who have shown one.
pub fn way(https: Https, target: &Target, secure: bool, closed: bool) -> Way {
    let is_challenge = target.path().starts_with(CHALLENGE);
    match (https, secure) {
        // what a proxy in front says is no client certificate
        (_, true) if closed => Way::Refused,
        (_, true) => Way::On,
        (Https::Redirect | Https::Auto, false) if closed && !is_challenge => Way::WhenLoaded { else_refused: true },
        (_, false) if closed => Way::Refused,
        (Https::Allow, false) => Way::On,
        (Https::Only, false) => Way::Refused,
        (Https::Redirect | Https::Auto, false) if is_challenge => Way::On,
        // HTTP/1.0 without a Host: there is no name to come back under
        (Https::Redirect, false) if target.host().is_empty() => Way::Refused,
        (Https::Redirect, false) => Way::Https,
        (Https::Auto, false) => Way::WhenLoaded { else_refused: false },
    }
}

impl Way {
    /// With what is known of the certificates; never [`Way::WhenLoaded`].
    #[must_use]
    pub fn settled(self, is_loaded: bool) -> Way {
        match self {
            Way::WhenLoaded { .. } if is_loaded => Way::Https,
            Way::WhenLoaded { else_refused: true } => Way::Refused,
            Way::WhenLoaded { else_refused: false } => Way::On,
            other => other,
        }
    }
}
