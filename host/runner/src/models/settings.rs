//! What the operator set for the agent, by the record of the run.

use std::collections::BTreeMap;

use lancet_core::RunSpec;
use lancet_engine::SettingsSource;
use lancet_store::Reader;

use crate::error::Error;

/// Settings as JSON, and the prompt.
#[derive(Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
    prompt: Option<String>,
}

impl Settings {
    /// Those of a run.
    pub(crate) fn read(reader: &Reader, spec: &RunSpec) -> Result<Self, Error> {
        let values = spec.settings.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let prompt = match spec.prompt {
            None => None,
            Some(digest) => {
                let text = String::from_utf8(reader.blob(digest)?);
                Some(text.map_err(|e| Error::DamagedBlob {
                    digest,
                    what: "a prompt",
                    problem: e.to_string(),
                })?)
            }
        };
        Ok(Self { values, prompt })
    }
}

impl SettingsSource for Settings {
    fn value(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    fn prompt(&self) -> Option<String> {
        self.prompt.clone()
    }
}
