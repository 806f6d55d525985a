// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Depositary} from "../src/Depositary.sol";
import {Fixture} from "./Fixture.sol";
import {
    BackwardToken,
    FalseToken,
    FeeOnTopToken,
    FeeToken,
    Hook,
    HookToken,
    LyingToken,
    MuteToken,
    PausingToken,
    RebasingToken,
    SilentToken
} from "./tokens/Hostile.sol";

/// @notice Makes one prepared call to the depositary whenever it is paid or a token's hook calls it.
contract Intruder is Hook {
    address private immutable TARGET;
    bytes private call;
    bytes public answer;
    bool public passed;
    uint256 public calls;

    constructor(address target) {
        TARGET = target;
    }

    function prepare(bytes calldata call_) external {
        call = call_;
    }

    function tokensMoved() external {
        intrude();
    }

    receive() external payable {
        intrude();
    }

    function intrude() private {
        calls += 1;
        (passed, answer) = TARGET.call(call);
    }
}

/// @notice Refuses to be paid.
contract Refuser {
    error NoThanks();

    receive() external payable {
        revert NoThanks();
    }
}

/// @notice Refuses to be paid, and says nothing.
contract SilentRefuser {}

/// @notice DP-8: each hostile token and recipient is credited right or refused, and CH-13 holds throughout.
contract HostileTest is Fixture {
    /// DP-3: a fee on transfer is the depositor's loss; on the way out it is the recipient's.
    function testFeeOnTransferIsCreditedAsItArrived() public {
        FeeToken fee = new FeeToken();
        bytes32 id = ready(address(fee));
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Deposited(left, id, 990, address(this));
        depositary.deposit(left, erc20(address(fee)), 1000);
        same(depositary.reserve(left, id), 990);
        withdraw(withdrawal(id, 900, "a"), "");
        same(fee.balanceOf(PAYEE), 891);
        same(fee.balanceOf(address(depositary)), depositary.reserve(left, id));
    }

    /// CH-13: a fee on top would be paid by the other entities.
    function testFeeOnTopIsRefused() public {
        FeeOnTopToken fee = new FeeOnTopToken();
        bytes32 id = ready(address(fee));
        depositary.deposit(left, erc20(address(fee)), 1000);
        depositary.deposit(right, erc20(address(fee)), 1000);
        withdraw(withdrawal(id, 1000, "a"), refusalOf(Depositary.Overspent.selector, 1010));
        same(fee.balanceOf(address(depositary)), 2000);
        withdraw(withdrawal(id, 99, "a"), "");
        same(fee.balanceOf(PAYEE), 99);
    }

    function testNoReturnValueIsFine() public {
        MuteToken mute = new MuteToken();
        mute.approve(address(depositary), 1000);
        bytes32 id = depositary.assetId(erc20(address(mute)));
        depositary.deposit(left, erc20(address(mute)), 1000);
        withdraw(withdrawal(id, 400, "a"), "");
        same(mute.balanceOf(PAYEE), 400);
        same(depositary.reserve(left, id), 600);
    }

    function testFalseIsRefused() public {
        FalseToken liar = new FalseToken();
        bytes32 id = ready(address(liar));
        depositary.deposit(left, erc20(address(liar)), 1000);
        liar.turn();
        bytes memory refusal = refusalOf(SafeERC20.SafeERC20FailedOperation.selector, address(liar));
        vm.expectRevert(refusal);
        depositary.deposit(left, erc20(address(liar)), 1000);
        withdraw(withdrawal(id, 1000, "a"), refusal);
        same(depositary.reserve(left, id), 1000);
    }

    /// DP-3: the balance counts, not the answer.
    function testNothingArrivedIsRefused() public {
        SilentToken silent = new SilentToken();
        ready(address(silent));
        vm.expectRevert(refusalOf(Depositary.NothingArrived.selector));
        depositary.deposit(left, erc20(address(silent)), 1000);
        BackwardToken backward = new BackwardToken();
        ready(address(backward));
        backward.transfer(address(depositary), 1000);
        vm.expectRevert(refusalOf(Depositary.NothingArrived.selector));
        depositary.deposit(left, erc20(address(backward)), 1000);
    }

    /// N-1: an absurd balance is refused, not summed up.
    function testAnAbsurdBalanceIsRefused() public {
        LyingToken liar = new LyingToken();
        bytes32 id = ready(address(liar));
        uint256[3] memory absurd = [MAX + 1, 2 ** 255, type(uint256).max];
        checkRefused(liar, absurd);
        liar.claim(MAX);
        depositary.deposit(left, erc20(address(liar)), 1);
        same(depositary.reserve(left, id), MAX);
        checkRefused(liar, absurd);
    }

    /// DP-8: only the lying token's own asset suffers from it.
    function testALiarHarmsOnlyItsOwnAsset() public {
        fund(left, 5, 5);
        LyingToken liar = new LyingToken();
        bytes32 id = ready(address(liar));
        liar.claim(MAX);
        depositary.deposit(right, erc20(address(liar)), 1);
        same(depositary.reserve(left, nativeId) + depositary.reserve(left, tokenId), 10);
        same(depositary.reserve(right, nativeId) + depositary.reserve(right, tokenId), 0);
        same(depositary.reserve(right, id), MAX);
    }

    /// CH-13: what a rebase adds belongs to nobody.
    function testARebaseUpIsASurplus() public {
        RebasingToken rebasing = new RebasingToken();
        bytes32 id = ready(address(rebasing));
        depositary.deposit(left, erc20(address(rebasing)), 1000);
        rebasing.rebase(200);
        same(depositary.reserve(left, id), 1000);
        depositary.deposit(right, erc20(address(rebasing)), 1000);
        same(depositary.reserve(right, id), 1000);
        withdraw(withdrawal(id, 1001, "a"), refusalOf(Depositary.InsufficientReserve.selector, 1000));
        withdraw(withdrawal(id, 1000, "a"), "");
        same(rebasing.balanceOf(address(depositary)), 2000);
    }

    /// DP-8: what a rebase takes away can't be paid out, and no other asset pays for it.
    function testARebaseDownIsPaidWhileItLasts() public {
        RebasingToken rebasing = new RebasingToken();
        bytes32 id = ready(address(rebasing));
        fund(left, 0, 1000);
        depositary.deposit(left, erc20(address(rebasing)), 1000);
        rebasing.rebase(50);
        Depositary.Withdrawal memory w = withdrawal(id, 501, "a");
        bytes memory packed = signature(leftKey, depositary.withdrawalDigest(w));
        vm.expectRevert();
        depositary.withdraw(w, single(leftKey), packed);
        withdraw(withdrawal(id, 500, "a"), "");
        withdraw(withdrawal(tokenId, 1000, "b"), "");
        same(depositary.reserve(left, id), 500);
    }

    /// DP-8: a pause delays, and uses no operation up.
    function testAPauseDelays() public {
        PausingToken pausing = new PausingToken();
        bytes32 id = ready(address(pausing));
        depositary.deposit(left, erc20(address(pausing)), 1000);
        pausing.pause(true);
        vm.expectRevert(refusalOf(PausingToken.Paused.selector));
        depositary.deposit(left, erc20(address(pausing)), 1);
        withdraw(withdrawal(id, 1000, "a"), refusalOf(PausingToken.Paused.selector));
        holds(!depositary.operationUsed(left, "a"), "not used");
        pausing.pause(false);
        withdraw(withdrawal(id, 1000, "a"), "");
        same(pausing.balanceOf(PAYEE), 1000);
    }

    function testAnAddressWithoutCodeIsNoToken() public {
        vm.expectRevert(refusalOf(Depositary.NoCode.selector, address(0xdead)));
        depositary.deposit(left, erc20(address(0xdead)), 1);
    }

    /// A contract that is no token reverts, whatever it answers.
    function testAContractThatIsNoTokenIsRefused() public {
        vm.expectRevert();
        depositary.deposit(left, erc20(address(entities)), 1);
    }

    /// DP-8: no entry point opens while a deposit is measured; the rest of the deposit stands.
    function testATokenHookCannotReenter() public {
        HookToken hooking = new HookToken();
        bytes32 id = ready(address(hooking));
        Intruder intruder = new Intruder(address(depositary));
        hooking.hook(address(intruder));
        fund(left, 0, 1000);
        bytes[4] memory calls = entries();
        for (uint256 i = 0; i < calls.length; ++i) {
            intruder.prepare(calls[i]);
            depositary.deposit(left, erc20(address(hooking)), 10);
            checkRefused(intruder, i + 1);
        }
        same(depositary.reserve(left, id), 40);
        withdraw(withdrawal(id, 40, "hooked"), "");
        checkRefused(intruder, 5);
        same(depositary.reserve(left, tokenId), 1000);
    }

    /// DP-8: nor while a recipient is being paid, though the same calls pass outside.
    function testARecipientCannotReenter() public {
        fund(left, 1000, 1000);
        Intruder intruder = new Intruder(address(depositary));
        bytes[4] memory calls = entries();
        for (uint256 i = 0; i < calls.length; ++i) {
            intruder.prepare(calls[i]);
            Depositary.Withdrawal memory w = withdrawal(nativeId, 10, bytes32(i + 1));
            w.to = address(intruder);
            withdraw(w, "");
            checkRefused(intruder, i + 1);
        }
        same(address(intruder).balance, 40);
        same(depositary.reserve(left, nativeId), 960);
        for (uint256 i = 1; i < calls.length; ++i) {
            (bool passed,) = address(depositary).call(calls[i]);
            holds(passed, "the same call outside");
        }
    }

    /// A recipient that refuses loses nothing, and its reason is passed on.
    function testARecipientMayRefuse() public {
        fund(left, 1000, 0);
        Depositary.Withdrawal memory w = withdrawal(nativeId, 10, "a");
        w.to = address(new Refuser());
        withdraw(w, refusalOf(Refuser.NoThanks.selector));
        w.to = address(new SilentRefuser());
        withdraw(w, refusalOf(Errors.FailedCall.selector));
        same(depositary.reserve(left, nativeId), 1000);
        holds(!depositary.operationUsed(left, "a"), "not used");
    }

    /// CH-13: only forced movements could make the chain's balance fall short; then nothing is paid.
    function testAShortBalancePaysNothing() public {
        fund(left, 1000, 0);
        vm.deal(address(depositary), 9);
        withdraw(withdrawal(nativeId, 10, "a"), abi.encodeWithSelector(Errors.InsufficientBalance.selector, 9, 10));
    }

    /// @dev One valid call for each entry point: deposit, withdraw, allocate, settle.
    function entries() private view returns (bytes[4] memory calls) {
        calls[0] = abi.encodeCall(Depositary.deposit, (left, erc20(address(token)), 1));
        Depositary.Withdrawal memory w = withdrawal(tokenId, 1, "inner withdraw");
        bytes memory packed = signature(leftKey, depositary.withdrawalDigest(w));
        calls[1] = abi.encodeCall(Depositary.withdraw, (w, single(leftKey), packed));
        Depositary.Allocation memory a = allocation(left, tokenId, 1, "inner allocate");
        packed = signature(leftKey, depositary.allocationDigest(a));
        calls[2] = abi.encodeCall(Depositary.allocate, (a, right, single(leftKey), packed));
        Depositary.Settlement memory s = settlement(diffs(tokenId, -1, 0), 1);
        bytes32 digest = depositary.settlementDigest(s);
        calls[3] = abi.encodeCall(
            Depositary.settle,
            (s, left, right, single(leftKey), signature(leftKey, digest), single(rightKey), signature(rightKey, digest))
        );
    }

    function checkRefused(LyingToken liar, uint256[3] memory absurd) private {
        for (uint256 i = 0; i < absurd.length; ++i) {
            liar.claim(absurd[i]);
            vm.expectRevert(refusalOf(Depositary.OutOfRange.selector, MAX));
            depositary.deposit(left, erc20(address(liar)), 1);
        }
    }

    function checkRefused(Intruder intruder, uint256 calls) private view {
        same(intruder.calls(), calls);
        holds(!intruder.passed(), "the inner call");
        same(keccak256(intruder.answer()), keccak256(refusalOf(REENTERED)));
    }

    function ready(address hostile) private returns (bytes32) {
        IERC20(hostile).approve(address(depositary), type(uint256).max);
        return depositary.assetId(erc20(hostile));
    }

    bytes4 private constant REENTERED = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
}
