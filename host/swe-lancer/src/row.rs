//! Reading one row of the table as a task.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lancet_core::{Cents, Kind, MAX_TEXT_BYTES, TaskId};
use lancet_suite::{
    AnswerMode, Generation, GraderEntry, MAX_LINE_BYTES, MAX_PRIVATE_BYTES, MAX_TOML_BYTES, ManagerAnswerKey,
    Profile, ProposalEntry, Source, TaskFile, TestsAnswerKey, TextMode, repeated_ids,
};

use crate::escape::{decode_faithful, decode_fixed};
use crate::literal::{self, Literal};
use crate::prompt::{self, PromptError};
use crate::report::{Findings, RowProblem, RowProblemKind};
use crate::table::Row;

/// The grader of SWE-Lancer's manager tasks.
const MANAGER_GRADER: &str = "manager-choice";
/// The grader of SWE-Lancer's individual contributor tasks.
const CONTRIBUTOR_GRADER: &str = "playwright-e2e";

/// A row made into a task, with the content of its files.
pub(crate) struct ImportedTask {
    pub(crate) row: u64,
    pub(crate) line: u64,
    pub(crate) id: TaskId,
    pub(crate) file: TaskFile,
    /// `file` as it is written.
    pub(crate) toml: String,
    pub(crate) statement: String,
    /// In the order of `file.proposals`.
    pub(crate) proposals: Vec<String>,
    /// By path from the task's folder.
    pub(crate) private: Vec<(&'static str, Vec<u8>)>,
}

impl ImportedTask {
    /// What is odd about the task, as a warning without a column.
    pub(crate) fn warning(&self, kind: RowProblemKind, message: String) -> RowProblem {
        RowProblem {
            row: self.row,
            line: self.line,
            question_id: Some(self.id.to_string()),
            column: None,
            kind,
            message,
            hint: None,
        }
    }
}

/// What a manager's row has beyond the others.
struct Managed {
    title: Option<String>,
    proposals: Vec<(ProposalEntry, String)>,
    repeated: Vec<u32>,
    private: Vec<(&'static str, Vec<u8>)>,
}

/// Makes a task of a row, or says everything that is wrong with it.
pub(crate) fn interpret(
    row: &Row,
    generation: Generation,
    text: TextMode,
    findings: &mut Findings,
) -> Option<ImportedTask> {
    let problems_before = findings.problems.len();
    let mut reader = Reader { row, text, generation, findings };
    let task = reader.task();
    if findings.problems.len() > problems_before {
        // A row is left out: what is odd about it besides does not matter.
        findings.warnings.clear();
        return None;
    }
    task
}

struct Reader<'r> {
    row: &'r Row,
    generation: Generation,
    text: TextMode,
    findings: &'r mut Findings,
}

impl<'r> Reader<'r> {
    fn problem(&mut self, kind: RowProblemKind, column: &str, message: impl Into<String>) {
        let finding = self.row.finding(kind, Some(column), message.into());
        self.findings.problems.push(finding);
    }

    fn warn(&mut self, kind: RowProblemKind, column: &str, message: impl Into<String>) {
        let finding = self.row.finding(kind, Some(column), message.into());
        self.findings.warnings.push(finding);
    }

    fn task(&mut self) -> Option<ImportedTask> {
        if !self.is_whole() {
            return None;
        }
        let id = self.id();
        let kind = self.kind();
        let price = self.price();
        let source = self.source();
        let managed = match kind {
            Some(Kind::SweManager) => Some(self.managed(price)?),
            _ => None,
        };
        let title_of_data = managed.as_ref().and_then(|m| m.title.as_deref());
        let (title, statement) = self.texts(kind?, title_of_data)?;
        let (id, price) = (id?, price?);
        let title = self.title(&title, &id);
        let (proposals, repeated_proposal_ids, private) = match managed {
            Some(managed) => (managed.proposals, managed.repeated, managed.private),
            None => {
                let key = TestsAnswerKey { plan: Profile::SweLancer.tests_plan().to_owned() };
                (Vec::new(), Vec::new(), vec![("private/answer-key.json", json_line(&key))])
            }
        };
        let grader = match kind? {
            Kind::SweManager => MANAGER_GRADER,
            Kind::IcSwe => CONTRIBUTOR_GRADER,
        };
        let (entries, proposals) = proposals.into_iter().unzip();
        let file = TaskFile {
            title,
            kind: kind?,
            price_cents: price,
            repeated_proposal_ids,
            environment: None,
            user_tool: None,
            grader: Some(GraderEntry {
                plugin: Some(grader.to_owned()),
                file: None,
                digest: None,
                settings: BTreeMap::new(),
            }),
            gold: None,
            swe_lancer: None,
            source: Some(source?),
            proposals: entries,
            plans: Vec::new(),
        };
        // Nothing known fails here; should anything, the row is left out, not written empty.
        let toml = match toml::to_string(&file) {
            Ok(toml) => toml,
            Err(error) => {
                let message = format!("its task.toml cannot be written: {error}");
                let finding = self.row.finding(RowProblemKind::BadId, None, message);
                self.findings.problems.push(finding);
                return None;
            }
        };
        // A suite that does not load is worse than a row left out.
        self.check_size("task.toml", toml.len(), MAX_TOML_BYTES);
        for (path, bytes) in &private {
            self.check_size(path, bytes.len(), MAX_PRIVATE_BYTES);
        }
        Some(ImportedTask {
            row: self.row.number,
            line: self.row.line,
            id,
            file,
            toml,
            statement,
            proposals,
            private,
        })
    }

