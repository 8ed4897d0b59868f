//! The conversations of an attempt, for people.

use lancet_core::{
    AnswerMark, AnswerPart, ConversationSetup, FailedTry, ModelAnswer, ModelFailure, ModelFailureKind, Phase,
    ShownConversation, ShownTurn, Spent, StopReason, Transcript, Turn,
};

use super::figure::{count, dollars, duration, precise};
use super::safety::display_safe;
use super::{Style, Tone};

/// The most lines of a text that are shown.
const MAX_LINES: usize = 40;
/// The most characters of a text that are shown.
const MAX_CHARACTERS: usize = 4_000;

/// A transcript for a terminal. Long texts are cut, with a word on what was left out, unless all of it
/// is wanted. Whatever anybody said is made safe to show.
pub(crate) fn transcript_text(transcript: &Transcript, style: Style, full: bool) -> String {
    let mut page = Page { text: String::new(), style, full };
    for conversation in &transcript.conversations {
        page.conversation(conversation);
    }
    page.text
}

struct Page {
    text: String,
    style: Style,
    full: bool,
}

impl Page {
    fn line(&mut self, tone: Option<Tone>, line: &str) {
        let line = display_safe(line);
        match tone {
            Some(tone) => self.text.push_str(&self.style.paint(tone, &line)),
            None => self.text.push_str(&line),
        }
        self.text.push('\n');
    }

    /// A text of somebody's, indented, line by line.
    fn quote(&mut self, text: &str) {
        let (mut shown, mut lines) = (0, 0);
        for line in text.split_inclusive('\n') {
            let room = if self.full { usize::MAX } else { MAX_CHARACTERS.saturating_sub(shown) };
            if !self.full && (lines == MAX_LINES || room == 0) {
                break;
            }
            let kept: String = line.chars().take(room).collect();
            self.text.push_str("    ");
            self.text.push_str(&display_safe(kept.trim_end_matches(['\n', '\r'])));
            self.text.push('\n');
            shown += kept.chars().count();
            lines += 1;
        }
        let left = text.chars().count() - shown;
        if left > 0 {
            let left = count(left as u64);
            self.line(Some(Tone::Quiet), &format!("    … and {left} more characters, which `--full` shows"));
        }
    }

