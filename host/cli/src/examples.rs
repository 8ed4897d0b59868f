//! Examples, which the long help of a command ends with.

use crate::exit::EXIT_CODES;

/// What the long help of `lancet` itself ends with.
pub(crate) fn lancet() -> String {
    format!("{LANCET}\n\n{EXIT_CODES}")
}

const LANCET: &str = "\
Examples:
  lancet suite import swe-lancer --csv all_swelancer_tasks.csv --out swe-lancer
  lancet run swe-lancer --agent longest
  lancet report latest --format md
  lancet replay latest";

pub(crate) const IMPORT_SWE_LANCER: &str = "\
Examples:
  # The manager tasks of a table; IC tasks are imported without environments.
  lancet suite import swe-lancer --csv all_swelancer_tasks.csv --out swe-lancer
  # IC tasks as well, from the data set's folder `issues`.
  lancet suite import swe-lancer --csv all_swelancer_tasks.csv --issues issues --out swe-lancer
  # All IC tasks in one image, and tests run up to three times.
  lancet suite import swe-lancer --csv tasks.csv --issues issues --monolith --parity --out suite
  # Agents of manager tasks read the repository as it was; each commit is made ready once and kept.
  lancet suite import swe-lancer --csv tasks.csv --manager-repository --out suite";

pub(crate) const CHECK: &str = "\
Examples:
  # Reads everything, and executes nothing.
  lancet suite check tasks/expensify-common
  # Whether the gold answers pass and nothing else does, five times over.
  lancet suite check tasks/expensify-common --controls --rounds 5
  # The same for some tasks, as JSON.
  lancet suite check tasks/expensify-common --controls --task 'code-fence-*' --format json";

pub(crate) const NEW_SUITE: &str = "\
Examples:
  # A suite whose task is judged by hidden tests, in containers; needs Docker to be pinned and tried.
  lancet suite new my-suite --kind ic-swe
  # One whose task is a choice among proposals.
  lancet suite new my-managers --kind swe-manager";

pub(crate) const PIN: &str = "\
Examples:
  # Builds or pulls what is not pinned yet, and writes images.lock.
  lancet suite pin tasks/expensify-common
  # Builds everything again, with another engine.
  lancet suite pin tasks/expensify-common --rebuild --docker-socket /run/user/1000/docker.sock";

pub(crate) const RUN: &str = "\
Examples:
  # A built-in agent; `lancet plugin list` has them all.
  lancet run tasks/storefront-managers --agent longest
  # An agent of your own, three attempts at each task, four attempts at a time.
  lancet run tasks/storefront-managers --agent ./my-agent.wasm --attempts 3 --jobs 4
  # IC tasks: one patch per task, each in a file named by the task's id.
  lancet run tasks/expensify-common --agent patch --input patches
  # A model, and what all attempts and each of them may spend on it at most.
  lancet run tasks/storefront-managers --agent tool-loop --model anthropic/MODEL --budget usd=3 --run-budget usd=100
  # A server that speaks Chat Completions, and settings of the agent.
  lancet run tasks/web-chat --agent tool-loop --model chat/MODEL --base-url http://localhost:8000/v1 --set steps=50
  # A control: an agent that is told the answers.
  lancet run tasks/storefront-managers --agent gold --grant answer-key";

pub(crate) const GRADE: &str = "\
Examples:
  # Predictions in SWE-bench's format, one per line.
  lancet grade tasks/expensify-common --predictions predictions.jsonl
  # One patch for one task.
  lancet grade tasks/expensify-common --task adjacent-italics --patch my.patch";

pub(crate) const RESUME: &str = "\
Examples:
  # Goes on with the run that was started last.
  lancet resume
  # Goes on with another run, by the beginning of its id.
  lancet resume 20261123-0833 --jobs 2";

pub(crate) const SHOW: &str = "\
Examples:
  # The attempts of the run that was started last.
  lancet show
  # The journal of the first attempt at a task.
  lancet show latest/adjacent-italics/1
  # What the agent said to a model in it, and the model to the agent.
  lancet show latest/adjacent-italics/1 --transcript
  # Every attempt as JSON.
  lancet show latest --format json";

pub(crate) const REPORT: &str = "\
Examples:
  # What the run that was started last came to.
  lancet report
  # For an issue or a wiki.
  lancet report 20261123-0833 --format md
  # One line per attempt, as SWE-Lancer's own harness writes them.
  lancet report --results results.csv";

pub(crate) const REGRADE: &str = "\
Examples:
  # Judges again with the recorded graders.
  lancet regrade latest
  # Judges with another grader, without running any agent.
  lancet regrade latest --grader ./my-grader.wasm";

