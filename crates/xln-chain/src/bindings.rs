//! The contracts' interface, as types: `contracts/src/{Depositary,EntityProvider,dev/DevToken}.sol`.
//!
//! Written out here so that compiling needs no JSON; a test compares selectors, topics and EIP-712 types with the committed
//! artifacts.

use alloy_sol_types::sol;

sol! {
    /// What names an asset on this chain (N-4).
    #[derive(Debug)]
    struct Asset { uint8 kind; address token; uint256 tokenId; }
    /// A founding board (N-5).
    #[derive(Debug)]
    struct Board { uint64 threshold; address[] members; uint64[] weights; uint64 salt; }
    /// A signed withdrawal.
    #[derive(Debug)]
    struct Withdrawal { bytes32 entity; bytes32 asset; uint256 amount; address to; bytes32 operation; uint64 validUntil; }
    /// A signed allocation (DP-1).
    #[derive(Debug)]
    struct Allocation { bytes32 channel; bytes32 entity; bytes32 asset; uint256 amount; bytes32 operation; uint64 validUntil; }
    /// What a settlement moves of one asset.
    #[derive(Debug)]
    struct Diff { bytes32 asset; int256 left; int256 right; }
    /// A settlement that both boards sign (DP-5).
    #[derive(Debug)]
    struct Settlement { bytes32 channel; Diff[] diffs; uint64 counter; uint64 validUntil; }

    /// Custody: reserves and collateral.
    #[derive(Debug)]
    interface IDepositary {
        event AssetRegistered(bytes32 indexed asset, uint8 kind, address token, uint256 tokenId);
        event Deposited(bytes32 indexed entity, bytes32 indexed asset, uint256 amount, address from);
        event Withdrawn(bytes32 indexed entity, bytes32 indexed asset, bytes32 indexed operation, uint256 amount, address to);
        event CollateralAdded(bytes32 indexed channel, bytes32 indexed asset, bytes32 indexed operation, bytes32 entity, bool left, uint256 amount);
        event Settled(bytes32 indexed channel, bytes32 indexed asset, uint64 counter, int256 leftDiff, int256 rightDiff);

        function deposit(bytes32 entity, Asset calldata asset, uint256 amount) external payable;
        function withdraw(Withdrawal calldata w, Board calldata board, bytes calldata signatures) external;
        function allocate(Allocation calldata a, bytes32 counterparty, Board calldata board, bytes calldata signatures) external;
        function settle(Settlement calldata s, bytes32 left, bytes32 right, Board calldata leftBoard, bytes calldata leftSignatures, Board calldata rightBoard, bytes calldata rightSignatures) external;

        function eip712Domain() external view returns (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] memory extensions);
        function entities() external view returns (address);
        function assetId(Asset calldata asset) external view returns (bytes32);
        function assetOf(bytes32 id) external view returns (Asset memory asset, bool registered);
        function reserve(bytes32 entity, bytes32 asset) external view returns (uint256);
        function channelId(bytes32 left, bytes32 right) external view returns (bytes32);
        function epoch(bytes32 left, bytes32 right) external view returns (uint64);
        function collateral(bytes32 channel, bytes32 asset) external view returns (uint256 amount, int256 ondelta);
        function settleCounter(bytes32 channel) external view returns (uint64);
        function operationUsed(bytes32 entity, bytes32 operation) external view returns (bool);
    }

    /// Boards.
    #[derive(Debug)]
    interface IEntityProvider {
        function entityId(Board calldata board) external pure returns (bytes32);
    }

    /// What is used of an ERC-20.
    #[derive(Debug)]
    interface IErc20 {
        function approve(address spender, uint256 amount) external returns (bool);
        function transfer(address to, uint256 amount) external returns (bool);
        function balanceOf(address owner) external view returns (uint256);
    }

    /// Constructor arguments of `Depositary`.
    struct DepositaryArguments { address entities; }
    /// Constructor arguments of `DevToken`.
    struct DevTokenArguments { string name; string symbol; uint8 decimals; uint256 supply; address holder; }
}

impl From<&xln_types::Asset> for Asset {
    fn from(asset: &xln_types::Asset) -> Self {
        Asset {
            kind: asset.kind.number(),
            token: asset.contract.0.into(),
            tokenId: alloy_primitives::U256::from_be_bytes(asset.token_id),
        }
    }
}

impl From<&xln_types::Board> for Board {
    fn from(board: &xln_types::Board) -> Self {
        Board {
            threshold: board.threshold,
            members: board.members.iter().map(|member| member.signer.0.into()).collect(),
            weights: board.members.iter().map(|member| member.weight).collect(),
            salt: board.salt,
        }
    }
}
