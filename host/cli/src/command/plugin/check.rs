//! `lancet plugin check`.

use std::num::NonZeroUsize;

use lancet_author::{CHECK_JOBS, Subject};
use lancet_core::{CheckedPlugin, PluginFinding};
use lancet_engine::LoadError;
use lancet_runner::Error;

use super::target::{Fixtures, Target, read_all};
use crate::arguments::FormatKind;
use crate::author::PluginCheck;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{MAX_MESSAGE, Table, clipped, display_safe, left, many, right};
use crate::session::{block_on, loader};

/// Looks for what is wrong with a plugin, and says what to change.
pub(super) fn main(arguments: &PluginCheck) -> Result<Exit, Failure> {
    let target = Target::find(&arguments.plugin, &mut None)?;
    let fixtures = match target.place.fixtures(arguments.fixtures.folder.as_deref()) {
        Some(folder) => read_all(&folder)?,
        None => Fixtures::new(),
    };
    let loader = loader(NonZeroUsize::new(CHECK_JOBS).unwrap_or(NonZeroUsize::MIN), &arguments.isolation)?;
    let name = target.named.identity.name.clone();
    let inspected = match loader.inspect(&target.named) {
        Ok(inspection) => Ok(inspection),
        Err(Error::Load(LoadError::NotAPlugin { cause, .. })) => Err(cause),
        Err(error) => return Err(error.into()),
    };
    let subject = Subject { name: &name, component: &target.named.component, inspected, fixtures };
    let checked = block_on(async {
        let load = |role| match loader.load(&target.named, &lancet_author::widest(role)) {
            Ok(plugin) => Ok(Ok(plugin)),
            Err(Error::Load(refused)) => Ok(Err(refused)),
            Err(error) => Err(Failure::from(error)),
        };
        lancet_author::check(subject, load).await
    })?;
    print(&checked, arguments.format.kind)?;
    Ok(if checked.errors > 0 { Exit::Found } else { Exit::Done })
}

fn print(checked: &CheckedPlugin, format: FormatKind) -> Result<(), Failure> {
    if format != FormatKind::Table {
        let mut table = Table::new([
            left("severity"),
            left("code"),
            left("tried"),
            left("seen"),
            left("change"),
            right("times"),
        ]);
        for finding in &checked.findings {
            table.row([
                finding.severity.to_string(),
                finding.code.clone(),
                finding.tried.clone(),
                finding.seen.clone(),
                finding.change.clone(),
                finding.times.to_string(),
            ]);
        }
        return output::print_table(format, &table, checked);
    }
    let mut text: String = checked.findings.iter().map(told).collect();
    let number = |count: usize, what| many(u64::try_from(count).unwrap_or(u64::MAX), what);
    text.push_str(&format!(
        "{}: {} and {}; {} on {}, at most {} units of fuel and {} KiB of memory\n",
        display_safe(&checked.plugin),
        number(checked.errors, "error"),
        number(checked.warnings, "warning"),
        number(checked.executions, "execution"),
        number(checked.inputs, "input"),
        checked.most_fuel,
        checked.most_memory_bytes >> 10
    ));
    output::tell(&text)
}

/// A finding, for people.
fn told(finding: &PluginFinding) -> String {
    let PluginFinding { severity, code, tried, seen, change, times } = finding;
    let more = if *times > 1 { format!(" ({times} times)") } else { String::new() };
    let clean = |text: &str| clipped(text.trim(), MAX_MESSAGE);
    format!(
        "{severity}: {code}{more}\n  tried   {}\n  seen    {}\n  change  {}\n\n",
        clean(tried),
        clean(seen),
        clean(change)
    )
}
