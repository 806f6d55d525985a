// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Asset, Depositary} from "../src/Depositary.sol";
import {EntityProvider} from "../src/EntityProvider.sol";
import {DevToken} from "../src/dev/DevToken.sol";
import {Boards} from "./Boards.sol";
import {FeeToken} from "./tokens/Hostile.sol";

/// @notice Drives a depositary with three entities, their three channels and three assets, and keeps its own books: what each
/// entity paid in and took out, measured at the outside. Each action is bent to be valid, so none may revert.
contract Handler is Boards {
    uint256 public constant ENTITIES = 3;
    uint256 public constant ASSETS = 3;
    uint256 private constant DEPOSIT_MAX = 2 ** 100;
    address private constant PAYEE = address(0xBEEF);

    Depositary public immutable depositary;
    Asset[] private _assets;
    bytes32[] public assetIds;
    /// In ascending order, so that a lower index is the left side.
    bytes32[] public entityIds;
    mapping(bytes32 entity => uint256) private _keys;
    mapping(bytes32 channel => uint64) public counters;
    mapping(bytes32 entity => mapping(bytes32 asset => uint256)) public paidIn;
    mapping(bytes32 entity => mapping(bytes32 asset => uint256)) public takenOut;
    mapping(bytes32 asset => uint256) public donated;
    uint256 private _operation;

    constructor() {
        EntityProvider entities = new EntityProvider();
        depositary = new Depositary(entities);
        DevToken token = new DevToken("Dev", "DEV", 6, 2 ** 130, address(this));
        FeeToken fee = new FeeToken();
        token.approve(address(depositary), type(uint256).max);
        fee.approve(address(depositary), type(uint256).max);
        _assets.push(Asset(0, address(0), 0));
        _assets.push(Asset(1, address(token), 0));
        _assets.push(Asset(1, address(fee), 0));
        for (uint256 i = 0; i < ASSETS; ++i) {
            assetIds.push(depositary.assetId(_assets[i]));
        }
        for (uint256 key = 1; key <= ENTITIES; ++key) {
            bytes32 id = entities.entityId(single(key));
            _keys[id] = key;
            entityIds.push(id);
            for (uint256 i = key - 1; i > 0 && entityIds[i - 1] > entityIds[i]; --i) {
                (entityIds[i - 1], entityIds[i]) = (entityIds[i], entityIds[i - 1]);
            }
        }
        vm.deal(address(this), 2 ** 130);
    }

    /// @notice What the chain says that the depositary holds of an asset.
    function held(uint256 index) public view returns (uint256) {
        Asset memory asset = _assets[index];
        return asset.kind == 0 ? address(depositary).balance : DevToken(asset.token).balanceOf(address(depositary));
    }

    function deposit(uint256 entitySeed, uint256 assetSeed, uint256 amount) external {
        (bytes32 entity, uint256 index) = pick(entitySeed, assetSeed);
        amount = within(amount, 1, DEPOSIT_MAX);
        uint256 before = held(index);
        depositary.deposit{value: index == 0 ? amount : 0}(entity, _assets[index], amount);
        paidIn[entity][assetIds[index]] += held(index) - before;
    }

    /// @notice Value that nobody deposits: a token transfer, or ether that a self-destruct would force in.
    function donate(uint256 assetSeed, uint256 amount) external {
        uint256 index = assetSeed % ASSETS;
        amount = within(amount, 1, DEPOSIT_MAX);
        uint256 before = held(index);
        if (index == 0) vm.deal(address(depositary), before + amount);
        else DevToken(_assets[index].token).transfer(address(depositary), amount);
        donated[assetIds[index]] += held(index) - before;
    }

    function withdraw(uint256 entitySeed, uint256 assetSeed, uint256 amount) external {
        (bytes32 entity, uint256 index) = pick(entitySeed, assetSeed);
        uint256 available = depositary.reserve(entity, assetIds[index]);
        if (available == 0) return;
        amount = within(amount, 1, available);
        uint256 before = held(index);
        Depositary.Withdrawal memory w =
            Depositary.Withdrawal(entity, assetIds[index], amount, PAYEE, nextOperation(), type(uint64).max);
        bytes memory packed = signature(_keys[entity], depositary.withdrawalDigest(w));
        depositary.withdraw(w, single(_keys[entity]), packed);
        takenOut[entity][assetIds[index]] += before - held(index);
    }

    function allocate(uint256 entitySeed, uint256 otherSeed, uint256 assetSeed, uint256 amount) external {
        (bytes32 entity, uint256 index) = pick(entitySeed, assetSeed);
        bytes32 other = entityIds[(entitySeed % ENTITIES + 1 + otherSeed % (ENTITIES - 1)) % ENTITIES];
        uint256 available = depositary.reserve(entity, assetIds[index]);
        if (available == 0) return;
        Depositary.Allocation memory a = Depositary.Allocation(
            entity < other ? depositary.channelId(entity, other) : depositary.channelId(other, entity),
            entity,
            assetIds[index],
            within(amount, 1, available),
            nextOperation(),
            type(uint64).max
        );
        bytes memory packed = signature(_keys[entity], depositary.allocationDigest(a));
        depositary.allocate(a, other, single(_keys[entity]), packed);
    }

    /// @notice Any diff that the reserves and the collateral bear: left's first, then right's out of what is left over.
    function settle(uint256 pairSeed, uint256 assetSeed, uint256 leftSeed, uint256 rightSeed, uint64 step) external {
        (bytes32 left, bytes32 right) = pair(pairSeed);
        bytes32 asset = assetIds[assetSeed % ASSETS];
        bytes32 channel = depositary.channelId(left, right);
        (uint256 collateral,) = depositary.collateral(channel, asset);
        int256 leftDiff = between(leftSeed, depositary.reserve(left, asset), collateral);
        int256 rest = signed(collateral) - leftDiff;
        Depositary.Diff[] memory diffs = new Depositary.Diff[](1);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 rightDiff = between(rightSeed, depositary.reserve(right, asset), uint256(rest));
        diffs[0] = Depositary.Diff(asset, leftDiff, rightDiff);
        counters[channel] += step % 1000 + 1;
        submit(Depositary.Settlement(channel, diffs, counters[channel], type(uint64).max), left, right);
    }

    function submit(Depositary.Settlement memory s, bytes32 left, bytes32 right) private {
        bytes32 digest = depositary.settlementDigest(s);
        depositary.settle(
            s,
            left,
            right,
            single(_keys[left]),
            signature(_keys[left], digest),
            single(_keys[right]),
            signature(_keys[right], digest)
        );
    }

    /// @notice The channels, by number.
    function pair(uint256 seed) public view returns (bytes32 left, bytes32 right) {
        uint256 skipped = seed % ENTITIES;
        left = entityIds[skipped == 0 ? 1 : 0];
        right = entityIds[skipped == 2 ? 1 : 2];
    }

    function pick(uint256 entitySeed, uint256 assetSeed) private view returns (bytes32 entity, uint256 index) {
        return (entityIds[entitySeed % ENTITIES], assetSeed % ASSETS);
    }

    function nextOperation() private returns (bytes32) {
        return bytes32(++_operation);
    }

    /// @dev From −low to high.
    function between(uint256 seed, uint256 low, uint256 high) private pure returns (int256) {
        return signed(within(seed, 0, low + high)) - signed(low);
    }

    /// @dev All numbers here are far below 2^255.
    function signed(uint256 value) private pure returns (int256) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return int256(value);
    }
}
