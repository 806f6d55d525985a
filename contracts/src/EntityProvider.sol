// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice Who may act for an entity (N-5). A well-formed board names 1 to 32 distinct members, each with a weight of at
/// least 1, a total weight that fits a u64, and a threshold in 1..=total. Its members stand in any order: the order is part
/// of the id. `salt` is the creator's next free number, so one board can found many entities.
struct Board {
    uint64 threshold;
    address[] members;
    uint64[] weights;
    uint64 salt;
}

/// @title Boards: from signatures to the will of an entity
/// @notice Lazy (N-5): an entity is the hash of its founding board, so nothing is registered and no transaction is needed to
/// exist. Callers show the board together with the signatures. Stateless for now; rotated boards are kept here once they come.
///
/// Laws: N-5 (ids), EN-1 (a board of one takes this path too), EN-6 (what counts as authority), DP-7 (malformed arguments are
/// no evidence). Start reading at {authorizes}.
contract EntityProvider {
    /// @notice Most members a board may have: bounds the work of {authorizes}. The hub's bound is the same.
    uint256 public constant BOARD_MEMBERS_MAX = 32;

    /// Packed r (32) ‖ s (32) ‖ v (1, 27 or 28).
    uint256 private constant SIGNATURE_BYTES = 65;

    /// @notice `members` and `weights` pair up one to one, and don't.
    error BoardLengths(uint256 members, uint256 weights);

    /// @notice N-5: `keccak256(rlp([threshold, [[member, weight], …], salt]))`, integers minimal big-endian.
    /// @dev Answers for any board whose lists pair up; whether such a board can decide anything is {authorizes}'s matter.
    function entityId(Board calldata board) external pure returns (bytes32) {
        if (board.members.length != board.weights.length) {
            revert BoardLengths(board.members.length, board.weights.length);
        }
        return _entityId(board);
    }

    /// @notice EN-6: whether distinct members of `board`, which must be the founding board of `entity`, signed `digest` with a
    /// weight of at least the threshold and of more than 2/3 of the total.
    /// @param digest What was signed, as it stands: no prefix is added.
    /// @param signatures Packed 65-byte r ‖ s ‖ v, low-s, in strictly ascending order of the signers' addresses; all by members.
    /// @return False for whatever isn't such evidence (DP-7); never a revert, unless the call itself isn't valid ABI.
    function authorizes(bytes32 entity, Board calldata board, bytes32 digest, bytes calldata signatures)
        external
        pure
        returns (bool)
    {
        (bool wellFormed, uint256 total) = _totalWeight(board);
        if (!wellFormed || _entityId(board) != entity) return false;
        uint256 signed = _signedWeight(board, digest, signatures);
        return signed >= board.threshold && 3 * signed > 2 * total;
    }

    /// @dev Total weight of a well-formed board. Sums of at most 32 u64 can't overflow a word, here and in {_signedWeight}.
    function _totalWeight(Board calldata board) private pure returns (bool wellFormed, uint256 total) {
        uint256 count = board.members.length;
        if (count == 0 || count > BOARD_MEMBERS_MAX || count != board.weights.length) return (false, 0);
        for (uint256 i = 0; i < count; ++i) {
            if (board.weights[i] == 0) return (false, 0);
            total += board.weights[i];
            for (uint256 j = 0; j < i; ++j) {
                if (board.members[j] == board.members[i]) return (false, 0);
            }
        }
        wellFormed = total <= type(uint64).max && board.threshold >= 1 && board.threshold <= total;
    }

    /// @dev Weight of the members who signed; 0 if any signature is malformed, high-s, out of order or not a member's.
    function _signedWeight(Board calldata board, bytes32 digest, bytes calldata signatures)
        private
        pure
        returns (uint256 signed)
    {
        uint256 count = signatures.length / SIGNATURE_BYTES;
        if (signatures.length % SIGNATURE_BYTES != 0 || count > board.members.length) return 0;
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata signature = signatures[i * SIGNATURE_BYTES:(i + 1) * SIGNATURE_BYTES];
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
            // Ascending from zero: address 0 never signs, and no member counts twice.
            if (failure != ECDSA.RecoverError.NoError || signer <= last) return 0;
            uint256 weight = _weightOf(board, signer);
            if (weight == 0) return 0;
            signed += weight;
            last = signer;
        }
    }

    function _weightOf(Board calldata board, address signer) private pure returns (uint256) {
        for (uint256 i = 0; i < board.members.length; ++i) {
            if (board.members[i] == signer) return board.weights[i];
        }
        return 0;
    }

    function _entityId(Board calldata board) private pure returns (bytes32) {
        uint256 count = board.members.length;
        bytes[] memory members = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes[] memory pair = new bytes[](2);
            pair[0] = RLP.encode(board.members[i]);
            pair[1] = RLP.encode(uint256(board.weights[i]));
            members[i] = RLP.encode(pair);
        }
        bytes[] memory fields = new bytes[](3);
        fields[0] = RLP.encode(uint256(board.threshold));
        fields[1] = RLP.encode(members);
        fields[2] = RLP.encode(uint256(board.salt));
        return keccak256(RLP.encode(fields));
    }
}
