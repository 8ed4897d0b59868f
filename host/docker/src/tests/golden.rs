//! What the engine says of our containers is compared with records that people have
//! read. `UPDATE_GOLDEN=1` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bollard::models::ContainerInspectResponse;
use lancet_core::{Account, Resources};
use serde_json::{Map, Value, json};

use super::{TestEngine, argv};
use crate::Purpose;
use crate::engine::container::Container;
use crate::engine::hardening::{ContainerSpec, Joined};

/// The paths that an engine masks or makes read-only unless told otherwise; newer
/// ones add to them.
const MASKED: [&str; 6] =
    ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/sys/firmware"];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(crate) async fn inspect(container: &Container) -> ContainerInspectResponse {
    container.docker().client().inspect_container(container.id(), None).await.unwrap()
}

/// Takes out what is at its default, so that engines which know of more are the
/// same: whatever would weaken a container is not at its default.
pub(crate) fn pruned(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(values) => {
            let values: Vec<_> = values.into_iter().filter_map(pruned).collect();
            (!values.is_empty()).then_some(Value::Array(values))
        }
        Value::Object(values) => {
            let values: Map<_, _> =
                values.into_iter().filter_map(|(key, value)| Some((key, pruned(value)?))).collect();
            (!values.is_empty()).then_some(Value::Object(values))
        }
        other => Some(other),
    }
}

/// What is worth comparing of a container, without what is different each time.
async fn record(engine: &TestEngine, container: &Container, names: &[(&str, &str)]) -> String {
    let found = inspect(container).await;
    let image = engine.docker.image(&engine.image).await.unwrap();
    let mut host = found.host_config.unwrap();
    let masked: BTreeSet<_> = host.masked_paths.take().unwrap().into_iter().collect();
    assert!(MASKED.iter().all(|path| masked.contains(*path)), "{masked:?}");
    let read_only: BTreeSet<_> = host.readonly_paths.take().unwrap().into_iter().collect();
    assert!(READ_ONLY.iter().all(|path| read_only.contains(*path)), "{read_only:?}");
    // The engine's default.
    assert!(host.runtime.take().is_some());

    let config = found.config.unwrap();
    let labels: BTreeMap<String, String> = config
        .labels
        .unwrap()
        .into_iter()
        .filter(|(name, _)| crate::engine::label::LEASE.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "dev.lancet.owner" | "dev.lancet.deadline" => (name.clone(), format!("<{name}>")),
            _ => (name, value),
        })
        .collect();
    let mut added = config.env.unwrap_or_default();
    added.retain(|variable| !image.variables.contains(variable));
    // An engine adds this one where the image has none.
    added.retain(|variable| !variable.starts_with("PATH="));
    added.sort();
    let networks: BTreeMap<String, Vec<String>> = found
        .network_settings
        .unwrap()
        .networks
        .unwrap()
        .into_iter()
        .map(|(name, endpoint)| {
            let mut aliases = endpoint.aliases.unwrap_or_default();
            // Some engines add the container's own id.
            aliases.retain(|alias| !container.id().starts_with(alias.as_str()));
            (name, aliases)
        })
        .collect();
    let mounts: Vec<Value> = found
        .mounts
        .unwrap_or_default()
        .into_iter()
        .map(|mount| json!({"type": mount.typ, "at": mount.destination, "writable": mount.rw}))
        .collect();
    let mut record = json!({
        "host": pruned(serde_json::to_value(host).unwrap()),
        "config": pruned(json!({
            "hostname": config.hostname, "domainname": config.domainname, "user": config.user,
            "entrypoint": config.entrypoint, "cmd": config.cmd, "working_dir": config.working_dir,
            "tty": config.tty, "open_stdin": config.open_stdin, "healthcheck": config.healthcheck,
            "volumes": config.volumes, "exposed_ports": config.exposed_ports,
        })),
        "added_variables": added,
        "labels": labels,
        "networks": networks,
        "mounts": mounts,
    });
    sort_lists(&mut record);
    let mut text = serde_json::to_string_pretty(&record).unwrap();
    for (name, shown) in names {
        text = text.replace(name, shown);
    }
    // Each has another, unless it is root.
    let user = container.user().id;
    if user != 0 {
        text = text.replace(&user.to_string(), "<user>");
    }
    text + "\n"
}

/// Lists whose order the engine does not keep.
fn sort_lists(record: &mut Value) {
    if let Some(Value::Array(limits)) = record.pointer_mut("/host/Ulimits") {
        limits.sort_by_key(|limit| limit["Name"].to_string());
    }
}

fn compare(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/tests/golden/{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "{name} is not as in {}", path.display());
}

#[tokio::test]
async fn containers_are_as_recorded() {
    let engine = TestEngine::new().await;
    let network = engine.docker.network(&engine.lease).await.unwrap();
    let volume = engine.docker.volume(&engine.lease).await.unwrap();
    let names = [(network.name(), "<network>"), (volume.name(), "<volume>")];
    let joined = |alias| Some(Joined { network: network.name(), alias });
    let command = argv(&["sleep", "600"]);
    let variables = BTreeMap::from([("FOO".to_owned(), "bar".to_owned())]);
    let plain = ContainerSpec { variables: &variables, ..engine.spec(&command) };
    let specs = [
        ("agent", ContainerSpec { purpose: Purpose::Agent, ..plain }),
        ("app", ContainerSpec { purpose: Purpose::App, network: joined(Some("app")), argv: None, ..plain }),
        (
            "driver",
            ContainerSpec {
                purpose: Purpose::Driver,
                network: joined(None),
                read_only_root: true,
                volume: Some(volume.name()),
                working_directory: Some("/lancet/tests"),
                resources: Resources::browser(),
                ..plain
            },
        ),
        ("single", ContainerSpec { purpose: Purpose::Single, account: Account::Root, ..plain }),
    ];
    for (name, spec) in specs {
        let container = engine.docker.create(&spec).await.unwrap();
        let record = record(&engine, &container, &names).await;
        container.remove().await.unwrap();
        compare(name, &record);
    }
    volume.remove().await.unwrap();
    network.remove().await.unwrap();
}

#[tokio::test]
async fn networks_are_as_recorded() {
    let engine = TestEngine::new().await;
    let network = engine.docker.network(&engine.lease).await.unwrap();
    let found = engine.docker.client().inspect_network(network.name(), None).await.unwrap();
    let record = pruned(json!({
        "driver": found.driver, "internal": found.internal, "ipv6": found.enable_ipv6,
        "attachable": found.attachable, "ingress": found.ingress,
        "options": found.options.map(|options| options.into_iter().collect::<BTreeMap<_, _>>()),
    }));
    network.remove().await.unwrap();
    let mut record = record.unwrap();
    let bridge = record.pointer_mut("/options/com.docker.network.bridge.name").unwrap();
    assert!(bridge.as_str().unwrap().starts_with("lancet"), "{bridge}");
    *bridge = "<bridge>".into();
    compare("network", &(serde_json::to_string_pretty(&record).unwrap() + "\n"));
}
