//! Traces with a hidden test in them, on pages that try to get at it.

use std::collections::BTreeMap;

use lancet_trace::{TraceError, rebuild_files, rebuild_zip};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What stands for anything that only the test knows.
const SECRET: &str = "s3cr3t-of-the-test";

fn snapshot(call: &str, html: &Value) -> Value {
    json!({ "type": "frame-snapshot", "snapshot": {
        "callId": call, "snapshotName": format!("before@{call}"), "pageId": "page@1", "frameId": "frame@1",
        "frameUrl": "http://app/", "doctype": "html", "html": html, "viewport": { "width": 1280, "height": 720 },
        "timestamp": 12.5, "wallTime": 1.0, "collectionTime": 0.5, "isMainFrame": true,
        "resourceOverrides": [{ "url": "http://app/a.css", "sha1": "0a.css" }, { "url": "http://app/b.css", "ref": 1 }],
    }})
}

fn resource(content: &str, is_of_the_test: bool) -> Value {
    let mut snapshot = json!({
        "pageref": "page@1", "startedDateTime": "2024-01-01T00:00:00.000Z", "time": 3.5,
        "request": {
            "method": "POST", "url": "http://app/api", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{ "name": "accept", "value": "*/*" }], "queryString": [], "headersSize": -1,
            "bodySize": 3, "postData": { "mimeType": "text/plain", "text": "", "params": [], "_sha1": "0b.txt" },
        },
        "response": {
            "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "content": { "size": 4, "mimeType": "text/html", "_sha1": content }, "headersSize": -1,
            "bodySize": 4, "redirectURL": "", "_transferSize": 100,
        },
        "cache": {}, "timings": { "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 1.5, "receive": 2 },
        "_frameref": "frame@1", "_monotonicTime": 11.25, "_resourceType": "fetch", "_note": SECRET,
    });
    if is_of_the_test {
        snapshot["_apiRequest"] = true.into();
    }
    json!({ "type": "resource-snapshot", "snapshot": snapshot })
}

fn step(call: &str, class: &str, method: &str, params: &Value) -> [Value; 4] {
    [
        json!({ "type": "before", "callId": call, "startTime": 1.5, "class": class, "method": method,
            "apiName": SECRET, "title": SECRET, "stepId": SECRET, "params": params, "pageId": "page@1",
            "beforeSnapshot": format!("before@{call}"), "parentId": SECRET,
            "stack": [{ "file": SECRET, "line": 3, "column": 1, "function": SECRET }] }),
        json!({ "type": "input", "callId": call, "inputSnapshot": format!("input@{call}"), "point": { "x": 3, "y": 4.5 } }),
        json!({ "type": "log", "callId": call, "time": 2, "message": SECRET }),
        json!({ "type": "after", "callId": call, "endTime": 9, "afterSnapshot": format!("after@{call}"),
            "result": { "value": SECRET }, "error": { "name": SECRET, "message": SECRET, "stack": SECRET },
            "attachments": [{ "name": SECRET, "sha1": "0c.png", "contentType": "image/png" }] }),
    ]
}

