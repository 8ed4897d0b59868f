//! How long the durable part of a run takes: blobs, the run, and two appends of
//! six events for each of 140 attempts, by 1, 2 and 4 tasks at a time.
//!
//! ```text
//! cargo run --release -p lancet-store --example throughput [FOLDER]
//! ```

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use fixture::{attempts, id, passed, run, solving, spec};
use lancet_store::{Bytes, Store, Transition};

const TASKS: usize = 140;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let started = Instant::now();
    let store = Store::open(&folder.path().join("store"))?;
    println!("open, new             {:>8.2?}", started.elapsed());
    runtime.block_on(measure(&store))?;
    let path = store.folder().to_owned();
    drop(store);
    let started = Instant::now();
    let store = Store::open_existing(&path)?;
    println!("open, there           {:>8.2?}", started.elapsed());
    let started = Instant::now();
    let runs = store.reader().runs()?.len();
    println!("list {runs} runs           {:>8.2?}", started.elapsed());
    Ok(())
}

async fn measure(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    // A task of SWE-Lancer's size, and a small key, for each attempt.
    let blobs: Vec<Bytes> = (0..TASKS)
        .flat_map(|n| [format!("{n:>16384}"), format!("key {n}")])
        .map(|text| text.into_bytes().into())
        .collect();
    for state in ["new", "there"] {
        let started = Instant::now();
        store.put_blobs(blobs.clone()).await?;
        println!("{} blobs, {state:<12} {:>8.2?}", blobs.len(), started.elapsed());
    }
    for (round, jobs) in [1, 2, 4].into_iter().enumerate() {
        let run = run(&format!("00000{round}"));
        let started = Instant::now();
        store.create_run(run.clone(), "2026-11-23T08:33:29Z".to_owned(), &spec(), attempts(TASKS)).await?;
        println!("create a run          {:>8.2?}", started.elapsed());
        let started = Instant::now();
        let ids: Arc<Vec<_>> = Arc::new(attempts(TASKS).iter().map(|attempt| id(&run, attempt)).collect());
        let tasks: Vec<_> = (0..jobs)
            .map(|job| {
                let (store, ids) = (store.clone(), Arc::clone(&ids));
                tokio::spawn(async move {
                    for id in ids.iter().skip(job).step_by(jobs) {
                        let next =
                            store.append(id, 0, solving(), Transition::Submitted { solve_us: 1 }).await?;
                        store.append(id, next, solving(), passed()).await?;
                    }
                    Ok::<_, lancet_store::StoreError>(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        store.finish_run(&run).await?;
        println!("{} appends, {jobs} tasks {:>9.2?}", 2 * TASKS, started.elapsed());
    }
    Ok(())
}
