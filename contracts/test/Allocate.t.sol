// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Depositary} from "../src/Depositary.sol";
import {Fixture} from "./Fixture.sol";

/// @notice DP-1 and N-6: reserve becomes collateral of the pair's current channel.
contract AllocateTest is Fixture {
    function setUp() public override {
        super.setUp();
        fund(left, 100, MAX);
        fund(right, 100, MAX);
    }

    /// N-6: the preimage, field by field; every field tells channels apart.
    function testChannelIds() public {
        same(channel, keccak256(abi.encode(block.chainid, address(depositary), left, right, uint64(0))));
        same(depositary.epoch(left, right), 0);
        holds(new Depositary(entities).channelId(left, right) != channel, "another depositary");
        vm.chainId(block.chainid + 1);
        holds(depositary.channelId(left, right) != channel, "another chain");
    }

    /// N-5: left is the smaller id, and an entity has no channel with itself.
    function testSidesAreOrdered() public {
        bytes memory refusal = abi.encodeWithSelector(Depositary.SidesOutOfOrder.selector, right, left);
        vm.expectRevert(refusal);
        depositary.channelId(right, left);
        vm.expectRevert(refusal);
        depositary.epoch(right, left);
        vm.expectRevert(abi.encodeWithSelector(Depositary.SidesOutOfOrder.selector, left, left));
        depositary.channelId(left, left);
    }

    /// DP-1: for left, C and ondelta rise.
    function testLeftAllocates() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.CollateralAdded(channel, nativeId, "a", left, true, 30);
        allocate(allocation(left, nativeId, 30, "a"), "");
        same(depositary.reserve(left, nativeId), 70);
        sameCollateral(nativeId, 30, 30);
        holds(depositary.operationUsed(left, "a"), "used");
    }

    /// DP-1: for right, C alone rises.
    function testRightAllocates() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.CollateralAdded(channel, nativeId, "a", right, false, 30);
        allocate(allocation(right, nativeId, 30, "a"), "");
        same(depositary.reserve(right, nativeId), 70);
        sameCollateral(nativeId, 30, 0);
    }

    /// No token moves: the depositary holds what it held.
    function testNoTokenMoves() public {
        allocate(allocation(left, nativeId, 100, "a"), "");
        same(address(depositary).balance, 200);
        withdraw(withdrawal(nativeId, 1, "b"), refusalOf(Depositary.InsufficientReserve.selector, uint256(0)));
    }

    function testMoreThanTheReserveIsRefused() public {
        allocate(allocation(left, nativeId, 101, "a"), refusalOf(Depositary.InsufficientReserve.selector, 100));
        allocate(
            allocation(left, nativeId, type(uint256).max, "a"), refusalOf(Depositary.InsufficientReserve.selector, 100)
        );
        allocate(allocation(left, nativeId, 0, "a"), refusalOf(Depositary.ZeroAmount.selector));
    }

    /// N-1: the collateral of a channel holds 2^120 and not one more.
    function testCollateralIsAtMostTwoToThe120() public {
        bytes memory refusal = refusalOf(Depositary.OutOfRange.selector, MAX);
        allocate(allocation(left, tokenId, MAX, "a"), "");
        sameCollateral(tokenId, MAX, int256(MAX));
        allocate(allocation(right, tokenId, 1, "a"), refusal);
        allocate(allocation(right, tokenId, MAX, "a"), refusal);
    }

    /// N-1: ondelta holds 2^120 and not one more, though the collateral has room.
    function testOndeltaIsAtMostTwoToThe120() public {
        allocate(allocation(left, tokenId, MAX, "a"), "");
        emptyRight();
        settle(settlement(diffs(tokenId, 0, 10), 1), "");
        sameCollateral(tokenId, MAX - 10, int256(MAX));
        fund(left, 0, 1);
        allocate(allocation(left, tokenId, 1, "b"), refusalOf(Depositary.OutOfRange.selector, MAX));
    }

    /// @dev Empties right's token reserve, so that it has room.
    function emptyRight() private {
        Depositary.Withdrawal memory w = Depositary.Withdrawal(right, tokenId, MAX, PAYEE, "out", LATER);
        bytes memory packed = signature(rightKey, depositary.withdrawalDigest(w));
        depositary.withdraw(w, single(rightKey), packed);
    }

    /// N-6: the channel has to be that of the two entities, in their current epoch.
    function testAnotherChannelIsRefused() public {
        bytes memory refusal = refusalOf(Depositary.WrongChannel.selector, channel);
        Depositary.Allocation memory a = allocation(left, nativeId, 1, "a");
        a.channel = keccak256(abi.encode(block.chainid, address(depositary), left, right, uint64(1)));
        allocate(a, refusal);
        a.channel = 0;
        allocate(a, refusal);
    }

    /// N-5: not with itself, and not under another counterparty's name.
    function testTheCounterpartyHasToFit() public {
        Depositary.Allocation memory a = allocation(left, nativeId, 1, "a");
        bytes memory packed = signature(leftKey, depositary.allocationDigest(a));
        vm.expectRevert(abi.encodeWithSelector(Depositary.SidesOutOfOrder.selector, left, left));
        depositary.allocate(a, left, single(leftKey), packed);
        bytes32 stranger = bytes32(type(uint256).max);
        bytes memory refusal = refusalOf(Depositary.WrongChannel.selector, depositary.channelId(left, stranger));
        vm.expectRevert(refusal);
        depositary.allocate(a, stranger, single(leftKey), packed);
    }

    function testADeadlinePasses() public {
        vm.warp(LATER);
        allocate(allocation(left, nativeId, 1, "a"), "");
        vm.warp(LATER + 1);
        allocate(allocation(left, nativeId, 1, "b"), refusalOf(Depositary.Expired.selector, LATER));
    }

    /// Replay: withdraw and allocate share the operations.
    function testAnOperationIsUsedOnce() public {
        allocate(allocation(left, nativeId, 1, "a"), "");
        bytes memory refusal = refusalOf(Depositary.OperationAlreadyUsed.selector, bytes32("a"));
        allocate(allocation(left, nativeId, 1, "a"), refusal);
        withdraw(withdrawal(nativeId, 1, "a"), refusal);
    }

    /// EN-6: only the entity that gives has to sign, and the other can't sign for it.
    function testOnlyTheEntitysBoardAllocates() public {
        Depositary.Allocation memory a = allocation(left, nativeId, 1, "a");
        bytes memory packed = signature(rightKey, depositary.allocationDigest(a));
        bytes memory refusal = refusalOf(Depositary.Unauthorized.selector, left);
        vm.expectRevert(refusal);
        depositary.allocate(a, right, single(rightKey), packed);
        vm.expectRevert(refusal);
        depositary.allocate(a, right, single(leftKey), packed);
    }

    /// EN-6: each field is under the signature. The channel can't be altered: it is derived.
    function testEveryFieldIsSigned() public {
        bytes memory packed = signature(leftKey, depositary.allocationDigest(allocation(left, nativeId, 1, "a")));
        Depositary.Allocation[4] memory altered;
        for (uint256 i = 0; i < 4; ++i) {
            altered[i] = allocation(left, nativeId, 1, "a");
        }
        altered[0].asset = tokenId;
        altered[1].amount = 2;
        altered[2].operation = "b";
        altered[3].validUntil = LATER + 1;
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, left));
            depositary.allocate(altered[i], right, single(leftKey), packed);
        }
    }

    /// DP-1: any sequence of both sides adds up.
    function testFuzzAllocations(uint256 byLeft, uint256 byRight) public {
        (byLeft, byRight) = (within(byLeft, 1, MAX / 2), within(byRight, 1, MAX / 2));
        allocate(allocation(left, tokenId, byLeft, "a"), "");
        allocate(allocation(right, tokenId, byRight, "a"), "");
        // forge-lint: disable-next-line(unsafe-typecast)
        sameCollateral(tokenId, byLeft + byRight, int256(byLeft));
        same(depositary.reserve(left, tokenId), MAX - byLeft);
        same(depositary.reserve(right, tokenId), MAX - byRight);
    }
}
