//! What a run leaves: its report, its status and its artifacts, read from its container.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{
    Artifact, ArtifactKind, CaseNaming, MAX_REPORT_BYTES, Plan, ReportState, Sha256, TestCase, fold,
};

use crate::engine::container::Container;
use crate::engine::tree::{Appetite, Node, NodeKind};
use crate::{DockerError, read_report};

/// The most bytes of the artifacts of one run, without its output.
const MAX_BYTES: u64 = 64 << 20;
/// The most files that are looked at for artifacts of one run.
const MAX_FILES: usize = 2_000;
/// The most bytes of an artifact's name: files with longer ones are left. Graders get
/// all names of a run in one call.
const MAX_NAME_BYTES: usize = 512;
/// The most bytes of a status file: it holds a number.
const MAX_STATUS_BYTES: usize = 64;
/// The most bytes that are kept of what a container's first process wrote.
pub(crate) const MAX_LOG_BYTES: usize = 1 << 20;
/// What the tests wrote.
pub(crate) const OUTPUT: &str = "output";
/// What the app wrote.
pub(crate) const APP_OUTPUT: &str = "app-output";

/// The artifacts of a run, by name, with their bytes.
#[derive(Debug, Default)]
pub(crate) struct Artifacts(BTreeMap<String, (ArtifactKind, Vec<u8>)>);

impl Artifacts {
    /// Adds one; the first of a name stays.
    pub(crate) fn add(&mut self, name: String, kind: ArtifactKind, bytes: Vec<u8>) {
        self.0.entry(name).or_insert((kind, bytes));
    }

    /// Sorted by name, and the blobs.
    pub(crate) fn finish(self) -> (Vec<Artifact>, Vec<Vec<u8>>) {
        let entry = |(name, (kind, bytes)): (String, (ArtifactKind, Vec<u8>))| {
            let artifact = Artifact { name, kind, bytes: bytes.len() as u64, sha256: Sha256::of(&bytes) };
            (artifact, bytes)
        };
        self.0.into_iter().map(entry).unzip()
    }
}

/// What a run says of itself, as its container was left.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) report: ReportState,
    pub(crate) cases: Vec<TestCase>,
    pub(crate) status: Option<i64>,
}

impl Results {
    /// For a run whose tests were not begun.
    pub(crate) fn none() -> Self {
        Self { report: ReportState::Missing, cases: Vec::new(), status: None }
    }
}

impl Container {
    /// Reads the report, the status file and the artifacts, once it has ended:
    /// regular files only, and no more of them than there is room for.
    pub(crate) async fn results(
        &self,
        plan: &Plan,
        artifacts: &mut Artifacts,
    ) -> Result<Results, DockerError> {
        let (results, found) = tokio::try_join!(self.verdict(plan), self.artifacts(plan))?;
        for (name, kind, bytes) in found {
            artifacts.add(name, kind, bytes);
        }
        Ok(results)
    }

    async fn verdict(&self, plan: &Plan) -> Result<Results, DockerError> {
        let limit = MAX_REPORT_BYTES as u64;
        let appetite =
            Appetite { read: limit, keep: limit, room: 2 * limit, strict: false, expand: false, files: 8 };
        let (report, status) = (below_root(&plan.report), plan.status_file.as_deref().map(below_root));
        let wanted = [Some(report), status].into_iter().flatten().map(str::to_owned).collect();
        let mut found = self.docker().gather(self.id(), "", wanted, appetite).await?;
        let status = status.and_then(|path| found.nodes.get(path)).and_then(read_status);
        let (report, cases) = match found.nodes.remove(report) {
            None => (ReportState::Missing, Vec::new()),
            Some(node) => read_off_thread(plan.report.clone(), node, plan.naming).await,
        };
        Ok(Results { report, cases: fold(plan, cases), status })
    }

