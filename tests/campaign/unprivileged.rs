//! What is not shown where tests do not run as root.

/// Says what is not shown here, as it takes root.
///
/// # Panics
/// Unless that is known: nothing is to be passed over in silence.
pub(crate) fn not_shown(what: &str) {
    let is_known = std::env::var_os("LANCET_TEST_UNPRIVILEGED").is_some();
    assert!(is_known, "{what}: this takes root; LANCET_TEST_UNPRIVILEGED=1 goes without");
    println!("not shown: {what}");
}
