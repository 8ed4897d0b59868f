use super::*;

fn one(flag: &str, base_url: Option<&str>) -> Result<ModelChoice, String> {
    let flag: ModelFlag = flag.parse().map_err(|error: ParseModelFlagError| error.to_string())?;
    choices(&[flag], base_url, None).map(|mut chosen| chosen.remove(0)).map_err(|error| error.to_string())
}

fn file(text: &str) -> Result<Vec<ModelChoice>, String> {
    choices(&[], None, Some(("models.toml", text))).map_err(|error| error.to_string())
}

#[test]
fn a_flag_names_a_model() {
    let choice = one("anthropic/claude-opus-5-5", None).unwrap();
    assert_eq!((choice.name.as_str(), choice.id.as_str()), ("main", "claude-opus-5-5"));
    assert_eq!(choice.base_url, "https://api.anthropic.com");
    assert_eq!(choice.key, KeyFrom::Env("ANTHROPIC_API_KEY".into()));
    assert_eq!(choice.profile, "2026-11-25");
    assert_eq!(choice.price.unwrap().rates.input, 4_000_000);

    let choice = one("judge=openai/gpt-5.4", None).unwrap();
    assert_eq!((choice.name.as_str(), choice.base_url.as_str()), ("judge", "https://api.openai.com/v1"));
    assert!(choice.price.is_some());

    let choice = one("chat/meta/llama=3", Some("http://localhost:8000/v1/")).unwrap();
    assert_eq!((choice.id.as_str(), choice.base_url.as_str()), ("meta/llama=3", "http://localhost:8000/v1"));
    assert_eq!((choice.key, choice.price), (KeyFrom::None, None));

    let choice = one("scripted/a/b.toml", None).unwrap();
    assert_eq!((choice.id.as_str(), choice.base_url.as_str(), choice.script), ("a/b.toml", "", None));
    let choice = one("recorded/20261123-083329-4f2a9c", None).unwrap();
    assert_eq!(choice.run.unwrap().as_str(), "20261123-083329-4f2a9c");
    assert_eq!(one("recorded/latest", None).unwrap().run, None);
}

#[test]
fn what_is_no_flag_says_what_is_expected() {
    for (flag, said) in [
        ("gpt-5", "expected `[NAME=]FORM/ID`"),
        ("", "expected `[NAME=]FORM/ID`"),
        ("gemini/x", "`gemini` is no form"),
        ("Anthropic/x", "is no form"),
        ("=anthropic/x", "is no name"),
        ("a b=anthropic/x", "is no name"),
        ("anthropic/", "names no model"),
        ("anthropic/ x", "names no model"),
        ("anthropic/x\n", "names no model"),
        ("chat/x", "needs the server's base URL"),
    ] {
        assert!(one(flag, None).unwrap_err().contains(said), "{flag}: {:?}", one(flag, None));
    }
}

#[test]
fn a_base_url_goes_where_it_is_meant() {
    let chosen = |flags: &[&str], base_url| {
        let flags: Vec<ModelFlag> = flags.iter().map(|flag| flag.parse().unwrap()).collect();
        let urls =
            |chosen: Vec<ModelChoice>| chosen.into_iter().map(|choice| choice.base_url).collect::<Vec<_>>();
        choices(&flags, base_url, None).map(urls).map_err(|error| error.to_string())
    };
    let here = Some("https://here/v1");
    assert_eq!(chosen(&["anthropic/x"], here).unwrap(), ["https://here/v1"]);
    assert_eq!(chosen(&["anthropic/x", "a=scripted/f"], here).unwrap(), ["https://here/v1", ""]);
    assert_eq!(
        chosen(&["anthropic/x", "a=chat/y"], here).unwrap(),
        ["https://api.anthropic.com", "https://here/v1"]
    );
    assert!(chosen(&["anthropic/x", "a=openai/y"], here).unwrap_err().contains("several"));
    assert!(chosen(&["scripted/x"], here).unwrap_err().contains("leave it out"));
    assert!(chosen(&["anthropic/x", "openai/y"], None).unwrap_err().contains("two models"));
    // A gateway has prices of its own.
    assert_eq!(one("anthropic/claude-opus-5-5", here).unwrap().price, None);
}

