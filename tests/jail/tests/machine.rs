//! Machines that have less for a jail than it takes, and programs that are not what they were.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A copy of the worker, where every user gets at it.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copied =
        Command::new("cp").arg(env!("CARGO_BIN_EXE_evil-worker")).arg(folder.path().join("worker")).status();
    assert!(copied.unwrap().success());
    folder
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn under(missing: &str) -> String {
    said(Command::new(env!("CARGO_BIN_EXE_evil-worker")).args(["under", missing]))
}

#[test]
fn without_filters_there_is_no_jail() {
    for (errno, words) in
        [(libc::EPERM, "Operation not permitted"), (libc::ENOSYS, "Function not implemented")]
    {
        let said = under(&format!("seccomp:{errno}"));
        assert!(said.contains(r#"seccomp: Err("seccomp(SECCOMP_SET_MODE_FILTER): "#), "{said}");
        assert!(
            said.contains("not started: the jail does not hold: its system calls cannot be filtered"),
            "{said}"
        );
        assert_eq!(said.matches(words).count(), 2, "{said}");
    }
}

#[test]
fn without_landlock_there_is_a_weaker_jail() {
    for errno in [libc::EPERM, libc::ENOSYS, libc::EOPNOTSUPP] {
        let said = under(&format!("landlock:{errno}"));
        assert!(said.contains("seccomp: Ok(())\nlandlock: Err(\""), "{said}");
        assert!(said.contains("started: Held { seccomp: true, landlock_abi: None"), "{said}");
    }
}

#[test]
fn no_further_process_is_told_as_that() {
    // Root is above this limit.
    let folder = copy();
    let mut command = Command::new(folder.path().join("worker"));
    command.args(["under", "processes"]);
    if std::fs::metadata(Path::new("/proc/self")).unwrap().uid() == 0 {
        command.uid(4243).gid(4243);
    }
    let said = said(&mut command);
    assert!(said.contains("not started: no further process can be started"), "{said}");
    assert!(said.contains("RLIMIT_NPROC"), "{said}");
}

#[test]
fn a_proc_that_hides_processes_is_named() {
    if std::fs::metadata(Path::new("/proc/self")).unwrap().uid() != 0 {
        eprintln!("not shown: mounting takes root");
        return;
    }
    let folder = copy();
    let hides = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 4243 --regid 4243 --clear-groups \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", hides, "sh"]).arg(folder.path().join("worker"));
    let output = command.args(["under", "nothing"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && words.contains("mount") {
        eprintln!("not shown: here nothing can be mounted: {words}");
        return;
    }
    assert!(
        said.contains("not started: the jail does not hold") && said.contains("`hidepid`"),
        "{said}{words}"
    );
}

#[test]
fn a_program_that_was_replaced_is_still_the_same() {
    let folder = copy();
    let said = said(Command::new(folder.path().join("worker")).arg("replaced"));
    assert_eq!(said.matches("started: Ending { death: Finished").count(), 2, "{said}");
}
