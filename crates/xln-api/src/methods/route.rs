//! A given route: who passes a payment on, and what each gets for it (HT-1, HT-4).

use crate::call::Call;
use crate::error::ApiError;
use crate::strict::Object;
use crate::text::AsText;
use schemars::JsonSchema;
use serde::Deserialize;
use xln_machine::Server;
use xln_types::tx::{ROUTE_HOPS_MAX, RouteHop};
use xln_types::{Amount, AssetId, EntityId, Rejection};

/// A hop that names what it gets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PricedHop {
    /// Whom the payment goes through.
    entity: AsText<EntityId>,
    /// What it gets for passing it on.
    fee: AsText<Amount>,
}

/// One hop of a route.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an entity id, or {entity, fee} with an amount in base units")]
pub(super) enum HopParam {
    /// Its fee is this hub's policy where it is this hub, else 0.
    Plain(AsText<EntityId>),
    /// With its fee.
    Priced(Object<PricedHop>),
}

impl HopParam {
    fn entity(&self) -> EntityId {
        match self {
            HopParam::Plain(entity) => entity.0,
            HopParam::Priced(hop) => hop.0.entity.0,
        }
    }

    fn fee(&self) -> Option<Amount> {
        match self {
            HopParam::Plain(_) => None,
            HopParam::Priced(hop) => Some(hop.0.fee.0),
        }
    }
}

/// What is to be routed.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) from: EntityId,
    pub(super) to: EntityId,
    pub(super) asset: AssetId,
    pub(super) amount: Amount,
    /// The recipient's node, where the invoice names it.
    pub(super) node: Option<EntityId>,
}

/// The way that is taken where none is given: the payer's channel with the recipient; else this hub, then the recipient's node.
fn usual(server: &Server, way: &Way) -> Vec<EntityId> {
    let mut hops = Vec::new();
    if server.channel_between(way.from, way.to).is_none() {
        for hop in [Some(server.hub_id()), way.node].into_iter().flatten() {
            if hop != way.from && hop != way.to && !hops.contains(&hop) {
                hops.push(hop);
            }
        }
    }
    hops.push(way.to);
    hops
}

/// HT-4: what each hop gets, from the recipient backwards: a hop's fee is of what it passes on.
fn priced(server: &Server, way: &Way, hops: &[(EntityId, Option<Amount>)]) -> Option<(Vec<RouteHop>, Amount)> {
    let (mut amount, mut priced) = (way.amount, Vec::with_capacity(hops.len()));
    let mut rest = hops.iter().rev();
    if let Some((entity, fee)) = rest.next() {
        priced.push(RouteHop { entity: *entity, fee: fee.unwrap_or(Amount::ZERO) });
    }
    for (entity, fee) in rest {
        let fee = match fee {
            Some(fee) => *fee,
            None if *entity == server.hub_id() => server.hub_fee(way.asset, amount)?,
            None => Amount::ZERO,
        };
        amount = amount.plus(fee)?;
        priced.push(RouteHop { entity: *entity, fee });
    }
    priced.reverse();
    Some((priced, amount.minus_or_zero(way.amount)))
}

/// The hops of a payment, and what they get together.
///
/// # Errors
/// A route that is too long, or doesn't end at the recipient, or whose fees pass the range.
pub(super) async fn plan(call: &Call, way: Way, given: &[HopParam]) -> Result<(Vec<RouteHop>, Amount), ApiError> {
    let field = |error: ApiError| error.with("field", "route");
    if ROUTE_HOPS_MAX < given.len() {
        return Err(field(ApiError::from(&Rejection::TooLarge { limit: ROUTE_HOPS_MAX as u64 })));
    }
    if given.last().is_some_and(|last| last.entity() != way.to) {
        let error = ApiError::invalid("route", "other_recipient", "the route doesn't end at the recipient");
        return Err(error.with("expected", way.to.to_string()));
    }
    if given.last().and_then(HopParam::fee).is_some_and(|fee| fee != Amount::ZERO) {
        let error = ApiError::invalid("route", "fee_not_payable", "the recipient gets the amount, and no fee");
        return Err(error.with("expected", "0"));
    }
    let given: Vec<_> = given.iter().map(|hop| (hop.entity(), hop.fee())).collect();
    let planned = call.read(move |server| {
        let hops = if given.is_empty() {
            usual(server, &way).into_iter().map(|entity| (entity, None)).collect()
        } else {
            given
        };
        priced(server, &way, &hops)
    });
    planned.await?.ok_or_else(|| field(ApiError::from(&Rejection::OutOfRange {})))
}
