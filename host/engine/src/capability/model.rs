//! `model`: conversations with language models, which the host holds.

use lancet_core::{
    CallRecord, ConversationSetup, ModelAnswer, ModelFailure, Offer, Request, Response, ToolResult,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use crate::bindings::{ConversationHandle, model};
use crate::link;
use crate::outside::{NotRecalled, Reply};
use crate::state::State;

/// Holds the conversations of one plugin and has models answer them. Conversations are
/// named by numbers, from 0 in the order in which they were begun.
pub trait ModelSource: Send + Sync {
    /// What may be asked for; the first is the one that is meant.
    fn offers(&self) -> Vec<Offer>;

    /// Begins a conversation; nothing is sent.
    ///
    /// # Errors
    /// When the setup is not allowed.
    fn open(&self, setup: &ConversationSetup) -> Result<u32, ModelFailure>;

    /// Adds what a user says.
    ///
    /// # Errors
    /// When it cannot come here.
    fn say(&self, conversation: u32, text: &str) -> Result<(), ModelFailure>;

    /// Adds what tools gave.
    ///
    /// # Errors
    /// When these are not the results of the calls of the last answer.
    fn give(&self, conversation: u32, results: &[ToolResult]) -> Result<(), ModelFailure>;

    /// Asks for an answer, and adds it. The outer error ends the plugin; the inner one is
    /// the plugin's to handle.
    fn ask<'a>(&'a self, conversation: u32) -> Reply<'a, Result<ModelAnswer, ModelFailure>>;

    /// How many entries a conversation has.
    fn length(&self, conversation: u32) -> u32;

    /// A guess of a conversation's tokens.
    fn tokens(&self, conversation: u32) -> u64;

    /// Begins a conversation like another with the entries `first..end` left out.
    ///
    /// # Errors
    /// When these cannot be left out.
    fn without(&self, conversation: u32, first: u32, end: u32) -> Result<u32, ModelFailure>;

    /// Takes over what a call did that a record says was made.
    ///
    /// # Errors
    /// When it cannot be had again.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled>;
}

type Handle = Resource<ConversationHandle>;
type Failing<T> = wasmtime::Result<(Result<T, model::Failure>,)>;

fn asked_at_once<T>(
    mut store: StoreContextMut<'_, State>,
    request: Request,
    take: impl FnOnce(Response) -> Option<T>,
) -> Failing<T> {
    let name = request.name();
    let response = link::now(&mut store, request)?;
    failing(name, response, take)
}

fn failing<T>(
    name: &'static str,
    response: Response,
    take: impl FnOnce(Response) -> Option<T>,
) -> Failing<T> {
    match response {
        Response::Unanswered(failure) => Ok((Err((*failure).into()),)),
        response => take(response).map(|taken| (Ok(taken),)).ok_or_else(|| link::mismatched(name)),
    }
}

fn number(mut store: StoreContextMut<'_, State>, request: Request) -> wasmtime::Result<u64> {
    let name = request.name();
    match link::now(&mut store, request)? {
        Response::Number(number) => Ok(number),
        _ => Err(link::mismatched(name)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as the others of its kind")]
fn handle(response: Response) -> Option<Handle> {
    match response {
        Response::Conversation(number) => Some(Resource::new_own(number)),
        _ => None,
    }
}

async fn ask(mut store: StoreContextMut<'_, State>, conversation: u32) -> Failing<model::Answer> {
    let request = Request::ModelAsk { conversation };
    let name = request.name();
    let response = link::later(&mut store, request).await?;
    // What is larger than a call may be has been refused as any other call's answer is.
    if let Response::Refused(error) = response {
        return Ok((Err(model::Failure::Other(error.message)),));
    }
    failing(name, response, |response| match response {
        Response::Answered(answer) => Some((*answer).into()),
        _ => None,
    })
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    // The conversation outlives its handle: what was said is part of the record.
    instance.resource("conversation", ResourceType::host::<ConversationHandle>(), |_, _| Ok(()))?;
    instance.func_wrap("offers", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::ModelOffers)? {
            Response::Offers(offers) => Ok((offers.into_iter().map(model::Offer::from).collect::<Vec<_>>(),)),
            _ => Err(link::mismatched("model.offers")),
        }
    })?;
    instance.func_wrap(
        "[static]conversation.open",
        |store: StoreContextMut<'_, State>, (setup,): (model::Setup,)| {
            asked_at_once(store, Request::ModelOpen { setup: setup.into() }, handle)
        },
    )?;
    instance.func_wrap(
        "[method]conversation.say",
        |store: StoreContextMut<'_, State>, (handle, text): (Handle, String)| {
            let request = Request::ModelSay { conversation: handle.rep(), text };
            asked_at_once(store, request, link::done)
        },
    )?;
    instance.func_wrap(
        "[method]conversation.give",
        |store: StoreContextMut<'_, State>, (handle, results): (Handle, Vec<model::ToolResult>)| {
            let results = results.into_iter().map(Into::into).collect();
            let request = Request::ModelGive { conversation: handle.rep(), results };
            asked_at_once(store, request, link::done)
        },
    )?;
    instance.func_wrap_async(
        "[method]conversation.ask",
        |store: StoreContextMut<'_, State>, (handle,): (Handle,)| Box::new(ask(store, handle.rep())),
    )?;
    instance.func_wrap(
        "[method]conversation.length",
        |store: StoreContextMut<'_, State>, (handle,): (Handle,)| {
            let length = number(store, Request::ModelLength { conversation: handle.rep() })?;
            Ok((u32::try_from(length).unwrap_or(u32::MAX),))
        },
    )?;
    instance.func_wrap(
        "[method]conversation.tokens",
        |store: StoreContextMut<'_, State>, (handle,): (Handle,)| {
            Ok((number(store, Request::ModelTokens { conversation: handle.rep() })?,))
        },
    )?;
    instance.func_wrap(
        "[method]conversation.without",
        |store: StoreContextMut<'_, State>, (conversation, first, end): (Handle, u32, u32)| {
            let request = Request::ModelWithout { conversation: conversation.rep(), first, end };
            asked_at_once(store, request, handle)
        },
    )
}
