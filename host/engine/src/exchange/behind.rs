//! What stands behind a plugin's capabilities: the world, a record, or a record that
//! runs out and goes on in the world.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use lancet_core::{CallRecord, Request, Response};

use crate::outside::{NotRecalled, Outside};

/// What stands behind the capabilities during one call of a plugin.
pub enum Behind {
    /// What answers calls for real, with no record before it.
    Live(Arc<dyn Outside>),
    /// A record of an earlier execution. Every call is compared with it.
    Recorded {
        /// The recorded calls, in their order.
        calls: Vec<CallRecord>,
        /// Whether the fuel at each call is compared too: not when it was
        /// recorded with another engine.
        compare_fuel: bool,
    },
    /// A record of an execution that was cut off, and the world from where it ends.
    Resumed(Resumed),
}

impl Behind {
    /// What answers calls for real, with no record before it.
    pub fn live(outside: impl Outside + 'static) -> Self {
        Self::Live(Arc::new(outside))
    }
}

/// A record that runs out, and what goes on after it. While it lasts every call is
/// compared with it, and random numbers are drawn and compared, so that their stream
/// goes on where it was.
pub struct Resumed {
    pub(super) calls: VecDeque<CallRecord>,
    pub(super) compare_fuel: bool,
    pub(super) outside: Arc<dyn Outside>,
}

impl Resumed {
    /// Has `then` take over what the calls imply. A last call that the infrastructure
    /// failed has not been answered: it is asked again. `compare_fuel` as in
    /// [`Behind::Recorded`].
    ///
    /// # Errors
    /// When what was done cannot be had again; the plugin has to begin anew.
    pub fn new(
        mut calls: Vec<CallRecord>,
        compare_fuel: bool,
        then: Arc<dyn Outside>,
    ) -> Result<Self, NotRecalled> {
        while matches!(calls.last(), Some(CallRecord { response: Response::Unavailable(_), .. })) {
            calls.pop();
        }
        calls.iter().try_for_each(|call| then.recall(call))?;
        Ok(Self { calls: calls.into(), compare_fuel, outside: then })
    }

    /// How many calls are answered from the record.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.calls.len()
    }
}

/// The first call at which an execution differs from its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the call, from 0.
    pub call: usize,
    /// What the record holds there; `None` past its end.
    pub recorded: Option<(Request, u64)>,
    /// What the plugin did there; `None` when it ended before.
    pub replayed: Option<(Request, u64)>,
    /// The random numbers recorded and drawn, when it is these that differ.
    pub numbers: Option<(Response, u64)>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<(Request, u64)>| match side {
            Some((request, fuel)) => format!("`{request}` at fuel {fuel}"),
            None => "no call".to_owned(),
        };
        let (recorded, replayed) = (side(&self.recorded), side(&self.replayed));
        write!(f, "call {} differs: recorded {recorded}, replayed {replayed}", self.call)?;
        match &self.numbers {
            Some((Response::Number(recorded), drawn)) => {
                write!(f, ", which gave {recorded} and gives {drawn}")
            }
            Some((_, drawn)) => write!(f, ", which gave no number and gives {drawn}"),
            // What the words leave out: the bytes of a file, of a patch, of what models are told.
            None if recorded == replayed => f.write_str(", with other contents"),
            None => Ok(()),
        }
    }
}