#[test]
fn base_urls_are_looked_at_and_hold_no_secret() {
    for url in [
        "http://127.0.0.1:1",
        "http://[::1]:1/v1",
        "http://a.localhost",
        "https://x.example",
        "http://localhost",
        "http://localhost.:8000",
        "http://[::ffff:127.0.0.1]/v1",
    ] {
        assert!(one("chat/x", Some(url)).is_ok(), "{url}: {:?}", one("chat/x", Some(url)));
    }
    for (url, said) in [
        ("", "is needed"),
        ("x.example/v1", "is `https://x.example/v1` meant?"),
        ("x.example:8000", "is `https://x.example:8000` meant?"),
        ("127.0.0.1:8000/v1", "is `http://127.0.0.1:8000/v1` meant?"),
        ("[::1]:1", "is `http://[::1]:1` meant?"),
        ("sk-secret@x.example/v1", "is no URL"),
        ("x.example/v1?key=sk-secret", "is no URL"),
        ("/v1", "is no URL"),
        ("mailto:x", "is no URL"),
        ("localhost:8000/v1", "is `http://localhost:8000/v1` meant?"),
        ("ftp://x", "begins with `ftp:`"),
        ("https://", "is no URL"),
        ("https://sk-secret@x.example", "holds a user or a password"),
        ("https://u:sk-secret@x.example", "holds a user or a password"),
        ("https://x.example/v1?key=sk-secret", "has a `?` or `#`"),
        ("https://x.example/#a", "has a `?` or `#`"),
        ("https://x.example/\nv1", "a control character"),
        ("https://x.example/\u{1b}[31m", "a control character"),
        (" https://x.example", "a space"),
        ("https:\\\\x.example", "a `\\`"),
        ("http://127.0.0.1\\@x.example", "a `\\`"),
        ("http:127.0.0.1:8000", "is no URL"),
        ("http://x.example/v1", "unencrypted"),
        ("http://10.0.0.1/v1", "unencrypted"),
        ("http://localhost.example/v1", "unencrypted"),
        ("https://x.example/v1/chat/completions/", "which the form adds"),
    ] {
        let message = one("chat/x", Some(url)).unwrap_err();
        assert!(message.contains(said) && message.contains("--model main=chat/x"), "{url}: {message}");
        assert!(!message.contains("sk-secret"), "{message}");
    }
    // What is recorded is what is asked.
    for (url, kept) in [
        ("HTTPS://X.example:443/v1//", "https://x.example/v1"),
        ("https://x.example/a/../v1", "https://x.example/v1"),
        ("http:///localhost/v1", "http://localhost/v1"),
    ] {
        assert_eq!(one("chat/x", Some(url)).unwrap().base_url, kept);
    }
}

#[test]
fn a_file_says_everything() {
    let chosen = file(
        r#"
        [[model]]
        name = "main"
        form = "anthropic"
        id = "m"
        base-url = "http://gateway.example"
        allow-plain-http = true
        key-file = "/run/secrets/key"
        effort = "high"
        context-tokens = 200000
        answer-tokens = 32000
        tools = false
        parameters = ["temperature", "top_p"]
        concurrency = 4
        tries = 2
        idle-seconds = 60
        price-as-of = "2026-11-01"
        price-source = "the contract"
        [model.price]
        input = "3"
        input-cached = "0.3"
        input-cache-written = "3.75"
        output = "15"
        above = [{ tokens = 200_000, input = "6", output = "22.5" }]

        [[model]]
        name = "cheap"
        form = "openai"
        id = "gpt-5.4-mini"
        "#,
    )
    .unwrap();
    let main = &chosen[0];
    assert_eq!(main.base_url, "http://gateway.example");
    assert_eq!(main.key, KeyFrom::File("/run/secrets/key".into()));
    assert_eq!(
        (main.effort.as_str(), main.context_tokens, main.answer_tokens),
        ("high", Some(200_000), 32_000)
    );
    assert_eq!((main.tools, main.concurrency, main.tries, main.idle_seconds), (false, 4, 2, 60));
    assert_eq!(main.parameters, ["temperature", "top_p"]);
    let price = main.price.as_ref().unwrap();
    assert_eq!(
        (price.rates.input_cache_written, price.above[&200_000].output),
        (Some(3_750_000), 22_500_000)
    );
    assert_eq!((price.as_of.as_str(), price.source.as_str()), ("2026-11-01", "the contract"));
    assert_eq!(chosen[1].key, KeyFrom::Env("OPENAI_API_KEY".into()));
    assert!(chosen[1].price.is_some());
}

#[test]
fn a_price_without_a_day_has_none_in_reports() {
    let price = "price = { input = \"1\", output = \"2\" }";
    let chosen = file(&format!("[[model]]\nform = \"openai\"\nid = \"m\"\n{price}")).unwrap();
    assert_eq!(lancet_core::ReportedModel::from(&chosen[0]).price_as_of, None);
    let day = format!("[[model]]\nform = \"openai\"\nid = \"m\"\n{price}\nprice-as-of = \"2026-11-25\"");
    let chosen = file(&day).unwrap();
    assert_eq!(lancet_core::ReportedModel::from(&chosen[0]).price_as_of.as_deref(), Some("2026-11-25"));
}

