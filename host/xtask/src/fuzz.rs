//! Long fuzzing of one parser: its target under `tests/fuzz` built with coverage, which the
//! stable compiler can do, seeds made, and so many executions carried out.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::run::{rustc_host, workspace};

/// What can be fuzzed, each with the feature that its target wants.
const PARSERS: [(&str, Option<&str>); 8] = [
    ("component", Some("component")),
    ("junit", Some("junit")),
    ("literal", None),
    ("patch", None),
    ("predictions", None),
    ("suite", None),
    ("trace", None),
    ("verdict", None),
];

/// How many executions there are unless somebody says otherwise: some minutes.
const EXECUTIONS: &str = "1000000";

/// What libFuzzer wants of the compiler. There is no sanitizer among it, which only a nightly
/// compiler has: what is fuzzed is safe Rust, and what is looked for are panics, overflows,
/// broken assertions, and time and memory without bound.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Carries out what stands behind `cargo xtask fuzz`.
pub(crate) fn fuzz(arguments: &[&str]) -> Result<(), String> {
    let usage = || {
        let names: Vec<_> = PARSERS.iter().map(|(name, _)| *name).collect();
        format!(
            "usage: cargo xtask fuzz PARSER [--executions N | --input FILE]; PARSER is one of {}",
            names.join(", ")
        )
    };
    let [parser, rest @ ..] = arguments else { return Err(usage()) };
    let (parser, feature) = PARSERS.iter().copied().find(|(name, _)| name == parser).ok_or_else(usage)?;
    match rest {
        [] => campaign(parser, feature, EXECUTIONS),
        ["--executions", number] if number.parse::<u64>().is_ok_and(|n| n > 0) => {
            campaign(parser, feature, number)
        }
        ["--input", file] => {
            // Made absolute here: the target runs in the workspace.
            let file = fs::canonicalize(file).map_err(|e| format!("cannot read `{file}`: {e}"))?;
            let target = build(parser, feature)?;
            execute(parser, &target, &[file.into_os_string()])
        }
        _ => Err(usage()),
    }
}

fn campaign(parser: &str, feature: Option<&str>, executions: &str) -> Result<(), String> {
    let fuzz = workspace().join("tests/fuzz");
    let target = build(parser, feature)?;
    let made = workspace().join("target/fuzz/seeds").join(parser);
    let _ = fs::remove_dir_all(&made);
    seeds(&fuzz, parser, &made)?;
    let corpus = fuzz.join("corpus").join(parser);
    let found = fuzz.join("artifacts").join(parser);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    let mut arguments: Vec<OsString> = [
        &format!("-runs={executions}"),
        "-max_len=4096",
        // Of the clock, so that it has to hold on a busy machine too.
        "-timeout=60",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        &format!("-artifact_prefix={}/", found.display()),
    ]
    .map(OsString::from)
    .into();
    let dictionary = fuzz.join(format!("dictionaries/{parser}.dict"));
    if dictionary.exists() {
        arguments.push(format!("-dict={}", dictionary.display()).into());
    }
    arguments.extend([corpus.into_os_string(), made.into_os_string()]);
    let started = Instant::now();
    execute(parser, &target, &arguments)?;
    println!("{parser}: {executions} executions in {} s", started.elapsed().as_secs());
    Ok(())
}

/// Builds the target of a parser, in a target folder of its own.
fn build(parser: &str, feature: Option<&str>) -> Result<PathBuf, String> {
    let root = workspace();
    // What is fuzzed are the versions that are shipped.
    fs::copy(root.join("Cargo.lock"), root.join("tests/fuzz/Cargo.lock"))
        .map_err(|e| format!("cannot copy Cargo.lock to tests/fuzz: {e}"))?;
    // With a target named, the flags are not for build scripts and macros.
    let host = rustc_host()?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--manifest-path", "tests/fuzz/Cargo.toml"])
        .args(["--target-dir", "target/fuzz", "--target", &host, "--bin", parser])
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(&root);
    if let Some(feature) = feature {
        command.args(["--features", feature]);
    }
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the target `{parser}` cannot be built: {status}")),
        Err(error) => return Err(format!("cargo cannot be started: {error}")),
    }
    Ok(root.join("target/fuzz").join(host).join("release").join(parser))
}

/// Runs a target.
fn execute(parser: &str, target: &Path, arguments: &[OsString]) -> Result<(), String> {
    let status = Command::new(target).args(arguments).current_dir(workspace()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!(
            "`{parser}` ended with {status}; what it ended at is in tests/fuzz/artifacts/{parser}, and \
             `cargo xtask fuzz {parser} --input FILE` tries it again"
        )),
        Err(error) => Err(format!("{} cannot be started: {error}", target.display())),
    }
}

/// Makes the inputs that a campaign begins with: small files, texts of components compiled,
/// and reports that tools wrote.
fn seeds(fuzz: &Path, parser: &str, made: &Path) -> Result<(), String> {
    fs::create_dir_all(made).map_err(|e| format!("cannot make {}: {e}", made.display()))?;
    let mut folders = vec![fuzz.join("seeds").join(parser)];
    if parser == "junit" {
        folders.push(workspace().join("host/docker/tests/junit"));
    }
    for path in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        let path = path.path();
        let failed = |problem: String| format!("{}: {problem}", path.display());
        let bytes = fs::read(&path).map_err(|e| failed(e.to_string()))?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let bytes = match extension {
            Some("wat") => wat::parse_bytes(&bytes).map_err(|e| failed(e.to_string()))?.into_owned(),
            // What the reports come to, and the README beside them.
            Some("cases" | "md") => continue,
            _ => bytes,
        };
        let name = path.file_name().unwrap_or_default();
        fs::write(made.join(name), bytes).map_err(|e| failed(e.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_row_and_seeds_that_are_read() {
        let fuzz = workspace().join("tests/fuzz");
        let mut targets: Vec<_> = fs::read_dir(fuzz.join("fuzz_targets"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        targets.sort();
        assert_eq!(targets, PARSERS.map(|(name, _)| name));
        let made = std::env::temp_dir().join(format!("lancet-seeds-{}", std::process::id()));
        for (parser, _) in PARSERS {
            seeds(&fuzz, parser, &made.join(parser)).unwrap();
            assert!(fs::read_dir(made.join(parser)).unwrap().count() >= 2, "{parser}");
        }
        fs::remove_dir_all(made).unwrap();
    }
}
