//! Reports of real tools, and reports that no tool would write.

use std::path::Path;

use lancet_core::{
    CaseNaming, CaseStatus, MAX_CASE_DETAIL_BYTES, MAX_NAMES_BYTES, MAX_REPORT_BYTES, MAX_TEST_CASES,
    ReportState, TestCase,
};
use proptest::prelude::*;

use super::{MAX_ID_BYTES, read_report};

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

/// Playwright's usual three projects: the same files and names, and another host name each.
const PROJECTS: &str = r#"<testsuites id="" name="" tests="3" failures="1" skipped="0" errors="0" time="9">
<testsuite name="chat.spec.ts" hostname="chromium" tests="1" failures="0" skipped="0" errors="0"><testcase name="sends" classname="chat.spec.ts" time="1"></testcase></testsuite>
<testsuite name="chat.spec.ts" hostname="firefox" tests="1" failures="1" skipped="0" errors="0"><testcase name="sends" classname="chat.spec.ts" time="1"><failure>no</failure></testcase></testsuite>
<testsuite name="chat.spec.ts" hostname="webkit" tests="1" failures="0" skipped="0" errors="0"><testcase name="sends" classname="chat.spec.ts" time="1"></testcase></testsuite>
</testsuites>"#;

#[test]
fn cases_of_one_name_are_told_apart_by_project_or_suite() {
    let named = |text: &str, naming| {
        let (state, cases) = read_report(text.as_bytes(), naming);
        assert_eq!(state, ReportState::Read, "{text}");
        cases.into_iter().map(|case| (case.id, case.status)).collect::<Vec<_>>()
    };
    let case = |id: &str, status| (id.to_owned(), status);
    assert_eq!(
        named(PROJECTS, CaseNaming::Project),
        [
            case("chromium::chat.spec.ts::sends", CaseStatus::Passed),
            case("firefox::chat.spec.ts::sends", CaseStatus::Failed),
            case("webkit::chat.spec.ts::sends", CaseStatus::Passed),
        ]
    );
    // By class and name alone there are three of one name.
    assert_eq!(
        named(PROJECTS, CaseNaming::Full).iter().filter(|(id, _)| id == "chat.spec.ts::sends").count(),
        3
    );
    // By suite: what a nested one does not say, the one around it does.
    let suites = "<testsuites name='all'><testsuite name='a &amp; b'><testcase classname='T' name='x'/>\
                  <testsuite><testcase classname='T' name='y'/></testsuite></testsuite>\
                  <testsuite name='c'><testcase classname='T' name='x'/></testsuite></testsuites>";
    assert_eq!(
        named(suites, CaseNaming::Suite),
        [
            case("a & b::T::x", CaseStatus::Passed),
            case("a & b::T::y", CaseStatus::Passed),
            case("c::T::x", CaseStatus::Passed),
        ]
    );
    assert_eq!(named(suites, CaseNaming::Project)[0], case("T::x", CaseStatus::Passed));
    // A suite's name is never cut, and has to be in order.
    let long = format!("<testsuite name='{}'><testcase name='x'/></testsuite>", "s".repeat(300));
    assert_eq!(named(&long, CaseNaming::Suite)[0].0.len(), 300 + "::x".len());
    let broken = b"<testsuite name='\xff'><testcase name='x'/></testsuite>";
    assert!(matches!(read_report(broken, CaseNaming::Suite).0, ReportState::Malformed(_)));
    assert_eq!(read_report(broken, CaseNaming::Full).0, ReportState::Read);
}

#[test]
fn utf_8_goes_by_several_names() {
    for name in ["utf-8", "UTF-8", "utf8", "UTF8", "us-ascii", "ASCII"] {
        let text = format!("<?xml version=\"1.0\" encoding=\"{name}\"?><testsuites/>");
        assert_eq!(read(&text).0, ReportState::Read, "{name}");
    }
}

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

fn word(status: CaseStatus) -> &'static str {
    match status {
        CaseStatus::Passed => "passed",
        CaseStatus::Failed => "failed",
        CaseStatus::Errored => "errored",
        CaseStatus::Skipped => "skipped",
    }
}

/// `status id` of each case, in lines.
fn listed(cases: &[TestCase]) -> String {
    cases.iter().map(|case| format!("{} {}\n", word(case.status), case.id)).collect()
}

/// The reports of `tests/junit`, which its README tells of: beside each lies what its
/// cases come to.
#[test]
fn reads_what_each_tool_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit");
    let mut wrong = String::new();
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "xml") {
            let (state, cases) = read_report(&std::fs::read(&path).unwrap(), CaseNaming::Full);
            let expected = std::fs::read_to_string(path.with_extension("cases")).unwrap_or_default();
            let found = listed(&cases);
            if state != ReportState::Read || found != expected {
                wrong += &format!("== {}\n{state:?}\n{found}\n", path.display());
            }
            read += 1;
        }
    }
    assert!(wrong.is_empty() && read >= 15, "{read} reports\n{wrong}");
}

