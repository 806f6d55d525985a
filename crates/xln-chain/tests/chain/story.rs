//! What the hub does on chain, start to finish, told once and run on every chain: deposits, a withdrawal, an allocation, a
//! settlement, each also refused where it has to be.

use alloy_primitives::{U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use std::sync::Arc;
use xln_chain::bindings::{IDepositary, IEntityProvider};
use xln_chain::dev::{DevAccount, accounts};
use xln_chain::digest::{self, Allocation, Diff, Domain, Settlement, Withdrawal};
use xln_chain::follower::{FollowerOptions, TIME_LOG_INDEX};
use xln_chain::submitter::Order;
use xln_chain::{Call, Chain, ChainError, Deployment, Follower, Mined, Submitter, calldata, sign_digest};
use xln_types::{
    Address, Amount, Asset, AssetId, Balance, Board, ChainFact, ChannelId, EntityId, FactKind, FactPosition,
    OperationId, Side, SignerId,
};

const ETHER: u128 = 1_000_000_000_000_000_000;
/// The same, as a balance.
const ETHER_OWED: i128 = 1_000_000_000_000_000_000;
const MINED_WITHIN_MS: u64 = 30_000;

/// An entity of one, whose signer is a development account.
pub(crate) struct Party {
    account: &'static DevAccount,
    board: Board,
    pub(crate) entity: EntityId,
}

impl Party {
    fn new(index: usize) -> Party {
        let account = &accounts::all()[index];
        let board = Board::single(SignerId(account.address.0), 0);
        let entity = EntityId(keccak256(alloy_rlp::encode(&board)).0);
        Party { account, board, entity }
    }

    fn sign(&self, digest: &[u8; 32]) -> [u8; 65] {
        sign_digest(&self.account.secret, digest).expect("a development key signs")
    }
}

/// One chain, and everything that the story needs on it.
pub(crate) struct Stage {
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) deployment: Deployment,
    domain: Domain,
    pub(crate) left: Party,
    right: Party,
    channel: ChannelId,
    eth: AssetId,
    usdc: AssetId,
}

impl Stage {
    pub(crate) async fn new(chain: Arc<dyn Chain>) -> Stage {
        let deployment = Deployment::standard();
        let chain_id = chain.chain_id().await.expect("chain id");
        let (one, two) = (Party::new(1), Party::new(2));
        let (left, right) = if one.entity < two.entity { (one, two) } else { (two, one) };
        let depositary = alloy_primitives::Address::from(deployment.depositary.0);
        let parts = (U256::from(chain_id), depositary, left.entity.0, right.entity.0, 0_u64);
        let channel = ChannelId(keccak256(parts.abi_encode()).0);
        Stage {
            eth: digest::asset_id(chain_id, &Asset::NATIVE),
            usdc: digest::asset_id(chain_id, &Asset::erc20(deployment.tokens[0].contract)),
            domain: Domain { chain_id, depositary: deployment.depositary },
            chain,
            deployment,
            left,
            right,
            channel,
        }
    }

    pub(crate) fn submitter(&self, party: &Party) -> Submitter {
        Submitter::new(self.chain.clone(), self.domain.chain_id, &party.account.secret).expect("a key")
    }

    pub(crate) fn follower(&self, cursor: Option<FactPosition>) -> Follower {
        let depositary = self.deployment.depositary;
        let options = FollowerOptions { depositary, confirmations: 0, first_block: 0 };
        Follower::new(self.chain.clone(), options, cursor)
    }

    fn on_depositary(&self, value: u128, data: Vec<u8>) -> Order {
        Order { to: Some(self.deployment.depositary), value: Amount(value), data }
    }

    pub(crate) fn deposit_of_ether(&self, wei: u128) -> Order {
        self.on_depositary(wei, calldata::deposit(self.left.entity, &Asset::NATIVE, Amount(wei)))
    }

    async fn reserve(&self, party: &Party, asset: AssetId) -> u128 {
        let depositary = self.deployment.depositary;
        self.chain.reserve(depositary, party.entity, asset).await.expect("reserve").0
    }

