//! Kernel users, of which each container that has submitted code in it, or tests it, gets
//! one that no other has: the kernel counts much for a user that it does not count for a
//! container.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lancet_core::{Account, UNPRIVILEGED_ID};

use crate::engine::property::Property;
use crate::{DockerError, Purpose};

/// The kernel users of running containers that have submitted code in them: each has one
/// that no other has. No distribution gives these ids, nor those of [`TESTING`], to people,
/// services or containers, and they lie below 65,536, which is all that a remapped engine
/// has.
const SUBMITTED: RangeInclusive<u32> = 60_578..=61_083;
/// Those of containers that only test: no submitted code ever has one. What a user's
/// processes have used up, the kernel may give back some time after the last of them.
const TESTING: RangeInclusive<u32> = 61_084..=61_183;

/// Who may be the user of a container.
pub(crate) fn users(purpose: Purpose) -> RangeInclusive<u32> {
    match purpose {
        Purpose::Driver => TESTING,
        _ => SUBMITTED,
    }
}

/// A container is named by its user: an engine gives out a name only once, to
/// however many processes that ask at the same time.
pub(crate) const NAME: &str = "lancet-user-";

/// Whom a container's processes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct User {
    /// What the kernel counts their use of it by.
    pub(crate) id: u32,
    /// Nothing is counted by it: it is the account's, whoever the user is.
    pub(crate) group: u32,
}

impl User {
    /// Of an account, as images know it.
    pub(crate) fn of(account: Account) -> Self {
        let id = match account {
            Account::Unprivileged => UNPRIVILEGED_ID,
            Account::Root => 0,
        };
        Self { id, group: id }
    }
}

/// As the engine takes it.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.group)
    }
}

/// Which users are given out, and what is known of images.
#[derive(Default)]
pub(crate) struct Users {
    pub(crate) taken: Mutex<BTreeSet<u32>>,
    pub(crate) known: Mutex<HashMap<String, Known>>,
    pub(crate) shared: Mutex<BTreeMap<String, String>>,
}

/// What is known of an image.
#[derive(Default)]
pub(crate) struct Known {
    /// Held by who looks at it: reading all of an image takes a while.
    pub(crate) looking: Arc<tokio::sync::Mutex<()>>,
    /// What in it belongs to the account, once that was looked at.
    pub(crate) property: Option<Property>,
    /// That, as an archive, where it is small.
    pub(crate) archive: Option<Arc<Vec<u8>>>,
    /// The ids of the images that were made of it, by user.
    pub(crate) made: HashMap<u32, String>,
}

/// A user that is given out until this is dropped.
pub(crate) struct Claim {
    pub(crate) users: Arc<Users>,
    pub(crate) id: u32,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.users.taken).remove(&self.id);
    }
}

/// Whether an engine's refusal says that a name is given out already.
pub(crate) fn is_taken(error: &DockerError) -> bool {
    matches!(error, DockerError::Engine { status: 409, message, .. } if message.contains(NAME))
}

/// Holds what only one may at a time; what a panic left is as good as it was.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_given_out_once() {
        let users = Arc::new(Users::default());
        lock(&users.taken).insert(60_578);
        drop(Claim { users: Arc::clone(&users), id: 60_578 });
        assert!(lock(&users.taken).is_empty());
    }

    #[test]
    fn who_tests_never_has_a_user_that_submitted_code_had() {
        use Purpose::{Agent, App, Driver, File, Setup, Single};
        let testing = users(Driver);
        for purpose in [Agent, App, Single, Setup, File] {
            let submitted = users(purpose);
            assert!(submitted.end() < testing.start() || testing.end() < submitted.start(), "{purpose}");
            assert!(!submitted.contains(&UNPRIVILEGED_ID) && !testing.contains(&UNPRIVILEGED_ID));
        }
    }
}
