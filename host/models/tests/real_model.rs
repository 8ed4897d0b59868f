//! The broker against a real model: SmolLM2 with 135 million parameters on llama.cpp's
//! server, both from wheels of PyPI. It says little that is true, and it says it as other
//! models do.

#[path = "server/asking.rs"]
mod asking;
mod program;
mod python;
mod smollm2;

use std::time::Duration;

use asking::{Till, broker, choice, conversation};
use lancet_core::{AnswerPart, ModelChoice, StopReason, WireForm};
use lancet_models::Answered;
use program::Program;
use smollm2::SmolLm2;

#[tokio::test]
async fn a_real_model_answers_in_each_form() {
    let model = tokio::task::spawn_blocking(SmolLm2::install).await.unwrap();
    let server = Program::start(|port| model.serve(port), smollm2::READY, Duration::from_secs(120)).await;
    for (form, base, turns) in
        [(WireForm::Chat, "/v1", 2), (WireForm::Responses, "/v1", 1), (WireForm::Messages, "", 1)]
    {
        let choice = ModelChoice {
            answer_tokens: 12,
            idle_seconds: 120,
            tries: 2,
            ..choice(form, &format!("{}{base}", server.url))
        };
        let (broker, till) = (broker(&choice), Till::new());
        let mut conversation = conversation(&choice, "What is the capital of France?");
        for turn in 1..=turns {
            let reply = till.ask(&broker, &conversation).await.unwrap();
            let said = reply
                .read
                .parts
                .iter()
                .any(|part| matches!(part, AnswerPart::Text(text) if !text.is_empty()));
            assert!(said && reply.tries.is_empty(), "{form:?} {turn}: {reply:?}");
            assert!(matches!(reply.read.stop, StopReason::Finished | StopReason::Length), "{reply:?}");
            let (used, held) = (reply.spent.usage, till.held.lock().unwrap().last().unwrap().amount.usage);
            assert!(
                used.input > Some(0) && (Some(1)..=Some(12)).contains(&used.output),
                "{form:?}: {used:?}"
            );
            // What was set aside was enough.
            assert!(used.input <= held.input, "{form:?}: {used:?} {held:?}");
            conversation.answered(Answered::new(form, reply.raw.clone(), &reply.read));
            conversation.say("And that of Italy?").unwrap();
        }
    }
}
