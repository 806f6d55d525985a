//! Channels: opened, accepted, granted credit. **CH-3** only the grantor changes its grant, **CH-11** when one is open, **CH-12** which
//! assets it lists.

use super::{Doubt, Shadow, doubt, require};
use crate::records::{CHANNEL_OPEN, CHANNEL_PENDING, EntityRecord, Head, Held, Line};
use crate::records::{OPERATION_PENDING, OPERATION_WAITING, Operation};
use xln_crypto::derive;
use xln_types::tx::{AcceptChannel, AssetAmount, CHANNEL_ASSETS_MAX, OpenChannel, SetCredit, UpdateChannel};
use xln_types::{Amount, AssetId, ChannelId, EntityId, FrameTx, Path, Side, Transaction};

impl Shadow<'_> {
    /// A channel of this entity's, and on which side it stands.
    pub(super) fn own_channel(
        &self,
        from: EntityId,
        channel: ChannelId,
        law: &'static str,
    ) -> Result<(Head, Side), Doubt> {
        let head = self.head(channel)?;
        let side = [Side::Left, Side::Right].into_iter().find(|side| head.entity(*side) == from);
        let side = side.ok_or_else(|| doubt(law, "a side of the channel", from.to_string()))?;
        Ok((head, side))
    }

    pub(super) fn list(&mut self, head: &Head, asset: AssetId) -> Result<(), Doubt> {
        self.require_asset(asset)?;
        let line = self.line(head, asset)?;
        if line.listed == 0 {
            let listed = self.lines_of(head)?.iter().filter(|line| line.listed == 1).count();
            let (room, most) = (listed < CHANNEL_ASSETS_MAX, format!("at most {CHANNEL_ASSETS_MAX} assets"));
            require(room, "CH-12", &most, || format!("{listed} and {asset}"))?;
        }
        self.put_line(head, asset, Line { listed: 1, ..line })
    }

    fn lines_of(&self, head: &Head) -> Result<Vec<Line>, Doubt> {
        let prefix = Path::channel_prefix(self.need_signer(head.left)?, head.left, head.id);
        Ok(self.paths_below(&prefix).iter().filter_map(|path| self.get(path).and_then(Held::line).copied()).collect())
    }

    /// CH-3: `side` sets what it grants, to what it asked for; what rises stays within its policy (DP-2).
    fn grant(&mut self, head: &Head, side: Side, grant: &AssetAmount) -> Result<(), Doubt> {
        self.list(head, grant.asset)?;
        require(grant.amount.in_range(), "N-1", "a grant within 2^120", || grant.amount.to_string())?;
        let unique = self.is_unique(grant.asset) && grant.amount != Amount::ZERO;
        require(!unique, "N-4", "no credit in a unique asset", || grant.amount.to_string())?;
        let mut line = self.line(head, grant.asset)?;
        let grantor = head.entity(side);
        let (before, policy) = (line.granted(side), self.policy(grantor, grant.asset));
        let others = self.reserve(grantor, grant.asset)?.granted.minus_or_zero(before);
        let most = policy.grant_max.min(policy.grant_total_max.minus_or_zero(others));
        let bound = grant.amount <= before || grant.amount <= most;
        require(bound, "DP-2", &format!("a grant of at most {most}"), || grant.amount.to_string())?;
        match side {
            Side::Left => line.granted_by_left = grant.amount,
            Side::Right => line.granted_by_right = grant.amount,
        }
        self.put_line(head, grant.asset, line)
    }

    pub(super) fn open_channel(&mut self, from: EntityId, tx: &Transaction, body: &OpenChannel) -> Result<(), Doubt> {
        let peer = body.peer;
        require(from != peer, "N-5", "two entities", || peer.to_string())?;
        let _ = self.need_signer(peer)?;
        require(self.pair(from, peer).is_none(), "N-6", "no channel between the two yet", || peer.to_string())?;
        let opener = if from < peer { Side::Left } else { Side::Right };
        let (left, right) = opener.pick((from, peer), (peer, from));
        let genesis = &self.held.genesis;
        let id = derive::channel_id(genesis.chain_id, genesis.depositary, left, right, 0);
        let head = Head {
            id,
            left,
            right,
            epoch: 0,
            status: CHANNEL_PENDING,
            opener,
            accepted: 0,
            awaited: body.collateral.len() as u64,
            dispute_window_s: body.dispute_window_s,
            settle_counter: 0,
            created_s: self.now_s(),
        };
        self.begin_channel(head)?;
        if self.node_of(peer).is_some() {
            self.begin_collateral(from, tx, &head, body)?;
            return self.open_elsewhere(from, head, body);
        }
        for line in body.collateral.iter().chain(&body.grants).chain(&body.requested) {
            self.list(&head, line.asset)?;
        }
        for grant in &body.grants {
            self.grant(&head, opener, grant)?;
        }
        self.begin_collateral(from, tx, &head, body)?;
        if self.entity(peer)?.accepts_free == 1 && body.requested.is_empty() {
            self.accepted(head)?;
        }
        Ok(())
    }

    pub(super) fn accept_channel(&mut self, from: EntityId, body: &AcceptChannel) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "CH-11")?;
        if self.memory(head.id).is_some() {
            require(head.status == CHANNEL_PENDING, "CH-11", "an offer that waits", || format!("{head:?}"))?;
            return self.accept_offer(&head, body);
        }
        let waits = head.status == CHANNEL_PENDING && head.accepted == 0 && head.opener != side;
        require(waits, "CH-11", "an opening that waits for this side", || format!("{head:?}"))?;
        for grant in &body.grants {
            self.grant(&head, side, grant)?;
        }
        self.accepted(head)
    }

    /// Consent is there: what waited for it may be sent, and the channel opens if nothing else is awaited.
    pub(super) fn accepted(&mut self, head: Head) -> Result<(), Doubt> {
        let head = Head { accepted: 1, ..head };
        self.put_head(head)?;
        self.open_if_ready(head)?;
        for operation in self.operations_of(head.entity(head.opener)) {
            if operation.channel == head.id && operation.status == OPERATION_WAITING {
                self.put_operation(Operation { status: OPERATION_PENDING, raw: Vec::new(), ..operation })?;
            }
        }
        Ok(())
    }

    /// CH-11: open once consent and collateral are both there.
    fn open_if_ready(&mut self, head: Head) -> Result<(), Doubt> {
        if head.status != CHANNEL_PENDING || head.accepted != 1 || head.awaited != 0 {
            return Ok(());
        }
        self.put_head(Head { status: CHANNEL_OPEN, ..head })?;
        for side in [head.left, head.right] {
            let record = self.entity(side)?;
            let channels_open = record.channels_open.saturating_add(1);
            self.put_entity(EntityRecord { channels_open, ..record });
        }
        Ok(())
    }

    /// One of an opening's collaterals is there, or has certainly failed.
    pub(super) fn arrived(&mut self, channel: ChannelId) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        let head = Head { awaited: head.awaited.saturating_sub(1), ..head };
        self.put_head(head)?;
        self.open_if_ready(head)
    }

    pub(super) fn set_credit(&mut self, from: EntityId, body: &SetCredit) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "CH-3")?;
        let grant = AssetAmount { asset: body.asset, amount: body.granted };
        if self.memory(head.id).is_some() {
            self.require_open(&head)?;
            self.may_grant(&head, side, &grant)?;
            return self.draft(head.id, FrameTx::Credit { asset: body.asset, granted: body.granted }, false);
        }
        let live = head.status == CHANNEL_OPEN || head.status == CHANNEL_PENDING;
        require(live, "CH-11", "a channel open or pending", || format!("status {}", head.status))?;
        self.grant(&head, side, &grant)
    }

    /// A side's mailbox, and the window that it asks for.
    pub(super) fn update_channel(&mut self, from: EntityId, body: &UpdateChannel) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "CH-7")?;
        self.require_open(&head)?;
        let tx = FrameTx::Update { dispute_window_s: body.dispute_window_s, mailbox: body.mailbox };
        if self.memory(head.id).is_some() { self.draft(head.id, tx, false) } else { self.step_book(&head, side, &tx) }
    }
}
