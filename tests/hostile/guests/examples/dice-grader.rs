//! Judges by chance.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};
use wasip2::random::{insecure, insecure_seed, random};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let (secure, insecure) = (random::get_random_u64(), insecure::get_insecure_random_u64());
            let told = format!("{secure} {insecure} {:?}", insecure_seed::insecure_seed());
            return Ok(verdict(vec![check("dice".into(), told)], String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