    fn check_size(&mut self, path: &str, bytes: usize, limit: u64) {
        if bytes as u64 > limit {
            let message = format!("its {path} would have {bytes} bytes, at most {limit} are allowed");
            let finding = self.row.finding(RowProblemKind::TextTooLong, None, message);
            self.findings.problems.push(finding);
        }
    }

    /// Whether the row has all of its fields, each of them UTF-8.
    fn is_whole(&mut self) -> bool {
        let row = self.row;
        let expected = row.columns.len();
        let found = row.fields.len();
        if row.truncated {
            let column = row.columns[found.clamp(1, expected) - 1];
            self.problem(RowProblemKind::Truncated, column, "the file ends inside a quoted field");
            self.hint("the file was cut off: get it again");
            return false;
        }
        if found != expected {
            let message = format!("{found} fields, expected {expected}");
            let finding = row.finding(RowProblemKind::FieldCount, None, message);
            self.findings.problems.push(finding);
            self.hint(if found < expected {
                "the file may have been cut off, or a quote is missing"
            } else {
                "a field that holds a comma, a quote or a line break has to be quoted"
            });
            return false;
        }
        let mut whole = true;
        for (column, field) in row.columns.iter().zip(&row.fields) {
            if let Err(error) = std::str::from_utf8(field) {
                let message = format!("not UTF-8 from byte {} of the field on", error.valid_up_to());
                self.problem(RowProblemKind::NotUtf8, column, message);
                whole = false;
            }
        }
        whole
    }

    fn hint(&mut self, hint: &str) {
        if let Some(last) = self.findings.problems.last_mut() {
            last.hint = Some(hint.to_owned());
        }
    }

    /// A field; empty when the generation has no such column.
    fn field(&self, column: &str) -> &'r str {
        self.row.field(column).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn id(&mut self) -> Option<TaskId> {
        match self.field("question_id").parse::<TaskId>() {
            Ok(id) => Some(id),
            Err(error) => {
                self.problem(RowProblemKind::BadId, "question_id", error.to_string());
                None
            }
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        match self.field("variant") {
            "swe_manager" => Some(Kind::SweManager),
            "ic_swe" => Some(Kind::IcSwe),
            other => {
                let message = format!("expected `ic_swe` or `swe_manager`, found {}", quoted(other));
                self.problem(RowProblemKind::BadVariant, "variant", message);
                None
            }
        }
    }

    fn price(&mut self) -> Option<Cents> {
        match Cents::from_dollars(self.field("price")) {
            Ok(price) => Some(price),
            Err(error) => {
                self.problem(RowProblemKind::BadPrice, "price", error.to_string());
                None
            }
        }
    }

    fn literal(&mut self, column: &str) -> Option<Literal<'r>> {
        match literal::parse(self.field(column)) {
            Ok(literal) => Some(literal),
            Err(error) => {
                self.problem(RowProblemKind::BadLiteral, column, error.to_string());
                None
            }
        }
    }

    fn source(&mut self) -> Option<Source> {
        let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let question_id = self.field("question_id");
        let issue: String = question_id.chars().take_while(char::is_ascii_digit).collect();
        let acceptable_folders = match self.field("acceptable_folders") {
            "" => Vec::new(),
            _ => {
                const COLUMN: &str = "acceptable_folders";
                let literal = self.literal(COLUMN)?;
                let names: Option<Vec<_>> = literal
                    .items()
                    .map(|i| i.iter().map(|n| n.as_str().map(str::to_owned)).collect())
                    .unwrap_or_default();
                match names {
                    Some(names) => names,
                    None => {
                        self.problem(RowProblemKind::MissingKey, COLUMN, "expected a list of texts");
                        return None;
                    }
                }
            }
        };
        Some(Source {
            question_id: question_id.to_owned(),
            github_issue: issue.parse().ok(),
            commit: non_empty(self.field("manager_commit")),
            cwd: non_empty(self.field("cwd")),
            acceptable_folders,
            price_limit: non_empty(self.field("price_limit")),
            set: non_empty(self.field("set")),
        })
    }

