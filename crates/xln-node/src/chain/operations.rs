//! Carries out operations on the chain (**DP-1**, **DP-4**, **DP-5**): signs with hosted keys, sends, and sends again after a crash.
//!
//! Withdrawals, allocations and settlements name an operation id or counter that the contract takes once, so sending them twice
//! does them once. A deposit from a hosted signer's own account has no such id: its raw transactions are logged before they are
//! sent, and sent again byte for byte.

use crate::chain::ChainHealth;
use crate::door::{Door, Keys};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use xln_api::backend::Request;
use xln_chain::calldata::{self, Authority};
use xln_chain::digest::{self, Diff, Domain};
use xln_chain::signing::{Envelope, Prepared, nonce_of, sign_for};
use xln_chain::submitter::{Order, Submitter, broadcast};
use xln_chain::{Call, Chain, ChainError};
use xln_machine::depositary::{Operation, OperationKind, OperationStatus};
use xln_types::asset::AssetKind;
use xln_types::codec::Blob;
use xln_types::{
    Amount, Asset, Balance, Board, ChainFact, Command, EntityId, FactKind, FactPosition, Hash, OperationId, Side,
    SignerId,
};

/// How long an operation rests that was sent: the follower brings what became of it.
const MINED_WAIT_MS: u64 = 60_000;
/// How long an operation that could not be sent rests before it is tried again.
const RETRY_MS: u64 = 5_000;
/// How often operations are looked for without being told of a new one.
const ROUND: Duration = Duration::from_secs(1);
/// Gas for a deposit that can't be simulated yet, because the approval before it isn't mined.
const DEPOSIT_GAS: u64 = 300_000;
/// A deposit whose transaction the chain couldn't take over so many blocks has failed: its nonce was used by another, or stands behind one that is
/// lost, after a reorganisation or by the owner's own doing. Deeper than any confirmations, so that the other stays.
const STUCK_BLOCKS: u64 = 64;
/// Most operations carried out in one round.
const ROUND_OPERATIONS_MAX: usize = 256;

/// All that an operation needs from the state.
struct Task {
    operation: Operation,
    asset: Asset,
    board: Board,
    /// Left and right entity of its channel with their boards, where it has one.
    sides: Option<[(EntityId, Board); 2]>,
}

/// Why an operation wasn't carried out.
enum Failure {
    /// It has certainly failed and never will take effect: say so.
    Certain(String),
    /// Try again later.
    Later(String),
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Failure::Later(error.to_string())
    }
}

/// The worker.
pub struct Operations<N: Door, K: Keys> {
    node: N,
    chain: Arc<dyn Chain>,
    keystore: Arc<K>,
    domain: Domain,
    submitter: Submitter,
    health: Arc<ChainHealth>,
    /// When an operation may be tried (again), in the door's elapsed milliseconds.
    rest: HashMap<OperationId, u64>,
    /// Since which block the chain can't take a deposit's transaction.
    stuck: HashMap<OperationId, u64>,
}

impl<N: Door, K: Keys> Operations<N, K> {
    /// A worker that pays gas from the hub's own account.
    ///
    /// # Errors
    /// When the hub's key isn't in the keystore.
    pub fn new(
        node: N,
        chain: Arc<dyn Chain>,
        keystore: Arc<K>,
        domain: Domain,
        hub: SignerId,
        health: Arc<ChainHealth>,
    ) -> Result<Operations<N, K>, crate::keystore::KeystoreError> {
        let submitter =
            keystore.with_secret(hub, |secret| Submitter::new(Arc::clone(&chain), domain.chain_id, secret))?;
        let submitter = submitter.map_err(|_| crate::keystore::KeystoreError::Unknown(hub))?;
        Ok(Operations { node, chain, keystore, domain, submitter, health, rest: HashMap::new(), stuck: HashMap::new() })
    }

