//! Asks for more than there is to be had: files, patches, commands, paths and
//! patterns that are too long, reads of 4 GiB.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, CallError, SolveError, Task, shell, user_tool, workspace};

struct Hostile;

fn too_large<T>(answer: &Result<T, CallError>) {
    assert!(matches!(answer, Err(CallError::TooLarge(_))), "it was taken");
}

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let long = "x".repeat((1 << 20) + 1);
            too_large(&workspace::write("a.txt", long.as_bytes()));
            too_large(&workspace::apply_patch(&long));
            too_large(&shell::run(&long[..(64 << 10) + 1], 1));
            let name = &long[..4_097];
            too_large(&workspace::list(name));
            too_large(&workspace::read(name, 0, 1));
            too_large(&workspace::search(name, ""));
            too_large(&workspace::search("x", name));
            too_large(&workspace::write(name, b""));
            too_large(&workspace::remove(name));
            too_large(&user_tool::read(name, 0, 1));
            for bytes in [workspace::read("large", 0, u32::MAX), user_tool::read("large", 0, u32::MAX)] {
                assert_eq!(bytes.map(|bytes| bytes.len()), Ok(1 << 20));
            }
            assert_eq!(workspace::read("large", u64::MAX, u32::MAX), Ok(Vec::new()));
            // A day is cut to an hour, and nothing to a second.
            assert!(shell::run("sleep", 86_400).is_ok_and(|output| output.exit_status == Some(3_600)));
            assert!(shell::run("sleep", 0).is_ok_and(|output| output.exit_status == Some(1)));
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
