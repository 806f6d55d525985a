// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Depositary} from "../src/Depositary.sol";
import {Fixture} from "./Fixture.sol";

/// @notice EIP-712: the digests are what any wallet computes from the typed data, and bind chain and contract.
contract DigestTest is Fixture {
    string private constant DOMAIN =
        '"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}]';

    function testWithdrawalDigest() public view {
        string memory types =
            '"Withdrawal":[{"name":"entity","type":"bytes32"},{"name":"asset","type":"bytes32"},{"name":"amount","type":"uint256"},{"name":"to","type":"address"},{"name":"operation","type":"bytes32"},{"name":"validUntil","type":"uint64"}]';
        string memory message = string.concat(
            ids("entity", left, "asset", nativeId),
            ',"amount":"40","to":"',
            vm.toString(PAYEE),
            '","operation":"',
            vm.toString(bytes32("a")),
            '","validUntil":"1000000"'
        );
        same(depositary.withdrawalDigest(withdrawal(nativeId, 40, "a")), typed("Withdrawal", types, message));
    }

    function testAllocationDigest() public view {
        string memory types =
            '"Allocation":[{"name":"channel","type":"bytes32"},{"name":"entity","type":"bytes32"},{"name":"asset","type":"bytes32"},{"name":"amount","type":"uint256"},{"name":"operation","type":"bytes32"},{"name":"validUntil","type":"uint64"}]';
        string memory message = string.concat(
            ids("channel", channel, "entity", right),
            ",",
            ids("asset", tokenId, "operation", "b"),
            ',"amount":"40","validUntil":"1000000"'
        );
        same(depositary.allocationDigest(allocation(right, tokenId, 40, "b")), typed("Allocation", types, message));
    }

    function testSettlementDigest() public view {
        string memory types =
            '"Diff":[{"name":"asset","type":"bytes32"},{"name":"left","type":"int256"},{"name":"right","type":"int256"}],"Settlement":[{"name":"channel","type":"bytes32"},{"name":"diffs","type":"Diff[]"},{"name":"counter","type":"uint64"},{"name":"validUntil","type":"uint64"}]';
        string memory message = string.concat(
            '"channel":"',
            vm.toString(channel),
            '","diffs":[{"asset":"',
            vm.toString(nativeId),
            '","left":"-5","right":"7"},{"asset":"',
            vm.toString(tokenId),
            '","left":"1","right":"-2"}],"counter":"9","validUntil":"1000000"'
        );
        Depositary.Diff[] memory list = new Depositary.Diff[](2);
        list[0] = Depositary.Diff(nativeId, -5, 7);
        list[1] = Depositary.Diff(tokenId, 1, -2);
        same(depositary.settlementDigest(settlement(list, 9)), typed("Settlement", types, message));
    }

    /// Replay: what was signed for one chain is void on a fork of it.
    function testAnotherChainRefuses() public {
        fund(left, 100, 0);
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        bytes memory byLeft = signature(leftKey, depositary.withdrawalDigest(w));
        uint256 home = block.chainid;
        vm.chainId(home + 1);
        vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, left));
        depositary.withdraw(w, single(leftKey), byLeft);
        vm.chainId(home);
        depositary.withdraw(w, single(leftKey), byLeft);
    }

    /// Replay, N-6: a channel of one chain is no channel of another.
    function testAnotherChainKnowsNoSuchChannel() public {
        fund(left, 100, 0);
        Depositary.Allocation memory a = allocation(left, nativeId, 1, "a");
        bytes memory byLeft = signature(leftKey, depositary.allocationDigest(a));
        vm.chainId(block.chainid + 1);
        bytes memory refusal = refusalOf(Depositary.WrongChannel.selector, depositary.channelId(left, right));
        vm.expectRevert(refusal);
        depositary.allocate(a, right, single(leftKey), byLeft);
    }

    /// Replay: what was signed for one depositary is void in another, on the same chain and for the same assets.
    function testAnotherDepositaryRefuses() public {
        Depositary other = new Depositary(entities);
        other.deposit{value: 100}(left, native(), 100);
        Depositary.Withdrawal memory w = withdrawal(nativeId, 1, "a");
        bytes memory byLeft = signature(leftKey, depositary.withdrawalDigest(w));
        vm.expectRevert(refusalOf(Depositary.Unauthorized.selector, left));
        other.withdraw(w, single(leftKey), byLeft);
        Depositary.Settlement memory s = settlement(diffs(nativeId, 0, 0), 1);
        bytes memory refusal = refusalOf(Depositary.WrongChannel.selector, other.channelId(left, right));
        vm.expectRevert(refusal);
        other.settle(s, left, right, single(leftKey), "", single(rightKey), "");
    }

    /// A signature over one kind of message is void as another.
    function testDigestsOfDifferentKindsDiffer() public view {
        Depositary.Withdrawal memory w = Depositary.Withdrawal(0, 0, 0, address(0), 0, 0);
        Depositary.Allocation memory a = Depositary.Allocation(0, 0, 0, 0, 0, 0);
        Depositary.Settlement memory s = Depositary.Settlement(0, new Depositary.Diff[](0), 0, 0);
        bytes32 first = depositary.withdrawalDigest(w);
        bytes32 second = depositary.allocationDigest(a);
        bytes32 third = depositary.settlementDigest(s);
        holds(first != second && second != third && third != first, "each has its type hash");
    }

    function ids(string memory one, bytes32 first, string memory two, bytes32 second)
        private
        pure
        returns (string memory)
    {
        return string.concat('"', one, '":"', vm.toString(first), '","', two, '":"', vm.toString(second), '"');
    }

    /// @dev The digest by forge's own EIP-712, from the JSON that a wallet is given.
    function typed(string memory primary, string memory types, string memory message) private view returns (bytes32) {
        string memory domain = string.concat(
            '{"name":"XLN","version":"1","chainId":31337,"verifyingContract":"', vm.toString(address(depositary)), '"}'
        );
        return vm.eip712HashTypedData(
            string.concat(
                '{"types":{',
                DOMAIN,
                ",",
                types,
                '},"primaryType":"',
                primary,
                '","domain":',
                domain,
                ',"message":{',
                message,
                "}}"
            )
        );
    }
}
