// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice The cheatcodes that the tests use: forge answers them at a fixed address, so no test library is needed.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    function deal(address account, uint256 balance) external;
    function expectRevert(bytes calldata data) external;
    function expectRevert() external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter, uint64 count) external;
    function eip712HashTypedData(string calldata json) external pure returns (bytes32);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonInt(string calldata json, string calldata key) external pure returns (int256);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
}

/// @notice What every test shares: the cheatcodes and equality that shows both numbers.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    /// What forge looks for in a test contract.
    bool public constant IS_TEST = true;

    error Differ(uint256 actual, uint256 expected);
    error DifferSigned(int256 actual, int256 expected);
    error DifferBytes(bytes32 actual, bytes32 expected);
    error Untrue(string claim);

    function same(uint256 actual, uint256 expected) internal pure {
        if (actual != expected) revert Differ(actual, expected);
    }

    function same(int256 actual, int256 expected) internal pure {
        if (actual != expected) revert DifferSigned(actual, expected);
    }

    function same(bytes32 actual, bytes32 expected) internal pure {
        if (actual != expected) revert DifferBytes(actual, expected);
    }

    function same(address actual, address expected) internal pure {
        same(uint256(uint160(actual)), uint256(uint160(expected)));
    }

    function holds(bool claim, string memory text) internal pure {
        if (!claim) revert Untrue(text);
    }

    /// @dev Folds a fuzzed number into low..=high.
    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return high - low == type(uint256).max ? value : low + value % (high - low + 1);
    }
}
