//! `docs/contract.md`: the contract of `wit/`, written out with who grants each interface.

use std::fmt::Write as _;
use std::path::Path;

use lancet_core::{Capability, Granter, Limits, Role};
use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, PackageId, Resolve, Type, TypeDef,
    TypeDefKind, TypeOwner, World, WorldItem, WorldKey,
};

const HEAD: &str = "\
# The contract

<!-- Written by `cargo xtask docs` from the files of `wit/`: change those. -->

";

/// The chapter, from the files of a folder.
pub(super) fn chapter(folder: &Path) -> Result<String, String> {
    let mut resolve = Resolve::default();
    let error = |e: &dyn std::fmt::Display| format!("{}: {e}", folder.display());
    let (package, _) = resolve.push_dir(folder).map_err(|e| error(&e))?;
    Ok(Chapter { resolve: &resolve, text: HEAD.to_owned() }.write(package))
}

struct Chapter<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Chapter<'_> {
    fn write(mut self, package: PackageId) -> String {
        let package = &self.resolve.packages[package];
        self.paragraphs(&package.docs);
        let _ = writeln!(
            self.text,
            "This is `{}` as its files in `wit/` have it. A component imports and exports interfaces by their whole \
             names, such as `{}`.\n",
            package.name,
            package.name.interface_id("tests")
        );
        self.granted();
        self.limits();
        self.text.push_str("## Worlds\n\n");
        for world in package.worlds.values() {
            self.world(&self.resolve.worlds[*world]);
        }
        let mut interfaces: Vec<(&String, &InterfaceId)> = package.interfaces.iter().collect();
        // What all others are made of stands last; the others as one looks them up.
        interfaces.sort_by_key(|(name, _)| (*name == "types", name.as_str()));
        for (name, interface) in interfaces {
            self.interface(name, *interface);
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.text
    }

    /// Who grants which capability to whom.
    fn granted(&mut self) {
        self.text.push_str(
            "## Who grants what\n\nA plugin that imports what it was not granted is refused before any of it runs. \
             `lancet plugin inspect` says it of a component.\n\n| capability | to an agent | to a grader |\n|---|---|---|\n",
        );
        for capability in Capability::ALL {
            let [agent, grader] = [Role::Agent, Role::Grader].map(|role| granter(capability, role));
            let name = match capability {
                Capability::WasiInert => format!("`{capability}`"),
                _ => format!("[`{capability}`](#{capability})"),
            };
            let _ = writeln!(self.text, "| {name} | {agent} | {grader} |");
        }
        self.text.push_str(
            "\n`wasi-inert` is no interface of the contract: it is WASI with nothing behind it (no file, no network, a \
             clock that stands still), for languages whose components import it.\n\n",
        );
    }

    /// What one call of a plugin may use.
    fn limits(&mut self) {
        self.text.push_str(
            "## Limits\n\nWhat one call of a plugin may use, unless the operator says otherwise. Calls are refused \
             or end the plugin where an interface says so.\n\n| limit | standard | an agent that asks models |\n|---|---|---|\n",
        );
        let [standard, asking] = [Limits::standard(), Limits::asking()];
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        let kib = |bytes: u64| match bytes.is_multiple_of(1 << 20) {
            true => mib(bytes),
            false => format!("{} KiB", bytes >> 10),
        };
        type Row<'a> = (&'a str, &'a dyn Fn(&Limits) -> String);
        let rows: [Row<'_>; 10] = [
            ("fuel, about one unit per instruction", &|limits| grouped(limits.fuel)),
            ("memory, summed over all memories", &|limits| mib(limits.memory_bytes)),
            ("processor time", &|limits| format!("{} s", limits.wall_ms / 1000)),
            ("calls of capabilities", &|limits| grouped(limits.calls.into())),
            ("bytes that one call may carry", &|limits| mib(limits.call_bytes)),
            ("the task's record", &|limits| mib(limits.record_bytes())),
            ("log: text that is kept", &|limits| kib(limits.log_bytes)),
            ("log: messages that are kept", &|limits| grouped(limits.log_messages.into())),
            ("resource handles at a time", &|limits| grouped(limits.handles.into())),
            ("core instances, memories and tables, each", &|limits| grouped(limits.instances.into())),
        ];
        for (what, of) in rows {
            let _ = writeln!(self.text, "| {what} | {} | {} |", of(&standard), of(&asking));
        }
        self.text.push('\n');
    }

    fn world(&mut self, world: &World) {
        let _ = writeln!(self.text, "### World `{}`\n", world.name);
        self.paragraphs(&world.docs);
        for (verb, items) in [("Imports", &world.imports), ("Exports", &world.exports)] {
            let links: Vec<String> = items
                .iter()
                .filter_map(|(key, item)| match (key, item) {
                    (WorldKey::Interface(id), WorldItem::Interface { .. }) => {
                        self.resolve.interfaces[*id].name.clone()
                    }
                    _ => None,
                })
                .map(|name| format!("[`{name}`](#{name})"))
                .collect();
            if !links.is_empty() {
                let _ = writeln!(self.text, "{verb}: {}.\n", links.join(", "));
            }
        }
    }

    fn interface(&mut self, name: &str, id: InterfaceId) {
        let interface: &Interface = &self.resolve.interfaces[id];
        let _ = writeln!(self.text, "## `{name}`\n");
        self.paragraphs(&interface.docs);
        for function in interface.functions.values().filter(|function| function.kind.resource().is_none()) {
            self.function(name, function);
        }
        for (type_name, id) in &interface.types {
            let definition = &self.resolve.types[*id];
            // What is used of another interface is described there.
            if matches!(definition.kind, TypeDefKind::Type(Type::Id(_))) {
                continue;
            }
            self.definition(name, type_name, definition);
            let methods = interface.functions.values();
            for function in methods.filter(|function| function.kind.resource() == Some(*id)) {
                self.function(&format!("{name}.{type_name}"), function);
            }
        }
    }

    fn function(&mut self, owner: &str, function: &Function) {
        let name = function.item_name();
        let is_static = matches!(function.kind, FunctionKind::Static(_) | FunctionKind::AsyncStatic(_));
        let is_method = function.kind.resource().is_some() && !is_static;
        let parameters: Vec<String> = function
            .params
            .iter()
            .skip(usize::from(is_method))
            .map(|parameter| format!("{}: {}", parameter.name, self.named(&parameter.ty)))
            .collect();
        let before = if is_static { "static " } else { "" };
        let result = function.result.map(|result| format!(" -> {}", self.named(&result))).unwrap_or_default();
        let _ = writeln!(self.text, "### `{owner}.{name}`\n");
        let _ =
            writeln!(self.text, "```wit\n{name}: {before}func({}){result};\n```\n", parameters.join(", "));
        self.paragraphs(&function.docs);
    }

    fn definition(&mut self, owner: &str, name: &str, definition: &TypeDef) {
        let kind = definition.kind.as_str();
        let _ = writeln!(self.text, "### `{owner}.{name}`\n");
        match &definition.kind {
            TypeDefKind::Type(aliased) => {
                let _ = writeln!(self.text, "The type `{}`.\n", self.named(aliased));
            }
            TypeDefKind::Resource => self.text.push_str("A resource of the host's.\n\n"),
            _ => {
                let article = if kind.starts_with('e') { "An" } else { "A" };
                let _ = writeln!(self.text, "{article} {kind}.\n");
            }
        }
        self.paragraphs(&definition.docs);
        // A member's name, its type where it has one, and what is said of it.
        type Member<'a> = (&'a str, Option<String>, &'a Docs);
        let (head, rows): (&str, Vec<Member<'_>>) = match &definition.kind {
            TypeDefKind::Record(record) => {
                let row = |ty: &Type| Some(self.named(ty));
                ("field", record.fields.iter().map(|f| (f.name.as_str(), row(&f.ty), &f.docs)).collect())
            }
            TypeDefKind::Variant(variant) => {
                let row = |ty: &Option<Type>| ty.as_ref().map(|ty| self.named(ty));
                ("case", variant.cases.iter().map(|c| (c.name.as_str(), row(&c.ty), &c.docs)).collect())
            }
            TypeDefKind::Enum(words) => {
                ("case", words.cases.iter().map(|c| (c.name.as_str(), None, &c.docs)).collect())
            }
            TypeDefKind::Flags(flags) => {
                ("flag", flags.flags.iter().map(|f| (f.name.as_str(), None, &f.docs)).collect())
            }
            _ => return,
        };
        let has_types = rows.iter().any(|(_, ty, _)| ty.is_some());
        let has_docs = rows.iter().any(|(_, _, docs)| !docs.is_empty());
        if !has_types && !has_docs {
            let names: Vec<String> = rows.iter().map(|(name, _, _)| format!("`{name}`")).collect();
            let _ = writeln!(self.text, "{}.\n", names.join(", "));
            return;
        }
        let (of, line) = if has_types { (" of |", "---|") } else { ("", "") };
        let _ = writeln!(self.text, "| {head} |{of} what it is |\n|---|{line}---|");
        for (name, ty, docs) in rows {
            let of = match (has_types, ty) {
                (false, _) => String::new(),
                (true, None) => " |".to_owned(),
                (true, Some(ty)) => format!(" `{ty}` |"),
            };
            let docs =
                docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(self.text, "| `{name}` |{of} {} |", docs.replace('|', "\\|"));
        }
        self.text.push('\n');
    }

    /// What is said of an item, as it stands there.
    fn paragraphs(&mut self, docs: &Docs) {
        if let Some(text) = docs.contents.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let _ = writeln!(self.text, "{text}\n");
        }
    }

    /// A type, as WIT has it.
    fn named(&self, ty: &Type) -> String {
        let id = match ty {
            Type::Bool => return "bool".to_owned(),
            Type::U8 => return "u8".to_owned(),
            Type::U16 => return "u16".to_owned(),
            Type::U32 => return "u32".to_owned(),
            Type::U64 => return "u64".to_owned(),
            Type::S8 => return "s8".to_owned(),
            Type::S16 => return "s16".to_owned(),
            Type::S32 => return "s32".to_owned(),
            Type::S64 => return "s64".to_owned(),
            Type::F32 => return "f32".to_owned(),
            Type::F64 => return "f64".to_owned(),
            Type::Char => return "char".to_owned(),
            Type::String => return "string".to_owned(),
            Type::ErrorContext => return "error-context".to_owned(),
            Type::Id(id) => *id,
        };
        let definition = &self.resolve.types[id];
        if let (Some(name), TypeOwner::Interface(_) | TypeOwner::World(_)) =
            (&definition.name, definition.owner)
        {
            return name.clone();
        }
        let or_none = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| self.named(ty));
        match &definition.kind {
            TypeDefKind::Option(ty) => format!("option<{}>", self.named(ty)),
            TypeDefKind::List(ty) => format!("list<{}>", self.named(ty)),
            TypeDefKind::Result(result) => match (&result.ok, &result.err) {
                (None, None) => "result".to_owned(),
                (Some(ok), None) => format!("result<{}>", self.named(ok)),
                (ok, err) => format!("result<{}, {}>", or_none(ok), or_none(err)),
            },
            TypeDefKind::Tuple(tuple) => {
                format!(
                    "tuple<{}>",
                    tuple.types.iter().map(|ty| self.named(ty)).collect::<Vec<_>>().join(", ")
                )
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.named(&Type::Id(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.named(&Type::Id(*id))),
            TypeDefKind::Type(ty) => self.named(ty),
            kind => kind.as_str().to_owned(),
        }
    }
}

