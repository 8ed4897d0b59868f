//! Any bytes as a component: what it is can be told, or why it is none; and whatever it
//! imports is granted or is a problem.

#![no_main]

use lancet_core::{Grant, Role};
use lancet_engine::{Meaning, inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match inspect(bytes) {
        Ok(inspection) => {
            assert_eq!(inspection.bytes, bytes.len());
            for role in [Role::Agent, Role::Grader] {
                let refused = inspection.check(&Grant::standard(role));
                let foreign = inspection
                    .imports
                    .iter()
                    .any(|import| !matches!(import.meaning, Meaning::Types | Meaning::Capability(_)));
                assert!(!foreign || refused.is_err());
                if let Err(problems) = refused {
                    let _ = problems.to_string();
                }
            }
        }
        Err(error) => {
            let _ = (error.to_string(), error.hint());
        }
    }
});
