//! Asks a model, and then looks through all of its memory for what its input says backwards.

use lancet_hostile_guests::ordinary_answer;
use lancet_sdk::model::{Conversation, Setup};
use lancet_sdk::{Agent, Answer, SolveError, Task, input};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        let answer = Conversation::open(&Setup::new())
            .and_then(|conversation| conversation.say("Who are you?").and_then(|()| conversation.ask()));
        let backwards = input::read().unwrap_or_default();
        let backwards = backwards.trim().as_bytes();
        if backwards.is_empty() {
            return Ok(ordinary_answer(&task));
        }
        // What is certainly there shows that it would be found.
        let last = backwards.len() - 1;
        let known = is_in_memory(backwards.len(), |place| backwards[place]);
        let sought = is_in_memory(backwards.len(), |place| backwards[last - place]);
        match (known, sought, answer) {
            (true, false, Ok(_)) => Ok(ordinary_answer(&task)),
            (true, true, _) => Err(SolveError::Other("it is in the memory".to_owned())),
            (false, ..) => Err(SolveError::Other("the memory was not looked through".to_owned())),
            (.., Err(failure)) => Err(SolveError::Other(failure.message().to_owned())),
        }
    }
}

/// Whether those bytes stand anywhere in the memory. They are never put together for it, so
/// that nothing is found but what was there.
fn is_in_memory(length: usize, byte: impl Fn(usize) -> u8) -> bool {
    // The null address is nobody's.
    let places = 1..size() - length;
    places.into_iter().any(|at| (0..length).all(|place| held(at + place) == byte(place)))
}

/// How many bytes the memory has.
#[cfg(target_arch = "wasm32")]
fn size() -> usize {
    core::arch::wasm32::memory_size(0) * (64 << 10)
}

/// Elsewhere it is only looked at by the compiler.
#[cfg(not(target_arch = "wasm32"))]
fn size() -> usize {
    0
}

#[expect(unsafe_code, reason = "it is about what can be read")]
fn held(address: usize) -> u8 {
    // SAFETY: an address within the linear memory can be read; volatile, as it belongs to
    // whatever the allocator or the host put there.
    unsafe { core::ptr::read_volatile(core::ptr::with_exposed_provenance::<u8>(address)) }
}

lancet_sdk::export_agent!(Hostile);
