//! `budget`: what is left to spend on models.

use lancet_core::{Allowance, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::budget;
use crate::link;
use crate::state::State;

/// Knows what is left to spend.
pub trait BudgetSource: Send + Sync {
    /// Every limit that the attempt is under, one for each unit, sorted by it.
    fn allowances(&self) -> Vec<Allowance>;
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("allowances", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::BudgetAllowances)? {
            Response::Allowances(allowances) => {
                Ok((allowances.into_iter().map(budget::Allowance::from).collect::<Vec<_>>(),))
            }
            _ => Err(link::mismatched("budget.allowances")),
        }
    })?;
    instance.func_wrap("left", |mut store: StoreContextMut<'_, State>, (unit,): (String,)| {
        match link::now(&mut store, Request::BudgetLeft { unit })? {
            Response::MaybeNumber(left) => Ok((left,)),
            _ => Err(link::mismatched("budget.left")),
        }
    })
}
