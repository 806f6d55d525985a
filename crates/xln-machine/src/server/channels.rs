//! Channels are proposed, accepted and granted credit (**CH-3**, **CH-4**, **CH-11**, **DP-1**).

use super::state::Server;
use crate::arena::Handle;
use crate::channel::state::Head;
use crate::channel::{self, Action, Channel, ChannelStatus};
use crate::depositary::{self, Operation, OperationKind, OperationStatus};
use crate::entity::{self, Entity};
use crate::machine::At;
use xln_crypto::derive;
use xln_types::asset::AssetKind;
use xln_types::codec::Blob;
use xln_types::tx::{
    AcceptChannel, AssetAmount, CHANNEL_ASSETS_MAX, DISPUTE_WINDOW_S, OpenChannel, SetCredit, Transaction,
    UpdateChannel,
};
use xln_types::{Address, AssetId, ChannelId, Event, FrameTx, Rejection, Side};

impl Server {
    /// A channel that this entity is a side of, and on which.
    pub(super) fn own_channel(
        &self,
        from: Handle<Entity>,
        channel: ChannelId,
    ) -> Result<(Handle<Channel>, Side), Rejection> {
        let handle = self.channel_index.get(&channel).ok_or(Rejection::UnknownChannel {})?;
        let side = self.channels.at(handle).side_of(self.entities.at(from).record.id);
        side.map(|side| (handle, side)).ok_or(Rejection::UnknownChannel {})
    }

    /// The channel between two entities, and on which side the first stands.
    pub(super) fn pair(&self, from: Handle<Entity>, to: Handle<Entity>) -> Option<(Handle<Channel>, Side)> {
        let (from_id, to_id) = (self.entities.at(from).record.id, self.entities.at(to).record.id);
        let side = if from_id < to_id { Side::Left } else { Side::Right };
        let (left, right) = side.pick((from, to), (to, from));
        self.pair_index.get(&(left.number(), right.number())).map(|handle| (handle, side))
    }

