//! Judges by where its own memory lies.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let heap = Box::new(7_u8);
            let local = 7_u8;
            let told =
                format!("{:p} {:p} {:p}", &raw const *heap, &raw const local, Hostile::grade as fn(_) -> _);
            return Ok(verdict(vec![check("address".into(), told)], String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
