//! Patches of whatever kind: they are applied or refused, and end. The input is the file
//! that is patched, a line `%%`, and the patch.

#![no_main]

use lancet_patch::{Found, Patch, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.windows(3).position(|window| window == b"%%\n");
    let (file, patch) = split.map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 3..]));
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
