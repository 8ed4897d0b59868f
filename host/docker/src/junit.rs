use lancet_core::{
    CaseNaming, CaseStatus, MAX_CASE_DETAIL_BYTES, MAX_REPORT_BYTES, MAX_TEST_CASES, ReportState, TestCase,
    case_id,
};
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

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

/// Reads a JUnit report as pytest, Jest (`jest-junit`) and Playwright write it.
/// The cases are sorted by id; there are none unless the state is
/// [`ReportState::Read`].
///
/// A case's class is its `classname`, or its `file` where that is missing. An
/// element that is not known is passed over with all it holds. Refused as
/// malformed: text that is not UTF-8, entities and document types of the report's
/// own, elements nested more than 32 deep, a test case anywhere but in a suite.
#[must_use]
pub fn read_report(bytes: &[u8], naming: CaseNaming) -> (ReportState, Vec<TestCase>) {
    if bytes.len() > MAX_REPORT_BYTES {
        let problem = format!("the report is over {MAX_REPORT_BYTES} bytes");
        return (ReportState::TooLarge(problem), Vec::new());
    }
    let read = std::str::from_utf8(bytes)
        .map_err(|error| Stop::malformed(format!("not UTF-8 after byte {}", error.valid_up_to())))
        .and_then(|text| ReportReader::new(naming).read(text));
    match read {
        Ok(mut cases) => {
            cases.sort_by(|a, b| a.id.cmp(&b.id));
            (ReportState::Read, cases)
        }
        Err(Stop(state)) => (state, Vec::new()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    Failure,
    Error,
    Skipped,
    /// Output, properties, and whatever else there is.
    Other,
}

impl Element {
    fn named(name: &str) -> Self {
        match name {
            "testsuites" => Self::Suites,
            "testsuite" => Self::Suite,
            "testcase" => Self::Case,
            "failure" => Self::Failure,
            "error" => Self::Error,
            "skipped" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

struct ReportReader {
    naming: CaseNaming,
    version: XmlVersion,
    open: Vec<Element>,
    begun: bool,
    case: Option<TestCase>,
    cases: Vec<TestCase>,
}

impl ReportReader {
    fn new(naming: CaseNaming) -> Self {
        Self {
            naming,
            version: XmlVersion::Implicit1_0,
            open: Vec::new(),
            begun: false,
            case: None,
            cases: Vec::new(),
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
            Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") => {
                Ok(())
            }
            Some(Ok(name)) => Err(Stop::malformed(format!("encoding `{name}`, expected UTF-8"))),
            Some(Err(error)) => Err(Stop::malformed(error.to_string())),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        let element = Element::named(start.local_name().as_ref());
        let parent = self.open.last().copied();
        match (parent, element) {
            (None, _) if self.begun => return Err(Stop::malformed("more than one root element")),
            (None, Element::Suites | Element::Suite) => {}
            (None, _) => {
                let name = start.name().as_ref().to_owned();
                return Err(Stop::malformed(format!("the root is `{name}`, expected `testsuites`")));
            }
            (Some(Element::Suites | Element::Suite), Element::Case) => {
                let case = self.begin_case(start)?;
                self.case = Some(case);
            }
            (Some(_), Element::Case) => return Err(Stop::malformed("a test case outside of a test suite")),
            (Some(Element::Case), Element::Failure) => self.outcome(start, CaseStatus::Failed)?,
            (Some(Element::Case), Element::Error) => self.outcome(start, CaseStatus::Errored)?,
            (Some(Element::Case), Element::Skipped) => self.outcome(start, CaseStatus::Skipped)?,
            _ => {}
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Stop::malformed(format!("elements are nested more than {MAX_DEPTH} deep")));
        }
        self.begun = true;
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        if self.open.pop() == Some(Element::Case)
            && let Some(mut case) = self.case.take()
        {
            case.detail.truncate(case.detail.trim_end().len());
            if self.cases.len() == MAX_TEST_CASES {
                let problem = format!("the report has more than {MAX_TEST_CASES} test cases");
                return Err(Stop(ReportState::TooLarge(problem)));
            }
            self.cases.push(case);
        }
        Ok(())
    }

    fn begin_case(&self, start: &BytesStart<'_>) -> Result<TestCase, Stop> {
        let [name, class, file] = self.attributes(start, ["name", "classname", "file"])?;
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Stop::malformed("a test case without a name"))?;
        let class = class.filter(|class| !class.is_empty()).or(file).unwrap_or_default();
        let id: String = case_id(self.naming, &class, &name).chars().map(printable).collect();
        if id.len() > MAX_ID_BYTES {
            return Err(Stop::malformed(format!("a test's name is over {MAX_ID_BYTES} bytes")));
        }
        Ok(TestCase { id, status: CaseStatus::Passed, detail: String::new() })
    }

    /// What an element below a test case says of it. A failure or an error counts
    /// for more than a skip, and the first of them stays.
    fn outcome(&mut self, start: &BytesStart<'_>, status: CaseStatus) -> Result<(), Stop> {
        let [message] = self.attributes(start, ["message"])?;
        if let Some(case) = &mut self.case {
            if matches!(case.status, CaseStatus::Passed | CaseStatus::Skipped) {
                case.status = status;
            }
            if !case.detail.is_empty() {
                append(&mut case.detail, "\n");
            }
            if let Some(message) = message.filter(|message| !message.is_empty()) {
                append(&mut case.detail, &message);
                append(&mut case.detail, "\n");
            }
        }
        Ok(())
    }

    fn attributes<const N: usize>(
        &self,
        start: &BytesStart<'_>,
        wanted: [&str; N],
    ) -> Result<[Option<String>; N], Stop> {
        let mut found = [const { None }; N];
        for (index, attribute) in start.attributes().enumerate() {
            if index == MAX_ATTRIBUTES {
                return Err(Stop::malformed(format!("an element has more than {MAX_ATTRIBUTES} attributes")));
            }
            let attribute = attribute.map_err(|error| Stop::malformed(error.to_string()))?;
            let Some(place) = wanted.iter().position(|name| attribute.key.as_ref() == *name) else {
                continue;
            };
            let value = attribute
                .normalized_value(self.version)
                .map_err(|error| Stop::malformed(error.to_string()))?;
            found[place] = Some(value.into_owned());
        }
        Ok(found)
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Stop> {
        let character = reference.resolve_char_ref().map_err(|error| Stop::malformed(error.to_string()))?;
        if let Some(character) = character {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        match resolve_xml_entity(reference) {
            Some(text) => self.text(text),
            None => Err(Stop::malformed(format!("entity `{}` is none of XML's own", &**reference))),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        match (self.open.as_slice(), &mut self.case) {
            ([], _) if text.chars().all(char::is_whitespace) => Ok(()),
            ([], _) => Err(Stop::malformed("text outside of the root element")),
            ([.., Element::Case, Element::Failure | Element::Error | Element::Skipped], Some(case)) => {
                append(&mut case.detail, text);
                Ok(())
            }
            _ => Ok(()),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.061" timestamp="2024-05-01T10:00:00+00:00" hostname="driver"><testcase classname="test_mentions" name="test_menu[chromium]" time="0.012" /><testcase classname="test_mentions" name="test_escape" time="0.003"><failure message="assert &apos;&amp;lt;&apos; == &apos;&lt;&apos;&#10;  - &lt;">def test_escape():
&gt;       assert escape("&lt;") == "&lt;"
E       AssertionError: #x1B[31m</failure></testcase><testcase classname="test_mentions" name="test_setup" time="0.000"><error message="failed on setup with &quot;ValueError&quot;">trace</error></testcase><testcase classname="test_other" name="test_skip" time="0.000"><skipped type="pytest.skip" message="not here">/lancet/tests/test_other.py:3: not here</skipped></testcase></testsuite></testsuites>"#;

    const JEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="3" failures="1" errors="0" time="1.5">
  <testsuite name="Parser" errors="0" failures="1" skipped="1" timestamp="2024-05-01T10:00:00" time="0.4" tests="3">
    <properties><property name="os" value="linux"/></properties>
    <testcase classname="Parser bold" name="Parser bold is bold" time="0.002">
    </testcase>
    <testcase classname="" file="src/parser.test.js" name="links" time="0.1">
      <failure>Error: expect(received).toBe(expected)
    at Object.&lt;anonymous&gt; (src/parser.test.js:9:3)</failure>
    </testcase>
    <testcase classname="Parser" name="todo" time="0">
      <skipped/>
    </testcase>
    <system-out>&lt;testcase name="forged"/&gt;</system-out>
  </testsuite>
</testsuites>"#;

    const PLAYWRIGHT: &str = r#"<testsuites id="" name="" tests="2" failures="1" skipped="0" errors="0" time="4.2">
<testsuite name="chat.spec.ts" timestamp="2024-05-01T10:00:00.000Z" hostname="chromium" tests="2" failures="1" skipped="0" time="3.9" errors="0">
<testcase name="chat › sends" classname="chat.spec.ts" time="1.2">
<system-out>
<![CDATA[
[[ATTACHMENT|chat/trace.zip]]
<testcase name="forged"/>
]]>
</system-out>
</testcase>
<testcase name="chat › edits" classname="chat.spec.ts" time="2.7">
<failure message="chat.spec.ts:12:1 edits" type="FAILURE">
<![CDATA[  Error: timed <out> & "over"
]]>
</failure>
</testcase>
</testsuite>
</testsuites>"#;

    fn read(text: &str) -> (ReportState, Vec<TestCase>) {
        read_report(text.as_bytes(), CaseNaming::Full)
    }

    fn statuses(cases: &[TestCase]) -> Vec<(&str, CaseStatus)> {
        cases.iter().map(|case| (case.id.as_str(), case.status)).collect()
    }

    fn malformed(text: &str) -> String {
        match read(text) {
            (ReportState::Malformed(problem), cases) => {
                assert!(cases.is_empty());
                problem
            }
            (state, _) => panic!("{state:?} for {text}"),
        }
    }

    /// A report of one suite that holds `inner`.
    fn suite(inner: &str) -> String {
        format!("<testsuites><testsuite>{inner}</testsuite></testsuites>")
    }

    #[test]
    fn reads_what_pytest_writes() {
        let (state, cases) = read(PYTEST);
        assert_eq!(state, ReportState::Read);
        assert_eq!(
            statuses(&cases),
            [
                ("test_mentions::test_escape", CaseStatus::Failed),
                ("test_mentions::test_menu[chromium]", CaseStatus::Passed),
                ("test_mentions::test_setup", CaseStatus::Errored),
                ("test_other::test_skip", CaseStatus::Skipped),
            ]
        );
        let detail = &cases[0].detail;
        assert!(
            detail.starts_with("assert '&lt;' == '<'\n  - <\ndef test_escape():\n>       assert"),
            "{detail}"
        );
        assert_eq!(cases[2].detail, "failed on setup with \"ValueError\"\ntrace");
        let (_, short) = read_report(PYTEST.as_bytes(), CaseNaming::Function);
        assert_eq!(short[1].id, "test_menu");
    }

    #[test]
    fn reads_what_jest_writes() {
        let (state, cases) = read(JEST);
        assert_eq!(state, ReportState::Read);
        assert_eq!(
            statuses(&cases),
            [
                ("Parser bold::Parser bold is bold", CaseStatus::Passed),
                ("Parser::todo", CaseStatus::Skipped),
                ("src/parser.test.js::links", CaseStatus::Failed),
            ]
        );
        assert!(cases[2].detail.ends_with("at Object.<anonymous> (src/parser.test.js:9:3)"));
    }

    #[test]
    fn reads_what_playwright_writes() {
        let (state, cases) = read(PLAYWRIGHT);
        assert_eq!(state, ReportState::Read);
        assert_eq!(
            statuses(&cases),
            [
                ("chat.spec.ts::chat › edits", CaseStatus::Failed),
                ("chat.spec.ts::chat › sends", CaseStatus::Passed),
            ]
        );
        assert_eq!(cases[0].detail, "chat.spec.ts:12:1 edits\n\n  Error: timed <out> & \"over\"");
    }

    #[test]
    fn a_failure_counts_for_more_than_a_skip_and_repeated_names_stay() {
        let (_, cases) = read(&suite(
            r#"<testcase name="a"><skipped/><failure message="x"/></testcase>
               <testcase name="a"/><testcase name="b"><error/><skipped/></testcase>"#,
        ));
        assert_eq!(
            statuses(&cases),
            [("a", CaseStatus::Failed), ("a", CaseStatus::Passed), ("b", CaseStatus::Errored)]
        );
    }

    #[test]
    fn details_are_cut_and_hold_no_control_characters() {
        let long = "é".repeat(MAX_CASE_DETAIL_BYTES);
        let (_, cases) = read(&suite(&format!(
            "<testcase name='a\u{1b}[31m'><failure>\u{1b}]0;&#27;&#x9b;\tb\n{long}</failure></testcase>"
        )));
        assert_eq!(cases[0].id, "a\u{fffd}[31m");
        assert!(cases[0].detail.starts_with("\u{fffd}]0;\u{fffd}\u{fffd}\tb\né"));
        assert!((MAX_CASE_DETAIL_BYTES - 1..=MAX_CASE_DETAIL_BYTES).contains(&cases[0].detail.len()));
    }

    #[test]
    fn what_is_no_report_is_malformed() {
        for (text, part) in [
            ("", "no element"),
            ("PASSED", "outside of the root"),
            ("<html/>", "expected `testsuites`"),
            ("<testcase name='a'/>", "expected `testsuites`"),
            ("<testsuites>", "middle of an element"),
            ("<testsuites></testsuite>", "testsuite"),
            ("<testsuites/><testsuites/>", "more than one root"),
            ("<testsuites/>x", "outside of the root"),
            ("<testsuites><testsuite><testcase/></testsuite></testsuites>", "without a name"),
            ("<testsuites><a><testcase name='a'/></a></testsuites>", "outside of a test suite"),
            ("<testsuites>&nope;</testsuites>", "none of XML's own"),
            ("<testsuites>&#0;</testsuites>", ""),
            ("<testsuites>&</testsuites>", ""),
            ("<testsuites><testsuite><testcase name='&nope;'/></testsuite></testsuites>", "nope"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><testsuites/>", "document type"),
            ("<?xml version='1.0' encoding='latin1'?><testsuites/>", "latin1"),
            ("<testsuites/><?xml version='1.0'?>", "middle"),
        ] {
            let problem = malformed(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
        let (state, _) = read_report(b"<testsuites>\xff</testsuites>", CaseNaming::Full);
        assert_eq!(state, ReportState::Malformed("not UTF-8 after byte 12".into()));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let deep = "<testsuite>".repeat(500_000);
        assert!(malformed(&deep).contains("32 deep"));
        let wide: String = (0..1_000_000).map(|i| format!(" a{i}=''")).collect();
        assert!(malformed(&suite(&format!("<testcase name='a'{wide}/>"))).contains("64 attributes"));
        let long = "n".repeat(MAX_ID_BYTES + 1);
        assert!(malformed(&suite(&format!("<testcase name='{long}'/>"))).contains("4096 bytes"));
        let case = "<testcase name='a'/>";
        let many = case.repeat(MAX_TEST_CASES + 1);
        assert!(matches!(read(&suite(&many)), (ReportState::TooLarge(_), cases) if cases.is_empty()));
        assert_eq!(read(&suite(&many[case.len()..])).1.len(), MAX_TEST_CASES);
        let padded = suite(&" ".repeat(MAX_REPORT_BYTES));
        assert!(matches!(read(&padded), (ReportState::TooLarge(_), _)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (state, cases) = read_report(&bytes, CaseNaming::Full);
            prop_assert!(state == ReportState::Read || cases.is_empty());
        }

        #[test]
        fn no_text_like_a_report_makes_it_panic(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("<testsuites>"), Just("</testsuites>"), Just("<testsuite>"), Just("</testsuite>"),
                    Just("<testcase name='a' classname=\"b\">"), Just("<testcase name='a'/>"),
                    Just("</testcase>"), Just("<failure message='&lt;'>"), Just("</failure>"), Just("<skipped/>"),
                    Just("<![CDATA["), Just("]]>"), Just("&#x1F600;"), Just("&#xD800;"), Just("&amp;"),
                    Just("<!--"), Just("-->"), Just("<?xml version='1.1'?>"), Just("<!DOCTYPE"), Just(">"),
                    Just("\u{85}\r\n"), Just("\u{2028}"), Just("'"), Just("\u{0}"), Just("<"), Just("&"),
                ],
                0..40,
            )
        ) {
            let (state, cases) = read(&parts.concat());
            prop_assert!(state == ReportState::Read || cases.is_empty());
            for case in cases {
                prop_assert!(!case.id.chars().any(char::is_control));
                prop_assert!(case.detail.len() <= MAX_CASE_DETAIL_BYTES);
            }
        }
    }
}
