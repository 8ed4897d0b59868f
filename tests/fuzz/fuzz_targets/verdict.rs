//! Any bytes as a verdict or a verdict's record: what decodes is written the
//! same way again, and what is valid never pays more than the price.

#![no_main]

use lancet_core::{Answer, Cents, Kind, Observed, ReasonCode, Verdict, VerdictRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(verdict) = serde_json::from_slice::<Verdict>(data) {
        let written = serde_json::to_vec(&verdict).expect("a verdict is JSON");
        assert_eq!(serde_json::from_slice::<Verdict>(&written).as_ref().ok(), Some(&verdict));
        let price = Cents(100_001);
        for (kind, submission) in [
            (Kind::SweManager, &Answer::Choice(0)),
            (Kind::SweManager, &Answer::Nothing),
            (Kind::IcSwe, &Answer::WorkTree),
        ] {
            match verdict.clone().validated(Observed { kind, submission, tests_passed: false }) {
                Ok(valid) => assert!(valid.payout(price) <= price),
                Err(error) => drop(error.to_string()),
            }
        }
    }
    if let Ok(record) = serde_json::from_slice::<VerdictRecord>(data) {
        let written = serde_json::to_vec(&record).expect("a record is JSON");
        let back: VerdictRecord = serde_json::from_slice(&written).expect("what was written");
        assert_eq!(back.digest(), record.digest());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = text.parse::<ReasonCode>();
    }
});