#[test]
fn passed_is_only_what_says_so_in_a_known_form() {
    use CaseStatus::{Errored, Failed, Passed, Skipped};
    for (case, status) in [
        ("<testcase name='a'/>", Passed),
        ("<testcase name='a'> <properties/><system-out>FAILED</system-out><system-err/> </testcase>", Passed),
        ("<testcase name='a' status='run' result='completed'/>", Passed),
        ("<testcase name='a' status='Passed' time='0.1' assertions='3' line='7'/>", Passed),
        ("<testcase name='a' status=''/>", Passed),
        ("<testcase name='a' status='run' result='skipped'/>", Skipped),
        ("<testcase name='a' status='notrun'/>", Skipped),
        ("<testcase name='a' status='notrun' result='suppressed'/>", Skipped),
        ("<testcase name='a' status='pending'/>", Skipped),
        ("<testcase name='a' status='never heard of'/>", Skipped),
        ("<testcase name='a' status='failed'/>", Failed),
        ("<testcase name='a' result='FAIL'/>", Failed),
        ("<testcase name='a' outcome='error'/>", Errored),
        ("<testcase name='a' x:status='skipped'/>", Skipped),
        ("<testcase name='a' Result='Inconclusive'/>", Skipped),
        ("<testcase name='a' executed='False'/>", Skipped),
        ("<testcase name='a' success='False'/>", Failed),
        ("<testcase name='a' skipped='true'/>", Skipped),
        ("<testcase name='a' failures='1'/>", Failed),
        ("<testcase name='a' failures='0' skipped='false'/>", Passed),
        ("<testcase name='a' notrun='true'/>", Skipped),
        ("<testcase name='a' not-run='false'/>", Passed),
        ("<testcase name='a' run='false'/>", Skipped),
        ("<testcase name='a' run='true' completed='1'/>", Passed),
        ("<testcase name='a' inconclusive='1'/>", Skipped),
        ("<testcase name='a' disposition='skipped'/>", Skipped),
        ("<testcase name='a' Verdict='failed'/>", Failed),
        ("<testcase name='a' verdict='pass' timed_out='0' unknown=''/>", Passed),
        ("<testcase name='a' Timed-Out='yes'/>", Skipped),
        ("<testcase name='a' xmlns:status='urn:none' xmlns='urn:x'/>", Passed),
        ("<testcase name='a'><disabled/></testcase>", Skipped),
        ("<testcase name='a'><aborted/></testcase>", Skipped),
        ("<testcase name='a'><Failure/></testcase>", Skipped),
        ("<testcase name='a'>not run</testcase>", Skipped),
        ("<testcase name='a'><![CDATA[x]]></testcase>", Skipped),
        ("<testcase name='a'><flakyFailure/></testcase>", Failed),
        ("<testcase name='a'><flakyError/></testcase>", Errored),
        ("<testcase name='a'><rerunFailure/></testcase>", Failed),
        ("<testcase name='a'><rerunError/><failure/></testcase>", Errored),
        ("<testcase name='a' status='passed'><failure/></testcase>", Failed),
        ("<testcase name='a' result='skipped'><failure/></testcase>", Failed),
        ("<testcase name='a'><aborted/><error/></testcase>", Errored),
        ("<testcase name='a'><properties><property><x:property/></property></properties></testcase>", Passed),
        ("<testcase name='a'><properties><failure/></properties></testcase>", Skipped),
        ("<testcase name='a'><system-out><property><error/></property></system-out></testcase>", Skipped),
        ("<testcase name='a'><system-err>x<skipped/></system-err></testcase>", Skipped),
        ("<testcase name='a'><properties><flakyFailure/></properties></testcase>", Skipped),
        ("<testcase name='a'><properties><aborted/></properties></testcase>", Skipped),
        ("<testcase name='a'><system-out><aborted/></system-out><failure/></testcase>", Failed),
    ] {
        let (state, cases) = read(&suite(case));
        assert_eq!(state, ReportState::Read, "{case}");
        assert_eq!(statuses(&cases), [("a", status)], "{case}");
    }
    let (_, cases) = read(&suite("<testcase name='a' result='skipped'><aborted/></testcase>"));
    assert_eq!(cases[0].detail, "its `result` is `skipped`\nit holds the unknown element `aborted`");
    let (_, cases) = read(&suite("<testcase name='a'><properties><error/><error/></properties></testcase>"));
    assert_eq!(cases[0].detail, "its output or properties hold the element `error`");
}

