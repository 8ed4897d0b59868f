//! Looks for files in every folder that it was given, and dies if there is one.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let folders = get_directories();
            for (folder, _) in &folders {
                for path in
                    ["/etc/passwd", "../../../../etc/passwd", "private/answer-key.json", ".", "a/../.."]
                {
                    let opened = folder.open_at(
                        PathFlags::SYMLINK_FOLLOW,
                        path,
                        OpenFlags::empty(),
                        DescriptorFlags::READ,
                    );
                    assert!(opened.is_err(), "{path} could be opened");
                }
            }
            assert!(folders.is_empty(), "there are folders");
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
