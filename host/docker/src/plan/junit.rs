//! Reads what tests say of themselves: JUnit reports, in the dialects of the tools that
//! write them. A test has passed only if its report says so in a form that is known.

mod dialect;
mod suite;
#[cfg(test)]
mod tests;
mod text;

use lancet_core::{
    CaseNaming, CaseStatus, MAX_CASE_DETAIL_BYTES, MAX_NAMES_BYTES, MAX_REPORT_BYTES, MAX_TEST_CASES,
    ReportState, TestCase, case_id,
};
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use self::dialect::{Element, said_by, word};
use self::suite::{Suite, Tally};

/// The most elements inside one another.
const MAX_DEPTH: usize = 32;
/// The most attributes of one element: looking for repeated ones takes the square
/// of their number.
const MAX_ATTRIBUTES: usize = 64;
/// The most bytes of a test's id. Nothing that people or frameworks name comes
/// near, and ids are kept in journals.
const MAX_ID_BYTES: usize = 4_096;

/// What is left of a report that is no good: it stops the reader.
struct Stop(ReportState);

impl Stop {
    fn malformed(problem: impl Into<String>) -> Self {
        let problem: String = problem.into();
        Self(ReportState::Malformed(problem.chars().map(printable).take(500).collect()))
    }
}

/// Reads a JUnit report in the dialects of pytest, Jest (`jest-junit`), Playwright,
/// gtest, Surefire, mocha (`mocha-junit-reporter` and its own `xunit`), gotestsum,
/// go-junit-report and cargo-nextest. The cases are sorted by id; there are none
/// unless the state is [`ReportState::Read`].
///
/// A case has passed if nothing says otherwise, and all that is said of it is known:
/// no attribute (`status`, `result`, …), no element but output and properties, and not
/// the counts of the suites that it stands in. One that is not known to have passed or
/// failed is [`CaseStatus::Skipped`], and its detail says why. A test that passed only
/// when it was tried again (`flakyFailure`) has failed.
///
/// A case's class is its `classname`, or its `file` where that is missing; one
/// without a name has its class's. In names everything has to be in order. In what
/// tests say, where anything may be, bytes that are not UTF-8 and characters that there
/// are not become U+FFFD. Refused as malformed: entities and document types of the
/// report's own, elements nested more than 32 deep, a test case anywhere but in a suite.
#[must_use]
pub fn read_report(bytes: &[u8], naming: CaseNaming) -> (ReportState, Vec<TestCase>) {
    if bytes.len() > MAX_REPORT_BYTES {
        let problem = format!("the report is over {MAX_REPORT_BYTES} bytes");
        return (ReportState::TooLarge(problem), Vec::new());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut reader = ReportReader::new(naming);
    reader.mended = matches!(text, std::borrow::Cow::Owned(_));
    match reader.read(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
        Ok(mut cases) => {
            cases.sort_by(|a, b| a.id.cmp(&b.id));
            (ReportState::Read, cases)
        }
        Err(Stop(state)) => (state, Vec::new()),
    }
}

struct ReportReader {
    naming: CaseNaming,
    version: XmlVersion,
    /// Whether there were bytes that are not UTF-8, in place of which is U+FFFD now.
    mended: bool,
    open: Vec<Element>,
    suites: Vec<Suite>,
    begun: bool,
    case: Option<OpenCase>,
    cases: Vec<TestCase>,
    /// Bytes of their ids.
    names: usize,
}

/// A test case while it is open.
struct OpenCase {
    case: TestCase,
    failing: u64,
    skipped: u64,
}

impl OpenCase {
    /// What is said of it. A failure or an error counts for more than a skip, and the
    /// first of them stays.
    fn mark(&mut self, status: CaseStatus) {
        match status {
            CaseStatus::Passed => return,
            CaseStatus::Skipped => self.skipped += 1,
            CaseStatus::Failed | CaseStatus::Errored => self.failing += 1,
        }
        self.raise(status);
    }

    fn raise(&mut self, status: CaseStatus) {
        let stays = match self.case.status {
            CaseStatus::Passed => false,
            CaseStatus::Skipped => status == CaseStatus::Skipped,
            CaseStatus::Failed | CaseStatus::Errored => true,
        };
        if !stays {
            self.case.status = status;
        }
    }

    /// Adds a line to what it says.
    fn say(&mut self, line: &str) {
        let detail = &mut self.case.detail;
        if !detail.is_empty() && !detail.ends_with('\n') {
            append(detail, "\n");
        }
        append(detail, line);
        append(detail, "\n");
    }

    fn tally(&self) -> Tally {
        let passed = u64::from(self.case.status == CaseStatus::Passed);
        Tally { passed, failing: self.failing, skipped: self.skipped }
    }
}

impl ReportReader {
    fn new(naming: CaseNaming) -> Self {
        Self {
            naming,
            version: XmlVersion::Implicit1_0,
            mended: false,
            open: Vec::new(),
            suites: Vec::new(),
            begun: false,
            case: None,
            cases: Vec::new(),
            names: 0,
        }
    }

    fn read(mut self, text: &str) -> Result<Vec<TestCase>, Stop> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().enable_all_checks(true);
        loop {
            let event = reader
                .read_event()
                .map_err(|error| Stop::malformed(format!("at byte {}: {error}", reader.error_position())))?;
            let result = match event {
                Event::Decl(declaration) => self.declare(&declaration),
                Event::DocType(_) => Err(Stop::malformed("it declares a document type")),
                Event::Start(start) => self.start(&start),
                Event::Empty(start) => self.start(&start).and_then(|()| self.end()),
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml_content(self.version)),
                Event::CData(text) => self.text(&text.xml_content(self.version)),
                Event::GeneralRef(reference) => self.reference(&reference),
                Event::Comment(_) | Event::PI(_) => Ok(()),
                Event::Eof => break,
            };
            result.map_err(|Stop(state)| match state {
                ReportState::Malformed(problem) => {
                    Stop::malformed(format!("before byte {}: {problem}", reader.buffer_position()))
                }
                state => Stop(state),
            })?;
        }
        if !self.open.is_empty() {
            return Err(Stop::malformed("it ends in the middle of an element"));
        }
        if !self.begun {
            return Err(Stop::malformed("it holds no element"));
        }
        Ok(self.cases)
    }

    fn declare(&mut self, declaration: &BytesDecl<'_>) -> Result<(), Stop> {
        if self.begun {
            return Err(Stop::malformed("an XML declaration in the middle"));
        }
        self.version = declaration.xml_version().map_err(|error| Stop::malformed(error.to_string()))?;
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if is_utf_8(&name) => Ok(()),
            Some(Ok(name)) => Err(Stop::malformed(format!("encoding `{name}`, expected UTF-8"))),
            Some(Err(error)) => Err(Stop::malformed(error.to_string())),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        let element = Element::named(start.local_name().as_ref());
        let parent = self.open.last().copied();
        let in_suite = matches!(parent, Some(Element::Suites | Element::Suite));
        match (parent, element) {
            (None, _) if self.begun => return Err(Stop::malformed("more than one root element")),
            (None, Element::Suites | Element::Suite) => self.begin_suite(start)?,
            (None, _) => {
                let name = start.name().as_ref().to_owned();
                return Err(Stop::malformed(format!("the root is `{name}`, expected `testsuites`")));
            }
            (Some(_), Element::Suites | Element::Suite) if in_suite => self.begin_suite(start)?,
            (Some(_), Element::Suites | Element::Suite) => {
                return Err(Stop::malformed("a test suite inside of something else"));
            }
            (Some(_), Element::Case) if in_suite => {
                let case = self.begin_case(start)?;
                self.case = Some(case);
            }
            (Some(_), Element::Case) => return Err(Stop::malformed("a test case outside of a test suite")),
            (Some(_), Element::Silent) => {}
            (Some(_), element) if in_suite => {
                // Something that befell the suite: a hook, a file that cannot be loaded.
                let name = start.local_name();
                let name: &str = name.as_ref();
                let what = if element == Element::Unknown { "the unknown element" } else { "the element" };
                if let Some(suite) = self.suites.last_mut() {
                    suite.object(&format!("{what} `{name}` stands beside them"));
                }
            }
            (Some(Element::Case), element) => self.outcome(start, element)?,
            (Some(Element::Silent), _) => self.hidden(start),
            (Some(_), _) => {}
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Stop::malformed(format!("elements are nested more than {MAX_DEPTH} deep")));
        }
        self.begun = true;
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        match self.open.pop() {
            Some(Element::Case) => self.end_case(),
            Some(Element::Suites | Element::Suite) => {
                self.end_suite();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin_suite(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        let mut suite = Suite::new(self.cases.len());
        let mut group = String::new();
        self.each_attribute(start, |key, attribute| {
            if key == self.grouped_by() {
                group = attribute
                    .normalized_value(self.version)
                    .map_err(|error| Stop::malformed(error.to_string()))?
                    .into_owned();
                if self.mended && group.contains(char::REPLACEMENT_CHARACTER) {
                    return Err(Stop::malformed("the name of a suite is not UTF-8"));
                }
            }
            let value: String = text::plain(&attribute.value).chars().map(printable).take(100).collect();
            if let Some(word) = word(attribute.key) {
                suite.attribute(key, &word, &value);
            }
            Ok(())
        })?;
        // Cases are named by it, whose names are no longer; and each suite within has it again.
        if group.len() > MAX_ID_BYTES {
            return Err(Stop::malformed(format!("a suite's name is over {MAX_ID_BYTES} bytes")));
        }
        // What a suite does not say is as the one around it has it.
        suite.group = match (group.is_empty(), self.suites.last()) {
            (true, Some(parent)) => parent.group.clone(),
            _ => group,
        };
        self.suites.push(suite);
        Ok(())
    }

    /// The attribute of a suite by which its cases are named besides; none is called nothing.
    fn grouped_by(&self) -> &'static str {
        match self.naming {
            CaseNaming::Full | CaseNaming::Function => "",
            CaseNaming::Suite => "name",
            CaseNaming::Project => "hostname",
        }
    }

    /// None of its cases is taken for passed when it says otherwise.
    fn end_suite(&mut self) {
        let Some(suite) = self.suites.pop() else { return };
        if let Some(parent) = self.suites.last_mut() {
            parent.tally.add(suite.tally);
        }
        let cases = &mut self.cases[suite.first..];
        let Some(problem) = suite.contradiction(cases) else { return };
        for case in cases.iter_mut().filter(|case| case.status == CaseStatus::Passed) {
            case.status = CaseStatus::Skipped;
            append(&mut case.detail, &problem);
        }
    }

    fn begin_case(&mut self, start: &BytesStart<'_>) -> Result<OpenCase, Stop> {
        let (mut name, mut class, mut file) = (None, None, None);
        let mut said = Vec::new();
        let mended = self.mended;
        let version = self.version;
        self.each_attribute(start, |key, attribute| {
            let place = match key {
                "name" => &mut name,
                "classname" => &mut class,
                "file" => &mut file,
                _ => {
                    let value = text::plain(&attribute.value);
                    let status = word(attribute.key).and_then(|word| said_by(&word, &value));
                    if let Some(status) = status {
                        let key: &str = attribute.key.local_name().into_inner();
                        said.push((status, format!("its `{key}` is `{value}`")));
                    }
                    return Ok(());
                }
            };
            let value =
                attribute.normalized_value(version).map_err(|error| Stop::malformed(error.to_string()))?;
            if mended && value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Stop::malformed("the name of a test is not UTF-8"));
            }
            *place = Some(value.into_owned()).filter(|value| !value.is_empty());
            Ok(())
        })?;
        let class = class.or(file).unwrap_or_default();
        // Surefire names by its class alone what befell all of it.
        let (class, name) = match name {
            Some(name) => (class, name),
            None if class.is_empty() => return Err(Stop::malformed("a test case without a name")),
            None => (String::new(), class),
        };
        let group = self.suites.last().map_or("", |suite| suite.group.as_str());
        let id: String = case_id(self.naming, group, &class, &name).chars().map(printable).collect();
        if id.len() > MAX_ID_BYTES {
            return Err(Stop::malformed(format!("a test's name is over {MAX_ID_BYTES} bytes")));
        }
        self.names += id.len();
        if self.names > MAX_NAMES_BYTES {
            let problem = format!("the names of its test cases are over {MAX_NAMES_BYTES} bytes");
            return Err(Stop(ReportState::TooLarge(problem)));
        }
        let case = TestCase { id, status: CaseStatus::Passed, detail: String::new() };
        let mut case = OpenCase { case, failing: 0, skipped: 0 };
        for (status, why) in said {
            case.raise(status);
            case.say(&why);
        }
        Ok(case)
    }

    fn end_case(&mut self) -> Result<(), Stop> {
        let Some(mut case) = self.case.take() else { return Ok(()) };
        // What only attributes say counts as well.
        match case.case.status {
            CaseStatus::Failed | CaseStatus::Errored => case.failing = case.failing.max(1),
            CaseStatus::Skipped => case.skipped = case.skipped.max(1),
            CaseStatus::Passed => {}
        }
        if let Some(suite) = self.suites.last_mut() {
            suite.tally.add(case.tally());
        }
        let mut case = case.case;
        case.detail.truncate(case.detail.trim_end().len());
        if self.cases.len() == MAX_TEST_CASES {
            let problem = format!("the report has more than {MAX_TEST_CASES} test cases");
            return Err(Stop(ReportState::TooLarge(problem)));
        }
        self.cases.push(case);
        Ok(())
    }

    /// What an element right below a test case says of it.
    fn outcome(&mut self, start: &BytesStart<'_>, element: Element) -> Result<(), Stop> {
        let mut message = String::new();
        self.each_attribute(start, |key, attribute| {
            if key == "message" {
                message = text::plain(&attribute.value);
            }
            Ok(())
        })?;
        let Some(case) = &mut self.case else { return Ok(()) };
        let was = case.case.status;
        match element {
            Element::Outcome(status) => case.mark(status),
            Element::Try(status) => {
                case.mark(status);
                if was == CaseStatus::Passed {
                    case.say("it was tried more than once");
                }
            }
            _ => {
                case.mark(CaseStatus::Skipped);
                let name = start.local_name();
                let name: &str = name.as_ref();
                case.say(&format!("it holds the unknown element `{name}`"));
            }
        }
        if !case.case.detail.is_empty() {
            append(&mut case.case.detail, "\n");
        }
        if element.is_telling() && !message.is_empty() {
            append(&mut case.case.detail, &message);
            append(&mut case.case.detail, "\n");
        }
        Ok(())
    }

    /// An element inside of a test case's output or properties, which hold none that are
    /// not known.
    fn hidden(&mut self, start: &BytesStart<'_>) {
        let Some(case) = &mut self.case else { return };
        if case.case.status == CaseStatus::Passed {
            let name = start.local_name();
            let name: &str = name.as_ref();
            case.say(&format!("its output or properties hold the element `{name}`"));
        }
        case.mark(CaseStatus::Skipped);
    }

    fn each_attribute(
        &self,
        start: &BytesStart<'_>,
        mut note: impl FnMut(&str, &Attribute<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        for (index, attribute) in start.attributes().enumerate() {
            if index == MAX_ATTRIBUTES {
                return Err(Stop::malformed(format!("an element has more than {MAX_ATTRIBUTES} attributes")));
            }
            let attribute = attribute.map_err(|error| Stop::malformed(error.to_string()))?;
            note(attribute.key.as_ref(), &attribute)?;
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Stop> {
        match text::referred(reference) {
            Some(text) => self.text(&text),
            None => Err(Stop::malformed(format!("entity `{}` is none of XML's own", &**reference))),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        let is_blank = || text.chars().all(char::is_whitespace);
        match (self.open.as_slice(), &mut self.case) {
            ([], _) if is_blank() => Ok(()),
            ([], _) => Err(Stop::malformed("text outside of the root element")),
            ([.., Element::Case, element], Some(case)) if element.is_telling() => {
                append(&mut case.case.detail, text);
                Ok(())
            }
            ([.., Element::Case], Some(case)) if !is_blank() => {
                if case.case.status == CaseStatus::Passed {
                    case.say("it holds text, which no known report does");
                }
                case.mark(CaseStatus::Skipped);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether text in that encoding is UTF-8, by the names that programs give it.
fn is_utf_8(encoding: &str) -> bool {
    const NAMES: [&str; 6] = ["utf-8", "utf8", "utf_8", "us-ascii", "ascii", "us_ascii"];
    NAMES.iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

/// Appends what there is room for, without control characters.
fn append(detail: &mut String, text: &str) {
    let kept = |c: char| if matches!(c, '\n' | '\t') { c } else { printable(c) };
    for character in text.chars().map(kept) {
        if detail.len() + character.len_utf8() > MAX_CASE_DETAIL_BYTES {
            return;
        }
        detail.push(character);
    }
}

fn printable(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}