#[test]
fn what_suites_count_may_not_contradict_their_cases() {
    use CaseStatus::{Passed, Skipped};
    let two = "<testcase name='a'/><testcase name='b'><failure/></testcase>";
    let one = "<testcase name='a'/>";
    for (attributes, inner, status) in [
        ("", one, Passed),
        ("tests='1' failures='0' errors='0' skipped='0' disabled='0'", one, Passed),
        ("tests='' failures=''", one, Passed),
        ("tests='2' failures='1'", two, Passed),
        // What is left out, and not counted as failed, has not passed either.
        ("tests='3'", one, Passed),
        ("tests='3' skipped='2'", one, Passed),
        ("tests='0'", one, Skipped),
        ("tests='1' failures='1'", one, Skipped),
        ("tests='1' errors='1'", one, Skipped),
        ("tests='2' failures='2'", two, Skipped),
        ("tests='1' skipped='1'", one, Skipped),
        ("tests='1' disabled='1'", one, Skipped),
        ("skipped='1'", one, Skipped),
        ("failures='1'", one, Skipped),
        ("failures='some'", one, Skipped),
        ("tests='-1'", one, Skipped),
        ("status='failed'", one, Skipped),
        ("status='failed'", two, Passed),
        ("status='aborted'", two, Skipped),
        ("status='passed'", one, Passed),
        // Whatever it is called, and however it is written.
        ("success='false'", one, Skipped),
        ("success='true' outcome='passed' state='completed' executed='yes'", one, Passed),
        ("outcome='failed'", one, Skipped),
        ("state='aborted'", one, Skipped),
        ("executed='false'", one, Skipped),
        ("verdict='inconclusive'", two, Skipped),
        ("tests='1' passed='0'", one, Skipped),
        ("tests='2' passed='1' failures='1'", two, Passed),
        ("Failures='1'", one, Skipped),
        ("x:failures='1'", one, Skipped),
        ("failures='0' x:failures='1'", one, Skipped),
        ("tests='1' not-run='1'", one, Skipped),
        ("tests='1' notRun='0' aborted='false' executed='1'", one, Passed),
        ("tests='1' timed-out='1'", one, Skipped),
        ("flakes='1'", one, Skipped),
        ("flakes='0' xmlns:failed='urn:none' xmlns='urn:x'", one, Passed),
        // Counts, times and moments say neither yes nor no.
        ("tests='5' success='5' completed='2026-01-01T00:00:00Z' run='0.2s'", one, Passed),
        ("tests='5' success='0'", one, Skipped),
        ("executed='never'", one, Skipped),
        // The same number by two names.
        ("tests='2' failures='1' failed='1'", two, Passed),
        ("tests='3' skipped='1' pending='1' failures='1'", two, Passed),
        ("tests='1' skipped='1' disabled='1'", one, Skipped),
        ("", "<testcase name='a'/><error/>", Skipped),
        ("", "<failure/><testcase name='a'/>", Skipped),
        ("", "<testcase name='a'/><timeout/>", Skipped),
        ("", "<properties/><testcase name='a'/><system-out/><system-err/>", Passed),
    ] {
        for text in [
            format!("<testsuites><testsuite {attributes}>{inner}</testsuite></testsuites>"),
            format!("<testsuites {attributes}><testsuite>{inner}</testsuite></testsuites>"),
            format!("<testsuite {attributes}>{inner}</testsuite>"),
            format!(
                "<testsuite><testsuite><testcase name='z'/></testsuite><testsuite {attributes}>{inner}</testsuite></testsuite>"
            ),
        ] {
            // An element beside the cases stands in the inner suite.
            let (state, cases) = read(&text);
            assert_eq!(state, ReportState::Read, "{text}");
            assert_eq!(cases[0].status, status, "{text}: {}", cases[0].detail);
            if let Some(other) = cases.iter().find(|case| case.id == "z") {
                assert_eq!(other.status, Passed, "{text}");
            }
        }
    }
    let (_, cases) = read("<testsuite name='s' tests='1' failures='1'><testcase name='a'/></testsuite>");
    assert_eq!(
        cases[0].detail,
        "the suite `s` contradicts its cases: it counts 1 failures and errors, they show 0"
    );
    // pytest counts a test that fails twice once, and both failures.
    let twice = "<testsuite tests='2' failures='1' errors='1'><testcase name='a'/>\
                 <testcase name='b'><failure/></testcase><testcase name='b'><error/></testcase></testsuite>";
    assert_eq!(read(twice).1[0].status, Passed);
}

