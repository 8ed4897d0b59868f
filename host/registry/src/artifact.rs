//! Plugins and suites as registries keep them: a manifest, a config that says what is in the one
//! layer, and the layer.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::Sha256;
use serde::{Deserialize, Serialize};

use crate::error::{Problem, RegistryError, Wrong, cut};
use crate::manifest::{
    COMPONENT_LAYER, Descriptor, MANIFEST, MAX_LAYER_BYTES, MAX_MANIFEST_BYTES, Manifest, PLUGIN_CONFIG,
    SUITE_CONFIG, SUITE_LAYER, TITLE, equal,
};
use crate::registry::{Registry, moved};

/// When everything was made: a fixed time, so that what is pushed is named by what is in it alone.
const CREATED: &str = "1970-01-01T00:00:00Z";
/// The names of annotations, as the OCI has them.
const VERSION: &str = "org.opencontainers.image.version";
const NAME: &str = "org.opencontainers.image.title";

const OTHER: &str = "it is something else, or was made by something else: look at the reference";

/// What a config says of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What it exports, by whole names.
    pub exports: Vec<String>,
    /// What it imports, by whole names.
    pub imports: Vec<String>,
    /// The world that it was made for, which nothing rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// The config of a plugin: the CNCF's for components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginConfig {
    created: String,
    architecture: String,
    os: String,
    layer_digests: Vec<Sha256>,
    component: Option<Component>,
}

/// The config of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuiteConfig {
    created: String,
    /// The suite's name.
    pub name: String,
    /// How many tasks it has.
    pub tasks: usize,
    /// The digest over its files, which is not that of the archive.
    pub digest: Sha256,
    layer_digests: Vec<Sha256>,
}

/// What a config says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Config {
    /// Of a plugin.
    Plugin(PluginConfig),
    /// Of a suite.
    Suite(SuiteConfig),
}

impl PluginConfig {
    /// What it says of the component.
    ///
    /// # Panics
    /// Never: a config without it is refused when it is read.
    #[must_use]
    pub fn component(&self) -> &Component {
        static NOTHING: Component = Component { exports: Vec::new(), imports: Vec::new(), target: None };
        self.component.as_ref().unwrap_or(&NOTHING)
    }

    /// Whether what it says is what the component is.
    ///
    /// # Errors
    /// In words, in what they differ.
    pub fn is_of(&self, exports: &[String], imports: &[String]) -> Result<(), String> {
        let said = self.component();
        for (what, said, found) in [("imports", &said.imports, imports), ("exports", &said.exports, exports)]
        {
            let said: BTreeSet<&str> = said.iter().map(String::as_str).collect();
            let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
            let list = |names: Vec<&&str>| {
                names.into_iter().map(|name| format!("`{}`", cut(name))).collect::<Vec<_>>().join(", ")
            };
            let (more, fewer) =
                (list(found.difference(&said).collect()), list(said.difference(&found).collect()));
            if !more.is_empty() {
                return Err(format!("its config is silent on {what} of the component: {more}"));
            }
            if !fewer.is_empty() {
                return Err(format!("its config names {what} that the component does not have: {fewer}"));
            }
        }
        Ok(())
    }
}

/// Something that lies in a registry, of which all but the layer was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The digest of its manifest, which names it.
    pub digest: Sha256,
    /// What names its manifest.
    pub(crate) descriptor: Descriptor,
    /// Its manifest.
    pub manifest: Manifest,
    /// What its config says.
    pub config: Config,
    /// The layer.
    pub layer: Descriptor,
}

/// Something that is to be pushed.
pub struct Prepared<'b> {
    config: Vec<u8>,
    layer: &'b [u8],
    manifest: Manifest,
    read: Config,
}

/// A plugin to be pushed: a component of that name and version, with what it exports and imports.
///
/// # Errors
/// When it has more bytes than a layer may have.
pub fn pushed_plugin<'b>(
    component: &'b [u8],
    (name, version): (&str, &str),
    exports: Vec<String>,
    imports: Vec<String>,
) -> Result<Prepared<'b>, String> {
    let config = PluginConfig {
        created: CREATED.to_owned(),
        architecture: "wasm".to_owned(),
        os: "wasip2".to_owned(),
        layer_digests: vec![Sha256::of(component)],
        component: Some(Component { exports, imports, target: None }),
    };
    let bytes = serde_json::to_vec(&config).unwrap_or_default();
    let title = format!("{}.wasm", name.rsplit('/').next().unwrap_or(name));
    let said = BTreeMap::from([(NAME.to_owned(), name.to_owned()), (VERSION.to_owned(), version.to_owned())]);
    prepared(component, (COMPONENT_LAYER, title), (PLUGIN_CONFIG, bytes, Config::Plugin(config)), said)
}

/// A suite to be pushed: its archive, its name, how many tasks it has, and the digest over its files.
///
/// # Errors
/// When the archive has more bytes than a layer may have.
pub fn pushed_suite<'b>(
    archive: &'b [u8],
    name: &str,
    tasks: usize,
    digest: Sha256,
) -> Result<Prepared<'b>, String> {
    let config = SuiteConfig {
        created: CREATED.to_owned(),
        name: name.to_owned(),
        tasks,
        digest,
        layer_digests: vec![Sha256::of(archive)],
    };
    let bytes = serde_json::to_vec(&config).unwrap_or_default();
    let said = BTreeMap::from([(NAME.to_owned(), name.to_owned())]);
    prepared(
        archive,
        (SUITE_LAYER, "suite.tar".to_owned()),
        (SUITE_CONFIG, bytes, Config::Suite(config)),
        said,
    )
}

