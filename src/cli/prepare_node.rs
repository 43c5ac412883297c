//! `gatepost prepare-node`: what an init container does as root, so that the proxy need not be.

mod folder;

use std::path::PathBuf;
use std::process::ExitCode;

use folder::Owner;

/// Uid and gid of the image, which nothing else on a node has.
const OURS: &str = "64180";

/// Make the node's folders for the uid of the pod. For the init container.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each folder gets mode 0700. It may be repeated. As root it needs the capability CHOWN and no other.\nExit codes: 0 all of them are as they should be, 1 one is not, 2 wrong usage."
)]
pub(super) struct PrepareNode {
    /// Where the last good routes will be kept
    #[arg(long, value_name = "DIR", env = "GATEPOST_STATE_DIR", default_value = "/var/lib/gatepost")]
    state_dir: PathBuf,

    /// Where the last good certificates will be kept
    #[arg(long, value_name = "DIR", env = "GATEPOST_SECRET_DIR", default_value = "/run/gatepost")]
    secret_dir: PathBuf,

    /// Whose they become
    #[arg(long, value_name = "UID", default_value = OURS, value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    uid: u32,

    /// Which group they get
    #[arg(long, value_name = "GID", default_value = OURS, value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    gid: u32,

    /// Exit 0 also when a folder cannot be had: in a pod the proxy serves without it, and says so
    #[arg(long)]
    best_effort: bool,
}

impl PrepareNode {
    pub(super) fn run(self) -> ExitCode {
        let PrepareNode { state_dir, secret_dir, uid, gid, best_effort } = self;
        let owner = Owner { uid, gid };
        let mut code = ExitCode::SUCCESS;
        for dir in [state_dir, secret_dir] {
            match folder::prepare(&dir, owner) {
                Ok(done) => _ = super::print(&format!("{}: {done}\n", dir.display())),
                Err(fault) => {
                    anstream::eprintln!("gatepost: {}: {fault}", dir.display());
                    if !best_effort {
                        code = ExitCode::FAILURE;
                    }
                }
            }
        }
        code
    }
}
