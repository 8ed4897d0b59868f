//! Patches in an agent's container: read and applied by the host, which asks the
//! container for what the files hold and gives back what they become. The image needs
//! no more than a shell and coreutils.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use lancet_core::{CallError, CallErrorKind, InfraFault, MAX_CALL_ERROR_BYTES, MAX_PATCH_BYTES};
use lancet_patch::{Change, ChangeKind, Found, Patch, PatchError, Tree};
use tokio::sync::Semaphore;

use crate::engine::exec::ExecEnd;
use crate::submission::agent::{AgentBox, Answer, FILE_TIME, message, too_large};

// A patch names what a submission may have.
const _: () = assert!(lancet_patch::MAX_PATH_BYTES == lancet_core::MAX_PATH_BYTES);

/// The most bytes of all files that a patch reads, and of all that it writes, are those that
/// the task lets be handed in: 128 MiB at least, and never more than 1 GiB.
const TREE_BYTES: RangeInclusive<u64> = 128 << 20..=1 << 30;
/// Whose turn it is to patch more than the least of that: the host has all of it in memory, so
/// agents that run side by side do so one after the other.
static LARGE: Semaphore = Semaphore::const_new(1);
/// The most files that a patch speaks of.
const MAX_FILES: usize = 20_000;
/// How much longer reading or writing may take for each file.
const TIME_PER_FILE: Duration = Duration::from_millis(20);
/// How much longer it may take for each MiB.
const TIME_PER_MEBIBYTE: Duration = Duration::from_millis(500);
/// Bytes of contents that lie in the container a second time while they are written.
const PART_BYTES: u64 = 4 << 20;

/// The status of a script that says itself why it did not.
const SAID: i64 = 96;

/// Reads lines `<c or p> <path>` and answers each by a line `<what> <bytes>`, with that
/// many bytes behind it: what the file holds for a `c`, else the file above it that is
/// no folder. What is there is followed through no symbolic link. `$1` is the most bytes
/// of all.
const READ_ALL: &str = r#"export LC_ALL=C
left=$1
say() { printf '%s %d\n' "$1" "${#2}"; printf %s "$2"; }
look() {
  rest=$path above=.
  while :; do
    case $rest in */*) ;; *) break;; esac
    above=$above/${rest%%/*} rest=${rest#*/}
    [ -L "$above" ] && { say linked "${above#./}"; return; }
    [ -d "$above" ] && continue
    [ -e "$above" ] && { say below "${above#./}"; return; }
    say absent ''; return
  done
  file=./$path
  [ -L "$file" ] && { say link ''; return; }
  [ -e "$file" ] || { say absent ''; return; }
  [ -d "$file" ] && { say folder ''; return; }
  [ -f "$file" ] || { say other ''; return; }
  kind=file
  [ -x "$file" ] && kind=program
  [ "$want" = c ] || { say "$kind" ''; return; }
  [ -r "$file" ] || { say unreadable ''; return; }
  bytes=$(wc -c <"$file") || exit 1
  bytes=$((bytes)) left=$((left - bytes))
  [ "$left" -ge 0 ] || { printf 'the files that the patch speaks of hold over %d bytes\n' "$1" >&2; exit 96; }
  printf '%s %d\n' "$kind" "$bytes"
  [ "$bytes" -eq 0 ] || head -c "$bytes" "$file"
}
while IFS= read -r line; do
  want=${line%% *} path=${line#* }
  look "$@"
done"#;

/// Reads pairs of lines, `<remove, create or write> <mode or -> <first byte> <bytes or ->`
/// and a path, an empty line, and all contents one behind the other. It checks everything
/// first, keeps what it is about to change, and takes it back when a step fails. Contents are
/// kept in parts of `$1` bytes, each of which goes when it is written: a disk has to have room
/// for them once, and not twice.
const WRITE_ALL: &str = r#"export LC_ALL=C
umask 022
stage=$(mktemp -d) || exit 1
trap 'rm -rf "$stage"' EXIT
while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done >"$stage/steps" || exit 1
size=$1
if command -v split >/dev/null; then split -b "$size" - "$stage/all." || exit 1
else size=1152921504606846976; cat >"$stage/all.aa" || exit 1
fi
count=0 kept=0
for part in "$stage"/all.*; do
  [ -f "$part" ] || continue
  kept=$((kept + $(wc -c <"$part")))
  mv "$part" "$stage/part.$count" || exit 1
  count=$((count + 1))
done
no() { printf '`%s` %s\n' "$path" "$1" >&2; exit 96; }
parts() {
  case $path in */*) folder=./${path%/*};; *) folder=.;; esac
  file=./$path
}
number=0
while read -r kind mode at bytes && IFS= read -r path; do
  number=$((number + 1))
  parts
  rest=$path above=. exists=$folder
  while :; do
    case $rest in */*) ;; *) break;; esac
    before=$above above=$above/${rest%%/*} rest=${rest#*/}
    [ -L "$above" ] && no 'leads through a symbolic link'
    [ -d "$above" ] || { exists=$before; break; }
  done
  if [ "$bytes" != - ] && [ "$((at + bytes))" -gt "$kept" ]; then
    echo 'there is no room for the files' >&2
    exit 96
  fi
  case $kind in
  create)
    [ -L "$file" ] && no 'is a symbolic link'
    [ -w "$exists" ] || no 'cannot be made: its folder cannot be written to' ;;
  *)
    [ ! -L "$file" ] && [ -f "$file" ] || no 'is no regular file any more'
    [ -w "$folder" ] || { [ "$kind" = write ] && [ -w "$file" ]; } || no 'cannot be written'
    cp -p "$file" "$stage/$number.old" || exit 1 ;;
  esac