    async fn valid_until(&self) -> u64 {
        self.chain.head().await.expect("head").timestamp_s + 3_600
    }

    async fn view<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let call = Call { to: Some(to), data: call.abi_encode(), ..Call::default() };
        C::abi_decode_returns(&self.chain.call(&call).await.expect("view")).expect("its return")
    }
}

/// Sends and waits; DP-4: the same bytes sent again, before and after they are mined, change nothing.
pub(crate) async fn done(submitter: &mut Submitter, order: Order) -> Mined {
    let prepared = submitter.prepare(order).await.expect("prepares");
    submitter.send(&prepared.raw, prepared.hash).await.expect("sends");
    submitter.send(&prepared.raw, prepared.hash).await.expect("sends again");
    let mined = submitter.wait_mined(prepared.hash, MINED_WITHIN_MS).await.expect("mined");
    submitter.send(&prepared.raw, prepared.hash).await.expect("sends once more");
    assert!(mined.succeeded);
    mined
}

async fn refused(submitter: &mut Submitter, order: Order) {
    let answer = submitter.prepare(order).await;
    assert!(matches!(answer, Err(ChainError::Reverted { .. })), "{answer:?}");
}

/// Tells it all, and checks that the facts say the same, once each, however often the follower is restarted.
pub(crate) async fn tell(chain: Arc<dyn Chain>) {
    let stage = Stage::new(chain).await;
    ids_are_what_the_contracts_say(&stage).await;
    deposits(&stage).await;
    withdrawal(&stage).await;
    allocation(&stage).await;
    settlement(&stage).await;
    conservation(&stage).await;
    facts(&stage).await;
}

/// N-4, N-5, N-6: ids computed here are those that the contracts compute.
async fn ids_are_what_the_contracts_say(stage: &Stage) {
    let depositary = stage.deployment.depositary;
    for party in [&stage.left, &stage.right] {
        let call = IEntityProvider::entityIdCall { board: (&party.board).into() };
        assert_eq!(stage.view(stage.deployment.entity_provider, call).await.0, party.entity.0);
    }
    let call = IDepositary::assetIdCall { asset: (&Asset::NATIVE).into() };
    assert_eq!(stage.view(depositary, call).await.0, stage.eth.0);
    let call = IDepositary::channelIdCall { left: stage.left.entity.0.into(), right: stage.right.entity.0.into() };
    assert_eq!(stage.view(depositary, call).await.0, stage.channel.0);
    let provider = stage.view(depositary, IDepositary::entitiesCall {}).await;
    assert_eq!(provider.0.0, stage.deployment.entity_provider.0);
}

/// DP-3: what arrives is in the reserve: ether with the call, a token by approval, both prepared before either is mined.
async fn deposits(stage: &Stage) {
    let mut submitter = stage.submitter(&stage.left);
    done(&mut submitter, stage.deposit_of_ether(5 * ETHER)).await;
    assert_eq!(stage.reserve(&stage.left, stage.eth).await, 5 * ETHER);

    let token = stage.deployment.tokens[0];
    let amount = Amount(1_000_000_000);
    let approve = calldata::approve(stage.deployment.depositary, amount);
    let approve = Order { to: Some(token.contract), value: Amount::ZERO, data: approve };
    let deposit = calldata::deposit(stage.left.entity, &Asset::erc20(token.contract), amount);
    let approve = submitter.prepare(approve).await.expect("approve");
    let deposit = submitter.prepare_with_gas(stage.on_depositary(0, deposit), 500_000).await.expect("deposit");
    assert_eq!(deposit.nonce, approve.nonce + 1);
    for prepared in [&approve, &deposit] {
        submitter.send(&prepared.raw, prepared.hash).await.expect("sends");
        let mined = submitter.wait_mined(prepared.hash, MINED_WITHIN_MS).await.expect("mined");
        assert!(mined.succeeded);
    }
    assert_eq!(stage.reserve(&stage.left, stage.usdc).await, amount.0);
    refused(&mut submitter, stage.on_depositary(1, calldata::deposit(stage.left.entity, &Asset::NATIVE, Amount(2))))
        .await;
}

