//! Makes the hostile components: from WebAssembly text, and from Rust.
//!
//! Files of `wat/core` are the body of a core module, which `wat/frame` and the
//! contract make a plugin of. Their first lines may say more:
//!
//! - `;; roles: agent grader`: for which roles it is made; both when not said.
//! - `;; exports: NAME …`: interfaces that it exports beside its role's.
//! - `;; contract: OLD => NEW`: the contract is changed for it.
//! - `;; frame: none`: it is a whole module, made once, and exports what it says.
//!
//! A file of `wat/component` is a component that an ordinary agent is made to
//! carry inside of it, or with `;; frame: none` one that stands for itself.
//! Examples of `guests` are compiled as any plugin is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use lancet_guest_build::{Request, build, componentize, target_dir};
use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = "../../wit";
const VERSION: &str = "0.1.0";

fn main() {
    for input in
        ["wat", "wit", "guests", "../../plugins/sdk", CONTRACT, "../../Cargo.toml", "../../Cargo.lock"]
    {
        println!("cargo::rerun-if-changed={input}");
    }
    if let Err(error) = make() {
        println!("cargo::error={error}");
        process::exit(1);
    }
}

fn make() -> Result<(), String> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    let mut components = Vec::new();
    for path in files("wat/core", "wat")? {
        let text = read(&path)?;
        for role in Directives::of(&text).roles() {
            let name = if role.is_empty() { stem(&path) } else { format!("{}-{role}", stem(&path)) };
            let made = core(&text, &role, &out_dir).map_err(|e| format!("{}: {e}", path.display()))?;
            components.push((name, described(&text, ";; "), made));
        }
    }
    let agent =
        components.iter().find(|(name, ..)| name == "ordinary-agent").map(|(.., bytes)| bytes.clone());
    let agent = agent.ok_or("wat/core/ordinary.wat is missing")?;
    for path in files("wat/component", "wat")? {
        let text = read(&path)?;
        let made = wat::parse_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let whole = Directives::of(&text).whole;
        let made = if whole { made } else { carrying(&agent, &made)? };
        components.push((stem(&path), described(&text, ";; "), made));
    }
    let examples = files("guests/examples", "rs")?.iter().map(|path| stem(path)).collect::<Vec<_>>();
    let request =
        Request::new("../..", target_dir(&out_dir)).examples("lancet-hostile-guests", examples).quick();
    for guest in build(&request).map_err(|e| e.to_string())? {
        let text = read(&Path::new("guests/examples").join(format!("{}.rs", guest.name)))?;
        components.push((guest.name, described(&text, "//! "), guest.component));
    }
    components.sort();

    let mut table = String::from("&[\n");
    for (name, what, component) in components {
        let path = out_dir.join(format!("{name}.wasm"));
        fs::write(&path, component).map_err(|e| format!("{}: {e}", path.display()))?;
        writeln!(table, "({name:?}, {what:?}, include_bytes!({path:?})),").map_err(|e| e.to_string())?;
    }
    table.push(']');
    fs::write(out_dir.join("components.rs"), table).map_err(|e| e.to_string())
}

/// What the first lines of a file say.
#[derive(Default)]
struct Directives {
    roles: Option<String>,
    exports: Vec<String>,
    contract: Vec<(String, String)>,
    whole: bool,
}

impl Directives {
    fn of(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines().map_while(|line| line.strip_prefix(";; ")) {
            match line.split_once(": ") {
                Some(("roles", roles)) => said.roles = Some(roles.to_owned()),
                Some(("exports", names)) => said.exports.extend(names.split_whitespace().map(str::to_owned)),
                Some(("contract", change)) => {
                    let (old, new) = change.split_once(" => ").unwrap_or((change, ""));
                    said.contract.push((old.to_owned(), new.to_owned()));
                }
                Some(("frame", "none")) => said.whole = true,
                _ => {}
            }
        }
        said
    }

    fn roles(&self) -> Vec<String> {
        if self.whole {
            return vec![String::new()];
        }
        self.roles.as_deref().unwrap_or("agent grader").split_whitespace().map(str::to_owned).collect()
    }
}

/// What a file says at its beginning that it does.
fn described(text: &str, comment: &str) -> String {
    let directives = ["roles: ", "exports: ", "contract: ", "frame: "];
    let lines = text.lines().map_while(|line| line.strip_prefix(comment));
    let lines = lines.filter(|line| !directives.iter().any(|d| line.starts_with(d)));
    lines.collect::<Vec<_>>().join(" ")
}

