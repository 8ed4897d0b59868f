use std::sync::Arc;

use lancet_core::{CallError, CallErrorKind, CallRecord, PlanView, Request, Response, TestReport};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::tests;
use crate::exchange::{Live, Reply, Sources};
use crate::outside::{self, Unanswered, check_name, given, no_environment};
use crate::state::{self, State};

/// Runs the test plans that a task declares.
pub trait TestsSource: Send + Sync {
    /// What there is to choose from.
    fn plans(&self) -> Vec<PlanView>;

    /// Runs the plan of that name on the submission. It is asked for each plan at
    /// most once in a grading.
    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport>;
}

fn source(sources: Sources) -> Result<Arc<dyn TestsSource>, CallError> {
    sources.tests.ok_or_else(no_environment)
}

/// Whether the plan has been run in this grading: a grader that ran it until it
/// passes would pay for flaky tests. It has, too, when its report was too large.
fn has_run(calls: &[CallRecord], plan: &str) -> bool {
    calls.iter().any(|call| {
        let same = matches!(&call.request, Request::TestsRun { plan: earlier } if earlier == plan);
        let ran = match &call.response {
            Response::Refused(error) => error.kind == CallErrorKind::TooLarge,
            response => matches!(response, Response::Tested(_)),
        };
        same && ran
    })
}

fn report(response: Response) -> Option<tests::TestReport> {
    match response {
        Response::Tested(report) => Some((*report).into()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("plans", |store: StoreContextMut<'_, State>, (): ()| {
        let plans = |live: &mut Live| {
            Ok(Response::Plans(live.sources.tests.as_ref().map_or_else(Vec::new, |source| source.plans())))
        };
        match state::call(store, 0, |_| Request::TestsPlans, plans)? {
            Response::Plans(plans) => Ok((plans.into_iter().map(tests::Plan::from).collect::<Vec<_>>(),)),
            _ => Err(state::mismatched("tests.plans")),
        }
    })?;
    instance.func_wrap_async("run", |store: StoreContextMut<'_, State>, (plan,): (String,)| {
        Box::new(async move {
            let has_run = has_run(store.data().exchange.recorded(), &plan);
            let request = Request::TestsRun { plan: plan.clone() };
            let ask = |sources| async move {
                check_name("a plan's name", &plan)?;
                if has_run {
                    let message = format!("the plan `{plan}` has been run already");
                    return Err(CallError::new(CallErrorKind::Refused, message).into());
                }
                let report = given(source(sources)?.run(&plan).await)?;
                Ok::<_, Unanswered>(Response::Tested(Box::new(report)))
            };
            outside::call(store, request, ask, report).await
        })
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    fn ran(plan: &str, response: Response) -> Vec<CallRecord> {
        vec![CallRecord { fuel_used: 0, request: Request::TestsRun { plan: plan.into() }, response }]
    }

    #[test]
    fn a_plan_has_been_run_when_there_was_a_report() {
        let report = Response::Tested(Box::new(TestReport { plan: "hidden".into(), runs: Vec::new() }));
        let refused = |kind| Response::Refused(CallError::new(kind, ""));
        assert!(has_run(&ran("hidden", report.clone()), "hidden"));
        assert!(has_run(&ran("hidden", refused(CallErrorKind::TooLarge)), "hidden"));
        assert!(!has_run(&ran("hidden", refused(CallErrorKind::Unavailable)), "hidden"));
        assert!(!has_run(&ran("other", report), "hidden"));
        assert!(!has_run(&[], "hidden"));
    }
}