    fn conversation(&mut self, conversation: &ShownConversation) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let whose = match conversation.phase {
            Phase::Solve => "the agent",
            Phase::Grade => "the grader",
        };
        let number = match conversation.conversation {
            Some(number) => format!("conversation {number} of {whose}"),
            None => format!("a conversation that {whose} could not open"),
        };
        let again = match conversation.beginning {
            0 | 1 => String::new(),
            beginning => format!(", begun anew ({beginning})"),
        };
        self.line(Some(Tone::Heading), &format!("{number}{again}"));
        if let Some(shortened) = conversation.shortened {
            let kept = match (shortened.first, shortened.end.saturating_sub(1)) {
                (first, last) if first == last => format!("entry {first}"),
                (first, last) => format!("entries {first} to {last}"),
            };
            self.line(
                Some(Tone::Quiet),
                &format!(
                    "from conversation {}, of whose {} entries it has all but {kept}",
                    shortened.of, shortened.entries
                ),
            );
        }
        if let Some(setup) = &conversation.setup {
            self.setup(setup);
        }
        for turn in &conversation.turns {
            self.turn(turn);
        }
    }

    fn setup(&mut self, setup: &ConversationSetup) {
        let mut facts = vec![format!("model {}", setup.model)];
        if !setup.effort.is_empty() {
            facts.push(format!("effort {}", setup.effort));
        }
        if let Some(tokens) = setup.answer_tokens {
            facts.push(format!("at most {} tokens per answer", count(tokens)));
        }
        let parameters =
            setup.parameters.iter().map(|parameter| format!("{} = {}", parameter.name, parameter.value));
        facts.extend(parameters);
        if !setup.tools.is_empty() {
            let tools: Vec<_> = setup.tools.iter().map(|tool| tool.name.as_str()).collect();
            facts.push(format!("tools {}", tools.join(" ")));
        }
        self.line(Some(Tone::Quiet), &facts.join(", "));
        if !setup.instructions.is_empty() {
            self.line(None, "instructions");
            self.quote(&setup.instructions);
        }
    }

    fn turn(&mut self, turn: &ShownTurn) {
        let head = match turn.entry {
            Some(entry) => format!("[{entry}] "),
            None => String::new(),
        };
        match &turn.what {
            Turn::Said(text) => {
                self.line(Some(Tone::Heading), &format!("{head}user"));
                self.quote(text);
            }
            Turn::Given(results) => {
                self.line(Some(Tone::Heading), &format!("{head}tools"));
                for result in results {
                    let failed = if result.failed { ", failed" } else { "" };
                    self.line(None, &format!("  result of {}{failed}", result.call));
                    self.quote(&result.text);
                }
            }
            Turn::Answered(answer) => self.answer(&head, answer),
            Turn::Unanswered(failure) => self.unanswered(failure),
            Turn::Unavailable(fault) => {
                self.line(Some(Tone::Warning), &format!("the infrastructure failed: {fault}"));
            }
            Turn::Lost => self.line(
                Some(Tone::Warning),
                "asked, and stopped before there was an answer on record; it may have been paid for",
            ),
        }
    }

    fn answer(&mut self, head: &str, answer: &ModelAnswer) {
        let served = if answer.served.is_empty() { "a model without a name" } else { &answer.served };
        self.line(Some(Tone::Heading), &format!("{head}{served}"));
        for tried in &answer.tries {
            self.tried(tried);
        }
        for part in &answer.parts {
            match part {
                AnswerPart::Text(text) => self.quote(text),
                AnswerPart::Reasoning(text) => {
                    self.line(None, "  reasoning");
                    self.quote(text);
                }
                AnswerPart::Call(call) => {
                    self.line(None, &format!("  calls {} ({})", call.name, call.id));
                    self.quote(&call.arguments);
                }
                AnswerPart::Other(other) => {
                    self.line(None, &format!("  {}", other.name));
                    self.quote(&other.value);
                }
            }
        }
        let detail = match answer.stop_detail.as_str() {
            "" => String::new(),
            detail => format!(" ({})", detail.chars().take(200).collect::<String>()),
        };
        let waited = duration(precise(answer.waited_ms));
        let stop = stop(answer.stop);
        self.line(
            Some(Tone::Quiet),
            &format!("  stopped: {stop}{detail}; {}; {waited}", spent(&answer.spent)),
        );
        if !answer.marks.is_empty() {
            let marks: Vec<_> = answer.marks.iter().map(|mark| said_of(*mark)).collect();
            self.line(Some(Tone::Warning), &format!("  note: {}", marks.join("; ")));
        }
    }

    fn tried(&mut self, tried: &FailedTry) {
        let status = tried.status.map(|status| format!("{status} ")).unwrap_or_default();
        let cost = match tried.spent == Spent::default() {
            true => String::new(),
            false => format!("; {}", spent(&tried.spent)),
        };
        let waited = duration(precise(tried.waited_ms));
        let why = tried.why.chars().take(400).collect::<String>();
        self.line(Some(Tone::Quiet), &format!("  no answer: {status}{why}{cost}; waited {waited}"));
    }

    fn unanswered(&mut self, failure: &ModelFailure) {
        for tried in &failure.tries {
            self.tried(tried);
        }
        let kind = match failure.kind {
            ModelFailureKind::OverBudget => "over budget",
            ModelFailureKind::TooLong => "too long",
            ModelFailureKind::Refused => "refused",
            ModelFailureKind::Rejected => "rejected by the provider",
            ModelFailureKind::Other => "no answer",
        };
        self.line(Some(Tone::Warning), &format!("{kind}: {}", failure.message));
    }
}

fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Finished => "finished",
        StopReason::Calls => "waits for its calls",
        StopReason::Length => "as long as an answer may be",
        StopReason::Context => "as long as a conversation may be",
        StopReason::Refused => "refused",
        StopReason::Paused => "paused",
        StopReason::Other => "otherwise",
    }
}

fn said_of(mark: AnswerMark) -> &'static str {
    match mark {
        AnswerMark::OtherModel => "another model was served than was asked for",
        AnswerMark::SilentlyCut => "the provider seems to have cut the conversation silently",
        AnswerMark::CapLowered => "the longest answer was lowered to what was left of a budget",
        AnswerMark::Shortened => "entries of the conversation had been left out",
        AnswerMark::FromRecord => "answered from the record of an interrupted try",
        AnswerMark::NoUsage => "the provider told no tokens",
    }
}

/// Tokens and money of one request.
fn spent(spent: &Spent) -> String {
    let usage = &spent.usage;
    let of = |tokens: Option<u64>| tokens.map_or_else(|| "unknown".to_owned(), count);
    let part = |tokens: Option<u64>, word: &str| match tokens {
        None | Some(0) => String::new(),
        Some(tokens) => format!(" ({} {word})", count(tokens)),
    };
    let cost = spent.cost.map_or_else(|| "cost unknown".to_owned(), dollars);
    let estimated = if spent.estimated { ", estimated" } else { "" };
    format!(
        "tokens in {}{}, out {}{}; {cost}{estimated}",
        of(usage.input),
        part(usage.input_cached, "cached"),
        of(usage.output),
        part(usage.output_reasoning, "reasoning")
    )
}

