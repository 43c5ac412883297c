//! The binary: makes TLS usable and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // first, because whoever asks rustls for its default before this gets a panic; an error means that there is one
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gatepost::cli::run()
}