    /// The title as the table has it, and the statement.
    fn texts(&mut self, kind: Kind, title_of_data: Option<&str>) -> Option<(String, String)> {
        if !prompt::has_prompt(self.generation) {
            let title = self.decode("title");
            let statement = self.decode("description");
            let (title, statement) = (title?, statement?);
            self.check_length("description", &statement)?;
            return Some((title, statement));
        }
        match prompt::read(self.field("prompt"), kind) {
            Ok(prompt) => {
                self.check_length("prompt", &prompt.statement)?;
                let title = prompt.title.unwrap_or_else(|| {
                    let message = "the prompt is framed in an unknown way; its text is kept whole";
                    self.warn(RowProblemKind::UnknownFraming, "prompt", message);
                    let first_line = || prompt.statement.lines().map(str::trim).find(|line| !line.is_empty());
                    title_of_data.or_else(first_line).unwrap_or_default().to_owned()
                });
                Some((title, prompt.statement))
            }
            Err(PromptError::Literal(error)) => {
                self.problem(RowProblemKind::BadLiteral, "prompt", error.to_string());
                None
            }
            Err(PromptError::Shape(message)) => {
                self.problem(RowProblemKind::MissingKey, "prompt", message);
                None
            }
        }
    }

    fn decode(&mut self, column: &str) -> Option<String> {
        let field = self.field(column);
        match self.text {
            TextMode::Fixed => Some(decode_fixed(field).into_owned()),
            TextMode::Faithful => match decode_faithful(field) {
                Ok(text) => Some(text),
                Err(error) => {
                    self.problem(RowProblemKind::Unfaithful, column, error.to_string());
                    self.hint("import with the text mode `fixed`");
                    None
                }
            },
        }
    }

    fn check_length(&mut self, column: &str, text: &str) -> Option<()> {
        if text.len() <= MAX_TEXT_BYTES {
            return Some(());
        }
        let message = format!("a text of {} bytes, at most {MAX_TEXT_BYTES} are allowed", text.len());
        self.problem(RowProblemKind::TextTooLong, column, message);
        None
    }

    /// A title that a suite can hold: one line, not empty.
    fn title(&mut self, title: &str, id: &TaskId) -> String {
        let column = if prompt::has_prompt(self.generation) { "prompt" } else { "title" };
        let mut title = title.trim().replace("\r\n", " ").replace(['\n', '\r', '\0'], " ");
        if title.is_empty() {
            self.warn(RowProblemKind::OddTitle, column, "the title is empty; the id takes its place");
            return id.to_string();
        }
        if title.len() > MAX_LINE_BYTES {
            let message = format!("the title has {} bytes; it is cut to {MAX_LINE_BYTES}", title.len());
            self.warn(RowProblemKind::OddTitle, column, message);
            title.truncate(title.floor_char_boundary(MAX_LINE_BYTES));
        }
        title
    }

    fn managed(&mut self, price: Option<Cents>) -> Option<Managed> {
        const COLUMN: &str = "manager_data";
        if self.field(COLUMN).trim().is_empty() {
            self.problem(RowProblemKind::MissingKey, COLUMN, "empty, expected the data of a manager task");
            return None;
        }
        let data = self.literal(COLUMN)?;
        let game = data.get("game");
        let list = game.and_then(|game| game.get("all_formal_proposals"));
        let correct = game.and_then(|game| game.get("correct_proposal")).and_then(|c| c.get("id"));
        let proposals = match list.map(|list| (list, list.items())) {
            None => {
                self.missing("game.all_formal_proposals");
                None
            }
            Some((list, None)) => {
                self.wrong_type("game.all_formal_proposals", "a list", list);
                None
            }
            Some((_, Some([]))) => {
                self.problem(RowProblemKind::NoProposals, COLUMN, "`game.all_formal_proposals` is empty");
                None
            }
            Some((_, Some(items))) => self.proposals(items),
        };
        let correct = match correct {
            None => {
                self.missing("game.correct_proposal.id");
                None
            }
            Some(id) => self.proposal_id("game.correct_proposal.id", id),
        };
        let (proposals, correct) = (proposals?, correct?);
        let ids = || proposals.iter().map(|(entry, _)| entry.id);
        if !ids().any(|id| id == correct) {
            let ids: Vec<_> = ids().map(|id| id.to_string()).collect();
            let message = format!("the correct proposal {correct} is none of {}", ids.join(", "));
            self.problem(RowProblemKind::UnknownCorrectProposal, COLUMN, message);
            return None;
        }
        let repeated = repeated_ids(ids());
        if !repeated.is_empty() {
            let ids: Vec<_> = repeated.iter().map(ToString::to_string).collect();
            let message = format!(
                "several proposals have the id {}; a choice of it stands for all of them",
                ids.join(", ")
            );
            self.warn(RowProblemKind::RepeatedProposalId, COLUMN, message);
        }
        self.compare_price(data.get("price"), price);
        let key = ManagerAnswerKey { correct, mode: AnswerMode::Strict };
        Some(Managed {
            title: data.get("title").and_then(Literal::as_str).map(str::to_owned),
            proposals,
            repeated,
            private: vec![
                ("private/answer-key.json", json_line(&key)),
                ("private/manager-data.json", json_line(&data)),
            ],
        })
    }