    fn check_assets(&self, lists: &[&[AssetAmount]]) -> Result<Vec<AssetId>, Rejection> {
        let mut assets = Vec::new();
        for list in lists {
            for (index, line) in list.iter().enumerate() {
                if !self.assets.contains_key(&line.asset) {
                    return Err(Rejection::UnknownAsset {});
                }
                if list.iter().take(index).any(|other| other.asset == line.asset) {
                    return Err(Rejection::AlreadyExists {});
                }
                if !assets.contains(&line.asset) {
                    assets.push(line.asset);
                }
            }
        }
        if CHANNEL_ASSETS_MAX < assets.len() {
            return Err(Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 });
        }
        Ok(assets)
    }

    /// A proposes; what it locks is debited at once (DP-1), and sent to the chain once B has consented.
    pub(super) fn open_channel(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &OpenChannel,
    ) -> Result<(), Rejection> {
        let own = self.entities.at(from).record.id;
        if body.peer == own {
            return Err(Rejection::SameEntity {});
        }
        let peer = self.known_entity(body.peer)?;
        if self.pair(from, peer).is_some() {
            return Err(Rejection::AlreadyExists {});
        }
        if !DISPUTE_WINDOW_S.contains(&body.dispute_window_s) {
            let (min_s, max_s) = (*DISPUTE_WINDOW_S.start(), *DISPUTE_WINDOW_S.end());
            return Err(Rejection::WindowOutside { min_s, max_s });
        }
        let assets = self.check_assets(&[&body.collateral, &body.grants, &body.requested])?;
        if body.requested.iter().any(|line| self.is_unique(line.asset) && line.amount.0 != 0) {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let opener = if own < body.peer { Side::Left } else { Side::Right };
        let (left, right) = opener.pick((own, body.peer), (body.peer, own));
        let id = derive::channel_id(self.genesis.chain_id, self.genesis.depositary, left, right, 0);
        let head = Head {
            id,
            left,
            right,
            epoch: 0,
            status: ChannelStatus::Pending,
            opener,
            accepted: 0,
            awaited: body.collateral.len() as u64,
            dispute_window_s: body.dispute_window_s,
            settle_counter: 0,
            created_s: at.now_s(),
        };
        let (left_handle, right_handle) = opener.pick((from, peer), (peer, from));
        let signer = self.entities.at(left_handle).record.signer;
        let channel = self.add_channel(Channel::new(signer, head), left_handle, right_handle);
        self.journal.events.push(Event::ChannelStatus { channel: id, left, right, status: head.status.number() });
        for side in [from, peer] {
            self.step_entity(at, side, &entity::Message::ChannelAdded)?;
        }
        if self.is_remote(peer) {
            return self.open_remote(at, from, tx, body, (channel, opener), &assets);
        }
        for asset in assets {
            self.step_channel(at, channel, &channel::Message { by: opener, action: Action::List { asset } })?;
        }
        self.set_grants(at, channel, opener, &body.grants)?;
        self.begin_openings(at, from, tx, body, id, opener)?;
        // DESIGN 8: a policy may accept for the other side only what costs it nothing.
        if self.entities.at(peer).record.accepts_free == 1 && body.requested.is_empty() {
            self.accepted(at, channel, opener.other())?;
        }
        Ok(())
    }

    /// CH-11: the opening travels as the first frame; the other side consents by signing it.
    fn open_remote(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &OpenChannel,
        (channel, opener): (Handle<Channel>, Side),
        assets: &[AssetId],
    ) -> Result<(), Rejection> {
        if !self.is_hosted(from) {
            return Err(Rejection::NotHosted {});
        }
        self.attach_replica(channel, opener)?;
        let granted = |asset: &AssetId| {
            let named = body.grants.iter().find(|line| line.asset == *asset);
            AssetAmount { asset: *asset, amount: named.map(|line| line.amount).unwrap_or_default() }
        };
        let grants: Vec<AssetAmount> = assets.iter().map(granted).collect();
        for grant in &grants {
            self.may_grant(channel, grant.asset, grant.amount)?;
        }
        let id = self.channels.at(channel).head.id;
        self.begin_openings(at, from, tx, body, id, opener)?;
        let (peer, dispute_window_s) = (body.peer, body.dispute_window_s);
        let requested = body.requested.clone();
        self.draft(at, channel, FrameTx::Open { peer, dispute_window_s, requested, grants })
    }

    fn begin_openings(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &OpenChannel,
        channel: ChannelId,
        side: Side,
    ) -> Result<(), Rejection> {
        if !body.collateral.is_empty() {
            self.check_validity(at, body.valid_until_s)?;
        }
        for (index, AssetAmount { asset, amount }) in body.collateral.iter().enumerate() {
            let signature = body.chain_signatures.get(index).cloned().unwrap_or_default();
            self.check_chain_signature(from, &signature)?;
            let operation = Operation {
                id: derive::operation_id(self.hub_id(), tx.from, tx.nonce, index as u64),
                kind: OperationKind::Allocate,
                status: OperationStatus::Waiting,
                entity: self.entities.at(from).record.id,
                asset: *asset,
                amount: *amount,
                channel,
                side,
                recipient: Address::ZERO,
                counter: 0,
                valid_until_s: body.valid_until_s,
                chain_signature: signature,
                raw: Vec::new(),
                opening: 1,
                created_s: at.now_s(),
            };
            let policy = self.entities.at(from).policy(*asset);
            self.step_depositary(at, from, &depositary::Message::Begin { operation, policy })?;
        }
        Ok(())
    }

    /// B consents, and grants what it likes.
    pub(super) fn accept_channel(
        &mut self,
        at: At,
        from: Handle<Entity>,
        body: &AcceptChannel,
    ) -> Result<(), Rejection> {
        let (channel, side) = self.own_channel(from, body.channel)?;
        let head = self.channels.at(channel).head;
        if head.status != ChannelStatus::Pending {
            return Err(Rejection::ChannelNotOpen { status: head.status.number() });
        }
        if self.own_side(channel).is_some() {
            return self.accept_remote(at, channel, body);
        }
        let assets = self.check_assets(&[&body.grants])?;
        if side == head.opener || head.accepted == 1 {
            return Err(Rejection::NotYoursToAccept {});
        }
        for asset in assets {
            self.step_channel(at, channel, &channel::Message { by: side, action: Action::List { asset } })?;
        }
        self.set_grants(at, channel, side, &body.grants)?;
        self.accepted(at, channel, side)
    }

    /// Consent is there: what waited for it may now be sent to the chain.
    pub(super) fn accepted(&mut self, at: At, channel: Handle<Channel>, by: Side) -> Result<(), Rejection> {
        self.step_channel(at, channel, &channel::Message { by, action: Action::Accept })?;
        let head = self.channels.at(channel).head;
        let opener = self.known_entity(head.entity(head.opener))?;
        let waiting: Vec<_> = self
            .depositary(opener)
            .operations
            .values()
            .filter(|operation| operation.channel == head.id && operation.status == OperationStatus::Waiting)
            .map(|operation| operation.id)
            .collect();
        for operation in waiting {
            let status = OperationStatus::Pending;
            self.step_depositary(at, opener, &depositary::Message::Advance { operation, status, raw: vec![] })?;
        }
        Ok(())
    }

    fn set_grants(
        &mut self,
        at: At,
        channel: Handle<Channel>,
        by: Side,
        grants: &[AssetAmount],
    ) -> Result<(), Rejection> {
        for AssetAmount { asset, amount } in grants {
            // N-4: what is unique can't be owed.
            if self.is_unique(*asset) && amount.0 != 0 {
                return Err(Rejection::NotForUniqueAsset {});
            }
            let action = Action::Grant { asset: *asset, granted: *amount };
            self.step_channel(at, channel, &channel::Message { by, action })?;
            let head = self.channels.at(channel).head;
            let (asset, granted) = (*asset, *amount);
            let (left, right) = (head.left, head.right);
            self.journal.events.push(Event::CreditSet { channel: head.id, left, right, asset, grantor: by, granted });
        }
        Ok(())
    }

    /// CH-3: the grantor alone changes its grant; an asset new to the channel is listed by it.
    pub(super) fn set_credit(&mut self, at: At, from: Handle<Entity>, body: &SetCredit) -> Result<(), Rejection> {
        let (channel, by) = self.own_channel(from, body.channel)?;
        let head = self.channels.at(channel).head;
        if !matches!(head.status, ChannelStatus::Open | ChannelStatus::Pending) {
            return Err(Rejection::ChannelNotOpen { status: head.status.number() });
        }
        let asset = body.asset;
        let _ = self.check_assets(&[&[AssetAmount { asset, amount: body.granted }]])?;
        if self.own_side(channel).is_some() {
            if head.status != ChannelStatus::Open {
                return Err(Rejection::ChannelNotOpen { status: head.status.number() });
            }
            self.may_grant(channel, asset, body.granted)?;
            return self.draft(at, channel, FrameTx::Credit { asset, granted: body.granted });
        }
        self.step_channel(at, channel, &channel::Message { by, action: Action::List { asset } })?;
        self.set_grants(at, channel, by, &[AssetAmount { asset, amount: body.granted }])
    }

    /// A side names its mailbox, and asks for a dispute window that takes effect once both have asked for the same.
    pub(super) fn update_channel(
        &mut self,
        at: At,
        from: Handle<Entity>,
        body: &UpdateChannel,
    ) -> Result<(), Rejection> {
        let (channel, by) = self.own_channel(from, body.channel)?;
        let status = self.channels.at(channel).head.status;
        if status != ChannelStatus::Open {
            return Err(Rejection::ChannelNotOpen { status: status.number() });
        }
        let tx = FrameTx::Update { dispute_window_s: body.dispute_window_s, mailbox: body.mailbox };
        match self.own_side(channel) {
            Some(_) => self.draft(at, channel, tx),
            None => self.step_book(at, channel, by, &tx),
        }
    }

    /// A self-custody entity signs for the chain itself; a hosted one leaves that to the hub.
    pub(super) fn check_chain_signature(&self, from: Handle<Entity>, signature: &Blob) -> Result<(), Rejection> {
        if self.is_hosted(from) || !signature.0.is_empty() { Ok(()) } else { Err(Rejection::ChainSignatureNeeded {}) }
    }

    /// True for an ERC-721 asset (N-4).
    pub(super) fn is_unique(&self, asset: AssetId) -> bool {
        self.assets.get(&asset).is_some_and(|info| info.asset.kind == AssetKind::Erc721)
    }

    /// True when the hub holds the key that acts for the entity.
    pub(super) fn is_hosted(&self, entity: Handle<Entity>) -> bool {
        let member = self.entities.at(entity).record.board.sole_member();
        let signer = member.and_then(|member| self.signer_index.get(&member));
        signer.is_some_and(|signer| self.signers.at(signer).hosted == 1)
    }
}
