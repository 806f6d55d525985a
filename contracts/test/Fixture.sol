// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Asset, Depositary} from "../src/Depositary.sol";
import {Board, EntityProvider} from "../src/EntityProvider.sol";
import {DevToken} from "../src/dev/DevToken.sol";
import {Boards} from "./Boards.sol";

/// @notice A depositary, a token and two entities with boards of one, named by the side they have in their channel.
abstract contract Fixture is Boards {
    uint256 internal constant MAX = 2 ** 120;
    uint64 internal constant LATER = 1_000_000;
    address internal constant PAYEE = address(0xBEEF);

    EntityProvider internal entities;
    Depositary internal depositary;
    DevToken internal token;
    uint256 internal leftKey;
    uint256 internal rightKey;
    bytes32 internal left;
    bytes32 internal right;
    bytes32 internal channel;
    bytes32 internal nativeId;
    bytes32 internal tokenId;

    function setUp() public virtual {
        vm.warp(LATER - 1000);
        entities = new EntityProvider();
        depositary = new Depositary(entities);
        token = new DevToken("Dev", "DEV", 6, type(uint256).max, address(this));
        token.approve(address(depositary), type(uint256).max);
        (bytes32 one, bytes32 two) = (entities.entityId(single(1)), entities.entityId(single(2)));
        (leftKey, rightKey) = one < two ? (uint256(1), uint256(2)) : (uint256(2), uint256(1));
        (left, right) = one < two ? (one, two) : (two, one);
        channel = depositary.channelId(left, right);
        nativeId = depositary.assetId(native());
        tokenId = depositary.assetId(erc20(address(token)));
        vm.deal(address(this), type(uint128).max);
    }

    function native() internal pure returns (Asset memory) {
        return Asset({kind: 0, token: address(0), tokenId: 0});
    }

    function erc20(address contract_) internal pure returns (Asset memory) {
        return Asset({kind: 1, token: contract_, tokenId: 0});
    }

    function fund(bytes32 entity, uint256 nativeAmount, uint256 tokenAmount) internal {
        if (nativeAmount > 0) depositary.deposit{value: nativeAmount}(entity, native(), nativeAmount);
        if (tokenAmount > 0) depositary.deposit(entity, erc20(address(token)), tokenAmount);
    }

    function withdrawal(bytes32 asset, uint256 amount, bytes32 operation)
        internal
        view
        returns (Depositary.Withdrawal memory)
    {
        return Depositary.Withdrawal(left, asset, amount, PAYEE, operation, LATER);
    }

    /// @dev Signed by left, submitted by whoever runs the test. `refusal` empty: it has to pass.
    function withdraw(Depositary.Withdrawal memory w, bytes memory refusal) internal {
        bytes memory packed = signature(leftKey, depositary.withdrawalDigest(w));
        if (refusal.length > 0) vm.expectRevert(refusal);
        depositary.withdraw(w, single(leftKey), packed);
    }

    function allocation(bytes32 entity, bytes32 asset, uint256 amount, bytes32 operation)
        internal
        view
        returns (Depositary.Allocation memory)
    {
        return Depositary.Allocation(channel, entity, asset, amount, operation, LATER);
    }

    /// @dev Signed by the entity it names, which is left or right.
    function allocate(Depositary.Allocation memory a, bytes memory refusal) internal {
        bool isLeft = a.entity == left;
        uint256 key = isLeft ? leftKey : rightKey;
        bytes memory packed = signature(key, depositary.allocationDigest(a));
        if (refusal.length > 0) vm.expectRevert(refusal);
        depositary.allocate(a, isLeft ? right : left, single(key), packed);
    }

    function diffs(bytes32 asset, int256 leftDiff, int256 rightDiff)
        internal
        pure
        returns (Depositary.Diff[] memory list)
    {
        list = new Depositary.Diff[](1);
        list[0] = Depositary.Diff(asset, leftDiff, rightDiff);
    }

    function settlement(Depositary.Diff[] memory list, uint64 counter)
        internal
        view
        returns (Depositary.Settlement memory)
    {
        return Depositary.Settlement(channel, list, counter, LATER);
    }

    /// @dev Signed by both sides.
    function settle(Depositary.Settlement memory s, bytes memory refusal) internal {
        bytes32 digest = depositary.settlementDigest(s);
        settleWith(s, signature(leftKey, digest), signature(rightKey, digest), refusal);
    }

    function settleWith(
        Depositary.Settlement memory s,
        bytes memory leftSignatures,
        bytes memory rightSignatures,
        bytes memory refusal
    ) internal {
        Board memory leftBoard = single(leftKey);
        Board memory rightBoard = single(rightKey);
        if (refusal.length > 0) vm.expectRevert(refusal);
        depositary.settle(s, left, right, leftBoard, leftSignatures, rightBoard, rightSignatures);
    }

    function sameCollateral(bytes32 asset, uint256 amount, int256 ondelta) internal view {
        (uint256 held, int256 moved) = depositary.collateral(channel, asset);
        same(held, amount);
        same(moved, ondelta);
    }

    function refusalOf(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function refusalOf(bytes4 selector, uint256 number) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, number);
    }

    function refusalOf(bytes4 selector, bytes32 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, id);
    }

    function refusalOf(bytes4 selector, address account) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, account);
    }
}
