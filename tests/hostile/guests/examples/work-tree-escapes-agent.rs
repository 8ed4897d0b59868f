//! Names files outside of the work tree, in every way that a path can.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, CallError, SolveError, Task, workspace};

struct Hostile;

fn refused<T>(answer: &Result<T, CallError>, path: &str) {
    assert!(matches!(answer, Err(CallError::Refused(_))), "{path} was not refused");
}

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            for path in [
                "/",
                "/etc/passwd",
                "//etc/passwd",
                "..",
                "../x",
                "a/../../x",
                "a/..",
                ".",
                "./x",
                "a/./x",
                "a//x",
                "a/",
                "a\0b",
                "\0",
            ] {
                refused(&workspace::read(path, 0, 100), path);
                refused(&workspace::write(path, b"x"), path);
                refused(&workspace::remove(path), path);
                refused(&workspace::list(path), path);
                refused(&workspace::search("x", path), path);
            }
            refused(&workspace::read("", 0, 100), "the empty path");
            refused(&workspace::write("", b"x"), "the empty path");
            refused(&workspace::remove(""), "the empty path");
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
