//! The one place where a guest meets the exchange: takes the fuel at a call and charges
//! what it costs. What is linked beside this lifts and lowers types.

use lancet_core::{Fault, FaultKind, Request, Response};
use wasmtime::StoreContextMut;

use crate::bindings::types;
use crate::exchange::Answered;
use crate::state::{FaultTrap, State, UnavailableTrap};

/// What a function that reaches outside returns to the guest.
pub(crate) type Returned<T> = wasmtime::Result<(Result<T, types::CallError>,)>;

/// Has a call answered that the guest does not wait for.
pub(crate) fn now(store: &mut StoreContextMut<'_, State>, request: Request) -> wasmtime::Result<Response> {
    let (fuel, fuel_used) = fuel(store)?;
    debug_assert!(!is_waited_for(&request), "{}", request.name());
    let answered = store.data_mut().boundary.answer_now(fuel_used, request)?;
    paid(store, fuel, answered)
}

/// Has a call answered that reaches outside, whatever it is answered.
pub(crate) async fn later(
    store: &mut StoreContextMut<'_, State>,
    request: Request,
) -> wasmtime::Result<Response> {
    let (fuel, fuel_used) = fuel(store)?;
    debug_assert!(is_waited_for(&request), "{}", request.name());
    let state = store.data_mut();
    let is_overdrawn = || state.clock.overdrawn().is_some();
    let answered = state.boundary.answer(fuel_used, request, is_overdrawn).await?;
    paid(store, fuel, answered)
}

/// Has a call answered that reaches outside. `take` gets what the function gives out of
/// the response.
pub(crate) async fn call<T>(
    mut store: StoreContextMut<'_, State>,
    request: Request,
    take: impl FnOnce(Response) -> Option<T> + Send,
) -> Returned<T> {
    let name = request.name();
    match later(&mut store, request).await? {
        Response::Refused(error) => Ok((Err(error.into()),)),
        response => take(response).map(|taken| (Ok(taken),)).ok_or_else(|| mismatched(name)),
    }
}

/// Whether a guest waits for the answer: the function is linked so that it may take its
/// time.
pub(crate) fn is_waited_for(request: &Request) -> bool {
    match request {
        Request::LogWrite { .. }
        | Request::RandomNext
        | Request::RandomBelow { .. }
        | Request::SubmissionAnswer
        | Request::AnswerKeyRead
        | Request::InputRead
        | Request::TestsPlans
        | Request::SettingsValue { .. }
        | Request::SettingsPrompt
        | Request::BudgetAllowances
        | Request::BudgetLeft { .. }
        | Request::ModelOffers
        | Request::ModelOpen { .. }
        | Request::ModelSay { .. }
        | Request::ModelGive { .. }
        | Request::ModelLength { .. }
        | Request::ModelTokens { .. }
        | Request::ModelWithout { .. } => false,
        Request::SubmissionFiles
        | Request::SubmissionRead { .. }
        | Request::SubmissionDiff { .. }
        | Request::TestsRun { .. }
        | Request::ArtifactsList
        | Request::ArtifactsRead { .. }
        | Request::WorkspaceList { .. }
        | Request::WorkspaceRead { .. }
        | Request::WorkspaceSearch { .. }
        | Request::WorkspaceWrite { .. }
        | Request::WorkspaceRemove { .. }
        | Request::WorkspaceApplyPatch { .. }
        | Request::WorkspaceApplyInput
        | Request::ShellRun { .. }
        | Request::UserToolReproduce
        | Request::UserToolRead { .. }
        | Request::ModelAsk { .. } => true,
    }
}

/// The fuel that is left, and that is used.
fn fuel(store: &StoreContextMut<'_, State>) -> wasmtime::Result<(u64, u64)> {
    let left = store.get_fuel()?;
    Ok((left, store.data().limits.fuel.saturating_sub(left)))
}

/// Takes the fuel that a call costs.
///
/// # Errors
/// When there is not as much, or the infrastructure failed.
fn paid(store: &mut StoreContextMut<'_, State>, fuel: u64, answered: Answered) -> wasmtime::Result<Response> {
    let left = fuel.checked_sub(answered.fuel);
    store.set_fuel(left.unwrap_or(0))?;
    // Whose fault it was comes before whether it could be paid for.
    if let Response::Unavailable(fault) = answered.response {
        return Err(UnavailableTrap(fault).into());
    }
    if left.is_none() { Err(wasmtime::Trap::OutOfFuel.into()) } else { Ok(answered.response) }
}

/// For a response that the recorder cannot give to that request: only a record
/// that was changed by hand can hold it.
pub(crate) fn mismatched(request: &'static str) -> wasmtime::Error {
    wasmtime::Error::from(FaultTrap(Fault::new(
        FaultKind::Error,
        format!("the record holds a response of another kind for {request}"),
    )))
}

/// The bytes of a response.
pub(crate) fn bytes(response: Response) -> Option<Vec<u8>> {
    match response {
        Response::Bytes(bytes) => Some(bytes.0),
        _ => None,
    }
}

/// The nothing of a response.
#[expect(clippy::needless_pass_by_value, reason = "as the others of its kind")]
pub(crate) fn done(response: Response) -> Option<()> {
    matches!(response, Response::Done).then_some(())
}
