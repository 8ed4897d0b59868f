//! Test cases of one name made one, where a plan's naming has it so.

use std::collections::BTreeSet;

use crate::{CaseNaming, CaseStatus, MAX_CASE_DETAIL_BYTES, Plan, TestCase};

/// The cases of a report as a plan counts them, sorted by id: those of one name are
/// made one where the plan says that they are.
///
/// With [`CaseNaming::Function`] a name stands for all cases of a parametrized test.
/// It passed only if all of them did, failed if any failed, and was skipped if any was
/// and none failed. A sentinel has to fail, so it is the other way about: it passed
/// if any of its cases did.
///
/// With any naming a case that failed both times is one: pytest reports it once more
/// when its teardown fails too. What else came twice stays twice; that report
/// contradicts itself.
#[must_use]
pub fn fold(plan: &Plan, mut cases: Vec<TestCase>) -> Vec<TestCase> {
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let sentinels: BTreeSet<&str> = plan.sentinels.iter().map(String::as_str).collect();
    let mut folded = Vec::with_capacity(cases.len());
    for same in cases.chunk_by(|a, b| a.id == b.id) {
        let is_one = match plan.naming {
            CaseNaming::Function => true,
            CaseNaming::Full | CaseNaming::Suite | CaseNaming::Project => {
                same.iter().all(|case| severity(case.status) == 2)
            }
        };
        match same {
            [case] => folded.push(case.clone()),
            _ if is_one => folded.push(one(same, sentinels.contains(same[0].id.as_str()))),
            _ => folded.extend_from_slice(same),
        }
    }
    folded
}

/// The case that decides, which is the first of those that are as bad, or for a
/// sentinel as good.
fn one(same: &[TestCase], sentinel: bool) -> TestCase {
    let weight = |case: &&TestCase| {
        let severity = severity(case.status);
        if sentinel { severity } else { 2 - severity }
    };
    // The first of the least.
    let mut case = same.iter().min_by_key(weight).unwrap_or(&same[0]).clone();
    if !case.detail.is_empty() {
        case.detail = format!("one of {} cases: {}", same.len(), case.detail);
        case.detail.truncate(case.detail.floor_char_boundary(MAX_CASE_DETAIL_BYTES));
    }
    case
}

fn severity(status: CaseStatus) -> u8 {
    match status {
        CaseStatus::Passed => 0,
        CaseStatus::Skipped => 1,
        CaseStatus::Failed | CaseStatus::Errored => 2,
    }
}
