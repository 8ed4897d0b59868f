//! Why nothing was handed in, as far as the host saw it happen.

use lancet_core::{
    Answer, CallErrorKind, CallRecord, Capture, History, Kind, NO_PATCH, Outcome, PATCH_DOES_NOT_APPLY,
    Request, Response, Score, SolveEnd, Verdict,
};

/// The verdict on an agent that handed in nothing, where the host's record of its calls
/// says why. It rests on that record alone, so whoever decides again comes to the same.
/// For anything else a grader is asked.
pub(crate) fn verdict<'a>(
    kind: Kind,
    end: &SolveEnd,
    calls: impl IntoIterator<Item = &'a CallRecord>,
) -> Option<Verdict> {
    let said_nothing = *end == SolveEnd::Answer(Answer::Nothing);
    if kind != Kind::IcSwe || !(said_nothing || matches!(end, SolveEnd::GaveUp(_))) {
        return None;
    }
    let (mut was_given_nothing, mut patched) = (false, None);
    for CallRecord { request, response, .. } in calls {
        match (request, response) {
            // It asked for the operator's patch, and there was none. One that only reads
            // what it was given may have had other uses for it.
            (Request::WorkspaceApplyInput, Response::Applied(false)) => was_given_nothing = true,
            (Request::WorkspaceApplyPatch { .. } | Request::WorkspaceApplyInput, response) => {
                patched = Some(response);
            }
            _ => {}
        }
    }
    match patched {
        Some(Response::Refused(error)) if error.kind != CallErrorKind::Unavailable => {
            Some(fail(PATCH_DOES_NOT_APPLY, &error.message))
        }
        None if said_nothing && was_given_nothing => {
            Some(fail(NO_PATCH, "no patch was given for this task, and nothing was handed in"))
        }
        _ => None,
    }
}

/// The same, from a journal. What a grader has judged is a grader's to judge again, and
/// what the infrastructure failed is nobody's.
pub(crate) fn recorded(kind: Kind, history: &History) -> Option<Verdict> {
    let is_taken = history.graded.is_some() || matches!(history.capture, Some(Capture::Unavailable(_)));
    let end = &history.solved.as_ref().filter(|_| !is_taken)?.end;
    verdict(kind, end, history.solve.iter().flat_map(|part| &part.calls))
}

fn fail(reason: &str, explanation: &str) -> Verdict {
    Verdict {
        outcome: Outcome::Fail,
        reason: reason.parse().expect("both are reason codes, which a test holds"),
        score: Score::ZERO,
        checks: Vec::new(),
        explanation: explanation.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lancet_core::{CallError, Event, InfraFault, InfraFaultKind, Limits, Phase, Sha256};

    use super::*;

    fn call(request: Request, response: Response) -> CallRecord {
        CallRecord { fuel_used: 0, request, response }
    }

    fn applied(response: Response) -> CallRecord {
        call(Request::WorkspaceApplyPatch { patch: "x".to_owned() }, response)
    }

    fn refused(kind: CallErrorKind) -> CallRecord {
        applied(Response::Refused(CallError::new(kind, "line 3: no")))
    }

    fn read(text: Option<&str>) -> CallRecord {
        call(Request::InputRead, Response::MaybeText(text.map(str::to_owned)))
    }

    fn began() -> Event {
        let (plugin, limits, engine) = (Sha256::of(b""), Limits::standard(), String::new());
        Event::Began {
            phase: Phase::Solve,
            plugin,
            grant: Vec::new(),
            limits,
            engine,
            record: None,
            jail: None,
            package: None,
        }
    }

    #[test]
    fn what_a_grader_has_judged_is_not_the_hosts_to_decide() {
        let solved = || {
            let end = SolveEnd::GaveUp("no".to_owned());
            let submission = Sha256::of(b"");
            vec![
                began(),
                Event::Called { phase: Phase::Solve, call: refused(CallErrorKind::Other) },
                Event::Solved { end, fuel_used: None, submission },
            ]
        };
        let reason = |events: Vec<Event>| {
            let history = History::of(events.into_iter().map(|event| (0, event)));
            recorded(Kind::IcSwe, &history).map(|verdict| verdict.reason.to_string())
        };
        let fault = || InfraFault::new(InfraFaultKind::DiskFull, "full");
        let graded = || Event::Graded { verdict: fail("other", ""), fuel_used: Some(1) };
        let reopened = |phase| Event::Reopened { phase, cause: fault() };
        let host = Some(PATCH_DOES_NOT_APPLY.to_owned());
        assert_eq!(reason(solved()), host);
        assert_eq!(reason([solved(), vec![graded()]].concat()), None);
        assert_eq!(reason([solved(), vec![graded(), reopened(Phase::Grade)]].concat()), host);
        let unavailable = || vec![Event::Captured { capture: Capture::Unavailable(fault()) }];
        assert_eq!(reason([solved(), unavailable()].concat()), None);
        let again = [solved(), unavailable(), vec![reopened(Phase::Solve)], solved()].concat();
        assert_eq!(reason(again), host);
    }

    #[test]
    fn the_hosts_record_says_why_nothing_was_handed_in() {
        let nothing = SolveEnd::Answer(Answer::Nothing);
        let gave_up = SolveEnd::GaveUp("no".to_owned());
        let tree = SolveEnd::Answer(Answer::WorkTree);
        let reason = |kind, end: &SolveEnd, calls: &[CallRecord]| {
            verdict(kind, end, calls).map(|verdict| (verdict.reason.to_string(), verdict.explanation))
        };
        let other = || refused(CallErrorKind::Other);
        let unappliable = Some((PATCH_DOES_NOT_APPLY.to_owned(), "line 3: no".to_owned()));
        assert_eq!(reason(Kind::IcSwe, &gave_up, &[read(Some("x")), other()]), unappliable);
        assert_eq!(reason(Kind::IcSwe, &nothing, &[applied(Response::Done), other()]), unappliable);
        let input = |response| call(Request::WorkspaceApplyInput, response);
        let none = [input(Response::Applied(false))];
        let found = reason(Kind::IcSwe, &nothing, &none).unwrap();
        assert_eq!(found.0, NO_PATCH);
        assert_eq!(reason(Kind::SweManager, &nothing, &none), None);
        assert_eq!(reason(Kind::IcSwe, &gave_up, &none), None);
        assert_eq!(reason(Kind::IcSwe, &tree, &none), None);
        let no = Response::Refused(CallError::new(CallErrorKind::Other, "line 3: no"));
        assert_eq!(reason(Kind::IcSwe, &gave_up, &[input(no)]), unappliable);
        assert_eq!(reason(Kind::IcSwe, &nothing, &[input(Response::Applied(true))]), None);
        // What was refused first and went well then is not why; nor is the end of the time.
        for calls in [
            vec![],
            vec![read(None)],
            vec![read(Some("x"))],
            vec![other(), applied(Response::Done)],
            vec![refused(CallErrorKind::Unavailable)],
        ] {
            assert_eq!(reason(Kind::IcSwe, &nothing, &calls), None, "{calls:?}");
        }
        assert_eq!(reason(Kind::IcSwe, &tree, &[other()]), None);
        assert_eq!(reason(Kind::IcSwe, &SolveEnd::TimedOut, &[other()]), None);
    }
}
