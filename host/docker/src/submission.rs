//! The trees that agents work in: made ready, changed, taken as a submission, and laid
//! into other containers. It builds on the engine's side, and knows nothing of how a
//! submission is tested.

pub(crate) mod agent;
pub(crate) mod capture;
pub(crate) mod changed;
pub(crate) mod diff;
pub(crate) mod history;
pub(crate) mod layout;
pub(crate) mod object;
pub(crate) mod patch;
pub(crate) mod prepare;
pub(crate) mod repository;
pub(crate) mod rules;
