//! Any text as predictions, of all three forms: what is read is what any reader of JSON
//! finds there, once each; and why one is refused is told in a line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[allow(dead_code, unreachable_pub)]
#[path = "../../../host/cli/src/prediction.rs"]
mod prediction;

use prediction::{Collection, Prediction, shown};

fn assert_same(prediction: &Prediction, value: &Value) {
    assert_eq!(value["instance_id"], prediction.instance_id.as_str());
    assert_eq!(value["model_name_or_path"], prediction.model_name_or_path.as_str());
    assert_eq!(value["model_patch"].as_str(), prediction.model_patch.as_deref());
}

fn assert_told(error: &serde_json::Error, text: &str) {
    let problem = error.to_string();
    assert!(!problem.is_empty());
    assert!(error.line() <= text.split('\n').count() && error.column() <= text.len() + 1, "{problem}");
}

fuzz_target!(|text: &str| {
    match serde_json::from_str::<Collection>(text) {
        Ok(Collection(predictions)) => {
            let value: Value = serde_json::from_str(text).expect("what was read is JSON");
            match &value {
                Value::Array(values) => {
                    assert_eq!(values.len(), predictions.len());
                    predictions.iter().zip(values).for_each(|((_, one), value)| assert_same(one, value));
                }
                Value::Object(map) => {
                    assert_eq!(map.len(), predictions.len());
                    predictions.iter().for_each(|(_, one)| assert_same(one, &map[&one.instance_id]));
                }
                _ => panic!("neither an array nor an object: {text}"),
            }
        }
        Err(error) => assert_told(&error, text),
    }
    for line in text.lines() {
        match serde_json::from_str::<Prediction>(line) {
            Ok(prediction) => {
                assert_same(&prediction, &serde_json::from_str(line).expect("what was read is JSON"));
                let shown = shown(&prediction.instance_id);
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
            Err(error) => assert_told(&error, line),
        }
    }
});
