//! Notes for the people who read a record afterwards. Granted to every plugin.
//!
//! What is written is recorded and never part of a verdict. The host keeps of a
//! message at most 4 KiB, of its fields the first 16, of a key 64 bytes and of a
//! value 1 KiB, and of a whole call what its limits say; the rest is dropped, and
//! the record says how much that was.
//!
//! What a panic is about is written here too, by what the export macros make, so that every plugin
//! imports this interface: the host gives it with the reason for the plugin's end.
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

/// The most bytes of a panic's text that are written: the log keeps no more of a message, and a
/// larger one could be more than a call may carry.
#[cfg(target_arch = "wasm32")]
const MAX_PANIC_BYTES: usize = 3 << 10;

/// Has a panic say in the log what it is about before it ends the plugin.
///
/// Nothing is written of a panic otherwise: there is no standard error, and all that is seen of
/// it from outside is that the plugin executed `unreachable`. The host takes a line with the field
/// `panic` that is the plugin's last call into the reason that it gives for the end.
#[cfg(target_arch = "wasm32")]
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("something that is no text");
        let text = &text[..text.floor_char_boundary(MAX_PANIC_BYTES)];
        error(&format!("panicked at {place}: {text}"), &[("panic", &place)]);
    }));
}
