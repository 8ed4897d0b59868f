//! Every command's long help, as it was looked at last.

use crate::context::{Context, workspace};

/// The help of a command and of all commands below it.
fn pages(context: &Context, command: &[&str], text: &mut String) {
    let help = context.lancet(&[command, &["--help"]].concat());
    assert_eq!(help.code, Some(0), "{command:?}: {}", help.stderr);
    let name = [&["lancet"], command].concat().join(" ");
    text.push_str(&format!("$ {name} --help\n\n"));
    for line in help.stdout.trim_end().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    let listed = help.stdout.split_once("\nCommands:\n").map_or("", |(_, listed)| listed);
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let below = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
        if let Some(below) = below.and_then(|line| line.split(' ').next()).filter(|name| *name != "help") {
            pages(context, &[command, &[below]].concat(), text);
        }
    }
}

#[test]
fn every_help_is_as_recorded() {
    let mut found = String::new();
    pages(&Context::new(), &[], &mut found);
    let path = workspace().join("tests/end_to_end/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let place = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "the help is not as in {} (line {}): look at what changed, and write it anew with \
         `UPDATE_GOLDEN=1 cargo test -p lancet --test end-to-end help`\n{found}",
        path.display(),
        place.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1
    );
}

#[test]
fn examples_stand_in_the_long_help_alone() {
    let context = Context::new();
    for command in [
        &["run"][..],
        &["grade"],
        &["resume"],
        &["show"],
        &["report"],
        &["regrade"],
        &["replay"],
        &["doctor"],
        &["completions"],
        &["suite", "import", "swe-lancer"],
        &["suite", "check"],
        &["suite", "pin"],
        &["plugin", "inspect"],
        &["plugin", "new"],
        &["plugin", "build"],
        &["plugin", "pack"],
        &["plugin", "sign"],
        &["suite", "sign"],
        &["key", "new"],
        &["key", "rotate"],
        &["key", "revoke"],
        &["key", "import"],
        &["attest"],
        &["verify"],
        &["plugin", "check"],
        &["plugin", "test"],
        &["plugin", "record"],
        &[],
    ] {
        let help = |flag: &str| context.lancet(&[command, &[flag]].concat()).stdout;
        assert!(help("--help").contains("\nExamples:\n"), "{command:?}");
        assert!(!help("-h").contains("Examples:"), "{command:?}");
    }
}