/// A component from the body of a core module.
fn core(text: &str, role: &str, out_dir: &Path) -> Result<Vec<u8>, String> {
    let said = Directives::of(text);
    let (interface, function) = if role == "agent" { ("solving", "solve") } else { ("grading", "grade") };
    let mut exports = said.exports.clone();
    let text = if said.whole {
        text.to_owned()
    } else {
        exports.push(format!("lancet:plugin/{interface}@{VERSION}"));
        let part = |export: &str, file: &str| {
            if text.contains(export) { Ok(String::new()) } else { read(Path::new(file)) }
        };
        read(&Path::new("wat/frame").join(format!("{role}.wat")))?
            .replace(";;BODY;;", text)
            .replace(";;MEMORY;;", &part(r#"(export "memory")"#, "wat/frame/memory.wat")?)
            .replace(";;REALLOC;;", &part(r#"(export "cabi_realloc")"#, "wat/frame/realloc.wat")?)
            .replace(";;SEARCH;;", &read(Path::new("wat/frame/search.wat"))?)
            .replace("{{export}}", &format!("lancet:plugin/{interface}@{VERSION}#{function}"))
    };
    let mut module = wat::parse_str(text).map_err(|e| e.to_string())?;

    let (resolve, package) = contract(&said.contract, &exports, out_dir)?;
    let describe = |e: &dyn std::fmt::Display| format!("{e:#}");
    let world = resolve.select_world(&[package], Some("case")).map_err(|e| describe(&e))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(|e| describe(&e))?;
    componentize(&module)
}

/// A component with another one inside of it, which is instantiated with it and
/// has no part in what it does.
fn carrying(outer: &[u8], inner: &[u8]) -> Result<Vec<u8>, String> {
    let mut nested = 0_usize;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(outer) {
        match payload.map_err(|e| e.to_string())? {
            Payload::ComponentSection { .. } if depth == 0 => {
                nested += 1;
                depth += 1;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // A section with the component, and one with an instance of it that is
    // given nothing.
    let mut instance = vec![1, 0];
    leb128(&mut instance, nested);
    instance.push(0);
    let mut bytes = outer.to_vec();
    for (section, content) in [(4, inner), (5, &instance)] {
        bytes.push(section);
        leb128(&mut bytes, content.len());
        bytes.extend_from_slice(content);
    }
    Ok(bytes)
}

/// A length or an index as WebAssembly writes it.
fn leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// The contract, with a world that imports everything that there is (what a
/// module does not call is left out again) and exports what is asked for.
fn contract(
    changes: &[(String, String)],
    exports: &[String],
    out_dir: &Path,
) -> Result<(Resolve, wit_parser::PackageId), String> {
    let folder = out_dir.join("wit");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let mut left: Vec<_> = changes.iter().collect();
    for path in files(CONTRACT, "wit")?.into_iter().chain([PathBuf::from("wit/teleport.wit")]) {
        let mut text = read(&path)?;
        left.retain(|(old, new)| {
            let found = text.contains(old.as_str());
            text = text.replacen(old.as_str(), new, 1);
            !found
        });
        fs::write(folder.join(format!("{}.wit", stem(&path))), text).map_err(|e| e.to_string())?;
    }
    if let Some((old, _)) = left.first() {
        return Err(format!("the contract has no `{old}` that could be changed"));
    }

    let mut resolve = Resolve::default();
    let describe = |e: &dyn std::fmt::Display| format!("{e:#}");
    resolve.push_dir(&folder).map_err(|e| describe(&e))?;
    for path in ["evil", "next", "sockets", "filesystem"].map(|name| PathBuf::from(format!("wit/{name}.wit")))
    {
        resolve.push_str(&path, &read(&path)?).map_err(|e| describe(&e))?;
    }
    let mut world = String::from("package lancet:hostile;\nworld case {\n");
    for name in [
        "types",
        "log",
        "random",
        "submission",
        "answer-key",
        "input",
        "workspace",
        "shell",
        "user-tool",
        "tests",
        "artifacts",
        "settings",
        "budget",
        "model",
        "teleport",
    ] {
        writeln!(world, "import lancet:plugin/{name}@{VERSION};").map_err(|e| e.to_string())?;
    }
    for name in [
        "lancet:plugin/log@0.2.0",
        "evil:host/backdoor@1.0.0",
        "wasi:sockets/instance-network@0.2.0",
        "wasi:filesystem/preopens@0.2.0",
    ] {
        writeln!(world, "import {name};").map_err(|e| e.to_string())?;
    }
    for name in exports {
        writeln!(world, "export {name};").map_err(|e| e.to_string())?;
    }
    world.push('}');
    let package = resolve.push_str("case.wit", &world).map_err(|e| describe(&e))?;
    Ok((resolve, package))
}

/// The files of a folder with that ending, in the order of their names.
fn files(folder: &str, ending: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{folder}: {e}"))?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("{folder}: {e}"))?;
    paths.retain(|path| path.extension().is_some_and(|e| e == ending));
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
