//! Every bad input has an error that says what and where, and an exit code.

use std::fs;

use crate::context::{Context, sample};

#[test]
fn bad_usage_exits_with_2() {
    let context = Context::new();
    let suite = sample();
    let suite = suite.to_str().unwrap();
    for arguments in [
        &["run", suite][..],
        &["run", suite, "--agent", "first", "--attempts", "0"],
        &["run", suite, "--agent", "first", "--grant", "network"],
        &["run", suite, "--agent", "first", "--grant", "submission"],
        &["run", suite, "--agent", "first", "--grant", "grader:random"],
        &["run", suite, "--agent", "first", "--format", "yaml"],
        &["run", suite, "--agent", "first", "--task", "nothing-like-this"],
        &["frobnicate"],
    ] {
        let outcome = context.lancet(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(!outcome.stderr.is_empty());
    }
    assert!(!context.path("store").exists());
}

#[test]
fn a_bad_suite_names_file_and_key() {
    type Damage = (&'static str, &'static str, &'static str, &'static [&'static str]);
    let cases: [Damage; 8] = [
        ("tasks/one/task.toml", "price-cents", "price-cent", &["task.toml", "price-cent"]),
        ("tasks/one/task.toml", "100000", "-5", &["task.toml", "price-cents"]),
        ("tasks/one/task.toml", "100000", "99999999999", &["task.toml", "price-cents"]),
        ("tasks/one/task.toml", "id = 1", "id = 0", &["task.toml", "id"]),
        ("tasks/one/task.toml", "proposals/1.md", "../one/private/answer-key.json", &["task.toml", "file"]),
        ("tasks/one/task.toml", "kind = \"swe-manager\"", "kind = \"swe\"", &["task.toml", "kind"]),
        ("tasks/one/private/answer-key.json", "1", "7", &["answer-key.json", "correct"]),
        (
            "suite.toml",
            "name = \"small\"",
            "name = \"small\"\nprivileged = true",
            &["suite.toml", "privileged"],
        ),
    ];
    for (file, from, to, fragments) in cases {
        let context = Context::new();
        let suite = context.small_suite("suite");
        let path = suite.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        for arguments in [
            &["suite", "check", suite.to_str().unwrap()][..],
            &["run", suite.to_str().unwrap(), "--agent", "first"],
        ] {
            context.lancet(arguments).fails(3, fragments);
        }
        assert!(!context.path("store").exists());
    }
    let context = Context::new();
    context.lancet(&["suite", "check", "nowhere"]).fails(3, &["nowhere", "suite.toml"]);
    let suite = context.small_suite("suite");
    std::os::unix::fs::symlink("/etc/passwd", suite.join("tasks/one/statement2.md")).unwrap();
    context.lancet(&["suite", "check", suite.to_str().unwrap()]).fails(3, &["statement2.md"]);
}

#[test]
fn an_unknown_grader_of_a_suite_is_named() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let path = suite.join("tasks/one/task.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("manager-choice", "manager-choise")).unwrap();
    context
        .lancet(&["run", suite.to_str().unwrap(), "--agent", "first"])
        .fails(3, &["manager-choise", "did you mean `manager-choice`"]);
}

#[test]
fn a_store_that_cannot_be_used_says_why() {
    let context = Context::new();
    let suite = sample();
    let run = ["run", suite.to_str().unwrap(), "--agent", "first"];

    // In the place of a folder there is a file.
    fs::write(context.path("store"), "not a folder").unwrap();
    context.lancet(&run).fails(7, &["store"]);
    fs::remove_file(context.path("store")).unwrap();

    context.lancet(&["report"]).fails(7, &["store"]);
    assert_eq!(context.lancet(&run).code, Some(0));
    context.lancet(&["report", "20000101"]).fails(2, &["20000101"]);
    context.lancet(&["show", "latest/no-such-task/1"]).fails(2, &["no-such-task"]);
    context.lancet(&["show", "latest/x"]).fails(2, &["RUN/TASK/NUMBER"]);

    // A schema of the future.
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    context.lancet(&run).fails(7, &["schema version 99", "hint:"]);
    context.lancet(&["report"]).fails(7, &["99"]);
}

fn table(rows: &str) -> String {
    format!(
        "question_id,variant,price,price_limit,manager_data,manager_commit,acceptable_folders,cwd,set,title,description,proposals\n{rows}"
    )
}

const GOOD: &str = "7-manager-0,swe_manager,1000.0,2000000.0,\"{'all_proposals': [], 'game': {'all_formal_proposals': [{'id': 0, 'source_url': 'u', 'content': 'a', 'explanation': 'no'}, {'id': 1, 'source_url': 'u', 'content': 'bb', 'explanation': 'yes'}], 'correct_proposal': {'id': 1, 'approval_comment_url': 'u', 'explanation': 'yes'}, 'correct_proposal_scraped_beforehand': None}, 'price': 1000.0, 'title': 't', 'issue_repo_steps': 's', 'html_description': 'h', 'fix_commit_hash': 'c'}\",abc,[],/app/expensify,diamond,Title,It is broken.,Proposal: 0:\n";

#[test]
fn a_bad_table_names_row_and_column_and_the_good_rows_go_on() {
    let good = GOOD;
    let with = |from: &str, to: &str| GOOD.replacen(from, to, 1).replacen("7-manager-0", "8-manager-0", 1);
    for (rows, fragments) in [
        (good.to_owned() + &with("[{'id': 0", "[{'id': __import__('os')"), &["manager_data"][..]),
        (
            good.to_owned() + &with("'correct_proposal': {'id': 1", "'correct_proposal': {'id': 9"),
            &["manager_data", "9"],
        ),
        (good.to_owned() + &with("1000.0,2", "-1.0,2"), &["price", "negative"]),
        (good.to_owned() + &with("1000.0,2", "1e12,2"), &["price"]),
        (good.to_owned() + &with("swe_manager", "swe_director"), &["variant", "swe_director"]),
        (good.to_owned() + GOOD, &["question_id", "7-manager-0"]),
        (good.to_owned() + &with("proposals", "proposals").trim_end_matches('\n')[..300], &["quote"]),
    ] {
        let context = Context::new();
        fs::write(context.path("table.csv"), table(&rows)).unwrap();
        let import = ["suite", "import", "swe-lancer", "--csv", "table.csv", "--out"];
        let strict = context.lancet(&[&import[..], &["strict", "--strict"]].concat());
        strict.fails(3, fragments);
        assert!(!context.path("strict").exists(), "nothing is written half");
        let outcome = context.lancet(&[&import[..], &["lax"]].concat());
        outcome.fails(3, fragments);
        assert!(context.path("lax/tasks/7-manager-0/task.toml").exists(), "the good row goes on");
        assert_eq!(context.lancet(&["suite", "check", "lax"]).code, Some(0));
    }
}

#[test]
fn a_table_with_another_header_is_refused() {
    let context = Context::new();
    fs::write(context.path("table.csv"), "id,amount\n1,2\n").unwrap();
    let import = ["suite", "import", "swe-lancer", "--csv", "table.csv", "--out", "suite"];
    context.lancet(&import).fails(3, &["question_id", "table.csv"]);
    assert!(!context.path("suite").exists());
    fs::write(context.path("table.csv"), table(GOOD)).unwrap();
    assert_eq!(context.lancet(&import).code, Some(0));
    context.lancet(&import).fails(2, &["suite", "exist"]);
}
