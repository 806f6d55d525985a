// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Asset, Depositary} from "../src/Depositary.sol";
import {EntityProvider} from "../src/EntityProvider.sol";
import {Fixture} from "./Fixture.sol";

/// @notice DP-3 and N-4: what comes in, and under which name.
contract DepositTest is Fixture {
    bytes32 private constant NATIVE_VECTOR = 0x872b356ca5d5078a105b2c77360b11acdcfd91957002cecda5f7bbb4f7ce9a9f;

    function testConstructorWantsAnEntityProvider() public {
        same(address(depositary.entities()), address(entities));
        vm.expectRevert(refusalOf(Depositary.NoCode.selector, address(0xdead)));
        new Depositary(EntityProvider(address(0xdead)));
    }

    /// N-4: the preimage, field by field, and a vector from `cast abi-encode … | cast keccak` for chain 31337.
    function testAssetIds() public {
        same(nativeId, keccak256(abi.encode(block.chainid, uint8(0), address(0), uint256(0))));
        same(tokenId, keccak256(abi.encode(block.chainid, uint8(1), address(token), uint256(0))));
        vm.chainId(31337);
        same(depositary.assetId(native()), NATIVE_VECTOR);
        vm.chainId(1);
        holds(depositary.assetId(native()) != nativeId, "the chain is part of the id");
    }

    /// N-4: ERC-721 and ERC-1155 aren't taken yet, nor is a number that names no kind.
    function testUnsupportedKinds() public {
        for (uint8 kind = 2; kind < 5; ++kind) {
            Asset memory asset = Asset(kind, address(token), 0);
            vm.expectRevert(refusalOf(Depositary.UnsupportedKind.selector, kind));
            depositary.assetId(asset);
            vm.expectRevert(refusalOf(Depositary.UnsupportedKind.selector, kind));
            depositary.deposit(left, asset, 1);
        }
    }

    /// N-4: one asset has one name, so unused fields are zero. DP-8: no token at address zero.
    function testInvalidAssets() public {
        Asset[4] memory bad = [
            Asset(0, address(token), 0), Asset(0, address(0), 1), Asset(1, address(0), 0), Asset(1, address(token), 1)
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Depositary.InvalidAsset.selector, bad[i].token, bad[i].tokenId));
            depositary.deposit(left, bad[i], 1);
        }
    }

    function testNativeDeposit() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.AssetRegistered(nativeId, 0, address(0), 0);
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Deposited(left, nativeId, 5, address(this));
        fund(left, 5, 0);
        same(depositary.reserve(left, nativeId), 5);
        same(depositary.reserve(right, nativeId), 0);
        same(address(depositary).balance, 5);
    }

    function testTokenDeposit() public {
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.AssetRegistered(tokenId, 1, address(token), 0);
        vm.expectEmit(true, true, true, true, address(depositary));
        emit Depositary.Deposited(left, tokenId, 7, address(this));
        fund(left, 0, 7);
        same(depositary.reserve(left, tokenId), 7);
        same(token.balanceOf(address(depositary)), 7);
    }

    /// An asset is announced once, by whoever comes first.
    function testAnAssetIsRegisteredOnce() public {
        (Asset memory asset, bool registered) = depositary.assetOf(tokenId);
        holds(!registered, "not seen yet");
        vm.expectEmit(true, false, false, false, address(depositary), 1);
        emit Depositary.AssetRegistered(tokenId, 0, address(0), 0);
        fundTwice();
        (asset, registered) = depositary.assetOf(tokenId);
        holds(registered, "seen");
        same(asset.kind, 1);
        same(asset.token, address(token));
        same(asset.tokenId, 0);
    }

    function fundTwice() public {
        fund(left, 0, 1);
        fund(right, 0, 1);
    }

    function testTheNativeCoinIsRegisteredByItsFirstDeposit() public {
        (, bool registered) = depositary.assetOf(nativeId);
        holds(!registered, "not seen yet");
        fund(left, 1, 0);
        (, registered) = depositary.assetOf(nativeId);
        holds(registered, "seen");
    }

    function testEntityZeroIsRefused() public {
        vm.expectRevert(refusalOf(Depositary.ZeroEntity.selector));
        depositary.deposit{value: 1}(0, native(), 1);
    }

    /// The value sent is the amount, no more and no less; a token deposit takes none.
    function testTheValueHasToMatch() public {
        vm.expectRevert(refusalOf(Depositary.WrongValue.selector, 5));
        depositary.deposit{value: 4}(left, native(), 5);
        vm.expectRevert(refusalOf(Depositary.WrongValue.selector, 5));
        depositary.deposit{value: 6}(left, native(), 5);
        vm.expectRevert(refusalOf(Depositary.WrongValue.selector, uint256(0)));
        depositary.deposit{value: 1}(left, erc20(address(token)), 5);
    }

    function testZeroIsRefused() public {
        vm.expectRevert(refusalOf(Depositary.ZeroAmount.selector));
        depositary.deposit(left, native(), 0);
        vm.expectRevert(refusalOf(Depositary.ZeroAmount.selector));
        depositary.deposit(left, erc20(address(token)), 0);
    }

    /// N-1: a reserve holds 2^120 and not one more.
    function testAReserveIsAtMostTwoToThe120() public {
        bytes memory refusal = refusalOf(Depositary.OutOfRange.selector, MAX);
        vm.expectRevert(refusal);
        depositary.deposit(left, erc20(address(token)), MAX + 1);
        fund(left, 1, MAX);
        same(depositary.reserve(left, tokenId), MAX);
        vm.expectRevert(refusal);
        depositary.deposit(left, erc20(address(token)), 1);
        vm.expectRevert(refusal);
        depositary.deposit{value: MAX}(left, native(), MAX);
        fund(right, 0, MAX);
        same(depositary.reserve(right, tokenId), MAX);
    }

    /// CH-13: ether that nobody deposited is refused where it can be, and is nobody's where it is forced.
    function testEtherSentPlainlyIsRefused() public {
        (bool success,) = address(depositary).call{value: 1}("");
        holds(!success, "there is no receive function");
        (success,) = address(depositary).call{value: 1}(hex"12345678");
        holds(!success, "there is no fallback function");
        fund(left, 3, 0);
        vm.deal(address(depositary), 10);
        same(depositary.reserve(left, nativeId), 3);
        withdraw(withdrawal(nativeId, 4, "more"), refusalOf(Depositary.InsufficientReserve.selector, 3));
    }

    /// DP-3: the measure is what this deposit brought, not what lay there.
    function testADonationIsNotCredited() public {
        token.transfer(address(depositary), 100);
        fund(left, 0, 5);
        same(depositary.reserve(left, tokenId), 5);
    }

    /// DP-3: any split of deposits over entities is credited as it came.
    function testFuzzDeposits(uint256 a, uint256 b, uint256 c) public {
        (a, b, c) = (within(a, 1, MAX / 2), within(b, 1, MAX / 2), within(c, 1, MAX));
        fund(left, a, c);
        fund(left, b, 0);
        fund(right, c, a);
        same(depositary.reserve(left, nativeId), a + b);
        same(depositary.reserve(right, nativeId), c);
        same(depositary.reserve(left, tokenId), c);
        same(depositary.reserve(right, tokenId), a);
    }
}