    fn proposals(&mut self, items: &[Literal<'_>]) -> Option<Vec<(ProposalEntry, String)>> {
        let mut proposals: Vec<(ProposalEntry, String)> = Vec::with_capacity(items.len());
        let mut complete = true;
        for (index, item) in items.iter().enumerate() {
            let key = |name: &str| format!("game.all_formal_proposals[{index}].{name}");
            let id = match item.get("id") {
                Some(id) => self.proposal_id(&key("id"), id),
                None => {
                    self.missing(&key("id"));
                    None
                }
            };
            let content = match item.get("content") {
                Some(Literal::Str(content)) => self.content(content),
                Some(other) => {
                    self.wrong_type(&key("content"), "text", other);
                    None
                }
                None => {
                    self.missing(&key("content"));
                    None
                }
            };
            let (Some(id), Some(content)) = (id, content) else {
                complete = false;
                continue;
            };
            let nth = proposals.iter().filter(|(entry, _)| entry.id == id).count();
            let file = match nth {
                0 => format!("proposals/{id}.md"),
                _ => format!("proposals/{id}-{}.md", nth + 1),
            };
            proposals.push((ProposalEntry { id, file }, content));
        }
        complete.then_some(proposals)
    }

    /// A proposal's text. In the faithful mode of the current generation it gets
    /// the damage that the column `proposals` gets.
    fn content(&mut self, content: &str) -> Option<String> {
        let text = if self.text == TextMode::Fixed || prompt::has_prompt(self.generation) {
            Cow::Borrowed(content)
        } else {
            // The column has each text followed by a line break, which counts
            // when the text ends with a backslash.
            let column = content.replace("\r\n", "\n").replace('\n', "\\n") + "\\n";
            match decode_faithful(&column) {
                Ok(mut text) => {
                    if text.ends_with('\n') {
                        text.pop();
                    }
                    Cow::Owned(text)
                }
                Err(error) => {
                    self.problem(RowProblemKind::Unfaithful, "proposals", error.to_string());
                    self.hint("import with the text mode `fixed`");
                    return None;
                }
            }
        };
        self.check_length("manager_data", &text)?;
        Some(text.into_owned())
    }

    fn proposal_id(&mut self, key: &str, value: &Literal<'_>) -> Option<u32> {
        match value.as_int() {
            None => {
                self.wrong_type(key, "an integer", value);
                None
            }
            Some(id) => match u32::try_from(id) {
                Ok(id) => Some(id),
                Err(_) => {
                    let message = format!("`{key}` is {id}, expected 0 to {}", u32::MAX);
                    self.problem(RowProblemKind::BadProposalId, "manager_data", message);
                    None
                }
            },
        }
    }

    fn missing(&mut self, key: &str) {
        let message = format!("the key `{key}` is missing");
        self.problem(RowProblemKind::MissingKey, "manager_data", message);
    }

    fn wrong_type(&mut self, key: &str, expected: &str, found: &Literal<'_>) {
        let message = format!("`{key}` is {}, expected {expected}", found.kind());
        self.problem(RowProblemKind::MissingKey, "manager_data", message);
    }

    fn compare_price(&mut self, stated: Option<&Literal<'_>>, price: Option<Cents>) {
        let (Some(stated), Some(price)) = (stated, price) else { return };
        let text = match stated {
            Literal::Str(text) => text.to_string(),
            other => other.to_string(),
        };
        if Cents::from_dollars(&text) != Ok(price) {
            let message = format!("`price` is {}, the column says {price}; the column counts", quoted(&text));
            self.warn(RowProblemKind::PriceMismatch, "manager_data", message);
        }
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{}`", text.chars().take(60).collect::<String>())
    }
}

fn json_line(value: &impl serde::Serialize) -> Vec<u8> {
    // Writing to memory cannot fail, and all of our keys are texts.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