    /// Works until told to stop.
    pub async fn run(mut self, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
        let work = async {
            loop {
                self.round().await;
                let _ = tokio::time::timeout(ROUND, wake.notified()).await;
            }
        };
        tokio::select! {
            () = work => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Carries out what is due now.
    pub async fn round(&mut self) {
        // Nothing is sent to a chain that the follower hasn't found to be the hub's.
        if !self.health.get().0 {
            return;
        }
        let (rest, now) = (&self.rest, self.node.elapsed_ms());
        let asked = self.node.shared().read(|server| (due(server, rest, now), ended(server, rest))).await;
        let Ok((tasks, ended)) = asked else { return };
        for id in ended {
            self.rest.remove(&id);
            self.stuck.remove(&id);
        }
        for task in tasks {
            let id = task.operation.id;
            let rest = match self.carry_out(&task).await {
                Ok(rest_ms) => rest_ms,
                Err(Failure::Later(reason)) => {
                    tracing::warn!(operation = %id, %reason, "an operation waits");
                    self.submitter.forget_nonce();
                    RETRY_MS
                }
                Err(Failure::Certain(reason)) => {
                    tracing::warn!(operation = %id, %reason, "an operation has failed");
                    self.failed(id).await;
                    RETRY_MS
                }
            };
            self.rest.insert(id, self.node.elapsed_ms().saturating_add(rest));
        }
    }

    /// Answers how long it may rest then.
    async fn carry_out(&mut self, task: &Task) -> Result<u64, Failure> {
        let data = match task.operation.kind {
            OperationKind::Deposit => return self.deposit(task).await,
            OperationKind::Withdraw => self.withdraw_call(task)?,
            OperationKind::Allocate => self.allocate_call(task)?,
            OperationKind::Settle => self.settle_call(task)?,
        };
        if task.operation.status == OperationStatus::Sent {
            // It was sent and isn't there: a transaction of the hub's may be lost, and all that were counted after it wait for its nonce.
            self.submitter.forget_nonce();
        }
        let order = Order { to: Some(self.domain.depositary), value: Amount::ZERO, data };
        let prepared = self.submitter.prepare(order).await?;
        self.submitter.send(&prepared.raw, prepared.hash).await?;
        if task.operation.status == OperationStatus::Pending {
            self.sent(task.operation.id, Vec::new()).await?;
        }
        // Not waited for: on a chain of twelve-second blocks the next operation would wait as long. The follower brings what it did; one that
        // reverted is tried, and so simulated, again after its rest.
        Ok(MINED_WAIT_MS)
    }

    fn withdraw_call(&self, task: &Task) -> Result<Vec<u8>, Failure> {
        let operation = &task.operation;
        let withdrawal = digest::Withdrawal {
            entity: operation.entity,
            asset: operation.asset,
            amount: operation.amount,
            to: operation.recipient,
            operation: operation.id,
            valid_until_s: operation.valid_until_s,
        };
        let signature = self.signature(task, digest::withdrawal(&self.domain, &withdrawal))?;
        Ok(calldata::withdraw(&withdrawal, &task.board, &signature))
    }

    fn allocate_call(&self, task: &Task) -> Result<Vec<u8>, Failure> {
        let operation = &task.operation;
        let allocation = digest::Allocation {
            channel: operation.channel,
            entity: operation.entity,
            asset: operation.asset,
            amount: operation.amount,
            operation: operation.id,
            valid_until_s: operation.valid_until_s,
        };
        let sides = task.sides.as_ref().ok_or_else(|| Failure::Later("its channel is unknown".to_owned()))?;
        let [left, right] = sides;
        let peer = if left.0 == operation.entity { right.0 } else { left.0 };
        let signature = self.signature(task, digest::allocation(&self.domain, &allocation))?;
        Ok(calldata::allocate(&allocation, peer, &task.board, &signature))
    }

    fn settle_call(&self, task: &Task) -> Result<Vec<u8>, Failure> {
        let operation = &task.operation;
        let gained = operation.amount.owned().ok_or_else(|| Failure::Later("amount out of range".to_owned()))?;
        let (left, right) = operation.side.pick((gained, Balance::ZERO), (Balance::ZERO, gained));
        let settlement = digest::Settlement {
            channel: operation.channel,
            diffs: vec![Diff { asset: operation.asset, left, right }],
            counter: operation.counter,
            valid_until_s: operation.valid_until_s,
        };
        let digest = digest::settlement(&self.domain, &settlement);
        let sides = task.sides.as_ref().ok_or_else(|| Failure::Later("its channel is unknown".to_owned()))?;
        let signatures = [Side::Left, Side::Right].map(|side| {
            let (_, board) = side.pick(&sides[0], &sides[1]);
            self.hosted_signature(board, digest)
        });
        let [left_signature, right_signature] = signatures;
        let (left_signature, right_signature) = (left_signature?, right_signature?);
        let [(left, left_board), (right, right_board)] = sides;
        Ok(calldata::settle(
            &settlement,
            &Authority { entity: *left, board: left_board, signatures: &left_signature },
            &Authority { entity: *right, board: right_board, signatures: &right_signature },
        ))
    }

    /// The owner's own signature where it gave one, else the hosted key's.
    fn signature(&self, task: &Task, digest: [u8; 32]) -> Result<Vec<u8>, Failure> {
        if task.operation.chain_signature.0.is_empty() {
            self.hosted_signature(&task.board, digest)
        } else {
            Ok(task.operation.chain_signature.0.clone())
        }
    }

    fn hosted_signature(&self, board: &Board, digest: [u8; 32]) -> Result<Vec<u8>, Failure> {
        let member = board.sole_member().ok_or_else(|| Failure::Later("a board of several".to_owned()))?;
        let signature = self.keystore.sign(member, &Hash(digest));
        signature.map(Vec::from).map_err(|error| Failure::Later(error.to_string()))
    }

    /// Sends a hosted signer's own coins or tokens to the depositary. Not waited for either: one that hangs would hold up all others.
    async fn deposit(&mut self, task: &Task) -> Result<u64, Failure> {
        let operation = &task.operation;
        let signer = task.board.sole_member().ok_or_else(|| Failure::Certain("a board of several".to_owned()))?;
        let raw: Vec<Vec<u8>> = if operation.raw.is_empty() {
            let prepared = self.prepare_deposit(task, signer).await?;
            let raw: Vec<Vec<u8>> = prepared.into_iter().map(|prepared| prepared.raw).collect();
            // DP-4: logged before it is sent, so that a crash sends the same bytes again.
            self.sent(operation.id, raw.iter().cloned().map(Blob).collect()).await?;
            raw
        } else {
            operation.raw.iter().map(|raw| raw.0.clone()).collect()
        };
        let mut rest_ms = MINED_WAIT_MS;
        for bytes in &raw {
            let hash = xln_crypto::keccak256(bytes);
            match broadcast(self.chain.as_ref(), bytes, hash).await {
                Err(refusal @ ChainError::Rpc { .. }) => {
                    return Err(self.stuck(operation.id, &refusal.to_string()).await?);
                }
                sent => sent?,
            }
            match self.chain.receipt(hash).await? {
                Some(mined) if !mined.succeeded => {
                    return Err(Failure::Certain("the deposit was mined and reverted".to_owned()));
                }
                Some(_) => {}
                None => {
                    let next = self.chain.transaction_count(signer.address()).await?;
                    if nonce_of(bytes).is_some_and(|nonce| next < nonce) {
                        return Err(self.stuck(operation.id, "a transaction before it is lost").await?);
                    }
                    self.stuck.remove(&operation.id);
                    rest_ms = RETRY_MS;
                }
            }
        }
        Ok(rest_ms)
    }

    /// DP-4: what was signed is sent again and nothing else, so a transaction that the chain won't take any more is waited for no longer than it may
    /// still come back.
    async fn stuck(&mut self, id: OperationId, reason: &str) -> Result<Failure, ChainError> {
        let head = self.chain.head().await?.number;
        let since = *self.stuck.entry(id).or_insert(head);
        let has_failed = since.saturating_add(STUCK_BLOCKS) <= head;
        Ok(if has_failed { Failure::Certain(reason.to_owned()) } else { Failure::Later(reason.to_owned()) })
    }

    async fn prepare_deposit(&self, task: &Task, signer: SignerId) -> Result<Vec<Prepared>, Failure> {
        let (operation, asset, from) = (&task.operation, &task.asset, signer.address());
        let balance = self.chain.asset_balance(asset, from).await?;
        if balance < operation.amount {
            let reason = format!("the signer's account holds {balance}, less than {}", operation.amount);
            return Err(Failure::Certain(reason));
        }
        let depositary = self.domain.depositary;
        let data = calldata::deposit(operation.entity, asset, operation.amount);
        let mut calls = Vec::new();
        let value = match asset.kind {
            AssetKind::Native => operation.amount,
            _ => {
                let approve = calldata::approve(depositary, operation.amount);
                calls.push(Call { from, to: Some(asset.contract), value: Amount::ZERO, data: approve });
                Amount::ZERO
            }
        };
        calls.push(Call { from, to: Some(depositary), value, data });
        let first_nonce = self.chain.transaction_count(from).await?;
        let fees = self.chain.fees().await?;
        let mut prepared = Vec::new();
        for (nonce, call) in (first_nonce..).zip(calls) {
            let gas_limit = match self.chain.estimate_gas(&call).await {
                Ok(gas) => gas.saturating_add(gas / 4),
                // The deposit of a token reverts until its approval is mined.
                Err(ChainError::Reverted { .. }) if nonce != first_nonce => DEPOSIT_GAS,
                Err(ChainError::Reverted { message, .. }) => return Err(Failure::Certain(message)),
                Err(error @ ChainError::Rpc { .. }) => return Err(Failure::Certain(error.to_string())),
                Err(error) => return Err(error.into()),
            };
            let Call { to, value, data, .. } = call;
            let envelope = Envelope { chain_id: self.domain.chain_id, nonce, to, value, data, gas_limit, fees };
            let signed = self.keystore.with_secret(signer, |secret| sign_for(secret, &envelope));
            prepared.push(signed.map_err(|error| Failure::Certain(error.to_string()))??);
        }
        Ok(prepared)
    }

    async fn sent(&self, operation: OperationId, raw: Vec<Blob>) -> Result<(), Failure> {
        let request = Request::Command(Command::Broadcast { operation, raw });
        match self.node.execute(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Later(error.to_string())),
        }
    }

    async fn failed(&self, operation: OperationId) {
        let fact = ChainFact { at: FactPosition::default(), kind: FactKind::Reverted { operation } };
        if let Ok(answer) = self.node.send(|reply| crate::engine::Mail::Fact(fact, reply)) {
            let _ = answer.await;
        }
    }
}

/// What is to be carried out now, with all that it needs. What was never tried goes first, then what has rested longest: an operation that
/// hangs (a recipient that refuses coins) holds up no other.
fn due(server: &xln_machine::Server, rest: &HashMap<OperationId, u64>, now: u64) -> Vec<Task> {
    let until = |operation: &Operation| rest.get(&operation.id).copied();
    let mut due: Vec<&Operation> = server
        .operations()
        .filter(|operation| operation.status != OperationStatus::Waiting)
        .filter(|operation| until(operation).is_none_or(|until| until <= now))
        .collect();
    due.sort_by_key(|operation| until(operation));
    due.into_iter()
        .take(ROUND_OPERATIONS_MAX)
        .filter_map(|operation| {
            let board = |entity: EntityId| server.entity(entity).map(|entity| entity.record.board.clone());
            let sides = server.channel(operation.channel).and_then(|channel| {
                let (left, right) = (channel.head.left, channel.head.right);
                Some([(left, board(left)?), (right, board(right)?)])
            });
            let asset = server.asset(operation.asset)?.asset;
            Some(Task { operation: operation.clone(), asset, board: board(operation.entity)?, sides })
        })
        .collect()
}

/// Of those that rest, the ones that need nothing more.
fn ended(server: &xln_machine::Server, rest: &HashMap<OperationId, u64>) -> Vec<OperationId> {
    let runs = |id: &OperationId| {
        let status = server.operation(*id).map(|operation| operation.status);
        status.is_some_and(|status| !matches!(status, OperationStatus::Done | OperationStatus::Failed))
    };
    rest.keys().filter(|id| !runs(id)).copied().collect()
}
