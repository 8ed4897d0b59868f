//! Notes for the people who read a record afterwards. Granted to every plugin.
//!
//! What is written is recorded and never part of a verdict. The host keeps of a
//! message at most 4 KiB, of its fields the first 16, of a key 64 bytes and of a
//! value 1 KiB, and of a whole call what its limits say; the rest is dropped, and
//! the record says how much that was.
//!
//! ```
//! lancet_sdk::log::info("chosen", &[("proposal", "3"), ("why", "the longest")]);
//! ```

pub use crate::bindings::imports::lancet::plugin::log::Level;

/// Records a message that helps whoever debugs the plugin.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

/// Records what happened.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Records something odd that the plugin went on after.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Records that something failed.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

/// Records a message of any level, with named values beside it.
#[cfg(target_arch = "wasm32")]
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    use crate::bindings::imports::lancet::plugin::log;

    let fields: Vec<_> =
        fields.iter().map(|(key, value)| log::Field { key: (*key).into(), value: (*value).into() }).collect();
    log::write(level, message, &fields);
}

/// Records a message of any level, with named values beside it.
#[cfg(not(target_arch = "wasm32"))]
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    eprintln!("{level:?}: {message} {fields:?}");
}
