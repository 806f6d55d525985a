//! What a method is: one definition from which dispatcher, routes, OpenAPI and documentation derive.

use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::params;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// A call's JSON answer, as text.
pub(crate) type Answer = Result<String, ApiError>;
type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Handler = Box<dyn Fn(Call, &str) -> Running + Send + Sync>;

/// An HTTP verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// The REST twin of a method; braces in the path name parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// Below `/api/v1`.
    pub(crate) path: &'static str,
}

pub(crate) fn get(path: &'static str) -> Option<Route> {
    Some(Route { verb: Verb::Get, path })
}

pub(crate) fn post(path: &'static str) -> Option<Route> {
    Some(Route { verb: Verb::Post, path })
}

/// What a method does.
pub(crate) enum Action {
    /// Runs this.
    Call(Handler),
    /// Belongs to a WebSocket session ([`crate::ws`]).
    Session,
    /// Its machine comes later: 4010.
    Later,
}

/// A method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// Its number in binary frames: never reused.
    pub(crate) number: u64,
    pub(crate) access: Access,
    pub(crate) route: Option<Route>,
    pub(crate) doc: &'static str,
    pub(crate) params: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) answer: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) action: Action,
    /// Changes nothing: running it twice is no harm, so its answers aren't kept by request id.
    pub(crate) reads: bool,
}

impl Method {
    /// A method that works; one under GET only reads.
    pub(crate) fn new<P, A, F, Fut>(
        name: &'static str,
        number: u64,
        access: Access,
        route: Option<Route>,
        doc: &'static str,
        handler: F,
    ) -> Method
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema,
        F: Fn(Call, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        let action = Action::Call(Box::new(move |call, text| match params::parse::<P>(text) {
            Ok(params) => {
                let running = handler(call, params);
                Box::pin(async move { to_text(&running.await?) })
            }
            Err(error) => Box::pin(async move { Err(error) }),
        }));
        let reads = route.is_some_and(|route| route.verb == Verb::Get);
        Method { name, number, access, route, doc, params: schema::<P>, answer: schema::<A>, action, reads }
    }

    /// The same method, which only reads though its route is a POST.
    pub(crate) fn reading(self) -> Method {
        Method { reads: true, ..self }
    }

    /// A method of a WebSocket session.
    pub(crate) fn session<P: JsonSchema, A: JsonSchema>(
        name: &'static str,
        number: u64,
        access: Access,
        doc: &'static str,
    ) -> Method {
        let (params, answer) = (schema::<P>, schema::<A>);
        Method { name, number, access, route: None, doc, params, answer, action: Action::Session, reads: true }
    }

    /// A method whose machine comes later.
    pub(crate) fn later(name: &'static str, number: u64, route: Option<Route>, doc: &'static str) -> Method {
        let (params, answer) = (schema::<serde_json::Map<String, Value>>, schema::<serde_json::Map<String, Value>>);
        let reads = route.is_some_and(|route| route.verb == Verb::Get);
        Method { name, number, access: Access::User, route, doc, params, answer, action: Action::Later, reads }
    }
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An answer as JSON text.
pub(crate) fn to_text(answer: &impl Serialize) -> Answer {
    let broken = |error: serde_json::Error| ApiError::new(crate::Code::Internal, "serialisation", error.to_string());
    serde_json::to_string(answer).map_err(broken)
}
