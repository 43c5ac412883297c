//! `gatepost demo`: the flags.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::listen_addr;

/// Show everything on this machine, without a cluster: two sample apps and routes to edit live.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gatepost demo\n  gatepost demo --http 127.0.0.1:9090\n\nCtrl-C ends it.")]
pub(super) struct Demo {
    /// Listen for HTTP here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = listen_addr)]
    http: SocketAddr,

    /// Listen for HTTPS here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443", value_parser = listen_addr)]
    https: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> ExitCode {
        let Demo { http, https } = self;
        crate::demo::run(http, https)
    }
}
