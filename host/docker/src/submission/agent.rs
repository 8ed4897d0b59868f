//! The container that an agent works in, and the calls by which it does.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lancet_core::{
    CallError, CallErrorKind, CommandOutput, Environment, InfraFault, MAX_CALL_ERROR_BYTES,
    MAX_COMMAND_BYTES, MAX_COMMAND_SECONDS, MAX_ENTRIES, MAX_HIT_BYTES, MAX_OUTPUT_BYTES, MAX_PATH_BYTES,
    MAX_PATTERN_BYTES, MAX_READ_BYTES, MAX_WRITE_BYTES, Octets, SearchHit, WorkspaceEntry,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::engine::admission::{Admission, containers};
use crate::engine::container::{Container, State};
use crate::engine::disk::DiskLimits;
use crate::engine::exec::{ExecEnd, ExecOutput, ExecSpec};
use crate::engine::hardening::{ContainerSpec, idle};
use crate::engine::listing::MAX_FILES;
use crate::engine::presence::Presence;
use crate::engine::timer::Timer;
use crate::engine::wait::Ended;
use crate::submission::capture::Original;
use crate::{Captured, Docker, DockerError, Lease, Purpose};

/// How long listing, reading, writing and searching may take.
pub(crate) const FILE_TIME: Duration = Duration::from_secs(60);
/// Bytes of a listing, and of what a search found.
const MAX_LIST_BYTES: usize = 8 << 20;

const TIME_OVER: &str = "the time for the task is over";
const ENDED: &str = "the container has ended";

/// The status of what was killed.
const KILLED: i64 = 137;
/// How often it is looked whether a container has ended with a command that was killed in it.
const ENDING_LOOKS: u32 = 100;
/// How long it may take to start a process that does nothing.
const PROBE_TIME: Duration = Duration::from_secs(10);
// Exit statuses of the scripts below.
const NOT_FOUND: i64 = 93;
const NOT_ALLOWED: i64 = 94;

