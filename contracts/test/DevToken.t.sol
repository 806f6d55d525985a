// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DevToken} from "../src/dev/DevToken.sol";
import {Test} from "./Vm.sol";

/// @notice The token of `xln dev`: what its constructor was told is what people see.
contract DevTokenTest is Test {
    function testTheHolderHasTheSupply() public {
        DevToken token = new DevToken("US dollar", "USD", 6, 1_000_000, address(0xBEEF));
        same(token.balanceOf(address(0xBEEF)), 1_000_000);
        same(token.totalSupply(), 1_000_000);
        same(token.decimals(), 6);
        same(keccak256(bytes(token.symbol())), keccak256("USD"));
        same(keccak256(bytes(token.name())), keccak256("US dollar"));
    }
}
