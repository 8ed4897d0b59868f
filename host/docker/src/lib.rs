//! Hardened containers and test runs through the Docker Engine API.

#![forbid(unsafe_code)]