/// DP-4: paid once per operation, by the board's signature alone, until it expires.
async fn withdrawal(stage: &Stage) {
    let to = Address([0x77; 20]);
    let operation = OperationId([1; 32]);
    let valid_until_s = stage.valid_until().await;
    let (entity, asset) = (stage.left.entity, stage.eth);
    let order = Withdrawal { entity, asset, amount: Amount(2 * ETHER), to, operation, valid_until_s };
    let signed_by = |party: &Party, order: &Withdrawal| {
        let signature = party.sign(&digest::withdrawal(&stage.domain, order));
        stage.on_depositary(0, calldata::withdraw(order, &stage.left.board, &signature))
    };
    let mut submitter = stage.submitter(&stage.right);
    refused(&mut submitter, signed_by(&stage.right, &order)).await;
    let expired = Withdrawal { valid_until_s: 1, ..order };
    refused(&mut submitter, signed_by(&stage.left, &expired)).await;
    let too_much = Withdrawal { amount: Amount(6 * ETHER), ..order };
    refused(&mut submitter, signed_by(&stage.left, &too_much)).await;

    let depositary = stage.deployment.depositary;
    assert!(!stage.chain.operation_used(depositary, entity, operation).await.expect("operation"));
    done(&mut submitter, signed_by(&stage.left, &order)).await;
    assert!(stage.chain.operation_used(depositary, entity, operation).await.expect("operation"));
    assert_eq!(stage.chain.native_balance(to).await.expect("balance"), Amount(2 * ETHER));
    assert_eq!(stage.reserve(&stage.left, stage.eth).await, 3 * ETHER);
    refused(&mut submitter, signed_by(&stage.left, &order)).await;
}

/// DP-1: reserve becomes collateral of the channel, on the allocating side.
async fn allocation(stage: &Stage) {
    let operation = OperationId([2; 32]);
    let valid_until_s = stage.valid_until().await;
    let (channel, entity, asset) = (stage.channel, stage.left.entity, stage.eth);
    let order = Allocation { channel, entity, asset, amount: Amount(ETHER), operation, valid_until_s };
    let signature = stage.left.sign(&digest::allocation(&stage.domain, &order));
    let data = calldata::allocate(&order, stage.right.entity, &stage.left.board, &signature);
    let mut submitter = stage.submitter(&stage.left);
    done(&mut submitter, stage.on_depositary(0, data.clone())).await;
    let depositary = stage.deployment.depositary;
    let found = stage.chain.collateral(depositary, channel, asset).await.expect("collateral");
    assert_eq!(found, (Amount(ETHER), Balance(ETHER_OWED)));
    assert_eq!(stage.reserve(&stage.left, asset).await, 2 * ETHER);
    refused(&mut submitter, stage.on_depositary(0, data)).await;
}

/// DP-5: both sides sign; the counter strictly rises.
async fn settlement(stage: &Stage) {
    let diff = Diff { asset: stage.eth, left: Balance(ETHER_OWED / 4), right: Balance(ETHER_OWED / 4) };
    let valid_until_s = stage.valid_until().await;
    let order = Settlement { channel: stage.channel, diffs: vec![diff], counter: 1, valid_until_s };
    let digest = digest::settlement(&stage.domain, &order);
    let data = |left: [u8; 65], right: [u8; 65]| {
        let left = calldata::Authority { entity: stage.left.entity, board: &stage.left.board, signatures: &left };
        let right = calldata::Authority { entity: stage.right.entity, board: &stage.right.board, signatures: &right };
        stage.on_depositary(0, calldata::settle(&order, &left, &right))
    };
    let (by_left, by_right) = (stage.left.sign(&digest), stage.right.sign(&digest));
    let mut submitter = stage.submitter(&stage.right);
    refused(&mut submitter, data(by_left, by_left)).await;
    done(&mut submitter, data(by_left, by_right)).await;
    refused(&mut submitter, data(by_left, by_right)).await;
    let depositary = stage.deployment.depositary;
    assert_eq!(stage.chain.settle_counter(depositary, stage.channel).await.expect("counter"), 1);
    assert_eq!(stage.reserve(&stage.left, stage.eth).await, 2 * ETHER + ETHER / 4);
    assert_eq!(stage.reserve(&stage.right, stage.eth).await, ETHER / 4);
    let (collateral, ondelta) = stage.chain.collateral(depositary, stage.channel, stage.eth).await.expect("collateral");
    assert_eq!((collateral, ondelta), (Amount(ETHER / 2), Balance(ETHER_OWED * 3 / 4)));
}

