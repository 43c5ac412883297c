//! The binary: makes TLS usable, keeps its memory off the disk, takes as many files as it may have and hands over to the
//! command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // first, because whoever asks rustls for its default before this gets a panic; an error means that there is one
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // private keys are in this memory, and a core would hold them; where the limit cannot be set there is none to lower
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    // each connection is a file, and many systems give a process 1,024 of them unless it asks for what it may have
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit { current: files.maximum, ..files };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, most);
    gatepost::cli::run()
}