#[cfg(test)]
mod tests {
    use lancet_core::{
        InfraFault, InfraFaultKind, Microdollars, ModelTool, Sha256, Shortened, ToolCall, ToolResult, Usage,
    };

    use super::*;

    fn turn(entry: Option<u32>, what: Turn) -> ShownTurn {
        ShownTurn { seq: 0, at_us: 0, entry, what }
    }

    fn transcript() -> Transcript {
        let tool = ModelTool { name: "bash".into(), description: String::new(), parameters: "{}".into() };
        let setup = ConversationSetup {
            model: "main".into(),
            instructions: "You mend what is broken.".into(),
            tools: vec![tool],
            effort: "high".into(),
            answer_tokens: Some(8_192),
            parameters: Vec::new(),
        };
        let tried = FailedTry {
            status: Some(429),
            why: "rate limited".into(),
            waited_ms: 1_000,
            spent: Spent::default(),
        };
        let usage = Usage {
            input: Some(1_234),
            input_cached: Some(1_000),
            input_cache_written: None,
            output: Some(56),
            output_reasoning: Some(20),
        };
        let answer = ModelAnswer {
            parts: vec![
                AnswerPart::Reasoning("Look first.".into()),
                AnswerPart::Text("I look.\u{1b}[2J".into()),
                AnswerPart::Call(ToolCall {
                    id: "call-1".into(),
                    name: "bash".into(),
                    arguments: "{\"command\": \"ls\"}".into(),
                }),
            ],
            stop: StopReason::Calls,
            stop_detail: "tool_use".into(),
            spent: Spent { usage, cost: Some(Microdollars(12_300)), estimated: false },
            tries: vec![tried],
            served: "nice-model".into(),
            marks: vec![AnswerMark::OtherModel],
            asked: Sha256::of(b"asked"),
            raw: Sha256::of(b"raw"),
            waited_ms: 2_310,
        };
        let result = ToolResult { call: "call-1".into(), text: "line\n".repeat(50), failed: true };
        let over = ModelFailure::new(ModelFailureKind::OverBudget, "12 tokens are left");
        let fault = InfraFault::new(InfraFaultKind::ModelQuota, "nothing left");
        let first = ShownConversation {
            phase: Phase::Solve,
            beginning: 1,
            conversation: Some(0),
            shortened: None,
            setup: Some(setup),
            turns: vec![
                turn(Some(0), Turn::Said("It is broken.\r\nMend it.".into())),
                turn(Some(1), Turn::Answered(Box::new(answer))),
                turn(Some(2), Turn::Given(vec![result])),
                turn(None, Turn::Unanswered(Box::new(over))),
            ],
        };
        let second = ShownConversation {
            beginning: 2,
            conversation: Some(1),
            shortened: Some(Shortened { of: 0, entries: 3, first: 1, end: 3 }),
            setup: None,
            turns: vec![turn(None, Turn::Lost), turn(None, Turn::Unavailable(fault))],
            ..first.clone()
        };
        Transcript { attempt: "20261123-083329-4f2a9c/one/1".into(), conversations: vec![first, second] }
    }

    #[test]
    fn a_conversation_reads_from_top_to_bottom() {
        let text = transcript_text(&transcript(), Style::default(), false);
        assert_eq!(text, include_str!("transcript/conversation.txt"), "\n{text}");
    }

    #[test]
    fn all_of_it_is_shown_when_it_is_wanted() {
        let text = transcript_text(&transcript(), Style::default(), true);
        assert_eq!(text.matches("    line\n").count(), 50);
        assert!(!text.contains("--full"), "{text}");
    }

    #[test]
    fn a_line_without_an_end_is_cut_too() {
        let mut long = transcript();
        long.conversations[0].turns[0].what = Turn::Said("ä".repeat(MAX_CHARACTERS + 7));
        let text = transcript_text(&long, Style::default(), false);
        assert!(text.contains("… and 7 more characters"), "{text}");
        long.conversations[0].turns[0].what = Turn::Said("a\n".repeat(MAX_LINES));
        assert!(!transcript_text(&long, Style::default(), false).contains("80 more"));
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let mut text = transcript_text(&transcript(), Style { color: true, width: 100 }, false);
        for sequence in ["\u{1b}[1;33m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"] {
            text = text.replace(sequence, "");
        }
        assert_eq!(text, transcript_text(&transcript(), Style::default(), false));
    }
}
