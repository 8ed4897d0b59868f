//! Asks a model whether what was handed in is right, and gives the verdict that the model gives.

use lancet_hostile_guests::verdict;
use lancet_sdk::model::{Conversation, Failure, Setup};
use lancet_sdk::{Answer, GradeError, Grader, Outcome, Task, Verdict, submission};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        let said = asked(&task).map_err(|failure| GradeError::Other(failure.message().to_owned()))?;
        let judged = verdict(Vec::new(), said.clone());
        Ok(match said.starts_with("yes") {
            true => Verdict { outcome: Outcome::Pass, reason: "model-agrees".into(), score: 1_000, ..judged },
            false => Verdict { reason: "model-disagrees".into(), ..judged },
        })
    }
}

fn asked(task: &Task) -> Result<String, Failure> {
    let answer = match submission::answer() {
        Answer::Choice(id) => format!("proposal {id}"),
        Answer::Document(text) => text,
        Answer::WorkTree => "a work tree".to_owned(),
        Answer::Nothing => "nothing".to_owned(),
    };
    let conversation = Conversation::open(&Setup::new().answer_tokens(100))?;
    conversation.say(&format!("{}\nIs {answer} right? Say yes or no.", task.statement))?;
    Ok(conversation.ask()?.text().into_owned())
}

lancet_sdk::export_grader!(Hostile);