done <"$stage/steps"
gone=0
# What this step writes, which comes behind what the steps before have written.
contents() {
  while [ "$gone" -lt "$((at / size))" ]; do
    rm -f "$stage/part.$gone"
    gone=$((gone + 1))
  done
  from=$at left=$bytes
  while [ "$left" -gt 0 ]; do
    offset=$((from % size)) take=$((size - from % size))
    [ "$take" -le "$left" ] || take=$left
    tail -c "+$((offset + 1))" "$stage/part.$((from / size))" | head -c "$take" || return 1
    from=$((from + take)) left=$((left - take))
    [ "$left" -eq 0 ] || { rm -f "$stage/part.$gone"; gone=$((gone + 1)); }
  done
}
whole() { [ "$(($(wc -c <"$file")))" -eq "$bytes" ] || { echo 'there is no room for it' >&2; return 1; }; }
prune() { while [ "$folder" != . ] && rmdir "$folder" 2>/dev/null; do folder=${folder%/*}; done; }
put() { if [ -w "$file" ]; then contents >"$file"; else rm -f "$file" && contents >"$file" && chmod "$1" "$file"; fi; }
step() {
  case $kind in
  remove) rm -f "$file" && { prune; :; } ;;
  create) mkdir -p "$folder" && [ ! -e "$file" ] && contents >"$file" && whole && chmod "$mode" "$file" ;;
  write)
    now=644
    [ -x "$file" ] && now=755
    { [ "$bytes" = - ] || { put "$now" && whole; }; } && { [ "$mode" = - ] || chmod "$mode" "$file"; } ;;
  esac
}
# Where chmod knows no --reference.
again() { if [ -x "$stage/$number.old" ]; then chmod 755 "$file"; else chmod 644 "$file"; fi || :; }
undo() {
  last=$number number=0
  while [ "$number" -lt "$last" ] && read -r kind mode at bytes && IFS= read -r path; do
    number=$((number + 1))
    parts
    case $kind in create) ;; *) continue;; esac
    [ "$number" -lt "$last" ] || [ -n "$begun" ] || continue
    rm -f "$file"
    prune
  done <"$stage/steps"
  number=0
  while [ "$number" -lt "$last" ] && read -r kind mode at bytes && IFS= read -r path; do
    number=$((number + 1))
    parts
    case $kind in create) continue;; esac
    mkdir -p "$folder" && { cat "$stage/$number.old" >"$file" || { rm -f "$file"; cp -p "$stage/$number.old" "$file"; }; } &&
      { chmod --reference="$stage/$number.old" "$file" || again; } || lost="$lost $path"
  done <"$stage/steps"
}
number=0 lost='' begun=''
while read -r kind mode at bytes && IFS= read -r path; do
  number=$((number + 1))
  parts
  begun=''
  [ "$kind" = create ] && [ ! -e "$file" ] && begun=1
  step 2>"$stage/why" || {
    failed=$path
    undo 2>/dev/null
    printf '`%s` cannot be changed, and nothing is: ' "$failed" >&2
    head -c 500 "$stage/why" >&2
    [ -z "$lost" ] || printf '; what could not be taken back:%s' "$lost" >&2
    exit 96
  }
done <"$stage/steps""#;

impl AgentBox {
    /// Applies a unified diff of at most [`MAX_PATCH_BYTES`] to the work tree, as
    /// [`lancet_patch`] understands it: all of it, or nothing. Neither the image's tools
    /// nor a repository have a part in it. What is done, is done as the agent's account.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn apply_patch(&self, patch: &str) -> Answer<()> {
        if patch.len() > MAX_PATCH_BYTES {
            return Ok(Err(too_large("a patch", patch.len(), MAX_PATCH_BYTES)));
        }
        let patch: Arc<str> = patch.into();
        let wanted = match off_thread(Arc::clone(&patch), |patch| request(&patch)).await? {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(error)),
        };
        if wanted.files > MAX_FILES {
            let message = format!("the patch speaks of {} files; {MAX_FILES} are allowed", wanted.files);
            return Ok(Err(CallError::new(CallErrorKind::TooLarge, message)));
        }
        let tree_bytes = tree_bytes(self.environment.submission.bytes);
        let is_large = tree_bytes as u64 > *TREE_BYTES.start();
        let _turn = if is_large { LARGE.acquire().await.ok() } else { None };
        let most = tree_bytes.to_string();
        let limit = tree_bytes + wanted.text.len() + wanted.files * 64 + MAX_CALL_ERROR_BYTES;
        let cpus = self.environment.resources.cpu_millis;
        let time = time(wanted.files, 0, cpus);
        let read = match self.script(READ_ALL, &[&most], wanted.text.as_bytes(), limit, time).await? {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        if read.end != ExecEnd::Exited(0) {
            return Ok(Err(CallError::new(
                CallErrorKind::Other,
                message(&read, "the files could not be read"),
            )));
        }
        let worked_out =
            off_thread(patch, move |patch| work_out(&patch, &read.stdout.bytes, tree_bytes)).await?;
        let steps = match worked_out {
            Ok(steps) => steps,
            Err(error) => return Ok(Err(error)),
        };
        let Some(steps) = steps else { return Ok(Ok(())) };
        let time = self::time(steps.files, steps.stdin.len(), cpus);
        let part = PART_BYTES.to_string();
        let written = self.script(WRITE_ALL, &[&part], &steps.stdin, MAX_CALL_ERROR_BYTES, time).await?;
        let written = match written {
            Ok(written) => written,
            Err(error) => return Ok(Err(error)),
        };
        match written.end {
            ExecEnd::Exited(0) => Ok(Ok(())),
            ExecEnd::Exited(SAID) => {
                Ok(Err(CallError::new(CallErrorKind::Other, message(&written, "the patch does not apply"))))
            }
            ExecEnd::Exited(_) => {
                let otherwise = "the changed files could not be laid down";
                Ok(Err(CallError::new(CallErrorKind::Other, message(&written, otherwise))))
            }
            // Half of it may be done, and nothing takes it back.
            ExecEnd::TimedOut | ExecEnd::Stuck => {
                Ok(Err(self.give_up("writing a patch took too long").await?))
            }
        }
    }
}

fn tree_bytes(submission: u64) -> usize {
    let bytes = submission.clamp(*TREE_BYTES.start(), *TREE_BYTES.end());
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Of a container with so many thousandths of a processor.
fn time(files: usize, bytes: usize, cpu_millis: u32) -> Duration {
    let files = u32::try_from(files).unwrap_or(u32::MAX);
    let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    // It waits for what starts and ends, too, so more than one makes it no faster.
    let alone = TIME_PER_FILE * files + TIME_PER_MEBIBYTE * mebibytes;
    FILE_TIME + alone.saturating_mul(1_000) / cpu_millis.clamp(1, 1_000)
}

fn refused(error: &PatchError) -> CallError {
    CallError::new(CallErrorKind::Other, format!("the patch does not apply: {error}"))
}

/// Does what may take a while where nobody else waits for it.
///
/// A panic is about the patch, and so about what was handed in: it is no failure of the
/// infrastructure, which whoever wrote the patch would choose then.
async fn off_thread<T: Send + 'static>(
    patch: Arc<str>,
    work: impl FnOnce(Arc<str>) -> Result<T, CallError> + Send + 'static,
) -> Answer<T> {
    match tokio::task::spawn_blocking(move || work(patch)).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => {
            let message = "the patch does not apply: the host cannot work out what it comes to";
            Ok(Err(CallError::new(CallErrorKind::Other, message)))
        }
        Err(error) => {
            let message = format!("applying a patch: {error}");
            Err(InfraFault::new(lancet_core::InfraFaultKind::DockerError, message))
        }
    }
}

/// What the container is asked for.
struct Request {
    text: String,
    files: usize,
}

fn request(patch: &str) -> Result<Request, CallError> {
    let patch = Patch::parse(patch.as_bytes()).map_err(|error| refused(&error))?;
    let wanted = patch.wanted();
    let mut text = String::new();
    for wanted in &wanted {
        let _ = writeln!(text, "{} {}", if wanted.contents { 'c' } else { 'p' }, wanted.path);
    }
    Ok(Request { text, files: wanted.len() })
}

/// What the container is told to do.
struct Steps {
    stdin: Vec<u8>,
    files: usize,
}

/// `None` when nothing changes.
fn work_out(patch: &str, answer: &[u8], most: usize) -> Result<Option<Steps>, CallError> {
    let patch = Patch::parse(patch.as_bytes()).map_err(|error| refused(&error))?;
    let paths: Vec<&str> = patch.wanted().iter().map(|wanted| wanted.path).collect();
    let tree = tree(&paths, answer).ok_or_else(|| {
        CallError::new(
            CallErrorKind::Other,
            "the files that the patch speaks of changed while they were read",
        )
    })?;
    let changes = patch.apply(&tree, most).map_err(|error| refused(&error))?;
    drop(tree);
    Ok((!changes.is_empty()).then(|| steps(changes)))
}

/// Takes the answer of [`READ_ALL`] apart; `None` when it is not whole.
fn tree(paths: &[&str], mut answer: &[u8]) -> Option<Tree> {
    let mut tree = Tree::new();
    for path in paths {
        let end = answer.iter().position(|byte| *byte == b'\n')?;
        let (what, bytes) = std::str::from_utf8(&answer[..end]).ok()?.split_once(' ')?;
        answer = &answer[end + 1..];
        let (bytes, rest) = answer.split_at_checked(bytes.parse().ok()?)?;
        answer = rest;
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let found = match what {
            "absent" => Found::Absent,
            "folder" => Found::Folder,
            "file" | "program" => Found::File { bytes: bytes.to_vec(), executable: what == "program" },
            "below" => Found::BelowFile(text()),
            "linked" => Found::Other(format!("leads through the symbolic link `{}`", text())),
            "link" => Found::Other("is a symbolic link".to_owned()),
            "other" => Found::Other("is no regular file".to_owned()),
            "unreadable" => Found::Other("cannot be read".to_owned()),
            _ => return None,
        };
        tree.insert((*path).to_owned(), found);
    }
    answer.is_empty().then_some(tree)
}

fn steps(changes: Vec<Change>) -> Steps {
    let files = changes.len();
    let (mut list, mut all) = (String::new(), Vec::new());
    let mode = |executable| if executable { "755" } else { "644" };
    for Change { path, kind } in changes {
        let (word, mode, bytes) = match kind {
            ChangeKind::Remove => ("remove", "-", None),
            ChangeKind::Create { bytes, executable } => ("create", mode(executable), Some(bytes)),
            ChangeKind::Write { bytes, executable } => ("write", executable.map_or("-", mode), bytes),
        };
        let length = bytes.as_ref().map_or_else(|| "-".to_owned(), |bytes| bytes.len().to_string());
        let _ = writeln!(list, "{word} {mode} {} {length}\n{path}", all.len());
        all.extend(bytes.unwrap_or_default());
    }
    let mut stdin = list.into_bytes();
    stdin.push(b'\n');
    stdin.append(&mut all);
    Steps { stdin, files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart_or_refused() {
        let found = tree(&["a", "b/c", "d"], b"program 3\nx\nyabsent 0\nbelow 1\nd").unwrap();
        assert_eq!(found["a"], Found::File { bytes: b"x\ny".to_vec(), executable: true });
        assert_eq!(found["b/c"], Found::Absent);
        assert_eq!(found["d"], Found::BelowFile("d".to_owned()));
        for torn in ["", "file 3\nx", "file x\n", "what 0\n", "absent 0\nabsent 0\n", "absent"] {
            assert_eq!(tree(&["a"], torn.as_bytes()), None, "{torn}");
        }
    }

    #[tokio::test]
    async fn a_panic_over_a_patch_is_no_fault_of_the_infrastructure() {
        let done = off_thread("x".into(), |_| -> Result<(), CallError> { panic!("over the patch") }).await;
        assert_eq!(done.unwrap().unwrap_err().kind, CallErrorKind::Other);
    }

    #[test]
    fn what_is_taken_back_has_the_mode_that_it_had() {
        use std::io::Write as _;
        use std::os::unix::fs::PermissionsExt as _;
        use std::process::{Command, Stdio};

        let lacking = "chmod() { case $1 in --reference*) return 1;; esac; command chmod \"$@\"; }\n";
        for before in ["", lacking] {
            let folder = tempfile::tempdir().unwrap();
            let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
            for (name, mode) in [("on", 0o644), ("off", 0o755), ("there", 0o644)] {
                let path = folder.path().join(name);
                std::fs::write(&path, name).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            let script = format!("{before}{WRITE_ALL}");
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &script, "sh", "4"])
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stderr(Stdio::null());
            let mut child = shell.spawn().unwrap();
            let steps = b"write 755 0 1\non\nwrite 644 1 -\noff\ncreate 644 1 0\nthere\n\nx";
            child.stdin.take().unwrap().write_all(steps).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(96));
            assert_eq!((mode("on"), mode("off")), (0o644, 0o755), "{before}");
            assert_eq!(std::fs::read(folder.path().join("on")).unwrap(), b"on");
        }
    }

    #[test]
    fn contents_lie_there_once_and_go_as_they_are_written() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};

        let texts = ["", "0123456789", "ab", "c", "defghijklmnopqrs", "", "tuvwxyz"];
        let create = |text: &str| ChangeKind::Create { bytes: text.into(), executable: false };
        let changes = || -> Vec<Change> {
            let named =
                |(number, text): (usize, &&str)| Change { path: format!("d/{number}"), kind: create(text) };
            texts.iter().enumerate().map(named).collect()
        };
        let counts = "tail() { ls \"$stage\" | grep -c part >>counts; env tail \"$@\"; }\n";
        // Where there is no split, all is one part.
        let without = "command() { return 1; }\n";
        for (before, expected) in [(counts.to_owned(), (9, 1)), (format!("{without}{counts}"), (1, 1))] {
            let folder = tempfile::tempdir().unwrap();
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{before}{WRITE_ALL}"), "sh", "4"]).current_dir(folder.path());
            let mut child = shell.stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&steps(changes()).stdin).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            for (number, text) in texts.iter().enumerate() {
                let path = folder.path().join(format!("d/{number}"));
                assert_eq!(std::fs::read_to_string(path).unwrap(), *text);
            }
            let counts = std::fs::read_to_string(folder.path().join("counts")).unwrap();
            let counts: Vec<u32> = counts.lines().map(|count| count.parse().unwrap()).collect();
            assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
            assert_eq!((counts[0], *counts.last().unwrap()), expected, "{counts:?}");
        }
    }

    #[test]
    fn what_may_be_handed_in_may_be_patched() {
        assert_eq!(tree_bytes(1), 128 << 20);
        assert_eq!(tree_bytes(256 << 20), 256 << 20);
        assert_eq!(tree_bytes(4 << 30), 1 << 30);
        // 2,000 files on a tenth of a processor.
        assert_eq!(time(2_000, 0, 100) - FILE_TIME, Duration::from_secs(400));
        assert_eq!(time(2_000, 0, 1_000) - FILE_TIME, Duration::from_secs(40));
        assert_eq!(time(2_000, 1 << 20, 8_000) - FILE_TIME, Duration::from_millis(40_500));
    }

    #[test]
    fn steps_say_where_their_bytes_are() {
        let create = ChangeKind::Create { bytes: b"one".to_vec(), executable: true };
        let write = ChangeKind::Write { bytes: Some(b"zwei".to_vec()), executable: None };
        let turn = ChangeKind::Write { bytes: None, executable: Some(false) };
        let changes = [("gone", ChangeKind::Remove), ("a b", create), ("c", write), ("d", turn)];
        let changes = changes.map(|(path, kind)| Change { path: path.to_owned(), kind });
        assert_eq!(
            String::from_utf8(steps(changes.into()).stdin).unwrap(),
            "remove - 0 -\ngone\ncreate 755 0 3\na b\nwrite - 3 4\nc\nwrite 644 7 -\nd\n\nonezwei"
        );
    }
}
