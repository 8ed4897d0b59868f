//! Chooses the first proposal whose first line names a file of the repository, and changes
//! the repository in passing. Where no proposal does, it hands the work tree in.

use lancet_hostile_guests::ordinary_answer;
use lancet_sdk::{Agent, Answer, CallError, SolveError, Task, log, shell, workspace};

struct Hostile;

fn choice(task: &Task) -> Result<Answer, CallError> {
    let files = workspace::list("")?;
    let named = |text: &str| {
        let name = text.lines().next().unwrap_or_default();
        files.iter().any(|file| file.path == name)
    };
    let ran = shell::run("id -u; echo changed >> NOTE; cat /proc/net/dev | grep -c :", 20)?;
    log::info("looked around", &[("printed", &String::from_utf8_lossy(&ran.stdout))]);
    workspace::write("handed-in.txt", b"choose the first\n")?;
    Ok(task.proposals.iter().find(|p| named(&p.text)).map_or(Answer::WorkTree, |p| Answer::Choice(p.id)))
}

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match choice(&task) {
            Ok(answer) => Ok(answer),
            Err(CallError::Unavailable(why)) => {
                log::info("there is no repository", &[("why", &why)]);
                Ok(ordinary_answer(&task))
            }
            Err(error) => Err(SolveError::Other(error.message().into())),
        }
    }
}

lancet_sdk::export_agent!(Hostile);
