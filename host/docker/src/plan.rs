//! Test plans: their runs on a submission, what the tests say of themselves, and whose
//! fault it is when they say nothing.

pub(crate) mod artifact;
pub(crate) mod blame;
pub(crate) mod junit;
pub(crate) mod readiness;
pub(crate) mod run;
pub(crate) mod stage;
pub(crate) mod tool;
