//! A trace of any bytes: nothing panics, what is made can be read again and stays as it
//! is, and nothing is in it that only a test knows.
#![no_main]

use std::collections::BTreeMap;

use lancet_trace::{rebuild_files, rebuild_zip};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(made) = rebuild_zip(bytes) {
        assert_eq!(rebuild_zip(&made).as_ref(), Ok(&made));
    }
    let files = BTreeMap::from([("trace.trace".to_owned(), bytes)]);
    if let Ok(made) = rebuild_files(&files) {
        let again = made.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect();
        assert_eq!(rebuild_files(&again).as_ref(), Ok(&made));
        for line in made["trace.trace"].split(|byte| *byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            assert_ne!(event["method"], "expect");
            assert!(event["params"].get("selector").is_none());
        }
    }
});
