// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Depositary} from "../src/Depositary.sol";
import {Board} from "../src/EntityProvider.sol";
import {Fixture} from "./Fixture.sol";

/// @notice The only way out of the depositary (DP-6), by an entity's board (EN-6), once an operation.
contract WithdrawTest is Fixture {
    function setUp() public override {
        super.setUp();
        fund(left, 100, 100);
        fund(right, 100, 100);
    }

    function testNativeWithdrawal() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Withdrawn(left, nativeId, "a", 40, PAYEE);
        withdraw(withdrawal(nativeId, 40, "a"), "");
        same(PAYEE.balance, 40);
        same(depositary.reserve(left, nativeId), 60);
        same(address(depositary).balance, 160);
        holds(depositary.operationUsed(left, "a"), "used");
    }

    function testTokenWithdrawal() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Withdrawn(left, tokenId, "a", 100, PAYEE);
        withdraw(withdrawal(tokenId, 100, "a"), "");
        same(token.balanceOf(PAYEE), 100);
        same(depositary.reserve(left, tokenId), 0);
        same(depositary.reserve(right, tokenId), 100);
    }

    /// Who sends the transaction doesn't matter.
    function testAnyoneMaySubmit() public {
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        bytes memory packed = signature(leftKey, depositary.withdrawalDigest(w));
        vm.prank(address(0xCAFE));
        depositary.withdraw(w, single(leftKey), packed);
        same(PAYEE.balance, 1);
    }

    function testMoreThanTheReserveIsRefused() public {
        withdraw(withdrawal(nativeId, 101, "a"), refusalOf(Depositary.InsufficientReserve.selector, 100));
        withdraw(withdrawal(nativeId, type(uint256).max, "a"), refusalOf(Depositary.InsufficientReserve.selector, 100));
        withdraw(withdrawal("no such asset", 1, "a"), refusalOf(Depositary.InsufficientReserve.selector, uint256(0)));
        holds(!depositary.operationUsed(left, "a"), "a refusal uses nothing up");
    }

    function testZeroIsRefused() public {
        withdraw(withdrawal(nativeId, 0, "a"), refusalOf(Depositary.ZeroAmount.selector));
    }

    /// CH-13: paying itself would turn a reserve into surplus.
    function testTheRecipientHasToBeSomeoneElse() public {
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        w.to = address(0);
        withdraw(w, refusalOf(Depositary.InvalidRecipient.selector, address(0)));
        w.to = address(depositary);
        withdraw(w, refusalOf(Depositary.InvalidRecipient.selector, address(depositary)));
    }

    /// The last second is still in time.
    function testADeadlinePasses() public {
        vm.warp(LATER);
        withdraw(withdrawal(nativeId, 1, "a"), "");
        vm.warp(LATER + 1);
        withdraw(withdrawal(nativeId, 1, "b"), refusalOf(Depositary.Expired.selector, LATER));
    }

    /// Replay: an operation is used once, with whatever content.
    function testAnOperationIsUsedOnce() public {
        withdraw(withdrawal(nativeId, 1, "a"), "");
        bytes memory refusal = refusalOf(Depositary.OperationAlreadyUsed.selector, bytes32("a"));
        withdraw(withdrawal(nativeId, 1, "a"), refusal);
        withdraw(withdrawal(tokenId, 2, "a"), refusal);
        allocate(allocation(left, nativeId, 1, "a"), refusal);
        withdraw(withdrawal(nativeId, 1, "b"), "");
        same(PAYEE.balance, 2);
    }

    /// Operations are an entity's own: nobody can use up another's.
    function testOperationsAreKeptByEntity() public {
        allocate(allocation(right, nativeId, 1, "a"), "");
        holds(!depositary.operationUsed(left, "a"), "left hasn't used it");
        withdraw(withdrawal(nativeId, 1, "a"), "");
    }

    /// EN-6: each field is under the signature.
    function testEveryFieldIsSigned() public {
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        bytes memory packed = signature(leftKey, depositary.withdrawalDigest(w));
        Depositary.Withdrawal[5] memory altered;
        for (uint256 i = 0; i < 5; ++i) {
            altered[i] = withdrawal(nativeId, 1, "a");
        }
        altered[0].asset = tokenId;
        altered[1].amount = 2;
        altered[2].to = address(0xCAFE);
        altered[3].operation = "b";
        altered[4].validUntil = LATER + 1;
        for (uint256 i = 0; i < 5; ++i) {
            vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, left));
            depositary.withdraw(altered[i], single(leftKey), packed);
        }
        depositary.withdraw(w, single(leftKey), packed);
    }

    /// EN-6: another entity's board, and another entity's signature.
    function testOnlyTheEntitysBoardWithdraws() public {
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        bytes memory packed = signature(rightKey, depositary.withdrawalDigest(w));
        bytes memory refusal = refusalOf(Depositary.Unauthorized.selector, left);
        vm.expectRevert(refusal);
        depositary.withdraw(w, single(rightKey), packed);
        vm.expectRevert(refusal);
        depositary.withdraw(w, single(leftKey), packed);
        vm.expectRevert(refusal);
        depositary.withdraw(w, single(leftKey), "");
    }

    /// EN-6: the malleable twin of a good signature isn't one.
    function testHighSIsRefused() public {
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(leftKey, depositary.withdrawalDigest(w));
        bytes memory twin = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, left));
        depositary.withdraw(w, single(leftKey), twin);
    }

    /// EN-6: a board of three, two of which don't suffice.
    function testABoardOfThree() public {
        Board memory board = boardOf(2, keyList(1, 2, 3), weightList(1, 1, 1));
        bytes32 entity = entities.entityId(board);
        fund(entity, 10, 0);
        Depositary.Withdrawal memory w = Depositary.Withdrawal(entity, nativeId, 10, PAYEE, "a", LATER);
        bytes32 digest = depositary.withdrawalDigest(w);
        vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, entity));
        depositary.withdraw(w, board, signatures(keyList(1, 2), digest));
        depositary.withdraw(w, board, signatures(keyList(1, 2, 3), digest));
        same(PAYEE.balance, 10);
    }

    function testFuzzWithdrawals(uint256 deposited, uint256 asked) public {
        deposited = within(deposited, 1, MAX - 100);
        asked = within(asked, 1, 2 * MAX);
        fund(left, 0, deposited);
        uint256 reserve = deposited + 100;
        bool covered = asked <= reserve;
        withdraw(
            withdrawal(tokenId, asked, "a"),
            covered ? bytes("") : refusalOf(Depositary.InsufficientReserve.selector, reserve)
        );
        same(token.balanceOf(PAYEE), covered ? asked : 0);
        same(depositary.reserve(left, tokenId), covered ? reserve - asked : reserve);
    }
}