fn events() -> Vec<Value> {
    let html = json!(["HTML", { "lang": "en" }, ["BODY", { "__playwright_scroll_top_": "5" },
        ["P", { "__playwright_target__": SECRET, "class": "a" }, "shown"], [[1, 2]]]]);
    let mut events = vec![
        json!({ "version": 8, "type": "context-options", "origin": "library", "browserName": "chromium",
            "platform": "linux", "wallTime": 1.0, "monotonicTime": 2.0, "sdkLanguage": "python",
            "title": SECRET, "testIdAttributeName": SECRET, "contextId": "context@1", "channel": "chromium",
            "options": { "viewport": { "width": 1280, "height": 720 }, "userAgent": SECRET, "deviceScaleFactor": SECRET,
                "extraHTTPHeaders": [{ "name": SECRET, "value": SECRET }], "storageState": SECRET } }),
        json!({ "type": "event", "time": 1, "class": "BrowserContext", "method": "page",
            "params": { "pageId": "page@1", "more": SECRET } }),
        json!({ "type": "screencast-frame", "pageId": "page@1", "sha1": "page@1-12.jpeg", "width": 800,
            "height": 450, "timestamp": 12.25, "frameSwapWallTime": 1.5 }),
        json!({ "type": "console", "messageType": "log", "text": "said by the page", "time": 3, "pageId": "page@1",
            "args": [{ "preview": SECRET, "value": SECRET }],
            "location": { "url": "http://app/a.js", "lineNumber": 1, "columnNumber": 2 } }),
        json!({ "type": "event", "time": 4, "class": "BrowserContext", "method": "pageError",
            "params": { "error": { "error": { "name": "TypeError", "message": "x is undefined", "stack": SECRET } } } }),
        json!({ "type": "event", "time": 4, "class": "Page", "method": "other", "params": { "a": SECRET } }),
        json!({ "type": "stdout", "timestamp": 1, "text": SECRET }),
        json!({ "type": "error", "message": SECRET, "stack": [] }),
        json!({ "type": "object", "class": "Locator", "guid": "x", "initializer": SECRET }),
        json!({ "type": "action", "callId": "call@90", "apiName": SECRET }),
        json!({ "type": "kind-of-tomorrow", "text": SECRET }),
        json!({ "type": "context-options", "origin": "testRunner", "version": 8, "title": SECRET, "wallTime": 1,
            "monotonicTime": 1, "options": {} }),
        snapshot("call@1", &html),
        resource("0d.html", false),
        resource("0e.html", true),
        resource("src@0123.txt", false),
        json!({ "type": "screencast-frame", "pageId": "page@1", "sha1": "../../etc/passwd", "width": 8,
            "height": 4, "timestamp": 12 }),
    ];
    let secret = json!({ "selector": SECRET, "value": SECRET, "expression": "to.have.text",
        "expectedText": [{ "string": SECRET }] });
    events.extend(step("call@1", "Frame", "click", &secret));
    events.extend(step("call@2", "Frame", "expect", &secret));
    events.extend(step("call@3", "Frame", "waitForSelector", &secret));
    events.extend(step("call@4", "Frame", "evaluateExpression", &secret));
    events.extend(step("call@5", SECRET, "click", &secret));
    events.extend(step(SECRET, "Frame", "click", &secret));
    events
}

fn lines(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(|event| format!("{event}\n").into_bytes()).collect()
}

/// A trace of these lines, with contents.
fn files(lines: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert("test_steps.trace".into(), lines.to_vec());
    files.insert("test_steps.stacks".into(), SECRET.into());
    files.insert("test_steps.network".into(), self::lines(&[resource("0f.html", false)]));
    files.insert("notes.txt".into(), SECRET.into());
    for name in ["0a.css", "0b.txt", "0d.html", "0f.html", "page@1-12.jpeg"] {
        files.insert(format!("resources/{name}"), name.into());
    }
    for name in ["0c.png", "0e.html", "src@0123.txt", "unknown"] {
        files.insert(format!("resources/{name}"), SECRET.into());
    }
    files
}

fn made(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, TraceError> {
    rebuild_files(&files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect())
}

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

fn parsed(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn only_what_is_the_pages_is_in_it() {
    let trace = made(&files(&lines(&events()))).unwrap();
    let names: Vec<&str> = trace.keys().map(String::as_str).collect();
    let contents =
        ["0a.css", "0b.txt", "0d.html", "0f.html", "page@1-12.jpeg"].map(|name| format!("resources/{name}"));
    assert_eq!(names[..5], contents.each_ref().map(String::as_str));
    assert_eq!(names[5..], ["trace.network", "trace.trace"]);
    for (name, bytes) in &trace {
        assert!(!holds(bytes, SECRET), "{name}: {}", String::from_utf8_lossy(bytes));
        assert!(!holds(bytes, "expect"), "{name}: {}", String::from_utf8_lossy(bytes));
    }
    let events = parsed(&trace["trace.trace"]);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "context-options",
            "event",
            "screencast-frame",
            "console",
            "event",
            "frame-snapshot",
            "resource-snapshot",
            "before",
            "input",
            "after"
        ]
    );
    assert_eq!(events[3]["text"], "said by the page");
    assert_eq!(
        events[4]["params"]["error"]["error"],
        json!({ "name": "TypeError", "message": "x is undefined" })
    );
    let html = json!(["HTML", { "lang": "en" }, ["BODY", { "__playwright_scroll_top_": "5" },
        ["P", { "class": "a" }, "shown"], [[1, 2]]]]);
    assert_eq!(events[5]["snapshot"]["html"], html);
    assert_eq!(events[7]["method"], "click");
    assert_eq!(events[7]["params"], json!({}));
    assert_eq!(events[9]["error"]["message"], "the step could not be carried out");
    assert_eq!(parsed(&trace["trace.network"]).len(), 1);
    // Once more gives the same: what is written can be read.
    assert_eq!(made(&trace).unwrap(), trace);
}

