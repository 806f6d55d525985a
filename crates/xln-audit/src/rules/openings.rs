//! Channels with another node begin, and what its sides ask for while it lasts. **N-5** (an introduced entity's id is the hash of its board),
//! **CH-11** (the first frame offers, its acknowledgement consents), **CH-3**, **DP-1**, **DP-2**, **DP-5**.

use super::{Doubt, Shadow, doubt, require};
use crate::agreed::Replica;
use crate::memory::Memory;
use crate::records::{ALLOCATE, CHANNEL_PENDING, EntityRecord, Head, Held, OPERATION_WAITING, Operation, SETTLE};
use crate::records::{CHANNEL_OPEN, SignerRecord};
use xln_crypto::{derive, secp};
use xln_types::Amount;
use xln_types::codec::Blob;
use xln_types::tx::{AcceptChannel, AssetAmount, Deallocate, OpenChannel, SettleDiff};
use xln_types::{AssetId, Balance, Board, ChannelProof, EntityId, Frame, FrameTx, Path, Side, SignerId, Transaction};

impl Shadow<'_> {
    /// N-5: an entity that acts on another node becomes known by its founding board; one that is known doesn't move.
    pub(super) fn introduce(&mut self, node: EntityId, board: &Board, public_key: &Blob) -> Result<(), Doubt> {
        let member = board.sole_member().filter(|_| board.is_valid());
        let member = member.ok_or_else(|| doubt("N-5", "a valid board of one", format!("{board:?}")))?;
        let named = public_key.0.is_empty()
            || secp::signer_of_public_key(&public_key.0).is_ok_and(|(signer, _)| signer == member);
        require(named, "N-5", "the public key of the board's member", || format!("{public_key:?}"))?;
        let id = derive::entity_id(board);
        let path = Path::node(id);
        if self.signer_of(id).is_some() {
            let known = self.get(&path).and_then(Held::node).copied();
            return require(known == Some(node), "N-5", "an entity that isn't here", || format!("{known:?}"));
        }
        let apart = node != self.held.hub && member != SignerId::ZERO;
        require(apart, "N-5", "another node, and a signer", || node.to_string())?;
        let signer = Path::signer(member);
        if self.get(&signer).is_none() {
            let record = SignerRecord {
                id: member,
                public_key: public_key.clone(),
                owner: member.address(),
                hosted: 0,
                nonce: 0,
                next_salt: 0,
                entities: 0,
                created_s: self.now_s(),
                metadata: Blob::default(),
            };
            self.put(signer, Held::Signer(record));
        }
        self.put_entity(EntityRecord {
            id,
            signer: member,
            board: board.clone(),
            nonce: 0,
            channels: 0,
            channels_open: 0,
            accepts_free: 0,
            created_s: self.now_s(),
        });
        self.put(Path::metadata(member, id), Held::Metadata(Blob::default()));
        self.put(path, Held::Node(node));
        Ok(())
    }

    /// The node on which an entity acts, if it isn't this one.
    pub(super) fn node_of(&self, entity: EntityId) -> Option<EntityId> {
        self.get(&Path::node(entity)).and_then(Held::node).copied()
    }

    /// A channel that waits, its reference, and one more on both sides' count.
    pub(super) fn begin_channel(&mut self, head: Head) -> Result<(), Doubt> {
        self.put_head(head)?;
        self.put(Path::channel(self.need_signer(head.right)?, head.right, head.id), Held::Reference(head.left));
        for side in [head.left, head.right] {
            let record = self.entity(side)?;
            let channels = record.channels.saturating_add(1);
            self.put_entity(EntityRecord { channels, ..record });
        }
        Ok(())
    }

    /// Frames are remembered from now on: the other side acts on another node.
    fn remember(&mut self, head: &Head, me: Side) -> Result<(), Doubt> {
        let remote = head.entity(me.other());
        let node = self.node_of(remote).ok_or_else(|| doubt("CH-6", "a side on another node", remote.to_string()))?;
        let signer = self.entity(remote)?.board.sole_member();
        let signer = signer.ok_or_else(|| doubt("N-5", "a board of one", remote.to_string()))?;
        let number = self.held.memories.channels.len() as u64;
        self.keep(head, Memory::new(number, me), Replica::new(node, signer))
    }

    /// CH-11: another node's entity offers a channel to one that is here.
    pub(super) fn offered(
        &mut self,
        node: EntityId,
        signer: SignerId,
        frame: &Frame,
        proof: &ChannelProof,
        intro: &[Board],
    ) -> Result<(), Doubt> {
        let ([board], [FrameTx::Open { peer, dispute_window_s, requested, .. }]) = (intro, frame.txs.as_slice()) else {
            return Err(doubt("CH-11", "an introduction and an opening", frame.channel.to_string()));
        };
        let proposer = derive::entity_id(board);
        let ours = self.signer_of(*peer).is_some() && self.node_of(*peer).is_none() && proposer != *peer;
        require(ours, "CH-11", "a channel with someone here", || peer.to_string())?;
        require(self.is_hosted(*peer), "CH-7", "a side that the hub signs for", || peer.to_string())?;
        let signs = board.sole_member() == Some(signer);
        require(signs, "CH-7", "a signature of the introduced board", || signer.to_string())?;
        self.introduce(node, board, &Blob::default())?;
        let by = if proposer < *peer { Side::Left } else { Side::Right };
        let (left, right) = by.pick((proposer, *peer), (*peer, proposer));
        let genesis = &self.held.genesis;
        let id = derive::channel_id(genesis.chain_id, genesis.depositary, left, right, 0);
        let named = (id, by) == (frame.channel, frame.by);
        require(named, "N-6", &format!("channel {id}"), || frame.channel.to_string())?;
        let first = (frame.height, frame.previous) == (1, xln_types::Hash::ZERO);
        require(first, "CH-9", "a first frame", || format!("height {}", frame.height))?;
        let head = Head {
            id,
            left,
            right,
            epoch: 0,
            status: CHANNEL_PENDING,
            opener: by,
            accepted: 0,
            awaited: 0,
            dispute_window_s: *dispute_window_s,
            settle_counter: 0,
            created_s: self.now_s(),
        };
        self.begin_channel(head)?;
        self.remember(&head, by.other())?;
        self.trial().take(&head, frame, proof)?;
        if self.entity(*peer)?.accepts_free == 1 && requested.is_empty() {
            return self.consent(&head, frame, proof);
        }
        let mut memory = self.need_memory(id)?;
        memory.offered = Some(Box::new((frame.clone(), *proof)));
        let replica = self.replica(&head)?;
        self.keep(&head, memory, replica)
    }

    /// This side takes the first frame: consent.
    fn consent(&mut self, head: &Head, frame: &Frame, proof: &ChannelProof) -> Result<(), Doubt> {
        self.take(head, frame, proof)?;
        let head = self.head(head.id)?;
        self.accepted(head)
    }

    pub(super) fn accept_offer(&mut self, head: &Head, body: &AcceptChannel) -> Result<(), Doubt> {
        let mut memory = self.need_memory(head.id)?;
        let offer = memory.offered.take().ok_or_else(|| doubt("CH-11", "an offer that waits", "none"))?;
        for grant in &body.grants {
            self.may_grant(head, memory.me, grant)?;
        }
        let replica = self.replica(head)?;
        self.keep(head, memory, replica)?;
        self.consent(head, &offer.0, &offer.1)?;
        for AssetAmount { asset, amount } in &body.grants {
            self.draft(head.id, FrameTx::Credit { asset: *asset, granted: *amount }, false)?;
        }
        Ok(())
    }

    /// CH-3, N-4, DP-2: what a side may grant, before it enters a frame.
    pub(super) fn may_grant(&self, head: &Head, side: Side, grant: &AssetAmount) -> Result<(), Doubt> {
        self.require_asset(grant.asset)?;
        let unique = self.is_unique(grant.asset) && grant.amount != Amount::ZERO;
        require(!unique, "N-4", "no credit in a unique asset", || grant.amount.to_string())?;
        let (grantor, before) = (head.entity(side), self.line(head, grant.asset)?.granted(side));
        let policy = self.policy(grantor, grant.asset);
        let others = self.reserve(grantor, grant.asset)?.granted.minus_or_zero(before);
        let most = policy.grant_max.min(policy.grant_total_max.minus_or_zero(others));
        let bound = grant.amount <= before || grant.amount <= most;
        require(bound, "DP-2", &format!("a grant of at most {most}"), || grant.amount.to_string())
    }

    /// CH-11: the opening is the first frame; every asset that it names is listed by a grant, if only of 0.
    pub(super) fn open_elsewhere(&mut self, from: EntityId, head: Head, body: &OpenChannel) -> Result<(), Doubt> {
        require(self.is_hosted(from), "CH-7", "a side that the hub signs for", || from.to_string())?;
        self.remember(&head, head.opener)?;
        let mut grants: Vec<AssetAmount> = Vec::new();
        for named in body.collateral.iter().chain(&body.grants).chain(&body.requested) {
            let asset = named.asset;
            if !grants.iter().any(|grant| grant.asset == asset) {
                let granted = body.grants.iter().find(|grant| grant.asset == asset);
                grants.push(AssetAmount { asset, amount: granted.map_or(Amount::ZERO, |grant| grant.amount) });
            }
        }
        for grant in &grants {
            self.may_grant(&head, head.opener, grant)?;
        }
        let (peer, dispute_window_s, requested) = (body.peer, body.dispute_window_s, body.requested.clone());
        self.draft(head.id, FrameTx::Open { peer, dispute_window_s, requested, grants }, false)
    }

    /// DP-1: what an opening locks is debited at once, and waits for consent.
    pub(super) fn begin_collateral(
        &mut self,
        from: EntityId,
        tx: &Transaction,
        head: &Head,
        body: &OpenChannel,
    ) -> Result<(), Doubt> {
        for (index, part) in body.collateral.iter().enumerate() {
            let base = self.operation(from, tx, ALLOCATE, index as u64);
            self.begin(Operation {
                status: OPERATION_WAITING,
                asset: part.asset,
                amount: part.amount,
                channel: head.id,
                side: head.opener,
                valid_until_s: body.valid_until_s,
                chain_signature: body.chain_signatures.get(index).cloned().unwrap_or_default(),
                opening: 1,
                ..base
            })?;
        }
        Ok(())
    }

    /// DP-5: asks the other node for a settlement back to the caller's own reserve.
    pub(super) fn take_out_elsewhere(
        &mut self,
        from: EntityId,
        tx: &Transaction,
        (head, side): (&Head, Side),
        body: &Deallocate,
    ) -> Result<(), Doubt> {
        require(self.is_hosted(from), "CH-7", "a side that the hub signs for", || from.to_string())?;
        let counter = self.tip(head)?.terms.settle_counter.saturating_add(1);
        let taken = Balance(super::signed(body.amount)?);
        let (left, right) = side.pick((taken, Balance::ZERO), (Balance::ZERO, taken));
        let diffs = vec![SettleDiff { asset: body.asset, left, right }];
        self.draft(head.id, FrameTx::Settle { diffs, counter, valid_until_s: body.valid_until_s }, false)?;
        let operation = self.operation(from, tx, SETTLE, 0);
        self.begin(Operation {
            status: OPERATION_WAITING,
            asset: body.asset,
            amount: body.amount,
            channel: head.id,
            side,
            counter,
            valid_until_s: body.valid_until_s,
            ..operation
        })
    }

    /// CH-12: an asset that isn't listed yet is listed by a frame.
    pub(super) fn list_elsewhere(&mut self, head: &Head, asset: AssetId) -> Result<(), Doubt> {
        let listed = self.tip(head)?.listed(asset).is_ok();
        if listed { Ok(()) } else { self.draft(head.id, FrameTx::List { asset }, false) }
    }

    pub(super) fn require_open(&self, head: &Head) -> Result<(), Doubt> {
        require(head.status == CHANNEL_OPEN, "CH-11", "an open channel", || format!("status {}", head.status))
    }
}
