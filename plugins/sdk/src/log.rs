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

/// Has a panic say in the log what it is about before it ends the plugin, once for the life of
/// the instance.
///
/// Nothing is written of a panic otherwise: there is no standard error, and all that is seen of
/// it from outside is that the plugin executed `unreachable`. The host takes the message of a
/// line with the field `panic` into the reason that it gives for the end.
#[cfg(target_arch = "wasm32")]
pub(crate) fn tell_panics() {
    use std::sync::Once;

    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let message = format!("panicked at {place}: {}", text.unwrap_or("something that is no text"));
            error(&message, &[("panic", &place)]);
        }));
    });
}
