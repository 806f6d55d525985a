//! What is promised: locked, stacked or drafted, it counts against its entity's policies as if it had come to pass (**DP-2**, **CH-3**), over all its
//! channels. It follows from books and drafts; no record says it.

use super::{Doubt, Shadow, require};
use crate::memory::{Promise, Promises};
use crate::records::{Head, Line};
use xln_types::{Amount, AssetId, ChannelId, EntityId, Side};

impl Shadow<'_> {
    /// What both sides of a channel promise now.
    pub(super) fn recount(&mut self, head: &Head) -> Result<(), Doubt> {
        let (book, tip) = (self.book(head)?, self.tip(head)?);
        let mut promises = Promises::new();
        for asset in tip.lines.keys() {
            for side in [Side::Left, Side::Right] {
                let more = tip.promise(&book, *asset, side);
                if more != Promise::default() {
                    promises.push((head.entity(side), *asset, more));
                }
            }
        }
        self.step.promises.insert(head.id, promises);
        Ok(())
    }

    /// A line of a channel whose sides are both here has changed: what is locked in it may come to more, or to less.
    pub(super) fn recount_beside(&mut self, head: &Head, line: &Line) -> Result<(), Doubt> {
        let locked = line.held_left != Amount::ZERO || line.held_right != Amount::ZERO;
        let known = self.step.promises.contains_key(&head.id) || self.held.memories.promises.contains_key(&head.id);
        if self.memory(head.id).is_none() && (locked || known) { self.recount(head) } else { Ok(()) }
    }

    /// What an entity would owe and grant in an asset beyond what its books say.
    pub(super) fn promised(&self, entity: EntityId, asset: AssetId) -> Promise {
        let of = |promises: &Promises| {
            let own = promises.iter().filter(|(who, what, _)| (*who, *what) == (entity, asset));
            own.fold(Promise::default(), |sum, (_, _, more)| sum.plus(*more))
        };
        let before = |channel: &ChannelId| self.held.memories.promises.get(channel).map(of).unwrap_or_default();
        let sum = self.held.memories.promised.get(&(entity, asset)).copied().unwrap_or_default();
        let added = self.step.promises.values().fold(sum, |sum, after| sum.plus(of(after)));
        self.step.promises.keys().fold(added, |sum, channel| sum.minus(before(channel)))
    }

    /// DP-2: a grant that rises from `before` stays within its grantor's policy, with all that it grants and has promised to grant elsewhere.
    pub(super) fn grants_within(
        &self,
        grantor: EntityId,
        asset: AssetId,
        before: Amount,
        after: Amount,
    ) -> Result<(), Doubt> {
        let policy = self.policy(grantor, asset);
        let granted = self.reserve(grantor, asset)?.granted.0.saturating_add(self.promised(grantor, asset).granted);
        let others = Amount(granted).minus_or_zero(before);
        let most = policy.grant_max.min(policy.grant_total_max.minus_or_zero(others));
        let bound = after <= before || after <= most;
        require(bound, "DP-2", &format!("a grant of at most {most}"), || after.to_string())
    }
}