pub(crate) const REPLAY: &str = "\
Examples:
  # All attempts of the run that was started last.
  lancet replay
  # One attempt.
  lancet replay latest/adjacent-italics/1";

pub(crate) const INSPECT: &str = "\
Examples:
  # A component of your own.
  lancet plugin inspect ./my-agent.wasm
  # A built-in one.
  lancet plugin inspect junit";

pub(crate) const NEW: &str = "\
Examples:
  # The folder `right-choice`, with a grader in Python.
  lancet plugin new acme/right-choice --lang python --world grader";

pub(crate) const BUILD: &str = "\
Examples:
  # The plugin in this folder.
  lancet plugin build
  # One elsewhere, under another name.
  lancet plugin build ./right-choice --output graders/right-choice.wasm";

pub(crate) const PACK: &str = "\
Examples:
  # With the `plugin.toml` of this folder.
  lancet plugin pack ./my-grader.wasm --output my-grader.lancet.wasm";

pub(crate) const KEY_NEW: &str = "\
Examples:
  # A key to sign plugins with.
  lancet key new acme";

pub(crate) const KEY_ROTATE: &str = "\
Examples:
  # `acme-2` signs from now on, and `acme` says so.
  lancet key rotate acme acme-2";

pub(crate) const KEY_REVOKE: &str = "\
Examples:
  # Nothing that this key has signed is believed any more.
  lancet key revoke acme --reason stolen
  # One file, whoever signed it.
  lancet key revoke sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad --reason broken";

pub(crate) const KEY_IMPORT: &str = "\
Examples:
  # The public half of somebody's key, which you got by a way that you trust.
  lancet key import ./acme.pub --name acme
  # What `lancet key rotate` left at theirs.
  lancet key import ./acme.rotated.json --name acme-2";

pub(crate) const SIGN: &str = "\
Examples:
  # Writes ./my-grader.lancet.wasm.sigstore.json.
  lancet plugin sign ./my-grader.lancet.wasm --key acme
  # With a key that a command has.
  lancet plugin sign ./my-grader.lancet.wasm --key ./acme.pub --signer ./sign-in-token
  # Writes suites/shop.sigstore.json beside the folder.
  lancet suite sign suites/shop --key acme";

pub(crate) const ATTEST: &str = "\
Examples:
  # The run that was started last, with all its verdicts.
  lancet attest --key acme
  # Another one, into a file of that name.
  lancet attest 20261123-0833 --key acme --output run.attested.jsonl
  # With what shows that nothing was taken out of the log since an earlier one.
  lancet attest --key acme --since 20261123-083329-4f2a9c.attested.jsonl";

pub(crate) const EXPORT: &str = "\
Examples:
  # The run that was started last, with all that a replay of it needs.
  lancet export --key acme
  # Another one, into a file of that name.
  lancet export 20261123-0833 --key acme --output run.export.tar";

pub(crate) const LOG_SHOW: &str = "\
Examples:
  # All of it: which runs began, and whether they ended.
  lancet log show
  # One run, for a program.
  lancet log show latest --format json";

pub(crate) const LOG_SIGN: &str = "\
Examples:
  # For others to keep, and to compare what comes later with.
  lancet log sign --key acme --output monday.checkpoint";

pub(crate) const COSIGN: &str = "\
Examples:
  # The first that is cosigned of a host's log.
  lancet cosign ./run.attested.jsonl --key auditor --first
  # A later one, which has to extend it.
  lancet cosign ./next.attested.jsonl --key auditor --since ./run.attested.jsonl";

pub(crate) const VERIFY: &str = "\
Examples:
  # By the signature beside it, and any key that is known here.
  lancet verify ./my-grader.lancet.wasm
  # By one key alone.
  lancet verify suites/shop --key ./acme.pub
  # A run that was attested, and its verdicts.
  lancet verify run.attested.jsonl
  # A run that was exported: its graders are executed again on what was recorded.
  lancet verify run.export.tar --replay
  # That nothing was taken out of its host's log since, by the word of a witness too.
  lancet verify next.attested.jsonl --since run.attested.jsonl --witness auditor
  # What another tool signed about the file.
  lancet verify ./my-grader.lancet.wasm --bundle provenance.json --foreign";

pub(crate) const PLUGIN_CHECK: &str = "\
Examples:
  # The project in this folder, with its fixtures as a beginning.
  lancet plugin check .
  # A component, for a program that reads the findings.
  lancet plugin check ./my-agent.wasm --format json";

pub(crate) const PLUGIN_TEST: &str = "\
Examples:
  # The project in this folder, on its fixtures; again, and built again, when a file is saved.
  lancet plugin test . --watch
  # A component, on fixtures that lie elsewhere.
  lancet plugin test ./my-grader.wasm --fixtures fixtures";

