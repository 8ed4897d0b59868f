//! Any text either is a Python literal, and then its printed form reads back
//! the same, or is refused; and the two ways to decode escapes never panic.

#![no_main]

use lancet_swe_lancer::literal::parse;
use lancet_swe_lancer::{decode_faithful, decode_fixed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(value) => {
            let printed = value.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&value), "{printed}");
            let _ = serde_json::to_vec(&value);
        }
        Err(error) => {
            assert!(error.offset <= text.len());
            let _ = error.to_string();
        }
    }
    let _ = decode_fixed(text);
    let _ = decode_faithful(text);
});
