//! A model behind a test's server, and who asks it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lancet_core::{
    Budget, Budgets, ConversationSetup, FailedTry, InfraFaultKind, KeyFrom, ModelChoice, ModelFailureKind,
    Price, Rates, Spent, WireForm,
};
use lancet_models::{
    Asked, Asking, Became, Broker, Clients, Conversation, Estimate, Held, Key, Ledger, NotAsked, Pace,
    Provider as _, Purse, Used, Waiting,
};
use serde_json::{Value, json};

/// The key of all tests. It is to be found in no output.
pub(crate) const CANARY: &str = "sk-canary-8c1f0f6e2d7b4a59";

/// A model at that address: a microdollar for each token read, ten for each written.
pub(crate) fn choice(form: WireForm, base_url: &str) -> ModelChoice {
    let rates = Rates { input: 1_000_000, input_cached: None, input_cache_written: None, output: 10_000_000 };
    let price = Price { rates, above: [].into(), as_of: "2026-11-25".into(), source: "a test".into() };
    ModelChoice {
        name: "main".into(),
        form,
        id: "m-1".into(),
        base_url: base_url.into(),
        key: KeyFrom::None,
        effort: String::new(),
        context_tokens: None,
        answer_tokens: 4_000,
        tools: true,
        parameters: Vec::new(),
        price: Some(price),
        concurrency: 64,
        tries: 4,
        idle_seconds: 1,
        profile: String::new(),
        script: None,
        run: None,
    }
}

/// A price that is higher for what goes into a cache, and for long conversations.
pub(crate) fn steep() -> Price {
    let rates = Rates {
        input: 2_000_000,
        input_cached: Some(200_000),
        input_cache_written: Some(2_500_000),
        output: 10_000_000,
    };
    let long = Rates { input_cache_written: Some(5_000_000), output: 15_000_000, ..rates };
    Price { rates, above: [(1_000, long)].into(), as_of: "2026-11-25".into(), source: "a test".into() }
}

pub(crate) fn key() -> Option<Key> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CANARY).unwrap();
    Key::read(&KeyFrom::File(file.path().to_str().unwrap().into())).unwrap()
}

/// Times that tests have.
pub(crate) fn quick() -> Pace {
    Pace {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(40),
        patience: Duration::from_secs(5),
        ..Pace::default()
    }
}

pub(crate) fn broker(choice: &ModelChoice) -> Broker {
    Broker::new(&Clients::new().unwrap(), choice, key()).unwrap().paced(quick())
}

pub(crate) fn conversation(choice: &ModelChoice, text: &str) -> Conversation {
    let setup = ConversationSetup { model: "main".into(), ..ConversationSetup::default() };
    let mut conversation = Conversation::open(setup, choice).unwrap();
    conversation.say(text).unwrap();
    conversation
}

/// A chat completion.
pub(crate) fn completion(text: &str, input: u64, output: u64) -> Value {
    json!({
        "id": "c-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    })
}

/// An attempt's purse, which remembers what it settled.
pub(crate) struct Till {
    pub(crate) ledger: Arc<Ledger<u32>>,
    pub(crate) attempt: u32,
    price: Option<Price>,
    pub(crate) held: Mutex<Vec<Held>>,
    pub(crate) settled: Mutex<Vec<Spent>>,
}

impl Till {
    pub(crate) fn new() -> Self {
        Self::with(Budgets::default())
    }

    pub(crate) fn with(budgets: Budgets) -> Self {
        Self::of(Arc::new(Ledger::new(budgets, Used::default(), [])), 1)
    }

    pub(crate) fn limited(attempt: Budget) -> Self {
        Self::with(Budgets { attempt, run: Budget::new() })
    }

    pub(crate) fn of(ledger: Arc<Ledger<u32>>, attempt: u32) -> Self {
        ledger.begin(&attempt);
        let price = choice(WireForm::Chat, "").price;
        Self { ledger, attempt, price, held: Mutex::default(), settled: Mutex::default() }
    }

    pub(crate) fn priced(self, price: Option<Price>) -> Self {
        Self { price, ..self }
    }

    pub(crate) async fn ask(&self, broker: &Broker, conversation: &Conversation) -> Asked {
        self.ask_until(broker, conversation, self.ledger.deadline(&self.attempt)).await
    }

    pub(crate) async fn ask_until(
        &self,
        broker: &Broker,
        conversation: &Conversation,
        deadline: Option<Instant>,
    ) -> Asked {
        let attempt = self.attempt;
        let asking = Asking { task: "t", attempt, conversation: 0, ordinal: 0, deadline, purse: self };
        let asked = broker.ask(conversation, asking).await;
        let shown = format!("{asked:?}");
        assert!(!shown.contains("canary"), "{shown}");
        if let Err(not) = &asked {
            assert!(!not.to_string().contains("canary"), "{not}");
        }
        // Whatever happened, nothing stays held, and all is settled as it is told.
        assert_eq!(self.held.lock().unwrap().len(), self.settled.lock().unwrap().len());
        assert!(self.ledger.end(&attempt).is_empty());
        self.ledger.begin(&attempt);
        asked
    }

    pub(crate) fn settled(&self) -> Vec<Spent> {
        self.settled.lock().unwrap().clone()
    }
}

impl Purse for Till {
    fn hold(&self, estimate: Estimate) -> Waiting<'_, Result<Held, NotAsked>> {
        Box::pin(async move {
            let held = self.ledger.hold(&self.attempt, estimate, self.price.as_ref()).await;
            let held = held.map_err(NotAsked::Failure)?;
            self.held.lock().unwrap().push(held.clone());
            Ok(held)
        })
    }

    fn settle(&self, held: Held, spent: Spent, became: Became) -> Waiting<'_, Result<(), NotAsked>> {
        Box::pin(async move {
            self.ledger.settle(held, spent, became);
            self.settled.lock().unwrap().push(spent);
            Ok(())
        })
    }
}

/// The kind of a fault, its message and the tries before.
#[track_caller]
pub(crate) fn fault(asked: Asked) -> (InfraFaultKind, String, Vec<FailedTry>) {
    match asked {
        Err(NotAsked::Fault { fault, tries }) => (fault.kind, fault.message, tries),
        other => panic!("no fault: {other:?}"),
    }
}

/// The same of what is the plugin's to handle.
#[track_caller]
pub(crate) fn failure(asked: Asked) -> (ModelFailureKind, String, Vec<FailedTry>) {
    match asked {
        Err(NotAsked::Failure(failure)) => (failure.kind, failure.message, failure.tries),
        other => panic!("no failure: {other:?}"),
    }
}