#[test]
fn what_tests_say_may_hold_anything_and_names_may_not() {
    let anything: &[u8] = b"half &#xD83D; &#xd83d; \xed\xa0\xbd nul &#0; \x00 bell \x07 no character &#xFFFE; \xef\xbf\xbe \xff\xfe";
    let around = |before: &str, after: &str| [before.as_bytes(), anything, after.as_bytes()].concat();
    for (before, after) in [
        ("<testsuite><testcase name='a'><failure>", "</failure></testcase></testsuite>"),
        ("<testsuite><testcase name='a'><failure message='", "'/></testcase></testsuite>"),
        ("<testsuite><testcase name='a'><failure type='", "'/></testcase></testsuite>"),
        ("<testsuite><testcase name='a'><failure/><system-out>", "</system-out></testcase></testsuite>"),
        (
            "<testsuite><testcase name='a'><failure/><system-err><![CDATA[",
            "]]></system-err></testcase></testsuite>",
        ),
        (
            "<testsuite><properties><property name='x' value='",
            "'/></properties><testcase name='a'><failure/></testcase></testsuite>",
        ),
        ("<testsuite name='", "'><testcase name='a'><failure/></testcase></testsuite>"),
    ] {
        let (state, cases) = read_report(&around(before, after), CaseNaming::Full);
        assert_eq!(state, ReportState::Read, "{before}");
        assert_eq!(statuses(&cases), [("a", CaseStatus::Failed)], "{before}");
        let hidden = |c: char| c.is_control() && c != '\n';
        assert!(!cases[0].detail.contains(hidden), "{before}: {:?}", cases[0].detail);
    }
    // A test that passed has passed, whatever it printed.
    let printed =
        around("<testsuite><testcase name='a'><system-out>", "</system-out></testcase></testsuite>");
    assert_eq!(statuses(&read_report(&printed, CaseNaming::Full).1), [("a", CaseStatus::Passed)]);
    for attribute in ["name", "classname", "file"] {
        for value in [&b"\xff"[..], b"\xed\xa0\xbd", b"&#xD83D;", b"&#0;"] {
            let other = if attribute == "name" { "" } else { "name='a' " };
            let report =
                [format!("<testsuite><testcase {other}{attribute}='").as_bytes(), value, b"'/></testsuite>"]
                    .concat();
            let (state, _) = read_report(&report, CaseNaming::Full);
            assert!(matches!(state, ReportState::Malformed(_)), "{attribute} {value:?}");
        }
    }
    let (state, cases) = read("\u{feff}<testsuite><testcase name='\u{fffd}'/></testsuite>");
    assert_eq!((state, cases.len()), (ReportState::Read, 1));
}

#[test]
fn a_case_without_a_name_is_its_class() {
    let (_, cases) = read(&suite("<testcase name='' classname='c.Broken'><error/></testcase>"));
    assert_eq!(statuses(&cases), [("c.Broken", CaseStatus::Errored)]);
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
        ("<testsuites>&</testsuites>", ""),
        ("<testsuites><testsuite><testcase name='&nope;'/></testsuite></testsuites>", "nope"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><testsuites/>", "document type"),
        ("<?xml version='1.0' encoding='latin1'?><testsuites/>", "latin1"),
        ("<testsuites/><?xml version='1.0'?>", "middle"),
    ] {
        let problem = malformed(text);
        assert!(problem.contains(part), "{text}: {problem}");
    }
    for nested in ["system-out", "failure", "properties", "x"] {
        let forged = format!(
            "<testcase name='a'><{nested}><testsuite><testcase name='b'/></testsuite></{nested}></testcase>"
        );
        assert!(malformed(&suite(&forged)).contains("inside of something else"), "{nested}");
    }
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
    let name = "n".repeat(MAX_ID_BYTES);
    let named = |count: usize| suite(&format!("<testcase name='{name}'/>").repeat(count));
    assert_eq!(read(&named(MAX_NAMES_BYTES / MAX_ID_BYTES)).0, ReportState::Read);
    let state = read(&named(MAX_NAMES_BYTES / MAX_ID_BYTES + 1)).0;
    assert!(matches!(state, ReportState::TooLarge(problem) if problem.contains("names")));
    // A suite within another has its name again.
    let many = format!("<testsuite name='{name}n'>{}</testsuite>", "<testsuite/>".repeat(100));
    let state = read_report(many.as_bytes(), CaseNaming::Suite).0;
    assert!(matches!(state, ReportState::Malformed(problem) if problem.contains("4096 bytes")));
    assert_eq!(read_report(many.as_bytes(), CaseNaming::Full).0, ReportState::Read);
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
                Just("<testsuite tests='1' failures='1'>"), Just("<flakyFailure/>"), Just("<odd>"), Just("&#xD83D;"),
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
