//! The conversations of an attempt, for people.

use std::collections::{BTreeMap, VecDeque};

use lancet_core::{
    AnswerMark, AnswerPart, ConversationSetup, FailedTry, ModelAnswer, ModelFailure, ModelFailureKind, Phase,
    ShownConversation, ShownTurn, Spent, StopReason, Transcript, Turn,
};

use super::figure::{count, dollars, duration, either, many, precise};
use super::safety::{clipped, display_safe};
use super::{Style, Tone};

/// The most lines of a text that are shown, as many from its beginning as from its end.
const MAX_LINES: usize = 40;
/// The most characters of a text that are shown, likewise.
const MAX_CHARACTERS: usize = 4_000;

/// A request that was under way when its run was stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LostQuestion {
    pub(crate) phase: Phase,
    pub(crate) conversation: u32,
    /// The most that it may have come to, which it counts as.
    pub(crate) aside: Spent,
}

/// A transcript for a terminal. Long texts are cut in the middle, with a word on what was left out, unless
/// all of it is wanted. Whatever anybody said is made safe to show.
pub(crate) fn transcript_text(
    transcript: &Transcript,
    lost: &[LostQuestion],
    style: Style,
    full: bool,
) -> String {
    let mut page =
        Page { text: String::new(), style, full, lost: asides(transcript, lost), models: BTreeMap::new() };
    for conversation in &transcript.conversations {
        page.conversation(conversation);
    }
    page.text
}

/// What was set aside for the questions that were lost, per conversation. A journal and a ledger that do
/// not tell of the same number of them say nothing of a single one: such a conversation is left out.
fn asides(transcript: &Transcript, lost: &[LostQuestion]) -> BTreeMap<(Phase, u32), VecDeque<Spent>> {
    let mut asides: BTreeMap<_, VecDeque<_>> = BTreeMap::new();
    for question in lost {
        asides.entry((question.phase, question.conversation)).or_default().push_back(question.aside);
    }
    asides.retain(|(phase, number), asides| {
        let of = transcript.conversations.iter();
        let of = of.filter(|found| (found.phase, found.conversation) == (*phase, Some(*number)));
        let turns = of.flat_map(|found| &found.turns).filter(|turn| turn.what == Turn::Lost);
        turns.count() == asides.len()
    });
    asides
}

struct Page {
    text: String,
    style: Style,
    full: bool,
    /// What was set aside for the questions that were lost and come further down.
    lost: BTreeMap<(Phase, u32), VecDeque<Spent>>,
    /// What plugins call the model of each conversation so far, by phase, beginning and number.
    models: BTreeMap<(Phase, u32, u32), String>,
}

impl Page {
    fn line(&mut self, tone: Option<Tone>, line: &str) {
        let most = if self.full { usize::MAX } else { MAX_CHARACTERS };
        let line = clipped(line, most);
        match tone {
            Some(tone) => self.text.push_str(&self.style.paint(tone, &line)),
            None => self.text.push_str(&line),
        }
        self.text.push('\n');
    }

    /// A text of somebody's, indented, line by line: the beginning and the end of a long one.
    fn quote(&mut self, text: &str) {
        let (head, left, tail) = if self.full { (text, 0, "") } else { cut(text) };
        self.lines(head);
        if left > 0 {
            let left = many(left as u64, "character");
            self.line(Some(Tone::Quiet), &format!("    … {left}, which `--full` shows …"));
        }
        self.lines(tail);
    }

    fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.text.push_str("    ");
            self.text.push_str(&display_safe(line.trim_end_matches(['\n', '\r'])));
            self.text.push('\n');
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
                    "from conversation {}, of whose {} {} it has all but {kept}",
                    shortened.of,
                    shortened.entries,
                    either(shortened.entries, "entry", "entries")
                ),
            );
        }
        if let Some(setup) = &conversation.setup {
            self.setup(setup);
        }
        let model = self.model(conversation);
        for turn in &conversation.turns {
            self.turn(turn, conversation, &model);
        }
    }

    /// What plugins call the model of a conversation: a shortened one has that of the other.
    fn model(&mut self, conversation: &ShownConversation) -> String {
        let ShownConversation { phase, beginning, .. } = *conversation;
        let name = match (&conversation.setup, conversation.shortened) {
            (Some(setup), _) => setup.model.clone(),
            (None, Some(shortened)) => {
                self.models.get(&(phase, beginning, shortened.of)).cloned().unwrap_or_default()
            }
            (None, None) => String::new(),
        };
        if let Some(number) = conversation.conversation {
            self.models.insert((phase, beginning, number), name.clone());
        }
        name
    }

    fn setup(&mut self, setup: &ConversationSetup) {
        let mut facts = vec![format!("model {}", setup.model)];
        if !setup.effort.is_empty() {
            facts.push(format!("effort {}", setup.effort));
        }
        if let Some(tokens) = setup.answer_tokens {
            facts.push(format!("at most {} per answer", many(tokens, "token")));
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

    fn turn(&mut self, turn: &ShownTurn, of: &ShownConversation, model: &str) {
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
            Turn::Answered(answer) => self.answer(&head, model, answer),
            Turn::Unanswered(failure) => self.unanswered(failure),
            Turn::Unavailable(fault) => {
                self.line(Some(Tone::Warning), &format!("the infrastructure failed: {fault}"));
            }
            Turn::Lost => {
                let aside =
                    of.conversation.and_then(|number| self.lost.get_mut(&(of.phase, number))?.pop_front());
                let aside =
                    aside.map_or_else(String::new, |aside| format!("; set aside for it: {}", spent(&aside)));
                self.line(
                    Some(Tone::Warning),
                    &format!(
                        "asked, and stopped before there was an answer on record; it may have been paid for{aside}"
                    ),
                );
            }
        }
    }

    fn answer(&mut self, head: &str, model: &str, answer: &ModelAnswer) {
        let name = if model.is_empty() { String::new() } else { format!(" {model}") };
        let served = match answer.served.as_str() {
            "" => String::new(),
            served => format!(" (served {served})"),
        };
        self.line(Some(Tone::Heading), &format!("{head}model{name}{served}"));
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

/// A text's beginning and end, and how many characters are left out between them: none when it is short
/// enough. Lines are kept whole where they can be, and no character is cut.
fn cut(text: &str) -> (&str, usize, &str) {
    let lines = |mut places: std::vec::IntoIter<usize>| places.nth(MAX_LINES / 2 - 1);
    let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len()).collect();
    let characters = text.chars().count();
    let few_lines = ends.len() < MAX_LINES;
    if few_lines && characters <= MAX_CHARACTERS {
        return (text, 0, "");
    }
    let nth = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let mut head = nth(MAX_CHARACTERS / 2);
    let mut tail = nth(characters.saturating_sub(MAX_CHARACTERS / 2));
    if !few_lines {
        head = head.min(lines(ends.clone().into_iter()).unwrap_or(head));
        let from_end: Vec<_> = ends.into_iter().rev().collect();
        tail = tail.max(lines(from_end.into_iter()).unwrap_or(tail));
    }
    if head >= tail {
        return (text, 0, "");
    }
    (&text[..head], text[head..tail].chars().count(), &text[tail..])
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
        let text = transcript_text(&transcript(), &[], Style::default(), false);
        assert_eq!(text, include_str!("transcript/conversation.txt"), "\n{text}");
    }

    #[test]
    fn all_of_it_is_shown_when_it_is_wanted() {
        let text = transcript_text(&transcript(), &[], Style::default(), true);
        assert_eq!(text.matches("    line\n").count(), 50);
        assert!(!text.contains("--full"), "{text}");
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        let mut long = transcript();
        let mut shown = |text: String| {
            long.conversations[0].turns[0].what = Turn::Said(text);
            transcript_text(&long, &[], Style::default(), false)
        };
        let text = shown(format!("first {} last", "ä".repeat(MAX_CHARACTERS - 11 + 7)));
        assert!(text.contains("    first ä") && text.contains("ä last\n"), "{text}");
        assert!(text.contains("… 7 characters, which `--full` shows …"), "{text}");
        assert!(!shown("a\n".repeat(MAX_LINES)).contains("80 characters"));
        let numbered: String = (0..200).map(|number| format!("line {number}\n")).collect();
        let text = shown(numbered);
        for (line, there) in [(19, true), (20, false), (179, false), (180, true), (199, true)] {
            assert_eq!(text.contains(&format!("    line {line}\n")), there, "{line}: {text}");
        }
        // A long line among many.
        let text = shown(format!("{}{}", "short\n".repeat(50), "b".repeat(5_000)));
        assert!(text.contains(&"b".repeat(2_000)) && !text.contains(&"b".repeat(2_001)), "{text}");
    }

    #[test]
    fn a_lost_question_says_what_was_set_aside() {
        let usage = Usage { input: Some(900), output: Some(100), ..Usage::default() };
        let aside = Spent { usage, cost: Some(Microdollars(4_100)), estimated: true };
        let lost = LostQuestion { phase: Phase::Solve, conversation: 1, aside };
        let text = |lost: &[LostQuestion]| transcript_text(&transcript(), lost, Style::default(), false);
        let words = "may have been paid for; set aside for it: tokens in 900, out 100; $0.0041, estimated\n";
        assert!(text(&[lost]).contains(words), "{}", text(&[lost]));
        // Which of two it was, nobody can tell.
        assert!(!text(&[lost, lost]).contains("set aside"));
        assert!(!text(&[LostQuestion { conversation: 0, ..lost }]).contains("set aside"));
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let mut text = transcript_text(&transcript(), &[], Style { color: true, ..Style::default() }, false);
        for sequence in ["\u{1b}[1;33m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"] {
            text = text.replace(sequence, "");
        }
        assert_eq!(text, transcript_text(&transcript(), &[], Style::default(), false));
    }
}
