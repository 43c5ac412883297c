//! `gatepost prepare-node` as root with the capabilities of the init container and no others.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::support::process::{run, wrapped};

/// What the manifest leaves to root.
const CAPABILITIES: [&str; 2] = ["--bounding-set", "-all,+chown,+net_bind_service"];
const OURS: u32 = 64180;

/// A node with the two folders, as a kubelet makes them, or what else is in their place.
struct Node {
    _dir: tempfile::TempDir,
    state: PathBuf,
    secrets: PathBuf,
}

fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(dir.path().metadata().unwrap().uid(), 0, "this ring is for root: it gives folders away");
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let (state, secrets) = (dir.path().join("lib"), dir.path().join("run"));
    Node { _dir: dir, state, secrets }
}

fn made(node: &Node) {
    for dir in [&node.state, &node.secrets] {
        fs::create_dir(dir).unwrap();
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    }
}

/// Exit code, stdout, stderr.
fn prepare(node: &Node, more: &[&str]) -> (Option<i32>, String, String) {
    let (state, secrets) = (node.state.to_str().unwrap(), node.secrets.to_str().unwrap());
    let words = [&["prepare-node", "--state-dir", state, "--secret-dir", secrets], more].concat();
    run(wrapped(&CAPABILITIES, &words, &[]))
}

/// Owner, group and mode.
fn of(path: &Path) -> (u32, u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

#[test]
fn folders_of_a_kubelet_become_ours_and_a_second_run_changes_nothing() {
    let node = node();
    made(&node);
    let (code, said, _) = prepare(&node, &[]);
    let changed =
        format!("{}: had mode 0755 and owner 0:0, has mode 0700 and owner 64180:64180\n", node.state.display());
    assert!(code == Some(0) && said.starts_with(&changed), "{said}");
    assert_eq!([of(&node.state), of(&node.secrets)], [(OURS, OURS, 0o700); 2]);
    fs::write(node.state.join("routes.json"), "kept").unwrap();
    let (code, said, _) = prepare(&node, &[]);
    let same = format!("{}: is there, with mode 0700 and owner 64180:64180\n", node.state.display());
    assert!(code == Some(0) && said.starts_with(&same), "{said}");
    assert_eq!(fs::read_to_string(node.state.join("routes.json")).unwrap(), "kept");
}

#[test]
fn what_is_missing_is_made() {
    let node = node();
    let (code, said, _) = prepare(&node, &["--uid", "1234", "--gid", "1235"]);
    assert!(code == Some(0) && said.contains("made, with mode 0700 and owner 1234:1235"), "{said}");
    assert_eq!([of(&node.state), of(&node.secrets)], [(1234, 1235, 0o700); 2]);
}

#[test]
fn a_folder_of_ours_that_was_opened_to_others_is_closed_again_with_what_is_in_it() {
    let node = node();
    made(&node);
    fs::write(node.state.join("routes.json"), "kept").unwrap();
    chown(&node.state, Some(OURS), Some(0)).unwrap();
    fs::set_permissions(&node.state, Permissions::from_mode(0o777)).unwrap();
    let (code, said, _) = prepare(&node, &[]);
    assert!(code == Some(0) && said.contains("had mode 0777 and owner 64180:0"), "{said}");
    assert_eq!(of(&node.state), (OURS, OURS, 0o700));
    assert!(node.state.join("routes.json").exists());
}

#[test]
fn what_a_run_that_was_cut_off_has_taken_and_not_given_is_given_by_the_next_one() {
    for mode in [0o777, 0o700] {
        let node = node();
        made(&node);
        fs::write(node.state.join("routes.json"), "kept").unwrap();
        chown(node.state.join("routes.json"), Some(OURS), Some(OURS)).unwrap();
        // taken, and perhaps closed
        chown(&node.state, Some(0), Some(OURS)).unwrap();
        fs::set_permissions(&node.state, Permissions::from_mode(mode)).unwrap();
        let (code, said, complaint) = prepare(&node, &[]);
        assert!(code == Some(0) && said.contains("has mode 0700 and owner 64180:64180"), "{said}{complaint}");
        assert_eq!(of(&node.state), (OURS, OURS, 0o700));
        assert!(node.state.join("routes.json").exists());
    }
}

#[test]
fn what_somebody_else_put_in_the_place_is_left_as_it_is_and_named() {
    let target = tempfile::tempdir().unwrap();
    let target_before = of(target.path());
    for (in_place, told) in [
        (&(|at: &Path| symlink(target.path(), at).unwrap()) as &dyn Fn(&Path), "a symbolic link"),
        (&|at| fs::write(at, "text").unwrap(), "a file"),
        (&|at| drop(std::os::unix::net::UnixListener::bind(at).unwrap()), "a socket"),
        (
            &|at| {
                fs::create_dir(at).unwrap();
                chown(at, Some(1000), Some(1000)).unwrap();
            },
            "it belongs to uid 1000",
        ),
        // as it is when a link on the node leads to a folder of the system: in the container that is no link any more
        (
            &|at| {
                fs::create_dir(at).unwrap();
                fs::write(at.join("passwd"), "root").unwrap();
                // one of ours beside it makes no difference
                fs::write(at.join("routes.json"), "kept").unwrap();
                chown(at.join("routes.json"), Some(OURS), Some(OURS)).unwrap();
            },
            "has something in it, such as \"passwd\"",
        ),
    ] {
        let node = node();
        in_place(&node.state);
        let before = of(&node.state);
        let (code, said, complaint) = prepare(&node, &[]);
        assert_eq!(code, Some(1), "{told}");
        assert!(complaint.contains(told) && complaint.contains("left alone"), "{told}: {complaint}");
        assert_eq!(of(&node.state), before, "{told}");
        // the other folder does not suffer for it
        assert!(said.contains("run: made"), "{told}: {said}");
        let (code, _, again) = prepare(&node, &["--best-effort"]);
        assert_eq!((code, again), (Some(0), complaint));
    }
    assert_eq!(of(target.path()), target_before);
}

#[test]
fn without_the_right_to_give_folders_away_that_is_said() {
    let node = node();
    let (state, secrets) = (node.state.to_str().unwrap(), node.secrets.to_str().unwrap());
    let words = ["prepare-node", "--state-dir", state, "--secret-dir", secrets];
    let (code, _, complaint) = run(wrapped(&["--bounding-set", "-all"], &words, &[]));
    assert_eq!(code, Some(1));
    assert!(complaint.contains("cannot be given to who needs it: Operation not permitted"), "{complaint}");
}

#[test]
fn a_path_without_a_folder_to_be_in_is_told() {
    let mut node = node();
    node.state.push("further/down");
    let (code, _, complaint) = prepare(&node, &[]);
    assert!(code == Some(1) && complaint.contains("nor the folder it should be in"), "{complaint}");
}
