//! How large random campaigns are.

/// Percent of a campaign's whole size that is carried out unless
/// `LANCET_TEST_SCALE` says otherwise.
const USUAL: usize = 15;

/// So many of `whole` rounds: what `LANCET_TEST_SCALE` says in percent, at least one.
pub(crate) fn scaled(whole: usize) -> usize {
    let percent = match std::env::var("LANCET_TEST_SCALE") {
        Ok(text) => text.parse().expect("LANCET_TEST_SCALE is a number of percent"),
        Err(_) => USUAL,
    };
    (whole * percent / 100).max(1)
}