#[test]
fn what_pages_write_is_theirs_alone() {
    let console = |text: &str| {
        json!({ "type": "console", "messageType": "log", "text": text, "time": 3,
            "location": { "url": "", "lineNumber": 0, "columnNumber": 0 } })
    };
    let half = console("HALF").to_string().replace("HALF", r"\ud83d");
    for said in [
        // An end of a line to others.
        "a\u{2028}b".to_owned(),
        "a\u{2029}b\u{85}c\u{b}d\u{c}e\u{1c}f\u{1d}g\u{1e}h\r\ni".to_owned(),
        "\n{\"type\":\"before\"}\n".to_owned(),
        "\0\u{feff}\u{202e}".to_owned(),
        "\"}\n{\"type\":\"console\",\"text\":\"".to_owned(),
        json!({ "type": "after", "callId": "call@1" }).to_string(),
        "[".repeat(10_000),
        "x".repeat(5 << 20),
    ] {
        let mut events = events();
        events.insert(0, console(&said));
        let trace = made(&files(&lines(&events))).unwrap();
        let found = parsed(&trace["trace.trace"]);
        assert_eq!(found[0]["text"], said.as_str());
        assert_eq!(found.len(), 11);
        assert!(!trace.values().any(|bytes| holds(bytes, SECRET)));
    }
    let trace = made(&files(&[half.as_bytes(), b"\n", &lines(&events())].concat())).unwrap();
    assert_eq!(parsed(&trace["trace.trace"])[0]["text"], "\u{fffd}");
}

#[test]
fn a_page_that_is_nested_too_deep_is_left_out_and_nothing_else() {
    for levels in [50, 200, 100_000] {
        let mut html = String::from("\"deep\"");
        html.insert_str(0, &"[\"P\",{},".repeat(levels));
        html.push_str(&"]".repeat(levels));
        let line = snapshot("call@1", &json!("HTML")).to_string().replace("\"HTML\"", &html);
        let all = [&lines(&events()), line.as_bytes(), b"\n"].concat();
        let trace = made(&files(&all)).unwrap();
        let last = parsed(&trace["trace.trace"]).pop().unwrap();
        assert_eq!(last["snapshot"]["html"].to_string().contains("deep\""), levels == 50, "{levels}");
        assert_eq!(last["snapshot"]["snapshotName"], "before@call@1");
    }
    // Elsewhere it is no page.
    let deep = format!("{{\"type\":\"console\",\"text\":{}{}}}", "[".repeat(500), "]".repeat(500));
    let trace = made(&files(&[deep.as_bytes(), b"\n", &lines(&events())].concat())).unwrap();
    assert_eq!(parsed(&trace["trace.trace"]).len(), 10);
}

#[test]
fn what_is_not_whole_is_no_trace() {
    let good = lines(&events());
    for (bad, expected) in [
        (&good[..good.len() - 5], "is not JSON"),
        (b"\xff\xfe\n", "is not UTF-8"),
        (b"{\"type\":\"console\",\"text\":\"\xed\xa0\x80\"}\n", "is not UTF-8"),
        (b"[1]\n", "is not as Playwright writes it"),
        (b"{\"type\":\"console\",\"text\":{\"nested\":1}}\n", "is not as Playwright writes it"),
        (b"nothing\n", "is not JSON"),
        (b"{}{}\n", "is not JSON"),
    ] {
        let error = made(&files(bad)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
    let mut empty = files(&good);
    empty.remove("test_steps.trace");
    assert_eq!(made(&empty), Err(TraceError::NoEvents));
}

#[test]
fn an_archive_becomes_an_archive_and_one_that_is_cut_nothing() {
    let trace = made(&files(&lines(&events()))).unwrap();
    let zip = rebuild_zip(&zipped(&files(&lines(&events())))).unwrap();
    assert_eq!(rebuild_zip(&zip).unwrap(), zip);
    assert_eq!(zip, rebuild_zip(&zipped(&trace)).unwrap());
    let whole = zipped(&files(&lines(&events())));
    for end in (0..whole.len()).step_by(7) {
        assert!(rebuild_zip(&whole[..end]).is_err(), "cut at {end}");
    }
    assert!(rebuild_zip(b"").is_err());
}

/// An archive in which nothing is packed, as simple as there is.
fn zipped(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let (mut zip, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let crc = crc32fast::hash(bytes).to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let start = u32::try_from(zip.len()).unwrap().to_le_bytes();
        let common = [&[10, 0, 0, 0, 0, 0, 0, 0, 33, 0][..], &crc, &size, &size, &length, &[0, 0]].concat();
        zip.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), bytes].concat());
        list.extend([&b"PK\x01\x02\x0a\x00"[..], &common, &[0; 10], &start, name.as_bytes()].concat());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (start, size) = (u32::try_from(zip.len()).unwrap(), u32::try_from(list.len()).unwrap());
    let end =
        [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size.to_le_bytes(), &start.to_le_bytes(), &[0, 0]];
    [zip, list, end.concat()].concat()
}

