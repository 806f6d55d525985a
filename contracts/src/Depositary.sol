// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Board, EntityProvider} from "./EntityProvider.sol";

/// @notice What an asset is on this chain (N-4). Kind 0 is the native coin (`token` and `tokenId` zero), 1 an ERC-20 (`tokenId`
/// zero), 2 an ERC-721, 3 an ERC-1155; 2 and 3 are refused for now.
struct Asset {
    uint8 kind;
    address token;
    uint256 tokenId;
}

/// @title Custody: reserves of entities and collateral of channels
/// @notice Value enters by {deposit}, moves between an entity's reserve and its channels by {allocate} and {settle}, and leaves
/// by {withdraw} alone. Authority is a board's signatures over an EIP-712 digest; who sends the transaction doesn't matter.
/// There is no owner, no upgrade and no pause. Amounts are base units.
///
/// Laws: N-1 (nothing passes 2^120), N-4 (asset ids), N-6 (channel ids), DP-1 (allocate), DP-3 (deposits are measured), DP-5
/// (settle), DP-8 (hostile tokens), CH-13 (what is recorded never exceeds what is held; a surplus, be it a donation, forced ether
/// or a rebase, belongs to nobody), EN-6 (authority). Start reading at {deposit}.
///
/// It is not a registry of entities or channels: both are hashes, and neither needs a transaction to exist.
contract Depositary is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using SafeCast for int256;

    /// @notice A payment out of `entity`'s reserve, signed by its board. `operation` is used once per entity.
    struct Withdrawal {
        bytes32 entity;
        bytes32 asset;
        uint256 amount;
        address to;
        bytes32 operation;
        uint64 validUntil;
    }

    /// @notice Collateral for `channel` out of `entity`'s reserve, signed by its board. `operation` as in {Withdrawal}.
    struct Allocation {
        bytes32 channel;
        bytes32 entity;
        bytes32 asset;
        uint256 amount;
        bytes32 operation;
        uint64 validUntil;
    }

    /// @notice What a settlement does in one asset: above zero that side's reserve gains, below zero it pays.
    struct Diff {
        bytes32 asset;
        int256 left;
        int256 right;
    }

    /// @notice Signed by both boards of `channel`. A diff of zeros moves nothing: it spends a counter and so voids what was
    /// signed with a lower one.
    struct Settlement {
        bytes32 channel;
        Diff[] diffs;
        uint64 counter;
        uint64 validUntil;
    }

    /// One slot a (channel, asset). N-1 keeps both well inside their types.
    struct Collateral {
        uint128 amount;
        int128 ondelta;
    }

    struct Registration {
        bool registered;
        uint8 kind;
        address token;
        uint256 tokenId;
    }

    /// @notice N-1: reserves, collateral and |ondelta| stay at or below this; what would pass it reverts.
    uint256 public constant AMOUNT_MAX = 2 ** 120;
    /// @notice Most diffs a settlement may have: the most assets a channel may list.
    uint256 public constant DIFFS_MAX = 128;
    /// @notice The native coin's kind (N-4).
    uint8 public constant KIND_NATIVE = 0;
    /// @notice An ERC-20's kind (N-4).
    uint8 public constant KIND_ERC20 = 1;

    int256 private constant AMOUNT_MAX_SIGNED = 2 ** 120;

    bytes32 private constant WITHDRAWAL_TYPEHASH = keccak256(
        "Withdrawal(bytes32 entity,bytes32 asset,uint256 amount,address to,bytes32 operation,uint64 validUntil)"
    );
    bytes32 private constant ALLOCATION_TYPEHASH = keccak256(
        "Allocation(bytes32 channel,bytes32 entity,bytes32 asset,uint256 amount,bytes32 operation,uint64 validUntil)"
    );
    bytes32 private constant DIFF_TYPEHASH = keccak256("Diff(bytes32 asset,int256 left,int256 right)");
    bytes32 private constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(bytes32 channel,Diff[] diffs,uint64 counter,uint64 validUntil)Diff(bytes32 asset,int256 left,int256 right)"
    );

    /// @notice Decides who may act for an entity.
    EntityProvider public immutable entities;

    mapping(bytes32 asset => Registration) private _assets;
    mapping(bytes32 entity => mapping(bytes32 asset => uint256)) private _reserves;
    mapping(bytes32 channel => mapping(bytes32 asset => Collateral)) private _collateral;
    mapping(bytes32 channel => uint64) private _settleCounters;
    mapping(bytes32 entity => mapping(bytes32 operation => bool)) private _operations;
    /// N-6: rises when a channel is closed or a dispute is finalised. Neither exists yet, so every channel is in epoch 0.
    mapping(bytes32 left => mapping(bytes32 right => uint64)) private _epochs;

    /// @notice An asset was seen for the first time (N-4 preimage, without the chain id).
    event AssetRegistered(bytes32 indexed asset, uint8 kind, address token, uint256 tokenId);
    /// @notice `amount` arrived, as measured, and is in `entity`'s reserve (DP-3).
    event Deposited(bytes32 indexed entity, bytes32 indexed asset, uint256 amount, address from);
    /// @notice `amount` left `entity`'s reserve for `to`.
    event Withdrawn(
        bytes32 indexed entity, bytes32 indexed asset, bytes32 indexed operation, uint256 amount, address to
    );
    /// @notice `amount` went from `entity`'s reserve into the channel; `left` tells its side (DP-1).
    event CollateralAdded(
        bytes32 indexed channel,
        bytes32 indexed asset,
        bytes32 indexed operation,
        bytes32 entity,
        bool left,
        uint256 amount
    );
    /// @notice One diff of a settlement took effect (DP-5).
    event Settled(bytes32 indexed channel, bytes32 indexed asset, uint64 counter, int256 leftDiff, int256 rightDiff);

    /// @notice No contract stands at `account`.
    error NoCode(address account);
    /// @notice This kind of asset isn't taken.
    error UnsupportedKind(uint8 kind);
    /// @notice `token` or `tokenId` doesn't fit the kind.
    error InvalidAsset(address token, uint256 tokenId);
    /// @notice The transaction has to carry exactly `expected` wei.
    error WrongValue(uint256 expected);
    /// @notice Entity 0 is nobody's.
    error ZeroEntity();
    /// @notice An amount of 0 does nothing.
    error ZeroAmount();
    /// @notice The token reported success, and the balance didn't rise.
    error NothingArrived();
    /// @notice The transfer took `spent` from the depositary, more than what was withdrawn.
    error Overspent(uint256 spent);
    /// @notice `to` is the zero address, or the depositary itself.
    error InvalidRecipient(address to);
    /// @notice The block's time is past `validUntil`.
    error Expired(uint64 validUntil);
    /// @notice The signatures aren't the authority of `entity` over this digest.
    error Unauthorized(bytes32 entity);
    /// @notice The entity has used this operation.
    error OperationAlreadyUsed(bytes32 operation);
    /// @notice `available` is all that the reserve holds.
    error InsufficientReserve(uint256 available);
    /// @notice `available` is all the collateral there is.
    error InsufficientCollateral(uint256 available);
    /// @notice N-1: the result, or a number of the request, would pass `max` in either direction.
    error OutOfRange(uint256 max);
    /// @notice The current channel of these two entities is `expected`.
    error WrongChannel(bytes32 expected);
    /// @notice `left` has to be smaller than `right`.
    error SidesOutOfOrder(bytes32 left, bytes32 right);
    /// @notice The counter has to be above `last`.
    error StaleCounter(uint64 last);
    /// @notice A settlement has 1 to `max` diffs.
    error DiffCount(uint256 count, uint256 max);
    /// @notice The asset of diff `index` isn't greater than the one before.
    error AssetsNotAscending(uint256 index);

    constructor(EntityProvider entities_) EIP712("XLN", "1") {
        if (address(entities_).code.length == 0) revert NoCode(address(entities_));
        entities = entities_;
    }

    /// @notice DP-3: credits `entity` with what arrives, measured. Native: `amount` is the value sent. ERC-20: `amount` is asked
    /// of the sender, who approved it; a fee on transfer is the sender's loss.
    function deposit(bytes32 entity, Asset calldata asset, uint256 amount) external payable nonReentrant {
        if (entity == 0) revert ZeroEntity();
        bytes32 id = assetId(asset);
        uint256 arrived = asset.kind == KIND_NATIVE ? _takeNative(amount) : _takeToken(asset.token, amount);
        _register(id, asset);
        // A token may report any arrival: bound it before the sum, so that the sum can't overflow.
        if (arrived > AMOUNT_MAX) revert OutOfRange(AMOUNT_MAX);
        _reserves[entity][id] = _inRange(_reserves[entity][id] + arrived);
        emit Deposited(entity, id, arrived, msg.sender);
    }

    /// @notice Pays out of a reserve. The only way by which value leaves (DP-6).
    function withdraw(Withdrawal calldata w, Board calldata board, bytes calldata signatures) external nonReentrant {
        if (w.to == address(0) || w.to == address(this)) revert InvalidRecipient(w.to);
        _requireLive(w.validUntil);
        _requireAuthority(w.entity, board, withdrawalDigest(w), signatures);
        _useOperation(w.entity, w.operation);
        _takeReserve(w.entity, w.asset, w.amount);
        emit Withdrawn(w.entity, w.asset, w.operation, w.amount, w.to);
        _pay(w.asset, w.to, w.amount);
    }

    /// @notice DP-1: moves reserve into a channel as collateral. Only adds, so the counterparty needn't sign: it is named to prove
    /// that `channel` is the pair's current one (N-6).
    function allocate(Allocation calldata a, bytes32 counterparty, Board calldata board, bytes calldata signatures)
        external
        nonReentrant
    {
        bool left = a.entity < counterparty;
        _requireChannel(a.channel, left ? a.entity : counterparty, left ? counterparty : a.entity);
        _requireLive(a.validUntil);
        _requireAuthority(a.entity, board, allocationDigest(a), signatures);
        _useOperation(a.entity, a.operation);
        _takeReserve(a.entity, a.asset, a.amount);
        Collateral storage held = _collateral[a.channel][a.asset];
        held.amount = _inRange(held.amount + a.amount).toUint128();
        // Left's deposit is left's share: Δ rises with C. Right's share is C − Δ, so for right C alone rises.
        if (left) held.ondelta = _inSignedRange(held.ondelta + a.amount.toInt256());
        emit CollateralAdded(a.channel, a.asset, a.operation, a.entity, left, a.amount);
    }

    /// @notice DP-5: moves value between the reserves of both sides and their channel, as both signed. Each side's reserve plus
    /// claim is unchanged whenever it lands, so no off-chain proof dies of it.
    function settle(
        Settlement calldata s,
        bytes32 left,
        bytes32 right,
        Board calldata leftBoard,
        bytes calldata leftSignatures,
        Board calldata rightBoard,
        bytes calldata rightSignatures
    ) external nonReentrant {
        _requireChannel(s.channel, left, right);
        _requireLive(s.validUntil);
        uint64 last = _settleCounters[s.channel];
        if (s.counter <= last) revert StaleCounter(last);
        if (s.diffs.length == 0 || s.diffs.length > DIFFS_MAX) revert DiffCount(s.diffs.length, DIFFS_MAX);
        bytes32 digest = settlementDigest(s);
        _requireAuthority(left, leftBoard, digest, leftSignatures);
        _requireAuthority(right, rightBoard, digest, rightSignatures);
        _settleCounters[s.channel] = s.counter;
        _applyDiffs(s, left, right);
    }

    /// @notice What an asset id names, and whether the depositary has seen it. Zeros until then.
    function assetOf(bytes32 id) external view returns (Asset memory asset, bool registered) {
        Registration storage entry = _assets[id];
        return (Asset({kind: entry.kind, token: entry.token, tokenId: entry.tokenId}), entry.registered);
    }

    /// @notice What `entity` may withdraw, allocate or settle with, in base units.
    function reserve(bytes32 entity, bytes32 asset) external view returns (uint256) {
        return _reserves[entity][asset];
    }

    /// @notice What the channel holds, and how much of the movement on chain was left's.
    function collateral(bytes32 channel, bytes32 asset) external view returns (uint256 amount, int256 ondelta) {
        Collateral storage held = _collateral[channel][asset];
        return (held.amount, held.ondelta);
    }

    /// @notice The counter of the channel's last settlement; 0 before the first.
    function settleCounter(bytes32 channel) external view returns (uint64) {
        return _settleCounters[channel];
    }

    /// @notice Whether `entity` has used `operation`, to withdraw or to allocate.
    function operationUsed(bytes32 entity, bytes32 operation) external view returns (bool) {
        return _operations[entity][operation];
    }

    /// @notice N-6: `keccak256(abi.encode(uint256 chainid, address this, bytes32 left, bytes32 right, uint64 epoch))`.
    function channelId(bytes32 left, bytes32 right) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), left, right, epoch(left, right)));
    }

    /// @notice The current epoch of the pair. Reverts unless `left < right`: an entity has no channel with itself (N-5).
    function epoch(bytes32 left, bytes32 right) public view returns (uint64) {
        if (left >= right) revert SidesOutOfOrder(left, right);
        return _epochs[left][right];
    }

    /// @notice N-4: `keccak256(abi.encode(uint256 chainid, uint8 kind, address token, uint256 tokenId))`. Reverts for what
    /// {deposit} would refuse by its form.
    function assetId(Asset calldata asset) public view returns (bytes32) {
        if (asset.kind > KIND_ERC20) revert UnsupportedKind(asset.kind);
        if ((asset.kind == KIND_NATIVE) != (asset.token == address(0)) || asset.tokenId != 0) {
            revert InvalidAsset(asset.token, asset.tokenId);
        }
        return keccak256(abi.encode(block.chainid, asset.kind, asset.token, asset.tokenId));
    }

    /// @notice The EIP-712 digest that a board signs to withdraw.
    function withdrawalDigest(Withdrawal calldata w) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(WITHDRAWAL_TYPEHASH, w.entity, w.asset, w.amount, w.to, w.operation, w.validUntil))
        );
    }

    /// @notice The EIP-712 digest that a board signs to allocate.
    function allocationDigest(Allocation calldata a) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(ALLOCATION_TYPEHASH, a.channel, a.entity, a.asset, a.amount, a.operation, a.validUntil)
            )
        );
    }

    /// @notice The EIP-712 digest that both boards sign to settle.
    function settlementDigest(Settlement calldata s) public view returns (bytes32) {
        bytes32[] memory diffs = new bytes32[](s.diffs.length);
        for (uint256 i = 0; i < diffs.length; ++i) {
            diffs[i] = keccak256(abi.encode(DIFF_TYPEHASH, s.diffs[i].asset, s.diffs[i].left, s.diffs[i].right));
        }
        return _hashTypedDataV4(
            keccak256(
                abi.encode(SETTLEMENT_TYPEHASH, s.channel, keccak256(abi.encodePacked(diffs)), s.counter, s.validUntil)
            )
        );
    }

    // Checks

    function _requireLive(uint64 validUntil) private view {
        if (block.timestamp > validUntil) revert Expired(validUntil);
    }

    function _requireChannel(bytes32 channel, bytes32 left, bytes32 right) private view {
        bytes32 expected = channelId(left, right);
        if (channel != expected) revert WrongChannel(expected);
    }

    function _requireAuthority(bytes32 entity, Board calldata board, bytes32 digest, bytes calldata signatures)
        private
        view
    {
        if (!entities.authorizes(entity, board, digest, signatures)) revert Unauthorized(entity);
    }

    function _useOperation(bytes32 entity, bytes32 operation) private {
        if (_operations[entity][operation]) revert OperationAlreadyUsed(operation);
        _operations[entity][operation] = true;
    }

    // Accounts. N-1: every stored number passes through `_inRange`, `_inSignedRange` or, where it only falls, `_takeReserve`.

    function _inRange(uint256 value) private pure returns (uint256) {
        if (value > AMOUNT_MAX) revert OutOfRange(AMOUNT_MAX);
        return value;
    }

    function _inSignedRange(int256 value) private pure returns (int128) {
        if (value > AMOUNT_MAX_SIGNED || value < -AMOUNT_MAX_SIGNED) revert OutOfRange(AMOUNT_MAX);
        return value.toInt128();
    }

    /// @dev Afterwards `amount` is at most a reserve, so at most AMOUNT_MAX.
    function _takeReserve(bytes32 entity, bytes32 asset, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        uint256 available = _reserves[entity][asset];
        if (amount > available) revert InsufficientReserve(available);
        _reserves[entity][asset] = available - amount;
    }

    function _applyDiffs(Settlement calldata s, bytes32 left, bytes32 right) private {
        for (uint256 i = 0; i < s.diffs.length; ++i) {
            Diff calldata diff = s.diffs[i];
            // Strictly, so that no asset stands twice.
            if (i > 0 && diff.asset <= s.diffs[i - 1].asset) revert AssetsNotAscending(i);
            _applyDiff(s.channel, left, right, diff);
            emit Settled(s.channel, diff.asset, s.counter, diff.left, diff.right);
        }
    }

    /// @dev DP-5: C += −(left + right), ondelta −= left, and each reserve += its diff. Sums of a few numbers of at most 2^120.
    function _applyDiff(bytes32 channel, bytes32 left, bytes32 right, Diff calldata diff) private {
        int256 leftDiff = _inSignedRange(diff.left);
        int256 rightDiff = _inSignedRange(diff.right);
        Collateral storage held = _collateral[channel][diff.asset];
        int256 remaining = int256(uint256(held.amount)) - (leftDiff + rightDiff);
        if (remaining < 0) revert InsufficientCollateral(held.amount);
        held.ondelta = _inSignedRange(held.ondelta - leftDiff);
        held.amount = _inRange(remaining.toUint256()).toUint128();
        _moveReserve(left, diff.asset, leftDiff);
        _moveReserve(right, diff.asset, rightDiff);
    }

    function _moveReserve(bytes32 entity, bytes32 asset, int256 diff) private {
        uint256 available = _reserves[entity][asset];
        int256 remaining = available.toInt256() + diff;
        if (remaining < 0) revert InsufficientReserve(available);
        _reserves[entity][asset] = _inRange(remaining.toUint256());
    }

    // Tokens (DP-8)

    function _register(bytes32 id, Asset calldata asset) private {
        if (_assets[id].registered) return;
        _assets[id] = Registration({registered: true, kind: asset.kind, token: asset.token, tokenId: asset.tokenId});
        emit AssetRegistered(id, asset.kind, asset.token, asset.tokenId);
    }

    function _takeNative(uint256 amount) private returns (uint256) {
        if (amount == 0) revert ZeroAmount();
        if (msg.value != amount) revert WrongValue(amount);
        return amount;
    }

    /// @dev The balance's rise is what arrived, whatever the token says. Re-entry is shut out by the guard, so nothing of ours
    /// moves between the two readings.
    function _takeToken(address token, uint256 amount) private returns (uint256) {
        if (msg.value != 0) revert WrongValue(0);
        if (amount == 0) revert ZeroAmount();
        if (token.code.length == 0) revert NoCode(token);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = IERC20(token).balanceOf(address(this));
        if (afterwards <= before) revert NothingArrived();
        return afterwards - before;
    }

    /// @dev A token that takes its fee on top would pay it from other entities' money: refused (CH-13).
    function _pay(bytes32 id, address to, uint256 amount) private {
        Registration storage asset = _assets[id];
        if (asset.kind == KIND_NATIVE) {
            Address.sendValue(payable(to), amount);
            return;
        }
        IERC20 token = IERC20(asset.token);
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(to, amount);
        uint256 afterwards = token.balanceOf(address(this));
        if (afterwards < before && before - afterwards > amount) revert Overspent(before - afterwards);
    }
}