/// Goes before every script that is given a path as `$1`: the path's folder has to
/// lie in the work tree once links are followed, and the path itself must not be a
/// link. It keeps honest plugins from mistakes; what the agent's own processes do
/// meanwhile only the container bounds.
const RESOLVE: &str = r#"tree=$(pwd -P) || exit 92
inside() { case "$1" in "$tree"|"$tree"/*) ;; *) echo "it leads out of the work tree" >&2; exit 94;; esac; }
path="./$1"
[ -z "$1" ] && path=.
[ -L "$path" ] && { echo "it is a symbolic link" >&2; exit 94; }
"#;

const LIST: &str = r#"[ -e "$path" ] || exit 93
[ -d "$path" ] || { echo "it is no folder" >&2; exit 94; }
inside "$(cd "$path" && pwd -P)"
find "$path" -name .git -prune -o -type f -printf '%p\t%s\0' | LC_ALL=C sort -z | head -z -n "$2""#;

const READ: &str = r#"[ -e "$path" ] || exit 93
[ -f "$path" ] || { echo "it is no regular file" >&2; exit 94; }
inside "$(cd "$(dirname "$path")" && pwd -P)"
tail -c +"$2" "$path" | head -c "$3""#;

const SEARCH: &str = r#"[ -e "$path" ] || exit 93
[ -d "$path" ] || { echo "it is no folder" >&2; exit 94; }
inside "$(cd "$path" && pwd -P)"
grep -E -e "$2" </dev/null
[ $? -lt 2 ] || exit 95
grep -rnIEsZ --exclude-dir=.git -e "$2" "$path" | LC_ALL=C cut -b -"$3""#;

const WRITE: &str = r#"[ ! -e "$path" ] || [ -f "$path" ] || { echo "it is no regular file" >&2; exit 94; }
folder=$(dirname "$path")
above=$folder
until [ -e "$above" ]; do above=$(dirname "$above"); done
[ -d "$above" ] || { echo "\`$above\` is no folder" >&2; exit 94; }
inside "$(cd "$above" && pwd -P)"
mkdir -p "$folder" && cat >"$path""#;

const REMOVE: &str = r#"[ -e "$path" ] || exit 93
[ -f "$path" ] || { echo "it is no regular file" >&2; exit 94; }
inside "$(cd "$(dirname "$path")" && pwd -P)"
rm -f "$path""#;

/// The container that an agent works in: of the task's image, without network,
/// hidden tests, answer or history. What happens in it only touches it; everything
/// is done by commands in it, as its own account, and nothing by the engine's
/// archives, which act as root.
///
/// One call after the other. When the time for the task is over, or the container
/// has ended for another reason, calls answer [`CallErrorKind::Unavailable`]; what
/// was changed until then can still be taken.
///
/// The time for the task passes while what a call started runs in the container, and at
/// no other time: not while the agent itself computes, which its fuel bounds, nor while it
/// waits for other containers, for the engine, or for a host that is stopped.
pub struct AgentBox {
    pub(crate) docker: Docker,
    pub(crate) environment: Environment,
    pub(crate) lease: Lease,
    container: Arc<Container>,
    /// What it was made of.
    original: Original,
    /// Ends the container at the limits of its disk, and notes why it has ended.
    watch: Watch,
    /// Tells an engine's end from the container's.
    presence: Presence,
    /// Why the container ended, once it has.
    ended: Arc<OnceLock<String>>,
    /// What is left of the time for the task: it passes while a call is under way.
    time: Timer,
    pub(crate) admission: Mutex<Admission>,
}

pub(crate) type Answer<T> = Result<Result<T, CallError>, InfraFault>;

impl Docker {
    /// Opens the container of an agent, which has the environment's `solve_seconds`.
    ///
    /// # Errors
    /// Those of [`Docker::prepare`], and of the engine.
    pub async fn agent_box(&self, environment: &Environment, lease: &Lease) -> Result<AgentBox, InfraFault> {
        let prepared = self.prepare(environment, lease).await?;
        let presence = self.presence().await?;
        let user = environment.user_tool.as_deref().and_then(|name| environment.plan(name));
        let user = user.map(|plan| containers(environment, plan)).unwrap_or_default();
        let admission = self.admit_paused(environment.resources, &user).await?;
        let container = self
            .create(&ContainerSpec {
                purpose: Purpose::Agent,
                image: &prepared.agent,
                argv: Some(&idle()),
                variables: &environment.variables,
                working_directory: Some(&environment.work_tree),
                account: environment.account,
                resources: environment.resources,
                network: None,
                read_only_root: false,
                volume: None,
                lease,
            })
            .await?;
        container.start().await?;
        let container = Arc::new(container);
        let ended = Arc::new(OnceLock::new());
        let time = Timer::new(Duration::from_secs(environment.solve_seconds.into()));
        let disk_bytes = environment.resources.disk_bytes;
        let watch = watch(Arc::clone(&container), Arc::clone(&ended), disk_bytes);
        let watch = Watch(tokio::spawn(watch));
        Ok(AgentBox {
            docker: self.clone(),
            environment: environment.clone(),
            lease: lease.clone(),
            original: Original::new(self, &prepared.agent, lease),
            container,
            watch,
            presence,
            ended,
            time,
            admission: Mutex::new(admission),
        })
    }
}

/// A task that ends with its owner.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(container: Arc<Container>, ended: Arc<OnceLock<String>>, disk_bytes: u64) {
    let filled = || format!("the container wrote over {disk_bytes} bytes and was ended");
    // Before it is killed, so that no command that ends with it is taken for one that ended by itself.
    let tell = || drop(ended.set(filled()));
    // Where the engine cannot say how it ended, the next call finds out.
    let limits = DiskLimits { bytes: disk_bytes, files: MAX_FILES };
    let Ok(end) = container.wait_telling(Duration::MAX, limits, tell).await else { return };
    let reason = match end {
        Ended::DiskLimit => filled(),
        Ended::Exited { out_of_memory: true, .. } => {
            "the container ran out of memory and has ended".to_owned()
        }
        Ended::Exited { .. } | Ended::TimedOut => ENDED.to_owned(),
    };
    let _ = ended.set(reason);
}

impl AgentBox {
    /// The regular files below a folder, sorted by path, without `.git`: the first
    /// [`MAX_ENTRIES`]. An empty path is the work tree.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn list(&self, path: &str) -> Answer<Vec<WorkspaceEntry>> {
        let Some(path) = folder(path) else { return bad_path(path) };
        let most = MAX_ENTRIES.to_string();
        let found = self.file_script(LIST, &[path, &most], &[], MAX_LIST_BYTES).await?;
        Ok(found.map(|found| {
            let entries = found.split(|byte| *byte == 0).filter_map(|entry| {
                let (path, bytes) = std::str::from_utf8(entry).ok()?.rsplit_once('\t')?;
                let path = path.strip_prefix("./")?.to_owned();
                Some(WorkspaceEntry { path, bytes: bytes.parse().ok()? })
            });
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by(|a, b| a.path.cmp(&b.path));
            entries
        }))
    }

    /// Bytes of a regular file from `offset`: at most `length` and
    /// [`MAX_READ_BYTES`].
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn read(&self, path: &str, offset: u64, length: u32) -> Answer<Octets> {
        let Some(path) = plain(path) else { return bad_path(path) };
        let length = length.min(MAX_READ_BYTES);
        let (from, count) = (offset.saturating_add(1).to_string(), length.to_string());
        let found = self.file_script(READ, &[path, &from, &count], &[], length as usize).await?;
        Ok(found.map(Octets))
    }

    /// Lines of the text files below a folder that match a POSIX extended regular
    /// expression, without `.git`: the first [`MAX_ENTRIES`]. An empty path is the
    /// work tree.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn search(&self, pattern: &str, path: &str) -> Answer<Vec<SearchHit>> {
        let Some(path) = folder(path) else { return bad_path(path) };
        if pattern.len() > MAX_PATTERN_BYTES || pattern.contains('\0') {
            return Ok(Err(CallError::new(CallErrorKind::TooLarge, "the pattern is too long, or has NUL")));
        }
        // A path, NUL, the line's number, and the line.
        let width = (MAX_PATH_BYTES + MAX_HIT_BYTES + 32).to_string();
        let found = self.file_script(SEARCH, &[path, pattern, &width], &[], MAX_LIST_BYTES).await?;
        Ok(found.map(|found| {
            let mut hits: Vec<_> = found.split(|byte| *byte == b'\n').filter_map(hit).collect();
            hits.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
            hits.truncate(MAX_ENTRIES);
            hits
        }))
    }

    /// Makes a file of the work tree hold these bytes, at most [`MAX_WRITE_BYTES`]; its folders are
    /// made with it.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn write(&self, path: &str, bytes: &[u8]) -> Answer<()> {
        let Some(path) = plain(path) else { return bad_path(path) };
        if bytes.len() > MAX_WRITE_BYTES {
            return Ok(Err(too_large("a file", bytes.len(), MAX_WRITE_BYTES)));
        }
        let written = self.file_script(WRITE, &[path], bytes, 0).await?;
        Ok(written.map(drop))
    }

    /// Removes a regular file of the work tree.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn remove(&self, path: &str) -> Answer<()> {
        let Some(path) = plain(path) else { return bad_path(path) };
        let removed = self.file_script(REMOVE, &[path], &[], 0).await?;
        Ok(removed.map(drop))
    }

    /// Runs `sh -c COMMAND` in the work tree, for 1 to [`MAX_COMMAND_SECONDS`]
    /// seconds. When the time for the task is over before that, the call is
    /// [`CallErrorKind::Unavailable`]. Each of its two streams is kept to
    /// [`MAX_OUTPUT_BYTES`].
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn run(&self, command: &str, timeout_seconds: u32) -> Answer<CommandOutput> {
        if command.len() > MAX_COMMAND_BYTES || command.contains('\0') {
            return Ok(Err(CallError::new(CallErrorKind::TooLarge, "the command is too long, or has NUL")));
        }
        let time = Duration::from_secs(timeout_seconds.clamp(1, MAX_COMMAND_SECONDS).into());
        let output = self.execute(&["sh", "-c", command], &[], MAX_OUTPUT_BYTES, time).await?;
        Ok(output.map(|output| {
            let exit_status = match output.end {
                ExecEnd::Exited(code) => Some(i32::try_from(code).unwrap_or(-1)),
                ExecEnd::TimedOut | ExecEnd::Stuck => None,
            };
            CommandOutput {
                exit_status,
                dropped_bytes: output.stdout.dropped + output.stderr.dropped,
                stdout: Octets(output.stdout.bytes),
                stderr: Octets(output.stderr.bytes),
            }
        }))
    }

    /// Takes what was changed so far. Processes are paused meanwhile, and go on.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn snapshot(&self) -> Result<Captured, InfraFault> {
        self.paused(Box::pin(self.capture())).await
    }

    /// Does something while processes are paused, or have ended.
    pub(crate) async fn paused<T>(
        &self,
        work: impl Future<Output = Result<T, InfraFault>>,
    ) -> Result<T, InfraFault> {
        // One that cannot be made now is made, or fails, where it is needed.
        let (paused, _) = tokio::join!(self.container.pause(), self.original.container());
        let paused = match paused {
            Ok(()) => true,
            // It has ended, or is about to.
            Err(error) if error.status() == Some(409) => {
                self.container.kill().await?;
                false
            }
            Err(error) => return Err(error.into()),
        };
        let done = work.await;
        if paused && let Err(error) = self.container.unpause().await {
            // At its limits it is killed although it is paused.
            if !matches!(self.container.state().await?, State::Exited { .. }) {
                return Err(error.into());
            }
        }
        done
    }

    /// Kills every process, takes what was changed, and removes the container.
    ///
    /// # Errors
    /// [`InfraFault`]: the engine's.
    pub async fn finish(self) -> Result<Captured, InfraFault> {
        self.watch.0.abort();
        let (killed, _) = tokio::join!(self.container.kill(), self.original.container());
        let captured = match killed {
            Ok(()) => self.capture().await,
            Err(error) => Err(error.into()),
        };
        self.discard().await;
        captured
    }

    /// Removes the container with all that is in it.
    pub async fn discard(mut self) {
        self.watch.0.abort();
        // It lets go of the container, whether it was done or not.
        let _ = (&mut self.watch.0).await;
        tokio::join!(self.original.remove(), async {
            if let Some(container) = Arc::into_inner(self.container) {
                // What cannot be removed now is the reaper's.
                let _ = container.remove().await;
            }
        });
    }

    pub(crate) async fn capture(&self) -> Result<Captured, InfraFault> {
        self.docker.capture(&self.environment, &self.container, &self.original).await
    }

    /// Runs a script on a path, and gives what it wrote.
    async fn file_script(&self, script: &str, args: &[&str], stdin: &[u8], limit: usize) -> Answer<Vec<u8>> {
        let script = format!("{RESOLVE}{script}");
        let output = self.script(&script, args, stdin, limit.max(MAX_CALL_ERROR_BYTES), FILE_TIME).await?;
        Ok(output.and_then(|output| match output.end {
            ExecEnd::Exited(0) => {
                let mut bytes = output.stdout.bytes;
                bytes.truncate(limit);
                Ok(bytes)
            }
            ExecEnd::Exited(NOT_FOUND) => {
                Err(CallError::new(CallErrorKind::NotFound, "there is no such file or folder"))
            }
            ExecEnd::Exited(NOT_ALLOWED) => {
                Err(CallError::new(CallErrorKind::Refused, message(&output, "it is not allowed")))
            }
            ExecEnd::Exited(_) => Err(CallError::new(CallErrorKind::Other, message(&output, "it failed"))),
            ExecEnd::TimedOut | ExecEnd::Stuck => {
                Err(CallError::new(CallErrorKind::Other, "it took too long"))
            }
        }))
    }

    pub(crate) async fn script(
        &self,
        script: &str,
        args: &[&str],
        stdin: &[u8],
        limit: usize,
        time: Duration,
    ) -> Answer<ExecOutput> {
        let argv: Vec<&str> = ["sh", "-c", script, "sh"].into_iter().chain(args.iter().copied()).collect();
        self.execute(&argv, stdin, limit, time).await
    }

    /// Executes a command. That the container has ended is the agent's affair, unless the
    /// engine ended it as it was stopped.
    async fn execute(&self, argv: &[&str], stdin: &[u8], limit: usize, time: Duration) -> Answer<ExecOutput> {
        let answer = Box::pin(self.execute_in(argv, stdin, limit, time)).await;
        if let Ok(Err(error)) = &answer
            && error.kind == CallErrorKind::Unavailable
            && !self.is_explained()
        {
            self.presence.confirm().await?;
        }
        answer
    }

    /// Whether it is known why there are no more calls: its time is over, or it reached a
    /// limit.
    fn is_explained(&self) -> bool {
        self.time.is_over() || self.ended.get().is_some_and(|reason| reason != ENDED)
    }

    async fn execute_in(
        &self,
        argv: &[&str],
        stdin: &[u8],
        limit: usize,
        time: Duration,
    ) -> Answer<ExecOutput> {
        if self.is_over() {
            return Ok(Err(self.unavailable().await));
        }
        let argv: Vec<String> = argv.iter().map(|&arg| arg.to_owned()).collect();
        let variables = BTreeMap::new();
        let spec = ExecSpec {
            argv: &argv,
            variables: &variables,
            working_directory: Some(&self.environment.work_tree),
            stdin,
            time,
            output_bytes: limit,
        };
        let output = match self.container.begin(&spec).await {
            Ok(begun) => match self.time.during(Box::pin(begun.finish())).await {
                Some(output) => output,
                None => return Ok(Err(self.give_up(TIME_OVER).await?)),
            },
            Err(error) => Err(error),
        };
        match output {
            // Only this is certain to end what does not end by itself.
            Ok(output) if output.end == ExecEnd::Stuck => {
                self.container.kill().await?;
                Ok(Err(self.unavailable().await))
            }
            // A command in a container that is being ended is killed with it.
            Ok(output) if output.end == ExecEnd::Exited(KILLED) && self.is_ending().await? => {
                Ok(Err(self.unavailable().await))
            }
            Ok(output) => Ok(Ok(output)),
            Err(DockerError::Engine { message, .. }) => {
                if self.has_ended().await? {
                    return Ok(Err(self.unavailable().await));
                }
                // No process can be started beside those that the agent has started.
                let message = format!("the command cannot be started: {message}");
                Ok(Err(CallError::new(CallErrorKind::Other, message)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether there are no more calls, as far as can be told without asking.
    pub(crate) fn is_over(&self) -> bool {
        self.time.is_over() || self.ended.get().is_some()
    }

    async fn has_ended(&self) -> Result<bool, DockerError> {
        Ok(matches!(self.container.state().await?, State::Exited { .. }))
    }

    /// Whether it has ended, or is about to: an engine may hear of that seconds after a command
    /// that was killed with it. Where nothing can be started any more, its first process has
    /// ended, and the engine will say so; or the agent left no room for a process, and it will not.
    async fn is_ending(&self) -> Result<bool, DockerError> {
        let argv = ["sh", "-c", ":"].map(str::to_owned);
        let variables = BTreeMap::new();
        for _ in 0..ENDING_LOOKS {
            if self.ended.get().is_some() || self.has_ended().await? {
                return Ok(true);
            }
            let spec = ExecSpec {
                argv: &argv,
                variables: &variables,
                working_directory: None,
                stdin: &[],
                time: PROBE_TIME,
                output_bytes: 0,
            };
            match self.container.exec(&spec).await {
                Ok(output) if output.end == ExecEnd::Exited(0) => return Ok(false),
                Ok(_) | Err(DockerError::Engine { .. }) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(false)
    }

    /// Ends the container for that reason: nothing of it can be relied on any more.
    pub(crate) async fn give_up(&self, reason: &str) -> Result<CallError, DockerError> {
        let _ = self.ended.set(reason.to_owned());
        self.container.kill().await?;
        Ok(self.unavailable().await)
    }

    pub(crate) async fn unavailable(&self) -> CallError {
        // The watch may be about to say it.
        for _ in 0..20 {
            if self.ended.get().is_some() || self.watch.0.is_finished() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let otherwise = if self.time.is_over() { TIME_OVER } else { ENDED };
        CallError::new(CallErrorKind::Unavailable, self.ended.get().map_or(otherwise, String::as_str))
    }
}

/// A tool's own words.
pub(crate) fn message(output: &ExecOutput, otherwise: &str) -> String {
    let printable = |c: char| if c == '\n' || !c.is_control() { c } else { char::REPLACEMENT_CHARACTER };
    let words: String = String::from_utf8_lossy(&output.stderr.bytes).trim().chars().map(printable).collect();
    if words.is_empty() { otherwise.to_owned() } else { words }
}

pub(crate) fn too_large(what: &str, bytes: usize, most: usize) -> CallError {
    let message = format!("{what} of {bytes} bytes; {most} are allowed");
    CallError::new(CallErrorKind::TooLarge, message)
}

fn bad_path<T>(path: &str) -> Answer<T> {
    let start: String = path.escape_debug().take(200).collect();
    let message =
        format!("`{start}` is no path of the work tree: names joined by `/`, at most {MAX_PATH_BYTES} bytes");
    Ok(Err(CallError::new(CallErrorKind::Refused, message)))
}

/// A path that names something in the work tree.
fn plain(path: &str) -> Option<&str> {
    let plain = path.len() <= MAX_PATH_BYTES
        && !path.contains('\0')
        && !path.split('/').any(|name| matches!(name, "" | "." | ".."));
    plain.then_some(path)
}

/// As [`plain`], or empty for the work tree itself.
fn folder(path: &str) -> Option<&str> {
    if path.is_empty() { Some(path) } else { plain(path) }
}

/// A line of `grep -nZ`: path, NUL, number, `:`, line.
fn hit(line: &[u8]) -> Option<SearchHit> {
    let end = line.iter().position(|byte| *byte == 0)?;
    let path = std::str::from_utf8(&line[..end]).ok()?.strip_prefix("./")?;
    let rest = String::from_utf8_lossy(&line[end + 1..]);
    let (number, text) = rest.split_once(':')?;
    let text = &text[..text.floor_char_boundary(MAX_HIT_BYTES)];
    Some(SearchHit { path: path.to_owned(), line: number.parse().ok()?, text: text.to_owned() })
}