/// Any JSON, with words that mean something here and the secret among them.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just(SECRET.to_owned()),
        Just("before".to_owned()),
        Just("expect".to_owned()),
        Just("call@1".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_]{1,10}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_field_that_is_not_known_gets_through(
        index in any::<prop::sample::Index>(),
        names in prop::collection::vec("[a-zA-Z_]{3,14}", 1..4),
        value in anything(),
        kind in prop_oneof![Just("action"), Just("log"), Just("stdout"), Just("expect"), Just("test")],
    ) {
        let mut events = events();
        let at = index.index(events.len());
        for name in names {
            let known = ["type", "text", "name", "sha1", "html", "time", "class", "method", "value", "url"];
            if !known.contains(&name.as_str()) && events[at].get(&name).is_none() {
                events[at][name] = value.clone();
            }
        }
        events.push(json!({ "type": kind, "callId": "call@1", "text": SECRET, "more": value }));
        if let Ok(trace) = made(&files(&lines(&events))) {
            prop_assert!(!trace.values().any(|bytes| holds(bytes, SECRET)));
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let _ = rebuild_zip(&bytes);
        let _ = made(&files(&bytes));
        let mut changed = zipped(&files(&lines(&events())));
        let at = at.index(changed.len());
        changed[at] ^= flip;
        if let Ok(zip) = rebuild_zip(&changed) {
            prop_assert!(rebuild_zip(&zip).is_ok());
        }
        let mut line = lines(&events());
        let at = at % line.len();
        line[at] ^= flip;
        let _ = made(&files(&line));
    }
}

/// As Playwright writes it since version 10: files are named by their paths, and calls
/// by other letters.
#[test]
fn the_newer_form_is_read_too() {
    let console = json!({ "type": "console", "messageType": "log", "text": "a\u{2028}b", "time": 3, "args": [],
        "location": { "url": "http://app/", "lineNumber": 2, "columnNumber": 8 }, "pageId": "page@1" });
    let mut response = resource("0d.html", false);
    response["snapshot"]["response"]["content"] =
        json!({ "size": 4, "mimeType": "text/html", "_file": "resources/0d.html" });
    let picture = |file: &str| {
        json!({ "type": "screencast-frame", "pageId": "page@1", "file": file, "width": 1280, "height": 720,
            "timestamp": 14.5, "frameSwapWallTime": 1.5 })
    };
    let mut page = snapshot("btit@11", &json!(["HTML", {}, ["BODY"]]));
    page["snapshot"].as_object_mut().unwrap().remove("snapshotName");
    page["snapshot"]["phase"] = "before".into();
    let events = [
        json!({ "version": 10, "type": "context-options", "origin": "library", "browserName": "chromium",
            "playwrightVersion": "1.65.1", "options": { "viewport": { "width": 1280, "height": 720 } },
            "platform": "linux", "wallTime": 1, "monotonicTime": 1.5, "sdkLanguage": "python", "title": SECRET }),
        json!({ "type": "before", "callId": "btit@11", "startTime": 1.5, "class": "Frame", "method": "goto",
            "params": { "url": SECRET, "waitUntil": "load" } }),
        json!({ "type": "input", "callId": "btit@11", "box": { "x": 8, "y": 8, "width": 179, "height": 21 } }),
        json!({ "type": "before", "callId": "btit@19", "startTime": 2, "title": SECRET, "class": "Frame",
            "method": "expect", "params": { "selector": SECRET, "expectedText": [{ "string": SECRET }] } }),
        page,
        picture("screencast/page@1-12.jpeg"),
        picture("src/0123.py"),
        picture("screencast/../src/0123.py"),
        console,
        response,
    ];
    let mut all = files(&lines(&events));
    all.insert("screencast/page@1-12.jpeg".into(), b"picture".to_vec());
    all.insert("src/0123.py".into(), SECRET.into());
    let trace = made(&all).unwrap();
    let names: Vec<&str> = trace.keys().map(String::as_str).collect();
    assert!(
        names.contains(&"screencast/page@1-12.jpeg") && names.contains(&"resources/0d.html"),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.contains("src")), "{names:?}");
    assert!(!trace.values().any(|bytes| holds(bytes, SECRET) || holds(bytes, "expect")));
    assert_eq!(parsed(&trace["trace.trace"]).len(), 7);
}
