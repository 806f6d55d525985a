// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice DP-8's tokens, each with one bad habit and a supply for whoever deploys it.
abstract contract Hostile is ERC20("Hostile", "BAD") {
    constructor() {
        _mint(msg.sender, 2 ** 130);
    }
}

/// @notice Keeps 1 % of each transfer.
contract FeeToken is Hostile {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), value / 100);
    }
}

/// @notice Takes 1 % on top of what is sent, from the sender.
contract FeeOnTopToken is Hostile {
    function transfer(address to, uint256 value) public override returns (bool) {
        _burn(msg.sender, value / 100);
        return super.transfer(to, value);
    }
}

/// @notice Answers false, and moves nothing.
contract FalseToken is Hostile {
    bool public honest = true;

    function turn() external {
        honest = false;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return honest && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return honest && super.transferFrom(from, to, value);
    }
}

/// @notice Answers true, and moves nothing.
contract SilentToken is Hostile {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// @notice Takes from whom it should give to.
contract BackwardToken is Hostile {
    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        _transfer(to, from, value);
        return true;
    }
}

/// @notice Reports a balance of 0, and after a transfer whatever it was told to.
contract LyingToken is Hostile {
    uint256 private _claimed;
    uint256 private _reported;

    function claim(uint256 balance) external {
        (_claimed, _reported) = (balance, 0);
    }

    function transferFrom(address, address, uint256) public override returns (bool) {
        _reported = _claimed;
        return true;
    }

    function balanceOf(address) public view override returns (uint256) {
        return _reported;
    }
}

/// @notice Scales every balance, up or down.
contract RebasingToken is Hostile {
    uint256 public percent = 100;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * percent / 100;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value * 100 / percent);
    }
}

/// @notice Stops all transfers while paused.
contract PausingToken is Hostile {
    error Paused();

    bool public paused;

    function pause(bool paused_) external {
        paused = paused_;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (paused) revert Paused();
        super._update(from, to, value);
    }
}

/// @notice Calls the other party during each transfer, as ERC-777 does.
contract HookToken is Hostile {
    address public hooked;

    function hook(address account) external {
        hooked = account;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (hooked != address(0)) Hook(hooked).tokensMoved();
    }
}

/// @notice Who is called by {HookToken}.
interface Hook {
    function tokensMoved() external;
}

/// @notice Returns nothing from its transfers, like the oldest tokens.
contract MuteToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor() {
        balanceOf[msg.sender] = 2 ** 130;
    }

    function approve(address spender, uint256 value) external {
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}
