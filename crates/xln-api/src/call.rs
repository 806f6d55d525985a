//! One call: who asks, and the questions that all methods share. Others' objects are answered as if they didn't exist.

use crate::access::{Caller, no_token};
use crate::api::Api;
use crate::backend::{self, HostedCall, Request};
use crate::directory::{ChannelFact, EntityFact, channel_fact, entity_fact};
use crate::error::ApiError;
use crate::text::AssetName;
use xln_machine::Server;
use xln_types::entry::Command;
use xln_types::{Address, Amount, AssetId, Body, ChannelId, EntityId, Receipt, Rejection, Side, SignerId};

/// A call under way.
pub(crate) struct Call {
    pub(crate) api: Api,
    pub(crate) caller: Option<Caller>,
}

/// An entity (or signer) and the account that the caller may use for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acting {
    pub(crate) from: Address,
    pub(crate) account: Address,
}

impl Call {
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        self.caller.ok_or_else(no_token)
    }

    /// Asks the state.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Server) -> T + Send,
    ) -> Result<T, ApiError> {
        Ok(backend::read(&*self.api.0.backend, question).await?)
    }

    /// What never changes about an entity.
    pub(crate) async fn entity(&self, id: EntityId) -> Result<EntityFact, ApiError> {
        let directory = &self.api.0.directory;
        if let Some(fact) = directory.entity(id) {
            return Ok(fact);
        }
        let fact = self.read(move |server| entity_fact(server, id)).await?;
        let fact = fact.ok_or_else(|| ApiError::from(&Rejection::UnknownEntity {}))?;
        directory.put_entity(id, fact);
        Ok(fact)
    }

    /// What never changes about a channel.
    pub(crate) async fn channel(&self, id: ChannelId) -> Result<ChannelFact, ApiError> {
        let directory = &self.api.0.directory;
        if let Some(fact) = directory.channel(id) {
            return Ok(fact);
        }
        let fact = self.read(move |server| channel_fact(server, id)).await?;
        let fact = fact.ok_or_else(|| ApiError::from(&Rejection::UnknownChannel {}))?;
        directory.put_channel(id, fact);
        Ok(fact)
    }

    /// Who owns a signer.
    pub(crate) async fn owner(&self, id: SignerId) -> Result<Option<Address>, ApiError> {
        let directory = &self.api.0.directory;
        if let Some(owner) = directory.owner(id) {
            return Ok(Some(owner));
        }
        let owner = self.read(move |server| server.signer(id).map(|signer| signer.owner)).await?;
        if let Some(owner) = owner {
            directory.put_owner(id, owner);
        }
        Ok(owner)
    }

    /// An entity that this caller may see.
    pub(crate) async fn visible_entity(&self, id: EntityId) -> Result<EntityFact, ApiError> {
        let caller = self.caller()?;
        let fact = self.entity(id).await?;
        if caller.role.sees_all() || fact.owner == caller.account {
            Ok(fact)
        } else {
            Err(ApiError::from(&Rejection::UnknownEntity {}))
        }
    }

    /// A channel of which this caller may see one side.
    pub(crate) async fn visible_channel(&self, id: ChannelId) -> Result<ChannelFact, ApiError> {
        let caller = self.caller()?;
        let fact = self.channel(id).await?;
        if caller.role.sees_all() {
            return Ok(fact);
        }
        for side in [Side::Left, Side::Right] {
            if self.entity(fact.entity(side)).await.is_ok_and(|entity| entity.owner == caller.account) {
                return Ok(fact);
            }
        }
        Err(ApiError::from(&Rejection::UnknownChannel {}))
    }

    /// The account by which this caller acts for an owner's signers: its own, or the hub's for an operator.
    fn account_for(&self, signer: SignerId, owner: Address) -> Result<Option<Address>, ApiError> {
        let caller = self.caller()?;
        if owner == caller.account {
            return Ok(Some(owner));
        }
        // The hub's own signer belongs to itself: nobody can log in as it, operators stand in for it.
        let hubs_own = owner == signer.address();
        Ok((hubs_own && caller.role.operates()).then_some(owner))
    }

    /// An entity for which this caller may act.
    pub(crate) async fn acting(&self, id: EntityId) -> Result<Acting, ApiError> {
        let fact = self.entity(id).await?;
        let account = self.account_for(fact.signer, fact.owner)?;
        let account = match account {
            Some(account) if account == self.caller()?.account => Some(account),
            Some(account) => {
                let hub = self.read(Server::hub_id).await?;
                (hub == id).then_some(account)
            }
            None => None,
        };
        let account = account.ok_or_else(|| ApiError::from(&Rejection::UnknownEntity {}))?;
        // Whose key it is may log in at any node; it acts on one.
        if !fact.here {
            return Err(ApiError::from(&Rejection::NotHere {}));
        }
        Ok(Acting { from: id.address(), account })
    }

    /// A signer with which this caller may act.
    pub(crate) async fn acting_signer(&self, id: SignerId) -> Result<Acting, ApiError> {
        let unknown = || ApiError::from(&Rejection::UnknownSigner {});
        let owner = self.owner(id).await?.ok_or_else(unknown)?;
        let own = owner == self.caller()?.account;
        if own { Ok(Acting { from: id.address(), account: owner }) } else { Err(unknown()) }
    }

    /// The side of a channel for which this caller acts: `preferred` where it may, else the other.
    pub(crate) async fn acting_side(
        &self,
        fact: ChannelFact,
        preferred: Side,
        named: Option<EntityId>,
    ) -> Result<(Side, Acting), ApiError> {
        if let Some(entity) = named {
            let side = if entity == fact.left { Side::Left } else { Side::Right };
            if fact.entity(side) != entity {
                return Err(ApiError::from(&Rejection::UnknownEntity {}).with("field", "entityId"));
            }
            return Ok((side, self.acting(entity).await?));
        }
        for side in [preferred, preferred.other()] {
            if let Ok(acting) = self.acting(fact.entity(side)).await {
                return Ok((side, acting));
            }
        }
        Err(ApiError::from(&Rejection::UnknownChannel {}))
    }

    /// The side of a channel for which this caller acts; named where both are its own.
    pub(crate) async fn one_side(
        &self,
        fact: ChannelFact,
        named: Option<EntityId>,
    ) -> Result<(Side, Acting), ApiError> {
        if named.is_none() && self.acting(fact.left).await.is_ok() && self.acting(fact.right).await.is_ok() {
            let message = "both sides are yours: which one acts?";
            return Err(ApiError::invalid("entityId", "ambiguous", message).with("expected", "the acting entity's id"));
        }
        self.acting_side(fact, Side::Left, named).await
    }

    /// A registered asset by symbol or id.
    pub(crate) async fn asset(&self, name: &AssetName, field: &str) -> Result<AssetId, ApiError> {
        let directory = &self.api.0.directory;
        let known = match name {
            AssetName::Id(id) => directory.symbol(*id).map(|_| *id),
            AssetName::Symbol(symbol) => directory.asset(symbol),
        };
        if let Some(id) = known {
            return Ok(id);
        }
        let found = self.read(|server| {
            let info = match name {
                AssetName::Id(id) => server.asset(*id),
                AssetName::Symbol(symbol) => server.asset_by_symbol(symbol),
            };
            info.map(|info| (info.id, info.symbol.clone()))
        });
        let (id, symbol) =
            found.await?.ok_or_else(|| ApiError::from(&Rejection::UnknownAsset {}).with("field", field))?;
        directory.put_asset(id, &symbol);
        Ok(id)
    }

    /// An asset's symbol, or its id where it has none.
    pub(crate) async fn symbol(&self, id: AssetId) -> Result<String, ApiError> {
        let directory = &self.api.0.directory;
        if let Some(symbol) = directory.symbol(id) {
            return Ok(symbol);
        }
        match self.read(move |server| server.asset(id).map(|info| info.symbol.clone())).await? {
            Some(symbol) => {
                directory.put_asset(id, &symbol);
                Ok(symbol)
            }
            None => Ok(id.to_string()),
        }
    }

    /// How far a step in a channel is: done, or waiting for the other node's signature.
    pub(crate) fn step(fact: ChannelFact) -> &'static str {
        if fact.remote { "pending" } else { "completed" }
    }

    /// An act of the API itself, answered once it is durable.
    ///
    /// # Errors
    /// TX-5: the core's rejection, or why it wasn't executed.
    pub(crate) async fn command(&self, command: Command) -> Result<Receipt, ApiError> {
        let confirmed = self.api.0.backend.submit(Request::Command(command)).await?;
        match ApiError::from_receipt(&confirmed.receipt) {
            Some(error) => Err(error),
            None => Ok(confirmed.receipt),
        }
    }

    /// A hosted call, answered once it is durable.
    ///
    /// # Errors
    /// TX-5: the core's rejection, or why it wasn't executed.
    pub(crate) async fn hosted(
        &self,
        acting: Acting,
        to: Address,
        body: Body,
        fee: Amount,
    ) -> Result<Receipt, ApiError> {
        let token = self.caller()?.token;
        let hosted = HostedCall { account: acting.account, token, from: acting.from, to, body, fee };
        let confirmed = self.api.0.backend.submit(Request::Hosted(hosted)).await?;
        match ApiError::from_receipt(&confirmed.receipt) {
            Some(error) => Err(error),
            None => Ok(confirmed.receipt),
        }
    }
}
