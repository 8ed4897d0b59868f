//! Patches of whatever kind: they are applied or refused, and end.

#![no_main]

use lancet_patch::{Found, Patch, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first part is the file that is patched.
    let split = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (file, patch) = bytes.split_at(split);
    let Ok(patch) = Patch::parse(patch) else { return };
    let found = Found::File { bytes: file.to_vec(), executable: false };
    let tree: Tree = patch
        .wanted()
        .into_iter()
        .map(|wanted| (wanted.path.to_owned(), if wanted.contents { found.clone() } else { Found::Absent }))
        .collect();
    if let Ok(changes) = patch.apply(&tree, 1 << 20) {
        let mut paths: Vec<_> = changes.iter().map(|change| &change.path).collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), changes.len());
    }
});
