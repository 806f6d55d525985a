// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Board} from "../src/EntityProvider.sol";
import {Test} from "./Vm.sol";

/// @notice Boards of test keys, and their signatures in the packed form of EN-6.
abstract contract Boards is Test {
    /// The order of secp256k1: (r, ORDER - s, other v) verifies too unless high s is refused.
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function single(uint256 key) internal pure returns (Board memory board) {
        return boardOf(1, keyList(key), weightList(1));
    }

    function boardOf(uint64 threshold, uint256[] memory keys, uint64[] memory weights)
        internal
        pure
        returns (Board memory board)
    {
        board.threshold = threshold;
        board.weights = weights;
        board.members = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            board.members[i] = vm.addr(keys[i]);
        }
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Packed signatures of `keys` in ascending order of their addresses.
    function signatures(uint256[] memory keys, bytes32 digest) internal pure returns (bytes memory packed) {
        address last = address(0);
        for (uint256 n = 0; n < keys.length; ++n) {
            uint256 next = 0;
            for (uint256 i = 0; i < keys.length; ++i) {
                address candidate = vm.addr(keys[i]);
                if (candidate > last && (next == 0 || candidate < vm.addr(next))) next = keys[i];
            }
            packed = bytes.concat(packed, signature(next, digest));
            last = vm.addr(next);
        }
    }

    function keyList(uint256 a) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = a;
    }

    function keyList(uint256 a, uint256 b) internal pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }

    function keyList(uint256 a, uint256 b, uint256 c) internal pure returns (uint256[] memory list) {
        list = new uint256[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function weightList(uint64 a) internal pure returns (uint64[] memory list) {
        list = new uint64[](1);
        list[0] = a;
    }

    function weightList(uint64 a, uint64 b) internal pure returns (uint64[] memory list) {
        list = new uint64[](2);
        (list[0], list[1]) = (a, b);
    }

    function weightList(uint64 a, uint64 b, uint64 c) internal pure returns (uint64[] memory list) {
        list = new uint64[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }
}