/// Who grants a capability to a role, in a few words.
fn granter(capability: Capability, role: Role) -> &'static str {
    match capability.granter(role) {
        Granter::Role => "comes with the role",
        Granter::Manifest => "comes with the settings of its manifest",
        Granter::Operator if capability.makes_control() && role == Role::Agent => {
            "the operator, with `--grant`: the run is a control"
        }
        Granter::Operator => "the operator, with `--grant`",
        Granter::Nobody => "nobody",
    }
}

/// A number with a comma after every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;

    #[test]
    fn every_item_is_written_out_once() {
        let text = chapter(&run::workspace().join("wit")).unwrap();
        let count = |line: &str| text.lines().filter(|found| *found == line).count();
        for heading in [
            "### World `grader`",
            "### World `configurable-agent`",
            "## `tests`",
            "### `tests.run`",
            "### `tests.case-status`",
            "### `model.conversation.open`",
            "### `types.call-error`",
        ] {
            assert_eq!(count(heading), 1, "{heading}");
        }
        // A type that one interface uses of another is described there alone.
        assert_eq!(count("### `tests.call-error`"), 0);
        for line in [
            "run: func(plan: string) -> result<test-report, call-error>;",
            "open: static func(setup: setup) -> result<conversation, failure>;",
            "say: func(text: string) -> result<_, failure>;",
            "| `statement` | `string` | The issue in full: UTF-8 text, usually Markdown, at most 1 MiB. |",
            "| `nothing` | | Nothing: the agent had no answer. |",
            "`finished`, `calls`, `length`, `context`, `refused`, `paused`, `other`.",
            "| [`random`](#random) | comes with the role | nobody |",
            "| fuel, about one unit per instruction | 1,000,000,000 | 20,000,000,000 |",
        ] {
            assert_eq!(count(line), 1, "{line}\n{text}");
        }
    }
}
