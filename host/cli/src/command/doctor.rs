//! `lancet doctor`.

use std::path::Path;
use std::time::Duration;

use lancet_core::{Finding, Grant, Role};
use lancet_docker::{DiskBound, Docker, DockerOptions};
use lancet_engine::ENGINE_ID;
use lancet_kit::{Tool, ToolState};
use lancet_store::{Store, StoreError};

use super::heads::Heads;
use super::{jail, quotas};
use crate::arguments::{Doctor, Global, Jobs};
use crate::docker::other_context;
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::isolation::IsolationArguments;
use crate::output;
use crate::paths;
use crate::render::{Table, either, left, numbered};
use crate::session::{block_on, loader};

/// How long the engine for containers may take to say what it is. One that is there does at once.
const ANSWER: Duration = Duration::from_secs(3);

/// Checks what this machine offers to a run with the same options. Reads the store and
/// changes nothing in it.
pub(crate) fn main(arguments: &Doctor, global: &Global) -> Result<Exit, Failure> {
    let folder = super::store_folder(global)?;
    let mut findings = engine();
    findings.extend(jail::findings());
    findings.push(cache());
    findings.push(store(&folder));
    let options = arguments.docker.options();
    let (mut docker, remapped) = docker(options.clone(), arguments.docker.socket.patience());
    let socket = options.place();
    if let Some(context) = other_context(&arguments.docker.socket, &socket) {
        docker.detail.push_str(&format!("; {}", context.note(&socket)));
    }
    findings.push(docker);
    findings.extend(quotas::findings(&options, remapped));
    findings.extend(tools());

    let mut table = Table::new([left("check"), left("state"), left("detail").at_most(usize::MAX)]);
    for finding in &findings {
        let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        table.row([
            finding.check.clone(),
            if finding.ok { "ok".to_owned() } else { "PROBLEM".to_owned() },
            format!("{}{hint}", finding.detail),
        ]);
    }
    output::print_table(arguments.format.kind, &table, &findings)?;
    Ok(if findings.iter().all(|finding| finding.ok) { Exit::Done } else { Exit::Host })
}

/// The engine starts, and every built-in plugin loads under the grant that its
/// role comes with, or is refused as it should be.
fn engine() -> Vec<Finding> {
    let loader = match loader(Jobs { jobs: None }.number(), &IsolationArguments::default()) {
        Ok(loader) => loader,
        Err(failure) => {
            let hint = "the engine needs x86-64 or aarch64 and address space for its pool (`ulimit -v`)";
            return vec![Finding::bad("engine", failure.to_string(), failure.hint_or(hint))];
        }
    };
    let mut findings = vec![Finding::good("engine", ENGINE_ID)];
    let mut loaded = Vec::new();
    for builtin in lancet_builtin::all() {
        let grant = Grant::standard(builtin.role);
        let grant = match (builtin.role, builtin.name) {
            (Role::Agent, "gold") => grant.clone().with(lancet_core::Capability::AnswerKey).unwrap_or(grant),
            _ => grant,
        };
        match lancet_runner::find(builtin.role, builtin.name).and_then(|named| loader.load(&named, &grant)) {
            Ok(_) => loaded.push(builtin.name),
            Err(error) => {
                let problem = Failure::from(error).to_string();
                findings.push(Finding::bad("built-in plugins", problem, "build lancet again"));
            }
        }
    }
    findings.push(Finding::good("built-in plugins", loaded.join(", ")));
    findings
}

