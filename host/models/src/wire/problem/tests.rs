use super::*;

fn problem(status: u16, headers: &[(&str, &str)], body: &str) -> Problem {
    let header =
        |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    of_reply(status, &header, body.as_bytes())
}

fn kind(status: u16, body: &str) -> &'static str {
    word(&problem(status, &[], body))
}

fn word(problem: &Problem) -> &'static str {
    match problem {
        Problem::Transient { .. } => "transient",
        Problem::Unauthorized(_) => "unauthorized",
        Problem::Quota(_) => "quota",
        Problem::UnknownModel(_) => "unknown model",
        Problem::TooLong(_) => "too long",
        Problem::Rejected(_) => "rejected",
        Problem::Unreadable(_) => "unreadable",
    }
}

#[test]
fn each_error_is_what_its_provider_means() {
    let anthropic = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"r"}}"#)
    };
    let spend = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m",
        "details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    let openai = |kind: &str, code: &str, message: &str| {
        format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#)
    };
    let long = "prompt is too long: 210000 tokens > 200000 maximum";
    for (status, body, wanted) in [
        (429, anthropic("rate_limit_error", "slow"), "transient"),
        (429, spend.to_owned(), "quota"),
        (402, anthropic("billing_error", "pay"), "quota"),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access"), "quota"),
        (400, anthropic("invalid_request_error", long), "too long"),
        (400, anthropic("invalid_request_error", "messages: at least one"), "rejected"),
        (401, anthropic("authentication_error", "invalid x-api-key"), "unauthorized"),
        (403, anthropic("permission_error", "no"), "unauthorized"),
        (404, anthropic("not_found_error", "model: claude-none"), "unknown model"),
        (413, anthropic("request_too_large", "big"), "too long"),
        (413, "<html>nginx</html>".to_owned(), "too long"),
        (500, anthropic("api_error", "x"), "transient"),
        (504, anthropic("timeout_error", "x"), "transient"),
        (529, anthropic("overloaded_error", "Overloaded"), "transient"),
        (429, openai("tokens", "\"rate_limit_exceeded\"", "TPM"), "transient"),
        (429, openai("x", "\"slow_down\"", ""), "transient"),
        (429, openai("insufficient_quota", "\"insufficient_quota\"", "quota"), "quota"),
        (429, openai("x", "\"credit_balance_exhausted\"", ""), "quota"),
        (503, openai("x", "\"server_is_overloaded\"", ""), "transient"),
        (400, openai("invalid_request_error", "\"context_length_exceeded\"", ""), "too long"),
        (400, openai("invalid_request_error", "null", "bad tool"), "rejected"),
        (404, openai("invalid_request_error", "\"model_not_found\"", "no"), "unknown model"),
        (404, openai("invalid_request_error", "null", "Invalid URL (POST /v1/v1/responses)"), "unreadable"),
        (401, openai("invalid_request_error", "\"invalid_api_key\"", "Incorrect"), "unauthorized"),
        (408, String::new(), "transient"),
        (409, openai("x", "null", "conflict"), "transient"),
        (422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#.to_owned(), "rejected"),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 2048 tokens","code":400}"#
                .to_owned(),
            "too long",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_ctx":512}}"#
                .to_owned(),
            "too long",
        ),
        (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#.to_owned(), "unknown model"),
        (404, "404 page not found".to_owned(), "unreadable"),
        (404, "<!DOCTYPE html><title>Not found</title>".to_owned(), "unreadable"),
        (502, "<html><title>502 Bad Gateway</title></html>".to_owned(), "transient"),
        (301, String::new(), "unreadable"),
        (400, "bad".to_owned(), "rejected"),
        (400, "<html>".to_owned(), "unreadable"),
        (418, r#"{"error":{"type":"overloaded"}}"#.to_owned(), "transient"),
        (600, "[]".to_owned(), "unreadable"),
    ] {
        assert_eq!(kind(status, &body), wanted, "{status} {body}");
    }
}

#[test]
fn an_error_inside_a_good_reply_counts_by_what_it_says() {
    for (body, wanted) in [
        (r#"{"error":{"code":429,"message":"slow"}}"#, Some("transient")),
        (r#"{"error":{"code":"429"}}"#, Some("transient")),
        (
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"<html>"}}}"#,
            Some("transient"),
        ),
        (r#"{"error":{"code":401}}"#, Some("unauthorized")),
        (r#"{"error":{"code":402}}"#, Some("quota")),
        (r#"{"error":{"code":404,"message":"No such model"}}"#, Some("unknown model")),
        (r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Some("transient")),
        (r#"{"error":{"type":"invalid_request_error","message":"no"}}"#, Some("rejected")),
        (r#"{"error":{"code":"invalid_prompt"}}"#, Some("rejected")),
        (r#"{"error":{"code":"server_error"}}"#, Some("transient")),
        (r#"{"error":"busy"}"#, Some("transient")),
        (r#"{"error":17}"#, Some("transient")),
        (r#"{"error":null}"#, None),
        (r#"{}"#, None),
    ] {
        let object = Loose::parse(body.as_bytes()).unwrap().object().unwrap();
        assert_eq!(inside(&object).as_ref().map(word), wanted, "{body}");
    }
}

#[test]
fn the_wait_that_is_asked_for_is_read() {
    let wait = |headers: &[(&str, &str)]| match problem(429, headers, "{}") {
        Problem::Transient { after_ms, .. } => after_ms,
        other => panic!("{other:?}"),
    };
    let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
    assert_eq!(wait(&[]), None);
    assert_eq!(wait(&[("retry-after", "2")]), Some(2_000));
    assert_eq!(wait(&[("retry-after", "0.5")]), Some(500));
    assert_eq!(wait(&[("retry-after", "9"), ("retry-after-ms", "1250.2")]), Some(1_251));
    assert_eq!(wait(&[date, ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")]), Some(30_000));
    assert_eq!(wait(&[date, ("retry-after", "Wed, 21 Oct 2026 07:27:30 GMT")]), Some(0));
    assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]), Some(0));
    assert_eq!(wait(&[("retry-after", "-5")]), Some(0));
    assert_eq!(wait(&[("retry-after", "1e300")]), Some(86_400_000));
    for odd in ["soon", "NaN", "inf", "", "Wed, 99 Oct 2015"] {
        assert_eq!(wait(&[("retry-after", odd)]), None, "{odd}");
    }
}

#[test]
fn messages_say_what_came() {
    let message = |status, headers: &[(&str, &str)], body: &str| problem(status, headers, body).to_string();
    assert_eq!(
        message(400, &[], r#"{"error":{"type":"invalid_request_error","message":"no such tool"}}"#),
        "status 400 (invalid_request_error): no such tool"
    );
    let page = message(404, &[], "\n <html><head><TITLE>Wëlcome</TITLE></head>");
    assert!(page.contains("a page of HTML, titled `Wëlcome`"), "{page}");
    // Letters whose lower case has another length.
    message(404, &[], "<html>İİİİ<title>İ</title>");
    assert!(message(307, &[("location", "https://x/")], "").contains("a redirect to https://x/"));
    assert!(message(500, &[], "").contains("an empty body"));
    assert!(message(500, &[], "oops").contains("`oops`"));
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(5_000));
    assert!(message(400, &[], &long).len() <= MAX_MODEL_FAILURE_BYTES);
}
