//! Allocates until it is refused, and dies of it as Rust does.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let mut kept = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1u8; 64 << 10]));
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
