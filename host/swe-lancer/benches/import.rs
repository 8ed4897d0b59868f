//! Import of a generated table as large as SWE-Lancer's: 463 rows, 10 MB.
//!
//! `cargo bench -p lancet-swe-lancer`

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lancet_suite::Suite;
use lancet_swe_lancer::{ImportOptions, import, literal};

const MANAGER_ROWS: usize = 265;
const IC_ROWS: usize = 198;
const PROPOSALS: usize = 5;
const COLUMNS: &str = "question_id,variant,price,price_limit,manager_data,manager_commit,acceptable_folders,cwd,set,title,description,proposals\n";

/// Text with the escapes of a Python `repr`, about `length` bytes of it.
fn prose(seed: usize, length: usize) -> String {
    const WORDS: [&str; 8] =
        ["the input", "isn\\'t", "re-rendered", "— so", "`onChange`", "\\r\\n\\r\\n", "fires", "twice\\n"];
    let mut text = String::with_capacity(length + 16);
    let mut state = seed;
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) % WORDS.len()]);
        text.push(' ');
    }
    text
}

fn manager_data(row: usize) -> String {
    let mut proposals = String::new();
    let mut all = String::new();
    for id in 0..PROPOSALS {
        let content = prose(row * 31 + id, 2_600);
        let _ = write!(
            proposals,
            "{{'id': {id}, 'source_url': 'https://example.org/{row}#{id}', 'content': '{content}', 'explanation': 'why'}}, "
        );
        let _ = write!(all, "{{'author': 'a{id}', 'comment_url': None, 'full_text': '{content}'}}, ");
    }
    format!(
        "{{'all_proposals': [{all}], 'game': {{'correct_proposal_scraped_beforehand': False, \
         'all_formal_proposals': [{proposals}], 'correct_proposal': {{'id': {}, 'explanation': 'because'}}}}, \
         'price': 1000.0, 'title': 'Row {row}', 'fix_commit_hash': '{}'}}",
        row % PROPOSALS,
        "c".repeat(40)
    )
}

fn table() -> String {
    let mut table = COLUMNS.to_owned();
    for row in 0..MANAGER_ROWS + IC_ROWS {
        let description = prose(row, 2_300);
        let _ = if row < MANAGER_ROWS {
            let column = prose(row, 10_000);
            writeln!(
                table,
                "{row}-manager-0,swe_manager,1000.0,2000000.0,\"{}\",{},[],/app,diamond,Row {row},\"{description}\",\"{column}\"",
                manager_data(row),
                "b".repeat(40)
            )
        } else {
            writeln!(
                table,
                "{row}_1,ic_swe,500.0,2000000.0,,,['{row}_1'],/app,diamond,Row {row},\"{description}\","
            )
        };
    }
    table
}

fn options(folder: &Path, out: &Path) -> ImportOptions {
    ImportOptions { strict: true, ..ImportOptions::new(folder.join("table.csv"), out.join("suite")) }
}

fn benchmarks(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = table();
    fs::write(folder.path().join("table.csv"), &table).expect("the table");

    let mut group = criterion.benchmark_group("table of 463 rows");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(table.len() as u64));
    // The outputs are kept to the end: ext4 looks for new inodes slowly for some
    // seconds after thousands of them were removed.
    group.bench_function("import, durable", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir_in(folder.path()).expect("a folder").keep(),
            |out| black_box(import(&options(folder.path(), &out)).expect("an import")),
            BatchSize::PerIteration,
        );
    });
    let suite = options(folder.path(), folder.path());
    import(&suite).expect("an import");
    group.bench_function("load", |bencher| bencher.iter(|| Suite::open(&suite.out).expect("a suite")));
    group.finish();

    let data = manager_data(1);
    let mut group = criterion.benchmark_group("literal");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("manager_data", |bencher| {
        bencher.iter(|| literal::parse(black_box(&data)).map(|value| value.kind()));
    });
    group.finish();
}

criterion_group!(table_of_463_rows, benchmarks);
criterion_main!(table_of_463_rows);
