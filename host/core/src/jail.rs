//! What held a plugin that ran in a process of its own.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The walls around the process in which a plugin ran, as the kernel was seen to hold
/// them before the plugin was given anything. It stands in the journal for whoever has to
/// know later; no verdict rests on it, and a replay does not compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JailRecord {
    /// Whether the kernel refused every system call that is not on the jail's list
    /// (seccomp).
    pub seccomp: bool,
    /// The version of the kernel's interface to Landlock under which the process had no
    /// file and no TCP port; `null` where the kernel has no Landlock.
    #[serde(default)]
    pub landlock_abi: Option<u32>,
    /// The user that the process ran as.
    pub uid: u32,
}

impl fmt::Display for JailRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.seccomp { "seccomp, " } else { "no seccomp, " })?;
        match self.landlock_abi {
            Some(abi) => write!(f, "Landlock ABI {abi}")?,
            None => f.write_str("no Landlock")?,
        }
        write!(f, ", user {}", self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_is_written_and_is_told_in_one_line() {
        for (jail, json, told) in [
            (
                JailRecord { seccomp: true, landlock_abi: Some(7), uid: 65_534 },
                r#"{"seccomp":true,"landlock-abi":7,"uid":65534}"#,
                "seccomp, Landlock ABI 7, user 65534",
            ),
            (
                JailRecord { seccomp: true, landlock_abi: None, uid: 1_000 },
                r#"{"seccomp":true,"landlock-abi":null,"uid":1000}"#,
                "seccomp, no Landlock, user 1000",
            ),
        ] {
            assert_eq!(serde_json::to_string(&jail).unwrap(), json);
            assert_eq!(serde_json::from_str::<JailRecord>(json).unwrap(), jail);
            assert_eq!(jail.to_string(), told);
        }
        assert!(serde_json::from_str::<JailRecord>(r#"{"seccomp":true,"uid":1,"more":1}"#).is_err());
    }
}
