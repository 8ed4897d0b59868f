//! An attempt's containers against a real engine: the agent's, what is taken from it,
//! and the test runs on what was taken.

mod blame;
mod capture;
mod prepare;
mod refusal;
mod single;
mod split;
mod task;
mod twin;
mod unreadable;
mod workspace;