/// CH-13: reserves and collateral are what the depositary holds.
async fn conservation(stage: &Stage) {
    let depositary = stage.deployment.depositary;
    let reserves = stage.reserve(&stage.left, stage.eth).await + stage.reserve(&stage.right, stage.eth).await;
    let (collateral, _) = stage.chain.collateral(depositary, stage.channel, stage.eth).await.expect("collateral");
    let held = stage.chain.asset_balance(&Asset::NATIVE, depositary).await.expect("held");
    assert_eq!(held.0, reserves + collateral.0);
    let token = Asset::erc20(stage.deployment.tokens[0].contract);
    let held = stage.chain.asset_balance(&token, depositary).await.expect("held");
    assert_eq!(held.0, stage.reserve(&stage.left, stage.usdc).await);
}

/// All facts from `cursor` on, until nothing new is deep.
pub(crate) async fn drain(follower: &mut Follower) -> Vec<ChainFact> {
    let mut all = Vec::new();
    loop {
        let facts = follower.poll().await.expect("poll");
        if facts.is_empty() {
            return all;
        }
        all.extend(facts);
    }
}

pub(crate) fn of_logs(facts: Vec<ChainFact>) -> Vec<ChainFact> {
    facts.into_iter().filter(|fact| fact.at.log_index < TIME_LOG_INDEX).collect()
}

/// DP-3: the story as facts, in order; from any of them on, a follower started there tells exactly the rest.
async fn facts(stage: &Stage) {
    let all = of_logs(drain(&mut stage.follower(None)).await);
    let (eth, usdc) = (stage.eth, stage.usdc);
    let (left, right) = (stage.left.entity, stage.right.entity);
    let sender = stage.left.account.address;
    let quarter = Balance(ETHER_OWED / 4);
    let channel = stage.channel;
    let expected = [
        FactKind::AssetRegistered { id: eth, asset: Asset::NATIVE },
        FactKind::Deposited { entity: left, asset: eth, amount: Amount(5 * ETHER), sender },
        FactKind::AssetRegistered { id: usdc, asset: Asset::erc20(stage.deployment.tokens[0].contract) },
        FactKind::Deposited { entity: left, asset: usdc, amount: Amount(1_000_000_000), sender },
        FactKind::Withdrawn {
            entity: left,
            asset: eth,
            amount: Amount(2 * ETHER),
            recipient: Address([0x77; 20]),
            operation: OperationId([1; 32]),
        },
        FactKind::CollateralAdded {
            channel,
            entity: left,
            side: Side::Left,
            asset: eth,
            amount: Amount(ETHER),
            operation: OperationId([2; 32]),
        },
        FactKind::Settled { channel, asset: eth, counter: 1, left: quarter, right: quarter },
    ];
    assert_eq!(all.iter().map(|fact| fact.kind).collect::<Vec<_>>(), expected);
    assert!(all.is_sorted_by_key(|fact| (fact.at.block, fact.at.log_index)));
    assert_ne!(left, right);
    for (index, fact) in all.iter().enumerate() {
        let rest = of_logs(drain(&mut stage.follower(Some(fact.at))).await);
        assert_eq!(rest, all[index + 1..], "restarted after {:?}", fact.at);
    }
}
