//! The binary: makes TLS usable, keeps its memory off the disk, takes as many files as it may have and hands over to the
//! command line.

use std::process::ExitCode;

/// Gives memory of any alignment from lists of the thread: that of each task is aligned to 128 bytes, for which the C
/// library's has a slow way.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How it is to go about it: what a burst has taken goes back to the system once it was free for a second, and not for ten,
/// as requests go on; no arena for each of many threads, because on a small node memory is dearer than a lock that nearly
/// nobody else holds. What the environment's `_RJEM_MALLOC_CONF` says wins, except in the image: a program with a file
/// capability does not look there.
#[expect(unsafe_code, reason = "the name by which jemalloc looks for it (TUNING.md), and no other item has")]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: &[u8; 47] = b"narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0\0";

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
