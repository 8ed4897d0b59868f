//! A worker that tries to get out of its jail.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    let loading = match lancet_jail::enter() {
        Ok(loading) => loading,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(3);
        }
    };
    if scenario == "fails-to-load" {
        loading.fail("it does not load");
        return ExitCode::from(1);
    }
    let mut locked = match loading.lock() {
        Ok(locked) => locked,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(3);
        }
    };
    match scenario.as_str() {
        "echo" => {
            let mut bytes = [0; 64];
            while let Ok(read @ 1..) = locked.line.read(&mut bytes) {
                if locked.line.write_all(&bytes[..read]).is_err() {
                    return ExitCode::from(4);
                }
            }
            ExitCode::SUCCESS
        }
        "open" => {
            let opened = std::fs::File::open("/etc/passwd");
            eprintln!("{opened:?}");
            ExitCode::SUCCESS
        }
        "panic" => panic!("as it was told to"),
        _ => {
            eprintln!("there is no scenario `{scenario}`");
            ExitCode::from(5)
        }
    }
}
