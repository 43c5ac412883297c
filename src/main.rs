//! The binary: makes TLS usable, keeps its memory off the disk and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // first, because whoever asks rustls for its default before this gets a panic; an error means that there is one
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // private keys are in this memory, and a core would hold them; where the limit cannot be set there is none to lower
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    gatepost::cli::run()
}
