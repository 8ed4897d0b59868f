//! Looks for files in every folder that it was given, and dies if there is one.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
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
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