fn prepared<'b>(
    layer: &'b [u8],
    (layer_type, title): (&str, String),
    (config_type, config, read): (&str, Vec<u8>, Config),
    annotations: BTreeMap<String, String>,
) -> Result<Prepared<'b>, String> {
    for (what, bytes, most) in
        [("config", config.len(), MAX_MANIFEST_BYTES), ("layer", layer.len(), MAX_LAYER_BYTES)]
    {
        if bytes as u64 > most {
            return Err(format!("its {what} would have {bytes} bytes, at most {most} are sent"));
        }
    }
    let mut descriptor = Descriptor::of(layer_type, layer);
    descriptor.annotations.insert(TITLE.to_owned(), title);
    let mut manifest = Manifest::new(Descriptor::of(config_type, &config), descriptor);
    manifest.annotations = annotations;
    Ok(Prepared { config, layer, manifest, read })
}

impl Prepared<'_> {
    /// The digest of the manifest that will name it.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.manifest.to_bytes())
    }

    /// Pushes it to the tag of the registry's reference. A tag that names something else already is
    /// moved when `may_move` is there.
    ///
    /// # Errors
    /// When the reference has no tag, or a digest; when the tag is taken; when the registry does not
    /// take it, or takes something else.
    pub async fn push(&self, registry: &Registry, may_move: bool) -> Result<Artifact, RegistryError> {
        self.pushed(registry, may_move).await.map_err(|wrong| registry.of(wrong))
    }

    async fn pushed(&self, registry: &Registry, may_move: bool) -> Result<Artifact, Wrong> {
        const NAME_IT: &str = "name a tag, as in `:1.2.0`, and no digest: that comes of what is pushed";
        let (Some(tag), None) = (registry.reference().tag(), registry.reference().digest()) else {
            return Err(Wrong::new(
                Problem::Asked,
                "it is no place to push to, expected a tag and no digest",
                NAME_IT,
            ));
        };
        let (bytes, digest) = (self.manifest.to_bytes(), self.digest());
        let there = registry.by_tag(tag).await?;
        if let Some(there) = there.filter(|there| there.digest != digest && !may_move) {
            let what = format!(
                "the tag names {} already, and this is {digest}: a version stays what it is",
                there.digest
            );
            return Err(Wrong::new(
                Problem::Asked,
                what,
                "give what you push another version; others may have pinned that one",
            ));
        }
        registry.put_blob(&self.config, "the config").await?;
        registry.put_blob(self.layer, "the layer").await?;
        registry.put_manifest(tag, MANIFEST, &bytes).await?;
        match registry.by_tag(tag).await? {
            Some(kept) if kept.digest == digest => {}
            kept => {
                let kept = kept.map_or_else(|| "nothing".to_owned(), |kept| kept.digest.to_string());
                return Err(moved(format!("the tag names {kept} right after {digest} was pushed to it")));
            }
        }
        let descriptor = Descriptor::of(MANIFEST, &bytes);
        let layer = self.manifest.layers[0].clone();
        Ok(Artifact { digest, descriptor, manifest: self.manifest.clone(), config: self.read.clone(), layer })
    }
}

/// Looks at what a reference names: its manifest and its config, and nothing of the layer. From the
/// manifest on everything is named by digests.
///
/// # Errors
/// When it cannot be read, or is neither a plugin nor a suite, or contradicts itself.
pub async fn look(registry: &Registry) -> Result<Artifact, RegistryError> {
    let found = registry.named().await?;
    looked(registry, &found.bytes, found.digest).await.map_err(|wrong| registry.of(wrong))
}

async fn looked(registry: &Registry, bytes: &[u8], digest: Sha256) -> Result<Artifact, Wrong> {
    let manifest = Manifest::parse(bytes)?;
    let layer = match manifest.config.media_type.as_str() {
        SUITE_CONFIG => manifest.only(SUITE_CONFIG, SUITE_LAYER)?.clone(),
        PLUGIN_CONFIG => manifest.only(PLUGIN_CONFIG, COMPONENT_LAYER)?.clone(),
        other => {
            let what = format!(
                "it is neither a plugin nor a suite: its config is `{}`, expected `{PLUGIN_CONFIG}` or `{SUITE_CONFIG}`",
                cut(other)
            );
            return Err(Wrong::refused(what, OTHER));
        }
    };
    let text = registry.blob(&manifest.config, "the config").await?;
    let no_config = |error: serde_json::Error| Wrong::refused(format!("it is no config: {error}"), OTHER);
    let (config, digests) = match manifest.config.media_type.as_str() {
        SUITE_CONFIG => {
            let config: SuiteConfig = serde_json::from_slice(&text).map_err(no_config)?;
            let digests = config.layer_digests.clone();
            (Config::Suite(config), digests)
        }
        _ => {
            let config: PluginConfig = serde_json::from_slice(&text).map_err(no_config)?;
            equal("the config's `architecture`", &config.architecture, "wasm")?;
            if config.component.is_none() {
                let what =
                    "its config has no `component`, expected what it exports and imports: it is no component";
                return Err(Wrong::refused(what, OTHER));
            }
            let digests = config.layer_digests.clone();
            (Config::Plugin(config), digests)
        }
    };
    if digests != [layer.digest] {
        let what = format!(
            "the config's `layerDigests` name {} layers, expected {} alone",
            digests.len(),
            layer.digest
        );
        return Err(Wrong::refused(what, OTHER));
    }
    let descriptor = Descriptor::of(MANIFEST, bytes);
    Ok(Artifact { digest, descriptor, manifest, config, layer })
}

/// The bytes of the layer, which are those that its digest names.
///
/// # Errors
/// When they cannot be read, or are others.
pub async fn pull(registry: &Registry, artifact: &Artifact) -> Result<Vec<u8>, RegistryError> {
    registry.blob(&artifact.layer, "the layer").await.map_err(|wrong| registry.of(wrong))
}
