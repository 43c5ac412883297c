//! Why records could not be brought up to date: [`Error`], grouped by what helps.

use std::time::Duration;

use super::{Fault, Unobserved};

/// Why a round ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The credentials are wrong, or may not do what is needed.
    #[error("{0}")]
    Denied(Permission),
    /// Too many calls; `after` is how long Cloudflare wants us to wait, or what is left of our own bound.
    #[error("too many calls to Cloudflare: the next one in {} s", after.as_secs())]
    RateLimited {
        /// Never longer than five minutes.
        after: Duration,
    },
    /// Cloudflare understood and said no: a record that it does not take, a full zone.
    #[error("Cloudflare refuses {what}: {message} (code {code})")]
    Refused {
        /// Which call, in words.
        what: String,
        /// Cloudflare's own number.
        code: u32,
        /// What it said.
        message: String,
    },
    /// Cloudflare was not reached, failed, or did not answer in time. What was written may have been done.
    #[error("Cloudflare cannot be asked for {what}: {fault}")]
    Unavailable {
        /// Which call, in words.
        what: String,
        /// What happened.
        fault: Fault,
    },
    /// This process does not lead any more.
    #[error("this process does not lead any more")]
    NotLeader,
    /// The cluster could not be looked at.
    #[error(transparent)]
    Unobserved(#[from] Unobserved),
}

/// What is missing at Cloudflare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Permission {
    /// There are no credentials.
    #[error(
        "there are no credentials for Cloudflare: set CF_API_TOKEN (or CF_API_TOKEN_FILE, CF_API_KEY with CF_API_EMAIL, or CF_SECRET_DIR); in the cluster, the Secret `cloudflare`"
    )]
    NoCredentials,
    /// The credentials as they are found cannot be sent.
    #[error("the credentials for Cloudflare cannot be used: {0}")]
    Unusable(String),
    /// Cloudflare does not know them.
    #[error("Cloudflare does not accept the credentials ({0}): make an API token with Zone:Read and DNS:Edit")]
    Invalid(String),
    /// No zone is seen.
    #[error("the API token sees no zone: it needs the permission Zone:Read for the zones of your names ({0})")]
    ZoneRead(String),
    /// Records may not be read or changed.
    #[error("the API token may not change records of {zone}: it needs the permission DNS:Edit there ({reason})")]
    DnsEdit {
        /// Which zone.
        zone: String,
        /// What Cloudflare said.
        reason: String,
    },
}

/// For the label `kind` of `gatepost_dns_errors_total`. Scripts read these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `denied`
    Denied,
    /// `rate_limited`
    RateLimited,
    /// `refused`
    Refused,
    /// `unavailable`
    Unavailable,
    /// `timeout`
    Timeout,
    /// `malformed`
    Malformed,
    /// `not_leader`
    NotLeader,
    /// `cluster`
    Cluster,
}

impl Kind {
    /// As the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Denied => "denied",
            Kind::RateLimited => "rate_limited",
            Kind::Refused => "refused",
            Kind::Unavailable => "unavailable",
            Kind::Timeout => "timeout",
            Kind::Malformed => "malformed",
            Kind::NotLeader => "not_leader",
            Kind::Cluster => "cluster",
        }
    }
}

impl Error {
    /// What it is counted as.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Denied(_) => Kind::Denied,
            Error::RateLimited { .. } => Kind::RateLimited,
            Error::Refused { .. } => Kind::Refused,
            Error::Unavailable { fault: Fault::Timeout, .. } => Kind::Timeout,
            Error::Unavailable { fault: Fault::Malformed(_), .. } => Kind::Malformed,
            Error::Unavailable { .. } => Kind::Unavailable,
            Error::NotLeader => Kind::NotLeader,
            Error::Unobserved(_) => Kind::Cluster,
        }
    }
}
