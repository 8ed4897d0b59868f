//! The folders of issues beside the table, each with the private files of one task.

use std::path::Path;

use cap_fs_ext::DirExt as _;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use lancet_core::Cents;
use lancet_suite::MAX_PRIVATE_BYTES;
use lancet_suite::folder::{EntryKind, TooLarge, list, read_file};

use crate::report::{Findings, ImportError, RowProblemKind};
use crate::row::ImportedTask;

/// The most files that are taken over from one issue folder.
const MAX_FILES: usize = 64;
/// The most bytes that are taken over from one issue folder.
const MAX_TOTAL_BYTES: usize = 256 << 20;

/// The folder of issue folders.
pub(crate) struct Issues(Dir);

impl Issues {
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        Dir::open_ambient_dir(path, ambient_authority())
            .map(Self)
            .map_err(|source| ImportError::Issues { path: path.to_owned(), source })
    }

    /// The plain files of a task's issue folder, by name; `None` when it cannot be
    /// read.
    pub(crate) fn files(
        &self,
        task: &ImportedTask,
        findings: &mut Findings,
    ) -> Option<Vec<(String, Vec<u8>)>> {
        let mut warn = |kind, message: String| findings.warnings.push(task.warning(kind, message));
        let id = task.id.as_str();
        let listed = self.0.open_dir_nofollow(id).and_then(|dir| Ok((list(&dir)?, dir)));
        let (entries, dir) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                warn(
                    RowProblemKind::NoIssueFolder,
                    format!("the issue folder `{id}` cannot be read: {error}"),
                );
                return None;
            }
        };
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut total = 0;
        for entry in entries {
            let mut left_out = |name: &str, why: String| {
                warn(RowProblemKind::IssueFile, format!("`{id}/{name}` is not taken over: {why}"));
            };
            let name = match entry {
                Ok((name, EntryKind::File)) => name,
                Ok((name, _)) => {
                    left_out(&name, "it is no plain file".to_owned());
                    continue;
                }
                Err(name) => {
                    left_out(&name, "its name is not UTF-8".to_owned());
                    continue;
                }
            };
            if files.len() >= MAX_FILES {
                left_out(&name, format!("the folder has more than {MAX_FILES} files"));
                break;
            }
            match read_file(&dir, &name, MAX_PRIVATE_BYTES) {
                Ok(Ok(file)) if total + file.bytes.len() <= MAX_TOTAL_BYTES => {
                    total += file.bytes.len();
                    files.push((name, file.bytes));
                }
                Ok(Ok(_)) => left_out(&name, format!("the folder holds more than {MAX_TOTAL_BYTES} bytes")),
                Ok(Err(TooLarge)) => left_out(&name, format!("it is larger than {MAX_PRIVATE_BYTES} bytes")),
                Err(error) => left_out(&name, error.to_string()),
            }
        }
        if let Some((_, data)) = files.iter().find(|(name, _)| name == "issue_data.json") {
            match price_of(data) {
                Err(message) => {
                    warn(RowProblemKind::IssueFile, format!("`{id}/issue_data.json`: {message}"));
                }
                Ok(Some(price)) if Cents::from_dollars(&price) != Ok(task.file.price_cents) => {
                    let message = format!(
                        "`{id}/issue_data.json` has the price `{price}`, the table {}; the table counts",
                        task.file.price_cents
                    );
                    warn(RowProblemKind::PriceMismatch, message);
                }
                Ok(_) => {}
            }
        }
        Some(files)
    }
}

/// The price in an `issue_data.json`, as it is written there.
fn price_of(data: &[u8]) -> Result<Option<String>, String> {
    let value: serde_json::Value =
        serde_json::from_slice(data).map_err(|error| format!("no JSON: {error}"))?;
    Ok(value.get("price").map(|price| price.as_str().map_or_else(|| price.to_string(), str::to_owned)))
}
