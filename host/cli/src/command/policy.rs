//! `lancet policy explain`.

use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{Limits, Role};
use lancet_registry::Reference;
use lancet_runner::{Loader, Named, find, suite_graders};
use lancet_suite::{ImageLock, Suite};
use lancet_trust::{Explained, ExplainedPolicy, Finding, Source};

use super::pulled::Pulled;
use crate::arguments::FormatKind;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::output;
use crate::policy::{PolicyCommand, SUITE_FILE};
use crate::registry::in_registry;
use crate::render::{Table, display_safe, left};
use crate::session::loader;

/// Says what a policy comes to.
pub(crate) fn main(command: &PolicyCommand) -> Result<Exit, Failure> {
    let PolicyCommand::Explain { what, isolation, policy, format } = command;
    let loader = loader(NonZeroUsize::MIN, isolation)?;
    let path = Path::new(what);
    let (gate, explained) = if path.join(SUITE_FILE).exists() {
        let suite = Suite::open(path)?;
        let gate = Gate::before_suite(policy, isolation, &suite)?;
        let decision = gate.judge_suite(&suite)?;
        let mut explained =
            vec![Explained::new(format!("suite {}", suite.name()), decision.lines().to_vec())];
        for named in suite_graders(&suite)? {
            explained.push(plugin(&gate, &loader, &named, Role::Grader)?);
        }
        let lock = ImageLock::read(&suite)?;
        for name in suite.images().keys() {
            let lines = gate.image_lines(&suite, &lock, name);
            explained.push(Explained::new(format!("image {name}"), lines));
        }
        (gate, explained)
    } else if let Some(reference) = in_registry(what)? {
        let gate = Gate::of_plugins(policy, isolation)?;
        let explained = vec![pulled(&gate, &reference)?];
        (gate, explained)
    } else {
        let gate = Gate::of_plugins(policy, isolation)?;
        let (named, role) = named(what, &loader)?;
        let explained = vec![plugin(&gate, &loader, &named, role)?];
        (gate, explained)
    };
    let mut explained = ExplainedPolicy {
        policy: gate.policy().name().to_owned(),
        digest: gate.policy().digest(),
        let_in: false,
        explained,
    };
    let standard = Limits::standard();
    for role in [Role::Agent, Role::Grader] {
        let lines = gate.policy().decide_limits(role, &standard).lines().to_vec();
        explained.explained.push(Explained::new(format!("limits of the {role} without options"), lines));
    }
    explained.let_in = explained.explained.iter().all(|one| one.let_in);
    print(&explained, format.kind)?;
    Ok(if explained.let_in { Exit::Done } else { Exit::Plugin })
}

/// What each key comes to for a plugin in a registry. Where the policy does not let anybody go,
/// nobody goes to look.
fn pulled(gate: &Gate, reference: &Reference) -> Result<Explained, Failure> {
    let line = gate.policy().decide_registry(&reference.name());
    if line.finding == Finding::Refuses {
        return Ok(Explained {
            source: Some(Source::Registry),
            ..Explained::new(reference.to_string(), vec![line])
        });
    }
    let pulled = Pulled::pull(reference, gate.keys())?;
    let Pulled { named, loader, inspection, .. } = &pulled;
    let judged =
        gate.judge_from(Source::Registry, named, inspection.role, &|| loader.inspect(named), true)?;
    pulled.goes_on()?;
    Ok(Explained {
        source: Some(judged.source),
        world: Some(judged.world),
        component: Some(named.identity.digest),
        key: judged.key,
        ..Explained::new(pulled.reference.to_string(), judged.decision.after(line).lines().to_vec())
    })
}

/// A plugin by its name or path, and what it is there for.
fn named(what: &str, loader: &Loader) -> Result<(Named, Role), Failure> {
    for role in [Role::Agent, Role::Grader] {
        if lancet_builtin::find(role, what).is_some() {
            return Ok((find(role, what)?, role));
        }
    }
    let named = find(Role::Agent, what)?;
    let role = loader.inspect(&named)?.role;
    Ok((named, role))
}

/// What each key comes to for a plugin.
fn plugin(gate: &Gate, loader: &Loader, named: &Named, role: Role) -> Result<Explained, Failure> {
    let judged = gate.judge(named, role, &|| loader.inspect(named), true)?;
    Ok(Explained {
        source: Some(judged.source),
        world: Some(judged.world),
        component: Some(named.identity.digest),
        key: judged.key,
        ..Explained::new(named.identity.name.clone(), judged.decision.lines().to_vec())
    })
}

fn print(explained: &ExplainedPolicy, format: FormatKind) -> Result<(), Failure> {
    let mut table = Table::new([left("what"), left("key"), left("finding"), left("why")]);
    for one in &explained.explained {
        for line in &one.lines {
            let finding = line.finding.as_str().to_owned();
            table.row([one.what.clone(), line.key.clone(), finding, line.why.clone()]);
        }
    }
    if format != FormatKind::Table {
        return output::print_table(format, &table, explained);
    }
    let mut text = format!("policy  {}\n", display_safe(&explained.policy));
    for one in &explained.explained {
        let word = if one.let_in { "let in" } else { "refused" };
        text.push_str(&format!("\n{}: {word}", display_safe(&one.what)));
        if let (Some(world), Some(source), Some(digest)) = (one.world, one.source, one.component) {
            text.push_str(&format!(" as {world}, {source}, {}", digest.short()));
        }
        text.push('\n');
        for line in &one.lines {
            let (key, finding) = (display_safe(&line.key), line.finding.as_str());
            text.push_str(&format!("  {key:<22} {finding:<8} {}\n", display_safe(&line.why)));
        }
    }
    output::tell(&text)
}