pub(crate) const RECORD: &str = "\
Examples:
  # What the grader of an attempt was told, and its verdict: fixtures/adjacent-italics-1.json.
  lancet plugin record latest/adjacent-italics/1
  # Without the texts of the issue and of what tests said.
  lancet plugin record latest/adjacent-italics/1 --redact statement --redact detail -o fixtures/italics.json
  # What its agent was told, and what it handed in.
  lancet plugin record latest/wishlist-merge/1 --role agent";

pub(crate) const SUITE_LOCK: &str = "\
Examples:
  # From here on a run of the suite refuses every other grader in it.
  lancet suite lock suites/shop";

pub(crate) const PLUGIN_LOCK: &str = "\
Examples:
  # From here on no run uses another plugin, but for what is built in.
  lancet plugin lock ./my-agent.wasm ./my-grader.wasm
  # All graders of a suite, by the signature of the suite.
  lancet plugin lock suites/shop";

pub(crate) const PLUGIN_PUSH: &str = "\
Examples:
  # Under its version, and with ./choice.lancet.wasm.sigstore.json if that is there.
  lancet plugin push ./choice.lancet.wasm registry.example.com/acme/choice";

pub(crate) const PLUGIN_PULL: &str = "\
Examples:
  # Writes ./choice.wasm and ./choice.wasm.sigstore.json.
  lancet plugin pull registry.example.com/acme/choice:1.2.0";

pub(crate) const PLUGIN_ADD: &str = "\
Examples:
  # Into $XDG_DATA_HOME/lancet/plugins, and the lancet.lock beside your policy.
  lancet plugin add registry.example.com/acme/choice:1.2.0
  # Into the graders of a suite, and its lancet.lock.
  lancet plugin add registry.example.com/acme/choice:1.2.0 --suite suites/shop";

pub(crate) const PLUGIN_OUTDATED: &str = "\
Examples:
  lancet plugin outdated
  lancet plugin outdated --suite suites/shop --format json";

pub(crate) const SUITE_PUSH: &str = "\
Examples:
  # With suites/shop.sigstore.json if that is there.
  lancet suite push suites/shop registry.example.com/suites/shop:2026-11";

pub(crate) const SUITE_PULL: &str = "\
Examples:
  # Makes the folder ./shop.
  lancet suite pull registry.example.com/suites/shop:2026-11";

pub(crate) const POLICY_EXPLAIN: &str = "\
Examples:
  lancet policy explain ./my-grader.wasm
  # One that lies in a registry: it is pulled to be looked at, and kept nowhere.
  lancet policy explain registry.example.com/acme/choice:1.2.0
  # All graders and images of a suite, for whoever runs what strangers send.
  lancet policy explain suites/shop --policy strict";

pub(crate) const DOCTOR: &str = "\
Examples:
  # What a run would find here.
  lancet doctor
  # What a run with these options would find.
  lancet doctor --docker-socket /run/user/1000/docker.sock --container-runtime runsc";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  lancet completions bash > ~/.local/share/bash-completion/completions/lancet";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn every_example_is_taken() {
        let all = [
            LANCET,
            IMPORT_SWE_LANCER,
            CHECK,
            NEW_SUITE,
            PIN,
            RUN,
            GRADE,
            RESUME,
            SHOW,
            REPORT,
            REGRADE,
            REPLAY,
            INSPECT,
            NEW,
            BUILD,
            PACK,
            KEY_NEW,
            KEY_ROTATE,
            KEY_REVOKE,
            KEY_IMPORT,
            SIGN,
            ATTEST,
            EXPORT,
            LOG_SHOW,
            LOG_SIGN,
            COSIGN,
            VERIFY,
            PLUGIN_CHECK,
            PLUGIN_TEST,
            RECORD,
            SUITE_LOCK,
            PLUGIN_LOCK,
            PLUGIN_PUSH,
            PLUGIN_PULL,
            PLUGIN_ADD,
            PLUGIN_OUTDATED,
            SUITE_PUSH,
            SUITE_PULL,
            POLICY_EXPLAIN,
            DOCTOR,
            COMPLETIONS,
        ];
        for text in all {
            let lines = text.lines().filter_map(|line| line.strip_prefix("  lancet "));
            assert!(lines.clone().count() > 0, "{text}");
            for line in lines {
                let line = line.split_once(" > ").map_or(line, |(command, _)| command);
                let words = line.split_whitespace().map(|word| word.trim_matches('\''));
                let parsed = Arguments::try_parse_from(["lancet"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
