// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Depositary} from "../src/Depositary.sol";
import {Handler} from "./Handler.sol";
import {Test} from "./Vm.sol";

/// @notice What holds after any sequence of deposits, donations, withdrawals, allocations and settlements.
contract InvariantTest is Test {
    Handler private handler;
    Depositary private depositary;

    function setUp() public {
        handler = new Handler();
        depositary = handler.depositary();
    }

    /// @dev Forge calls only these.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// CH-13: Σ reserves + Σ collateral is at most what is held; what is over is exactly what was donated.
    function invariantConservation() public view {
        for (uint256 index = 0; index < handler.ASSETS(); ++index) {
            bytes32 asset = handler.assetIds(index);
            uint256 recorded;
            for (uint256 i = 0; i < handler.ENTITIES(); ++i) {
                (uint256 amount,) = depositary.collateral(channelOf(i), asset);
                recorded += depositary.reserve(handler.entityIds(i), asset) + amount;
            }
            holds(recorded <= handler.held(index), "more is recorded than held");
            same(recorded + handler.donated(asset), handler.held(index));
        }
    }

    /// DP-1, DP-5: allocating and settling leave an entity's reserve + claims as they were: what it paid in less what it took out.
    function invariantNobodysWorthChanges() public view {
        for (uint256 index = 0; index < handler.ASSETS(); ++index) {
            bytes32 asset = handler.assetIds(index);
            for (uint256 i = 0; i < handler.ENTITIES(); ++i) {
                bytes32 entity = handler.entityIds(i);
                int256 paid = signed(handler.paidIn(entity, asset)) - signed(handler.takenOut(entity, asset));
                same(signed(depositary.reserve(entity, asset)) + claims(entity, asset), paid);
            }
        }
    }

    /// N-1: nothing passes 2^120.
    function invariantNothingPassesTwoToThe120() public view {
        for (uint256 index = 0; index < handler.ASSETS(); ++index) {
            bytes32 asset = handler.assetIds(index);
            for (uint256 i = 0; i < handler.ENTITIES(); ++i) {
                (uint256 amount, int256 ondelta) = depositary.collateral(channelOf(i), asset);
                holds(amount <= 2 ** 120 && ondelta <= 2 ** 120 && ondelta >= -(2 ** 120), "a channel");
                holds(depositary.reserve(handler.entityIds(i), asset) <= 2 ** 120, "a reserve");
            }
        }
    }

    /// DP-5: the chain's counter is the last one signed.
    function invariantCountersFollow() public view {
        for (uint256 i = 0; i < handler.ENTITIES(); ++i) {
            same(depositary.settleCounter(channelOf(i)), handler.counters(channelOf(i)));
        }
    }

    /// The handler isn't idle: each of its actions moves what it says.
    function testEachActionMoves() public {
        bytes32 asset = handler.assetIds(2);
        (bytes32 left, bytes32 right) = handler.pair(2);
        handler.deposit(0, 2, 99_999);
        same(handler.paidIn(left, asset), 99_000);
        handler.allocate(0, 0, 2, 8_999);
        (uint256 amount, int256 ondelta) = depositary.collateral(depositary.channelId(left, right), asset);
        same(amount, 9_000);
        same(ondelta, 9_000);
        handler.settle(2, 2, 90_000 + 4_000, 1_000, 0);
        same(depositary.reserve(left, asset), 94_000);
        same(depositary.reserve(right, asset), 1_000);
        handler.withdraw(1, 2, 499);
        same(handler.takenOut(right, asset), 500);
        handler.donate(2, 99);
        same(handler.donated(asset), 99);
        invariantConservation();
        invariantNobodysWorthChanges();
    }

    /// @dev With no offdelta, left's claim on a channel is ondelta and right's the rest of C.
    function claims(bytes32 entity, bytes32 asset) private view returns (int256 sum) {
        for (uint256 i = 0; i < handler.ENTITIES(); ++i) {
            (bytes32 left, bytes32 right) = handler.pair(i);
            (uint256 amount, int256 ondelta) = depositary.collateral(channelOf(i), asset);
            if (entity == left) sum += ondelta;
            if (entity == right) sum += signed(amount) - ondelta;
        }
    }

    function channelOf(uint256 number) private view returns (bytes32) {
        (bytes32 left, bytes32 right) = handler.pair(number);
        return depositary.channelId(left, right);
    }

    function signed(uint256 value) private pure returns (int256) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return int256(value);
    }
}
