//! The journal's part of channels with other nodes and of routes: undoing, and state changes.

use super::journal::{Undo, rlp};
use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use xln_types::codec::Blob;
use xln_types::{Path, SignerId};

/// Notes one record's change: its path, what it was, what it is.
pub(super) type Note<'a> = dyn FnMut(Path, &dyn Fn() -> Blob, &dyn Fn() -> Blob) + 'a;

impl Server {
    pub(super) fn undo_peer(&mut self, undo: Undo) {
        match undo {
            Undo::Node(entity, before) => {
                match before {
                    Some(before) => self.nodes.insert(entity, before),
                    None => self.nodes.remove(&entity),
                };
            }
            Undo::Terms(handle, before) => self.channels.at_mut(handle).book.terms = *before,
            Undo::Htlc(handle, key, before) => {
                let htlcs = &mut self.channels.at_mut(handle).book.htlcs;
                match before {
                    Some(before) => htlcs.insert(key, *before),
                    None => htlcs.remove(&key),
                };
                self.recount(handle);
            }
            Undo::Replica(handle, None) => {
                if let Some(replica) = self.channels.at_mut(handle).replica.take()
                    && let Some(all) = self.node_channels.get_mut(&replica.node)
                {
                    all.remove(&handle);
                    if all.is_empty() {
                        self.node_channels.remove(&replica.node);
                    }
                }
                self.speakers.remove(&handle);
            }
            // Frames and drafts come last in whatever makes them: a step that could be refused never follows.
            Undo::Replica(handle, Some(before)) => {
                let now = self.channels.at(handle).replica.as_ref().map(|replica| replica.record());
                assert!(now == Some(before), "a frame or draft is no step that can be undone");
            }
            _ => {}
        }
    }

    pub(super) fn undo_route(&mut self, undo: Undo) {
        match undo {
            Undo::Outgoing(place) => {
                if let Some((expires_at_s, _)) = self.outgoing.remove(&place) {
                    self.expiries.remove(&(expires_at_s, place));
                }
            }
            Undo::Payment(id, _, before) => {
                match before {
                    Some(before) => self.payments.insert(id, *before),
                    None => self.payments.remove(&id),
                };
            }
            Undo::Forward(place, before) => {
                match before {
                    Some(before) => self.forwards.insert(place, before),
                    None => self.forwards.remove(&place),
                };
            }
            Undo::Invoice(key, before) => {
                let now = match before {
                    Some(before) => self.invoices.insert(key, *before),
                    None => self.invoices.remove(&key),
                };
                if let Some(now) = now {
                    self.invoice_expiries.remove(&(now.expires_at_s, key));
                }
                if let Some(before) = self.invoices.get(&key) {
                    self.invoice_expiries.insert((before.expires_at_s, key));
                }
            }
            _ => {}
        }
    }

    fn place_of(&self, handle: Handle<Channel>) -> (SignerId, xln_types::EntityId, xln_types::ChannelId) {
        let head = &self.channels.at(handle).head;
        (self.signer_of(head.left), head.left, head.id)
    }

    pub(super) fn note_channel_part(&self, undo: &Undo, note: &mut Note<'_>) {
        match undo {
            Undo::Terms(handle, before) => {
                let (signer, left, id) = self.place_of(*handle);
                // Before anything was agreed there is no record.
                let is_some = |terms: &&crate::channel::book::Terms| **terms != crate::channel::book::Terms::default();
                let now = &self.channels.at(*handle).book.terms;
                note(Path::terms(signer, left, id), &|| rlp(Some(&**before).filter(is_some)), &|| {
                    rlp(Some(now).filter(is_some))
                });
            }
            Undo::Htlc(handle, key, before) => {
                let (signer, left, id) = self.place_of(*handle);
                let now = || rlp(self.channels.at(*handle).book.htlc(*key));
                note(Path::htlc(signer, left, id, *key), &|| rlp(before.as_deref()), &now);
            }
            Undo::Replica(handle, before) => {
                let (signer, left, id) = self.place_of(*handle);
                let replica = self.channels.at(*handle).replica.as_deref();
                let now = || rlp(replica.map(crate::channel::Replica::record).as_ref());
                note(Path::replica(signer, left, id), &|| rlp(before.as_ref()), &now);
            }
            _ => {}
        }
    }

    pub(super) fn note_route_part(&self, undo: &Undo, note: &mut Note<'_>) {
        match undo {
            Undo::Payment(id, payer, before) => {
                let path = Path::payment(self.signer_of(*payer), *payer, *id);
                note(path, &|| rlp(before.as_deref()), &|| rlp(self.payments.get(id)));
            }
            Undo::Forward(place, before) => {
                let (signer, hub) = (self.genesis.hub_signer, self.hub_id());
                note(Path::forward(signer, hub, place.0, place.1), &|| rlp(before.as_ref()), &|| {
                    rlp(self.forwards.get(place))
                });
            }
            Undo::Invoice(key, before) => {
                let path = Path::invoice(self.signer_of(key.0), key.0, key.1);
                note(path, &|| rlp(before.as_deref()), &|| rlp(self.invoices.get(key)));
            }
            _ => {}
        }
    }
}
