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
        Problem::Unavailable(_) => "unavailable",
        Problem::Proxy(_) => "proxy",
        Problem::Settings(_) => "settings",
        Problem::Effort(_) => "effort",
        Problem::Tools(_) => "tools",
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
fn the_key_and_the_length_are_told_in_many_ways() {
    let gemini = r#"[{"error":{"code":400,"message":"Please pass a valid one","status":"INVALID_ARGUMENT",
        "details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}]"#;
    let said = |message: &str| format!(r#"{{"error":{{"code":400,"message":"{message}"}}}}"#);
    for (body, wanted) in [
        (gemini.to_owned(), "unauthorized"),
        (format!("[{}]", said("API key not valid. Please pass a valid API key.")), "unauthorized"),
        (r#"{"code":"x","error":"Incorrect API key provided: xa***ab."}"#.to_owned(), "unauthorized"),
        (format!("[{}]", said("no such thing")), "rejected"),
        (format!("[{0},{0}]", said("API key not valid")), "rejected"),
        (
            said("The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."),
            "too long",
        ),
        (
            said("This model's maximum prompt length is 131072 but the request contains 140000 tokens."),
            "too long",
        ),
        (
            said("The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
            "too long",
        ),
    ] {
        assert_eq!(kind(400, &body), wanted, "{body}");
    }
}

#[test]
fn a_value_that_the_operator_sets_is_not_the_plugins_failure() {
    let named = |param: &str, message: &str| {
        format!(
            r#"{{"error":{{"type":"invalid_request_error","param":"{param}","code":null,"message":"{message}"}}}}"#
        )
    };
    let said =
        |message: &str| format!(r#"{{"error":{{"type":"invalid_request_error","message":"{message}"}}}}"#);
    let all = "This model's maximum context length is 8192 tokens.";
    for (body, wanted) in [
        (
            named("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model."),
            "settings",
        ),
        (named("max_output_tokens", "Too large."), "settings"),
        (
            said("max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens"),
            "settings",
        ),
        (said("cache_control: Extra inputs are not permitted"), "settings"),
        // An answer of no more than so little is asked for by a plugin, or by what is left.
        (named("max_output_tokens", "Expected a value >= 16, but got 1 instead."), "rejected"),
        (said("max_tokens: must be greater than or equal to 1"), "rejected"),
        // A plugin's words, repeated: it cannot make itself nobody's fault.
        (named("tools[0].name", "Invalid: 'max_tokens'"), "rejected"),
        (said("tools.0.custom.name: `max_tokens`"), "rejected"),
        (said("messages.1.content.0: unknown `cache_control`"), "rejected"),
        // Whose the effort is, who asked knows.
        (named("reasoning_effort", "Unsupported value: 'max'"), "effort"),
        (named("reasoning.effort", "Unsupported parameter: 'reasoning.effort'"), "effort"),
        (said("output_config.effort: Input should be 'low', 'medium' or 'high'"), "effort"),
        (said("adaptive thinking is not supported on this model"), "effort"),
        (said("messages.1.content.0: `thinking` blocks cannot be modified"), "rejected"),
        (said("tools.0.custom.name: `reasoning_effort`"), "rejected"),
        (named("tools[0].name", "Invalid: 'reasoning_effort'"), "rejected"),
        // No conversation is short enough for it.
        (said(&format!("'max_tokens' or 'max_completion_tokens' is too large: 16384. {all}")), "settings"),
        (said(&format!("'max_tokens' or 'max_completion_tokens' is too large: 4096. {all}")), "too long"),
        (
            said(&format!(
                "{all} However, you requested 17384 tokens (1000 in the messages, 16384 in the completion)."
            )),
            "settings",
        ),
        (
            said(&format!(
                "{all} However, you requested 9000 tokens (8000 in the messages, 1000 in the completion)."
            )),
            "too long",
        ),
    ] {
        assert_eq!(kind(400, &body), wanted, "{body}");
    }
    assert_eq!(kind(429, &named("max_tokens", "slow")), "transient");
}

#[test]
fn a_model_that_takes_no_tools_is_told_from_a_tool_that_is_wrong() {
    let said = |message: &str| format!(r#"{{"error":{{"message":"{message}"}}}}"#);
    let of = |param: &str, message: &str| {
        format!(r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":"{param}"}}}}"#)
    };
    let auto = r#"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"#;
    let function = "Function tools with reasoning_effort are not supported for m in /v1/chat/completions. Please \
                    use /v1/responses instead.";
    for (status, body, wanted) in [
        // Ollama, vLLM, llama.cpp, OpenRouter, DeepSeek, Bedrock, Gemini, OpenAI, Anthropic.
        (400, said("registry.ollama.ai/library/gemma:2b does not support tools"), "tools"),
        (400, said(auto), "tools"),
        (500, said("tools param requires --jinja flag"), "tools"),
        (
            404,
            said("No endpoints found that support tool use. To learn more, see the documentation."),
            "tools",
        ),
        (400, said("deepseek-reasoner does not support Function Calling"), "tools"),
        (400, said("This model doesn't support tool use."), "tools"),
        (400, said("Function calling is not enabled for models/gemma-3"), "tools"),
        (400, said(function), "tools"),
        (400, of("reasoning_effort", function), "tools"),
        (400, of("tools", "Unsupported parameter: 'tools' is not supported with this model."), "tools"),
        (400, said("tools: Extra inputs are not permitted"), "tools"),
        (400, r#"{"error":"gemma does not support tools"}"#.to_owned(), "tools"),
        // One that is wrong is its plugin's, whatever it is called or says.
        (400, of("tools[0].function.name", "'x' does not support tools"), "rejected"),
        (400, of("tools", "Invalid type for 'tools'"), "rejected"),
        (400, said("tools.0.custom.description: does not support tools"), "rejected"),
        (400, said("Invalid schema for function 'x': does not support tools"), "rejected"),
        (400, said("messages.3: `does not support tools`"), "rejected"),
        // What the status says of all else comes first.
        (401, said("does not support tools"), "unauthorized"),
        (429, said("does not support tools"), "transient"),
    ] {
        assert_eq!(kind(status, &body), wanted, "{status} {body}");
    }
}

#[test]
fn a_proxy_that_refuses_and_a_server_that_gives_up_are_heard() {
    for body in [r#"{"error":{"type":"invalid_request_error","message":"who?"}}"#, "<html>", ""] {
        assert_eq!(kind(407, body), "proxy");
        assert_eq!(kind(511, body), "proxy");
    }
    let gives_up = [("x-should-retry", "false"), ("retry-after", "1")];
    for (status, wanted) in
        [(429, "unavailable"), (503, "unavailable"), (400, "rejected"), (401, "unauthorized")]
    {
        assert_eq!(word(&problem(status, &gives_up, r#"{"error":{"message":"m"}}"#)), wanted, "{status}");
    }
    assert_eq!(word(&problem(503, &gives_up, "busy")), "unavailable");
}

#[test]
fn messages_stay_short() {
    let long = "é".repeat(5_000);
    for (status, body) in [
        (404, format!(r#"{{"error":{{"message":"{long}"}}}}"#)),
        (400, format!(r#"{{"error":{{"message":"m","code":"{long}"}}}}"#)),
        (400, long.clone()),
        (404, format!("<title>{long}</title>")),
    ] {
        let message = problem(status, &[], &body).to_string();
        assert!(message.len() <= MAX_MODEL_FAILURE_BYTES, "{status}: {}", message.len());
    }
    assert!(no_json(format!("<title>{}</title>", "a".repeat(3_000)).as_bytes()).len() < 400);
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
