// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Depositary} from "../src/Depositary.sol";
import {Board} from "../src/EntityProvider.sol";
import {Fixture} from "./Fixture.sol";

/// @notice DP-5: what both sides sign, and what it may not do.
contract SettleTest is Fixture {
    function setUp() public override {
        super.setUp();
        fund(left, 100, 100);
        fund(right, 100, 100);
        allocate(allocation(left, nativeId, 50, "open"), "");
        allocate(allocation(right, nativeId, 20, "open"), "");
    }

    /// DP-5: C += −(left + right), ondelta −= left, reserves += diffs.
    function testBothTakeOut() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Settled(channel, nativeId, 1, 30, 10);
        settle(settlement(diffs(nativeId, 30, 10), 1), "");
        sameCollateral(nativeId, 30, 20);
        same(depositary.reserve(left, nativeId), 80);
        same(depositary.reserve(right, nativeId), 90);
        same(depositary.settleCounter(channel), 1);
    }

    /// DP-5: a side may put in what the other takes out; C then stays.
    function testOnePaysTheOther() public {
        settle(settlement(diffs(nativeId, -50, 50), 1), "");
        sameCollateral(nativeId, 70, 100);
        same(depositary.reserve(left, nativeId), 0);
        same(depositary.reserve(right, nativeId), 130);
    }

    /// DP-5: both may put in.
    function testBothPutIn() public {
        settle(settlement(diffs(nativeId, -50, -80), 1), "");
        sameCollateral(nativeId, 200, 100);
        same(depositary.reserve(left, nativeId) + depositary.reserve(right, nativeId), 0);
    }

    /// DP-5: the counter strictly rises, by any step, in each channel for itself.
    function testTheCounterRises() public {
        Depositary.Diff[] memory list = diffs(nativeId, 1, 0);
        settle(settlement(list, 0), refusalOf(Depositary.StaleCounter.selector, uint256(0)));
        settle(settlement(list, 7), "");
        settle(settlement(list, 7), refusalOf(Depositary.StaleCounter.selector, 7));
        settle(settlement(list, 6), refusalOf(Depositary.StaleCounter.selector, 7));
        settle(settlement(list, type(uint64).max), "");
        settle(settlement(list, type(uint64).max), refusalOf(Depositary.StaleCounter.selector, type(uint64).max));
        sameCollateral(nativeId, 68, 48);
    }

    /// A diff of zeros voids what was signed with a lower counter.
    function testADiffOfZerosSpendsACounter() public {
        settle(settlement(diffs(nativeId, 0, 0), 5), "");
        sameCollateral(nativeId, 70, 50);
        settle(settlement(diffs(nativeId, 1, 0), 5), refusalOf(Depositary.StaleCounter.selector, 5));
    }

    function testADeadlinePasses() public {
        vm.warp(LATER);
        settle(settlement(diffs(nativeId, 1, 0), 1), "");
        vm.warp(LATER + 1);
        settle(settlement(diffs(nativeId, 1, 0), 2), refusalOf(Depositary.Expired.selector, LATER));
    }

    function testMoreThanTheCollateralIsRefused() public {
        bytes memory refusal = refusalOf(Depositary.InsufficientCollateral.selector, 70);
        settle(settlement(diffs(nativeId, 71, 0), 1), refusal);
        settle(settlement(diffs(nativeId, 36, 35), 1), refusal);
        settle(settlement(diffs(tokenId, 1, 0), 1), refusalOf(Depositary.InsufficientCollateral.selector, uint256(0)));
        settle(settlement(diffs(nativeId, 35, 35), 1), "");
        sameCollateral(nativeId, 0, 15);
    }

    function testMoreThanAReserveIsRefused() public {
        settle(settlement(diffs(nativeId, -51, 0), 1), refusalOf(Depositary.InsufficientReserve.selector, 50));
        settle(settlement(diffs(nativeId, 0, -81), 1), refusalOf(Depositary.InsufficientReserve.selector, 80));
        settle(settlement(diffs(nativeId, 81, -81), 1), refusalOf(Depositary.InsufficientReserve.selector, 80));
    }

    /// N-1: no number of a diff passes 2^120, so no sum of them overflows.
    function testDiffsAreAtMostTwoToThe120() public {
        bytes memory refusal = refusalOf(Depositary.OutOfRange.selector, MAX);
        int256[4] memory wild = [type(int256).max, type(int256).min, int256(MAX) + 1, -int256(MAX) - 1];
        for (uint256 i = 0; i < wild.length; ++i) {
            settle(settlement(diffs(nativeId, wild[i], 0), 1), refusal);
            settle(settlement(diffs(nativeId, 0, wild[i]), 1), refusal);
            settle(settlement(diffs(nativeId, wild[i], wild[i]), 1), refusal);
            settle(settlement(diffs(nativeId, wild[i], wild[3 - i]), 1), refusal);
        }
        settle(
            settlement(diffs(tokenId, -int256(MAX), int256(MAX)), 1),
            refusalOf(Depositary.InsufficientReserve.selector, 100)
        );
    }

    /// N-1: reserves, C and ondelta each stop at 2^120.
    function testNothingPassesTwoToThe120() public {
        bytes memory refusal = refusalOf(Depositary.OutOfRange.selector, MAX);
        fund(left, 0, MAX - 100);
        settle(settlement(diffs(tokenId, 1, -1), 1), refusal);
        settle(settlement(diffs(tokenId, -int256(MAX), 0), 1), "");
        sameCollateral(tokenId, MAX, int256(MAX));
        settle(settlement(diffs(tokenId, 0, -1), 2), refusal);
        settle(settlement(diffs(tokenId, 0, 1), 2), "");
        fund(left, 0, 1);
        settle(settlement(diffs(tokenId, -1, 0), 3), refusal);
    }

    /// N-1: ondelta may fall to −2^120 and no further.
    function testOndeltaFallsToMinusTwoToThe120() public {
        fund(right, 0, MAX - 100);
        settle(settlement(diffs(tokenId, 0, -int256(MAX)), 1), "");
        settle(settlement(diffs(tokenId, int256(MAX) - 100, 0), 2), "");
        fund(right, 0, MAX);
        settle(settlement(diffs(tokenId, 0, 100 - int256(MAX)), 3), "");
        Depositary.Withdrawal memory w = withdrawal(tokenId, MAX, "out");
        withdraw(w, "");
        settle(settlement(diffs(tokenId, 101, 0), 4), refusalOf(Depositary.OutOfRange.selector, MAX));
        settle(settlement(diffs(tokenId, 100, 0), 4), "");
        sameCollateral(tokenId, MAX - 100, -int256(MAX));
    }

    /// Each asset once, in ascending order.
    function testAssetsAscend() public {
        allocate(allocation(left, tokenId, 10, "token"), "");
        bool nativeFirst = nativeId < tokenId;
        Depositary.Diff[] memory list = new Depositary.Diff[](2);
        list[nativeFirst ? 0 : 1] = Depositary.Diff(tokenId, 1, 0);
        list[nativeFirst ? 1 : 0] = Depositary.Diff(nativeId, 2, 0);
        bytes memory refusal = refusalOf(Depositary.AssetsNotAscending.selector, 1);
        settle(settlement(list, 1), refusal);
        (list[0], list[1]) = (list[1], list[0]);
        settle(settlement(list, 1), "");
        sameCollateral(tokenId, 9, 9);
        sameCollateral(nativeId, 68, 48);
        list[1] = list[0];
        settle(settlement(list, 2), refusal);
    }

    /// 1 to 128 diffs: one for each asset that a channel may list.
    function testDiffsAreCounted() public {
        settle(
            settlement(new Depositary.Diff[](0), 1),
            abi.encodeWithSelector(Depositary.DiffCount.selector, uint256(0), uint256(128))
        );
        settle(
            settlement(new Depositary.Diff[](129), 1),
            abi.encodeWithSelector(Depositary.DiffCount.selector, uint256(129), uint256(128))
        );
        Depositary.Diff[] memory list = new Depositary.Diff[](128);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i].asset = bytes32(i);
        }
        settle(settlement(list, 1), "");
    }

    /// All or nothing: a refusal in the last diff undoes the first.
    function testARefusedDiffUndoesTheRest() public {
        bool nativeFirst = nativeId < tokenId;
        Depositary.Diff[] memory list = new Depositary.Diff[](2);
        list[nativeFirst ? 0 : 1] = Depositary.Diff(nativeId, 1, 1);
        list[nativeFirst ? 1 : 0] = Depositary.Diff(tokenId, 1, 1);
        settle(settlement(list, 1), refusalOf(Depositary.InsufficientCollateral.selector, uint256(0)));
        sameCollateral(nativeId, 70, 50);
        same(depositary.settleCounter(channel), 0);
    }

    /// DP-5, EN-6: both boards sign; neither can stand in for the other.
    function testBothHaveToSign() public {
        Depositary.Settlement memory s = settlement(diffs(nativeId, 1, 0), 1);
        bytes32 digest = depositary.settlementDigest(s);
        bytes memory byLeft = signature(leftKey, digest);
        bytes memory byRight = signature(rightKey, digest);
        bytes memory noLeft = refusalOf(Depositary.Unauthorized.selector, left);
        bytes memory noRight = refusalOf(Depositary.Unauthorized.selector, right);
        settleWith(s, "", byRight, noLeft);
        settleWith(s, byLeft, "", noRight);
        settleWith(s, byRight, byLeft, noLeft);
        settleWith(s, byLeft, byLeft, noRight);
        Board memory board = single(leftKey);
        vm.expectRevert(noRight);
        depositary.settle(s, left, right, board, byLeft, board, byLeft);
        settleWith(s, byLeft, byRight, "");
    }

    /// EN-6: each field is under the signatures.
    function testEveryFieldIsSigned() public {
        bytes32 digest = depositary.settlementDigest(settlement(diffs(nativeId, 1, 1), 1));
        Depositary.Settlement[5] memory altered;
        for (uint256 i = 0; i < 5; ++i) {
            altered[i] = settlement(diffs(nativeId, 1, 1), 1);
        }
        altered[0].diffs[0].asset = tokenId;
        altered[1].diffs[0].left = 2;
        altered[2].diffs[0].right = 2;
        altered[3].counter = 2;
        altered[4].validUntil = LATER + 1;
        for (uint256 i = 0; i < 5; ++i) {
            settleWith(
                altered[i],
                signature(leftKey, digest),
                signature(rightKey, digest),
                refusalOf(Depositary.Unauthorized.selector, left)
            );
        }
    }

    /// N-6: the channel has to be that of these two, left first.
    function testAnotherChannelIsRefused() public {
        Depositary.Settlement memory s = settlement(diffs(nativeId, 1, 0), 1);
        s.channel = keccak256(abi.encode(block.chainid, address(depositary), left, right, uint64(1)));
        settle(s, refusalOf(Depositary.WrongChannel.selector, channel));
        s.channel = channel;
        (Board memory board, bytes memory none) = (single(leftKey), "");
        vm.expectRevert(abi.encodeWithSelector(Depositary.SidesOutOfOrder.selector, right, left));
        depositary.settle(s, right, left, board, none, board, none);
        vm.expectRevert(abi.encodeWithSelector(Depositary.SidesOutOfOrder.selector, left, left));
        depositary.settle(s, left, left, board, none, board, none);
    }

    /// DP-5: whatever is signed, value is neither made nor lost, and left's reserve + ondelta stays.
    function testFuzzSettlements(int8 leftDiff, int8 rightDiff) public {
        checkConservation(leftDiff, rightDiff);
    }

    /// DP-5: the same, without steering the numbers.
    function testFuzzWildSettlements(int256 leftDiff, int256 rightDiff) public {
        checkConservation(leftDiff, rightDiff);
    }

    function checkConservation(int256 leftDiff, int256 rightDiff) private {
        Depositary.Settlement memory s = settlement(diffs(nativeId, leftDiff, rightDiff), 1);
        bytes32 digest = depositary.settlementDigest(s);
        bytes memory byLeft = signature(leftKey, digest);
        bytes memory byRight = signature(rightKey, digest);
        (Board memory leftBoard, Board memory rightBoard) = (single(leftKey), single(rightKey));
        bool inRange = leftDiff >= -50 && rightDiff >= -80 && leftDiff <= 150 && rightDiff <= 150;
        bool expected = inRange && leftDiff + rightDiff <= 70;
        try depositary.settle(s, left, right, leftBoard, byLeft, rightBoard, byRight) {
            holds(expected, "passed");
        } catch (bytes memory reason) {
            holds(!expected, "refused");
            // forge-lint: disable-next-line(unsafe-typecast)
            holds(bytes4(reason) != bytes4(keccak256("Panic(uint256)")), "a refusal, not a panic");
        }
        (uint256 amount, int256 ondelta) = depositary.collateral(channel, nativeId);
        uint256 leftReserve = depositary.reserve(left, nativeId);
        same(leftReserve + depositary.reserve(right, nativeId) + amount, 200);
        // forge-lint: disable-next-line(unsafe-typecast)
        same(int256(leftReserve) + ondelta, 100);
    }
}
