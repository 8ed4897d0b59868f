//! Calls itself for ever, with a large frame each time, which Rust keeps in memory.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

#[expect(unconditional_recursion, reason = "it is what this guest is for")]
fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 512]);
    let below = deeper(depth + 1);
    below + frame[0]
}

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let _ = deeper(0);
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