#[test]
fn a_file_that_cannot_be_says_where_and_why() {
    let with = |more: &str| format!("\n[[model]]\nform = \"openai\"\nid = \"m\"\n{more}\n");
    for (text, said) in [
        (String::new(), "no `[[model]]`"),
        ("x".to_owned(), "line 1"),
        ("[[model]]\nid = \"x\"".to_owned(), "missing field `form`"),
        ("[[model]]\nform = \"gemini\"\nid = \"x\"".to_owned(), "line 1: `form` `gemini` is none of"),
        ("[[model]]\nform = \"chat\"\nid = \"x\"".to_owned(), "`base-url` is needed"),
        ("[[model]]\nform = \"openai\"\nid = \"\"".to_owned(), "`id` names no model"),
        ("[[model]]\nform = \"scripted\"\nid = \"x\"\nbase-url = \"https://x\"".to_owned(), "leave it out"),
        ("[[model]]\nform = \"scripted\"\nid = \"x\"\nkey-env = \"X\"".to_owned(), "`key-env` is for models"),
        (with("nonsense = 1"), "unknown field `nonsense`"),
        (with("name = \"\""), "line 2: `name` is no name"),
        (with("key-env = \"A\"\nkey-file = \"b\""), "exclude each other"),
        (with("key-env = \"sk secret\""), "no name of an environment variable"),
        (with("key-env = \"sk-secret\""), "as in `GATEWAY_KEY`"),
        (with("key-env = \"1A\""), "no name of an environment variable"),
        (with("key-env = \"É\""), "no name of an environment variable"),
        (with("key-env = [\"sk-secret\"]"), "a list is there, where a text in quotes is expected"),
        (
            with("tries = \"sk-secret\""),
            "a text is there, where a whole number from 0 to 4294967295 is expected",
        ),
        (with("tries = -1"), "line 5: integer `-1` is there, where a whole number from 0"),
        (with("tries = 99999999999999999999999"), "line 5"),
        (with("context-tokens = 18446744073709551615"), "is 18446744073709551615: expected 1 to"),
        (with("context-tokens = true"), "a whole number from 0 to 9223372036854775807 is expected"),
        (with("tools = \"sk-secret\""), "a text is there, where true or false is expected"),
        (with("parameters = \"sk-secret\""), "a text is there, where a list `[…]` is expected"),
        (
            "[model]\nform = \"openai\"\nid = \"m\"".to_owned(),
            "a table is there, where a list `[[model]]` is expected",
        ),
        ("model = \"sk-secret\"".to_owned(), "a text is there, where a list `[[model]]` is expected"),
        (with("tries = 1\ntries = 2"), "line 6: the key `tries` is there twice"),
        (
            with("answer-tokens = 200001"),
            "`answer-tokens` is 200001: expected 1 to 200000, as answers come in one piece",
        ),
        (with("parameters = [\"model\"]"), "`model`, which is the host's own"),
        (with("parameters = [\"messages\"]"), "`messages`, which is the host's own"),
        (
            "[[model]]\nform = \"scripted\"\nid = \"x\"\nparameters = [\"messages\"]".to_owned(),
            "`messages`, which is the host's own",
        ),
        (
            with("price = { input = \"99999999999999999999\", output = \"1\" }"),
            "the price is too large: at most 1000000",
        ),
        (
            with(
                "price = { input = \"1\", output = \"1\", above = [{ tokens = 0, input = \"1\", output = \"1\" }] }",
            ),
            "above 0 tokens",
        ),
        (with("key-file = \"\""), "the path of a file"),
        (with("effort = \"huge\""), "`effort` `huge` is none of none, minimal"),
        (with("answer-tokens = 0"), "`answer-tokens` is 0"),
        (with("answer-tokens = -1"), "line 5"),
        (with("concurrency = 0"), "`concurrency` is 0: expected 1 to"),
        (with("tries = 0"), "`tries` is 0"),
        (with("idle-seconds = 9999"), "`idle-seconds` is 9999"),
        (with("parameters = [\"stream\"]"), "`stream`, which is the host's own"),
        (with("parameters = [\"a\", \"a\"]"), "`a` twice"),
        (with("price = { input = 3, output = \"1\" }"), "dollars as a text"),
        (with("price = { input = \"3e1\", output = \"1\" }"), "dollars as a text"),
        (with("price = { input = \"3\" }"), "missing field `output`"),
        (with("price-source = \"x\""), "without a `price`"),
        (with("price-as-of = \"soon\"\nprice = { input = \"3\", output = \"1\" }"), "is no day"),
        (
            with(
                "price = { input = \"1\", output = \"1\", above = [{ tokens = 1, input = \"1\", output = \"1\" }, { tokens = 1, input = \"1\", output = \"1\" }] }",
            ),
            "two rates above 1 tokens",
        ),
        (with("") + &with(""), "the name is given to two models"),
    ] {
        let message = file(&text).unwrap_err();
        assert!(message.contains(said), "{text}: {message}");
        assert!(message.contains("model"), "{message}");
        for word in ["sk secret", "sk-secret", "u32", "u64", "i128", "map", "sequence", "struct"] {
            assert!(!message.contains(word), "{text}: {message}");
        }
    }
}