    async fn artifacts(&self, plan: &Plan) -> Result<Vec<(String, ArtifactKind, Vec<u8>)>, DockerError> {
        let wanted: BTreeSet<String> =
            plan.artifacts.iter().map(|rule| below_root(&rule.path).to_owned()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let appetite = Appetite {
            read: MAX_BYTES,
            keep: MAX_BYTES,
            room: MAX_BYTES,
            strict: false,
            expand: true,
            files: MAX_FILES,
        };
        let found = self.docker().gather(self.id(), "", wanted, appetite).await?;
        let mut artifacts = Vec::new();
        for rule in &plan.artifacts {
            let root = below_root(&rule.path);
            let folder = format!("{root}/");
            let taken = found.nodes.iter().filter(|(path, _)| *path == root || path.starts_with(&folder));
            for (path, node) in taken {
                let Some(content) = node.content.clone() else { continue };
                let name = match path.strip_prefix(&folder) {
                    Some(below) => format!("{}/{below}", rule.name),
                    None => rule.name.clone(),
                };
                let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
                let name: String = name.chars().map(printable).collect();
                if name.len() <= MAX_NAME_BYTES {
                    artifacts.push((name, rule.kind, content));
                }
            }
        }
        Ok(artifacts)
    }
}

fn below_root(path: &str) -> &str {
    path.trim_matches('/')
}

fn read_node(path: &str, node: &Node, naming: CaseNaming) -> (ReportState, Vec<TestCase>) {
    match (&node.kind, &node.content) {
        (NodeKind::File, Some(bytes)) => read_report(bytes, naming),
        (NodeKind::File, None) => (
            ReportState::TooLarge(format!("the report has {} bytes, {MAX_REPORT_BYTES} are read", node.size)),
            Vec::new(),
        ),
        (kind, _) => (ReportState::Malformed(format!("`{path}` is {}", kind.name())), Vec::new()),
    }
}

/// Reads a report where nobody else waits for it: it may be large. What it makes the
/// reader do is its own doing.
async fn read_off_thread(path: String, node: Node, naming: CaseNaming) -> (ReportState, Vec<TestCase>) {
    let reading = tokio::task::spawn_blocking(move || read_node(&path, &node, naming));
    reading.await.unwrap_or_else(|error| {
        let problem = if error.is_panic() { "the host cannot read it" } else { "reading it was given up" };
        (ReportState::Malformed(problem.to_owned()), Vec::new())
    })
}

fn read_status(node: &Node) -> Option<i64> {
    let bytes = node.content.as_deref().filter(|bytes| bytes.len() <= MAX_STATUS_BYTES)?;
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> Node {
        Node {
            kind: NodeKind::File,
            executable: false,
            size: content.len() as u64,
            sha256: None,
            content: Some(content.to_vec()),
        }
    }

    #[test]
    fn a_status_file_holds_one_number() {
        for (content, status) in [
            (&b"0"[..], Some(0)),
            (b" 1\n", Some(1)),
            (b"-1", Some(-1)),
            (b"", None),
            (b"0 0", None),
            (b"\xff", None),
            (&[b'0'; 65], None),
        ] {
            assert_eq!(read_status(&file(content)), status, "{content:?}");
        }
    }

    #[test]
    fn a_report_has_to_be_a_regular_file_of_bounded_size() {
        let naming = CaseNaming::Full;
        assert_eq!(read_node("/r", &file(b"<testsuites/>"), naming).0, ReportState::Read);
        let large = Node { content: None, size: 1 << 30, ..file(b"") };
        assert!(matches!(read_node("/r", &large, naming).0, ReportState::TooLarge(_)));
        let link = Node { kind: NodeKind::Symlink(b"/x".to_vec()), ..file(b"") };
        assert_eq!(
            read_node("/r", &link, naming).0,
            ReportState::Malformed("`/r` is a symbolic link".into())
        );
    }

    #[test]
    fn artifacts_are_sorted_and_the_first_of_a_name_stays() {
        let mut artifacts = Artifacts::default();
        artifacts.add("b".into(), ArtifactKind::Log, b"1".to_vec());
        artifacts.add("a".into(), ArtifactKind::Trace, b"2".to_vec());
        artifacts.add("b".into(), ArtifactKind::Other, b"3".to_vec());
        let (entries, blobs) = artifacts.finish();
        assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(blobs, [b"2", b"1"]);
        assert_eq!(entries[1].sha256, Sha256::of(b"1"));
    }
}
