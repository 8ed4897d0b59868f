//! `tests`: the test plans that the task declares, and running them.

use lancet_core::{CallRecord, PlanView, Request, Response, TestReport};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::tests;
use crate::link;
use crate::outside::{NotRecalled, Reply};
use crate::state::State;

/// Runs the test plans that a task declares.
pub trait TestsSource: Send + Sync {
    /// What there is to choose from.
    fn plans(&self) -> Vec<PlanView>;

    /// Runs the plan of that name on the submission. It is asked for each plan at
    /// most once in a grading.
    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport>;

    /// Takes over what a test run left that a record says there was.
    ///
    /// # Errors
    /// When that cannot be had again.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

fn report(response: Response) -> Option<tests::TestReport> {
    match response {
        Response::Tested(report) => Some((*report).into()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("plans", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::TestsPlans)? {
            Response::Plans(plans) => Ok((plans.into_iter().map(tests::Plan::from).collect::<Vec<_>>(),)),
            _ => Err(link::mismatched("tests.plans")),
        }
    })?;
    instance.func_wrap_async("run", |store: StoreContextMut<'_, State>, (plan,): (String,)| {
        Box::new(link::call(store, Request::TestsRun { plan }, report))
    })
}
