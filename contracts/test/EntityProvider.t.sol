// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Board, EntityProvider} from "../src/EntityProvider.sol";
import {Boards} from "./Boards.sol";

/// @notice N-5 and EN-6: which board an entity is, and what its members' signatures weigh.
contract EntityProviderTest is Boards {
    bytes32 private constant DIGEST = keccak256("what the board wants");
    EntityProvider private entities;

    function setUp() public {
        entities = new EntityProvider();
    }

    /// N-5: a board of one, salt 0. The vectors are from `cast to-rlp … | cast keccak`.
    function testEntityIdOfABoardOfOne() public view {
        bytes memory rlp = hex"da01d7d6947e5f4552091a69125d5dfcb7b8c2659029395bdf0180";
        same(entities.entityId(single(1)), keccak256(rlp));
        same(entities.entityId(single(1)), 0x99c26ac166730ace144879bf29ade025a8c838b4151389208d526db39e266dab);
    }

    /// N-5: integers are minimal at each length, and lists over 55 bytes take the long form.
    function testEntityIdOfALongBoard() public view {
        Board memory board = boardOf(0x100, keyList(1, 2, 3), weightList(0x7f, 0x80, 0x100));
        board.salt = type(uint64).max;
        same(entities.entityId(board), 0x53b02616ba14bf942af047ea1d0f99b719365ff04e95131338efe26cf6ff9e10);
    }

    /// N-5: order, weights, threshold and salt are all part of the id.
    function testEntityIdBindsEveryField() public view {
        Board memory board = boardOf(2, keyList(1, 2), weightList(1, 2));
        bytes32 id = entities.entityId(board);
        holds(id != entities.entityId(boardOf(2, keyList(2, 1), weightList(2, 1))), "order");
        holds(id != entities.entityId(boardOf(2, keyList(1, 2), weightList(2, 1))), "weights");
        holds(id != entities.entityId(boardOf(3, keyList(1, 2), weightList(1, 2))), "threshold");
        board.salt = 1;
        holds(id != entities.entityId(board), "salt");
    }

    function testEntityIdRefusesListsThatDoNotPair() public {
        Board memory board = boardOf(1, keyList(1, 2), weightList(1));
        vm.expectRevert(abi.encodeWithSelector(EntityProvider.BoardLengths.selector, 2, 1));
        entities.entityId(board);
    }

    /// EN-1: a board of one takes the same path.
    function testABoardOfOneAuthorizes() public view {
        holds(authorizes(single(1), signature(1, DIGEST)), "its only member signed");
        holds(!authorizes(single(1), signature(2, DIGEST)), "a stranger signed");
        holds(!authorizes(single(1), signature(1, keccak256("else"))), "it signed something else");
        holds(!authorizes(single(1), ""), "nobody signed");
    }

    /// N-5: the board has to be the founding board of that entity.
    function testTheBoardHasToBeTheEntitys() public view {
        bytes32 other = entities.entityId(single(2));
        holds(!entities.authorizes(other, single(1), DIGEST, signature(1, DIGEST)), "another entity's board");
    }

    /// EN-6: the threshold counts, and so do 2/3 of the weight whatever the threshold says.
    function testWeightNeedsThresholdAndTwoThirds() public view {
        Board memory low = boardOf(1, keyList(1, 2, 3), weightList(1, 1, 1));
        holds(!authorizes(low, signatures(keyList(1, 2), DIGEST)), "exactly 2/3 is not more than 2/3");
        holds(authorizes(low, signatures(keyList(1, 2, 3), DIGEST)), "all");
        Board memory barely = boardOf(1, keyList(1, 2), weightList(67, 33));
        holds(authorizes(barely, signature(1, DIGEST)), "67 of 100");
        Board memory notQuite = boardOf(1, keyList(1, 2), weightList(66, 33));
        holds(!authorizes(notQuite, signature(1, DIGEST)), "66 of 99");
        Board memory high = boardOf(100, keyList(1, 2), weightList(99, 1));
        holds(!authorizes(high, signature(1, DIGEST)), "99 of threshold 100");
        holds(authorizes(high, signatures(keyList(1, 2), DIGEST)), "100 of threshold 100");
    }

    /// EN-6: the largest weights that a u64 can total.
    function testWeightsUpToU64() public view {
        uint64 max = type(uint64).max;
        Board memory board = boardOf(max, keyList(1, 2), weightList(max - 1, 1));
        holds(authorizes(board, signatures(keyList(1, 2), DIGEST)), "total is exactly the largest u64");
        board = boardOf(max, keyList(1, 2), weightList(max, 1));
        holds(!authorizes(board, signatures(keyList(1, 2), DIGEST)), "total passes u64");
    }

    /// EN-6: distinct members, strictly ascending.
    function testSignaturesHaveToAscend() public view {
        Board memory board = boardOf(2, keyList(1, 2), weightList(1, 1));
        bytes memory a = signature(1, DIGEST);
        bytes memory b = signature(2, DIGEST);
        bool oneFirst = vm.addr(1) < vm.addr(2);
        holds(authorizes(board, oneFirst ? bytes.concat(a, b) : bytes.concat(b, a)), "ascending");
        holds(!authorizes(board, oneFirst ? bytes.concat(b, a) : bytes.concat(a, b)), "descending");
        holds(!authorizes(board, bytes.concat(a, a)), "one member twice");
    }

    /// EN-6: every signature has to be a member's, even where the rest would do.
    function testAStrangersSignatureSpoilsTheRest() public view {
        Board memory board = boardOf(67, keyList(1, 2), weightList(67, 33));
        holds(authorizes(board, signature(1, DIGEST)), "enough alone");
        holds(!authorizes(board, signatures(keyList(1, 3), DIGEST)), "with a stranger's");
    }

    /// EN-6: low-s only, so a signature has one form.
    function testHighSIsRefused() public view {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, DIGEST);
        bytes32 high = bytes32(ORDER - uint256(s));
        uint8 flipped = v == 27 ? 28 : 27;
        same(ecrecover(DIGEST, flipped, r, high), vm.addr(1));
        holds(!authorizes(single(1), abi.encodePacked(r, high, flipped)), "the malleable twin");
    }

    /// EN-6: v is 27 or 28, and address 0, which a failed recovery gives, never signs.
    function testAddressZeroNeverSigns() public view {
        Board memory board = single(1);
        board.members[0] = address(0);
        holds(!authorizes(board, new bytes(65)), "zeros recover address 0");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1, DIGEST);
        holds(!authorizes(single(1), abi.encodePacked(r, s, v - 27)), "v of 0 or 1");
    }

    /// DP-7: each malformed board is no evidence, though its id and signatures match.
    function testMalformedBoardsAuthorizeNothing() public view {
        uint256[] memory none = new uint256[](0);
        holds(!authorizes(boardOf(0, none, new uint64[](0)), ""), "no members");
        holds(!authorizes(boardOf(0, keyList(1), weightList(1)), signature(1, DIGEST)), "threshold 0");
        holds(!authorizes(boardOf(2, keyList(1), weightList(1)), signature(1, DIGEST)), "threshold over total");
        bytes memory both = signatures(keyList(1, 2), DIGEST);
        holds(!authorizes(boardOf(1, keyList(1, 2), weightList(1, 0)), both), "weight 0");
        holds(!authorizes(boardOf(1, keyList(1, 1), weightList(3, 1)), signature(1, DIGEST)), "a member twice");
        holds(
            !entities.authorizes(0, boardOf(1, keyList(1, 2), weightList(1)), DIGEST, signature(1, DIGEST)),
            "lists differ"
        );
    }

    /// N-5: 32 members are a board, 33 aren't.
    function testAtMostThirtyTwoMembers() public view {
        (Board memory board, uint256[] memory keys) = crowd(32);
        holds(authorizes(board, signatures(keys, DIGEST)), "32 members");
        (board, keys) = crowd(33);
        holds(!authorizes(board, signatures(keys, DIGEST)), "33 members");
    }

    /// DP-7: any length of signatures is judged, never a panic.
    function testFuzzTruncatedSignatures(uint256 length) public view {
        Board memory board = boardOf(2, keyList(1, 2), weightList(1, 1));
        bytes memory packed = signatures(keyList(1, 2), DIGEST);
        length = within(length, 0, 3 * 65);
        bytes memory cut = new bytes(length);
        for (uint256 i = 0; i < length && i < packed.length; ++i) {
            cut[i] = packed[i];
        }
        holds(authorizes(board, cut) == (length == packed.length), "only the whole is evidence");
    }

    /// DP-7: a change of any bit is no evidence.
    function testFuzzFlippedBit(uint256 bit) public view {
        bytes memory packed = signature(1, DIGEST);
        bit = within(bit, 0, 65 * 8 - 1);
        // forge-lint: disable-next-line(incorrect-shift)
        packed[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        holds(!authorizes(single(1), packed), "a flipped bit");
    }

    /// DP-7: whatever the board and signatures are, the answer is false, not a revert.
    function testFuzzArbitraryArguments(bytes32 entity, Board calldata board, bytes32 digest, bytes calldata packed)
        public
        view
    {
        holds(!entities.authorizes(entity, board, digest, packed), "made-up evidence");
        if (board.members.length != board.weights.length) return;
        holds(!entities.authorizes(entities.entityId(board), board, digest, packed), "made-up signatures");
    }

    /// DP-7: calldata that isn't the ABI's form may revert, empty, but never panics or passes.
    function testFuzzArbitraryCalldata(bytes calldata tail) public view {
        (bool success, bytes memory answer) =
            address(entities).staticcall(bytes.concat(EntityProvider.authorizes.selector, tail));
        holds(success ? !abi.decode(answer, (bool)) : answer.length == 0, "panicked or passed");
    }

    /// EN-6: for any subset of the members, the answer is what the weights say.
    function testFuzzSubsetsOfABoard(uint8 chosen, uint64[5] calldata drawn, uint64 threshold) public view {
        uint256[] memory keys = new uint256[](5);
        uint64[] memory weights = new uint64[](5);
        uint256 total;
        for (uint256 i = 0; i < 5; ++i) {
            keys[i] = i + 1;
            weights[i] = drawn[i] % (type(uint64).max / 5) + 1;
            total += weights[i];
        }
        threshold = uint64(within(threshold, 1, total));
        (uint256 signed, uint256[] memory signers) = subset(keys, weights, chosen);
        bool expected = signed >= threshold && signed > 2 * total / 3;
        holds(
            authorizes(boardOf(threshold, keys, weights), signatures(signers, DIGEST)) == expected,
            "weight against answer"
        );
    }

    function subset(uint256[] memory keys, uint64[] memory weights, uint8 chosen)
        private
        pure
        returns (uint256 signed, uint256[] memory signers)
    {
        uint256 count;
        signers = new uint256[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            if ((chosen >> i) & 1 == 0) continue;
            signers[count++] = keys[i];
            signed += weights[i];
        }
        assembly ("memory-safe") {
            mstore(signers, count)
        }
    }

    function authorizes(Board memory board, bytes memory packed) private view returns (bool) {
        return entities.authorizes(entities.entityId(board), board, DIGEST, packed);
    }

    function crowd(uint256 count) private pure returns (Board memory board, uint256[] memory keys) {
        keys = new uint256[](count);
        uint64[] memory weights = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            (keys[i], weights[i]) = (i + 1, 1);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        board = boardOf(uint64(count), keys, weights);
    }
}