/// Whether individual contributor tasks can be run here, and whether the engine remaps
/// users. Without an engine manager tasks run all the same.
fn docker(options: DockerOptions, patience: Option<Duration>) -> (Finding, Option<bool>) {
    const CHECK: &str = "docker";
    let runtime = options.runtime.clone();
    // A run waits for an engine that is being restarted; here it is asked whether there is one.
    let patience = patience.unwrap_or_default();
    let (place, most) = (options.place(), patience + ANSWER);
    let options = DockerOptions { patience, ..options };
    let looked = block_on(async {
        let ask = async {
            let docker = Docker::connect(options).await?;
            let socket = docker.socket().display().to_string();
            docker.engine().await.map(|engine| (engine, docker.disk_bound(), socket))
        };
        Ok(tokio::time::timeout(most, ask).await)
    });
    let (engine, disk_bound, socket) = match looked {
        Ok(Ok(Ok(found))) => found,
        Ok(Err(_)) => {
            let detail = format!(
                "the Docker engine at {place} does not answer: something listens there, and said nothing for {} s",
                most.as_secs()
            );
            let hint = "look into the engine's own log, or restart it; only ic-swe tasks need it";
            return (Finding::bad(CHECK, detail, hint), None);
        }
        Ok(Ok(Err(error))) => {
            let hint = format!("{}; only ic-swe tasks need it", error.hint());
            return (Finding::bad(CHECK, with_causes(&error), hint), None);
        }
        Err(failure) => {
            let hint = failure.hint_or("only ic-swe tasks need it");
            return (Finding::bad(CHECK, failure.to_string(), hint), None);
        }
    };
    let mut detail = format!(
        "engine {} at {socket} (API {}), {}, {:.1} CPUs, {} MiB, storage {}, runtimes {}",
        engine.version,
        engine.api,
        engine.architecture,
        f64::from(engine.cpu_millis) / 1000.0,
        engine.memory_bytes >> 20,
        engine.storage_driver,
        engine.runtimes.join(" ")
    );
    if let Some(runtime) = &runtime {
        detail.push_str(&format!("; containers run with {runtime}"));
    }
    detail.push_str(match disk_bound {
        DiskBound::Quota => "; disk limits: a quota of the file system, and blocks seen every 2 s",
        DiskBound::Blocks => {
            "; disk limits: blocks seen every 2 s, with files that are open and have no name (a quota takes overlay2 \
             on XFS, mounted with `pquota`)"
        }
        DiskBound::Sizes => {
            "; disk limits: only sizes seen every 2 s, not what is allocated beyond them or has no name (to see \
             blocks run as root on the engine's machine, with the storage driver overlay2)"
        }
    });
    if !engine.native_diff {
        detail.push_str("; no native diff: taking a submission reads the whole image");
    }
    if !engine.runtimes.iter().any(|known| known == "runsc") {
        detail.push_str("; for strangers' code install gVisor and use `--container-runtime runsc`");
    }
    (Finding::good(CHECK, detail), Some(engine.remapped))
}

/// The tools that build plugins, as a project in this folder would find them. Only authors need
/// them, so that none is a problem of this machine's.
fn tools() -> impl Iterator<Item = Finding> {
    Tool::ALL.into_iter().map(|tool| {
        let check = format!("build plugins: {}", tool.name());
        match tool.state(Path::new("")) {
            ToolState::Ready { detail } => Finding::good(check, detail),
            ToolState::Missing { problem, install } => {
                let detail = format!("{problem}; only authors of plugins need it");
                Finding { hint: Some(install), ..Finding::good(check, detail) }
            }
        }
    })
}

fn cache() -> Finding {
    const CHECK: &str = "compiled-code cache";
    let Some(folder) = paths::cache() else {
        return Finding::bad(
            CHECK,
            "there is no place for it",
            "set `LANCET_CACHE` or `HOME` to an absolute path",
        );
    };
    match lancet_engine::check_cache(&folder) {
        Ok(()) => Finding::good(CHECK, folder.display().to_string()),
        Err(error) => Finding::bad(
            CHECK,
            format!("`{}` is not used: {error}", folder.display()),
            "plugins are compiled anew each time; make the folder yours alone: `chmod go-w`",
        ),
    }
}

fn store(folder: &Path) -> Finding {
    const CHECK: &str = "store";
    if !folder.exists() {
        return Finding::good(
            CHECK,
            format!("`{}` is not there yet; the first run makes it", folder.display()),
        );
    }
    let looked = Store::look(folder).and_then(|reader| {
        let mut problems = reader.check().unwrap_or_else(|error| vec![with_causes(&error)]);
        problems.extend(Heads::of(folder).problem(&reader));
        let ids = reader.run_ids()?;
        let (mut unlisted, mut unlogged) = (0, 0);
        for id in &ids {
            match reader.audit(id) {
                Ok(audit) => {
                    unlisted += u64::from(!audit.lists_attempts());
                    unlogged += u64::from(!audit.is_logged());
                    problems.extend(audit.differences.iter().map(ToString::to_string));
                }
                Err(error) => problems.push(format!("run {id}: {}", with_causes(&error))),
            }
        }
        Ok((ids.len(), unlisted, unlogged, problems))
    });
    match looked {
        Ok((runs, unlisted, unlogged, problems)) if problems.is_empty() => {
            let mut older = match unlisted {
                0 => String::new(),
                n => format!(
                    "; {n} of them {} attempts, so that a missing one is not found",
                    either(n, "does not list its", "do not list their")
                ),
            };
            if unlogged > 0 {
                let are = either(unlogged, "is in no log, as it is", "are in no log, as they are");
                older.push_str(&format!("; {unlogged} of them {are} from before it"));
            }
            Finding::good(CHECK, format!("`{}` is sound, {}{older}", folder.display(), numbered(runs, "run")))
        }
        Ok((_, _, _, problems)) => Finding::bad(
            CHECK,
            format!("`{}`: {}", folder.display(), problems.join("; ")),
            "restore what is missing from a backup; everything else in it can still be read",
        ),
        Err(StoreError::Missing { .. }) => {
            Finding::good(CHECK, format!("`{}` has no runs yet; the first one makes it", folder.display()))
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "name another with `--store FOLDER`".to_owned());
            Finding::bad(CHECK, error.to_string(), hint)
        }
    }
}
