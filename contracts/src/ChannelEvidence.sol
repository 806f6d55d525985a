// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice What a side of a channel signs (CH-7): a state by the hashes of its lists. `by` is 0 where left proposed the frame, 1
/// where right did; `boardEpoch` is that of the signer's board; `disputeWindow` is in seconds.
struct ChannelProof {
    bytes32 channel;
    uint64 nonce;
    uint8 by;
    uint64 boardEpoch;
    bytes32 offdeltas;
    bytes32 htlcs;
    uint64 disputeWindow;
    bytes32 frame;
}

/// @notice What a hub signs for each of its blocks (TX-6), over the block and over the proofs that changed in it.
struct Seal {
    bytes32 hub;
    uint64 boardEpoch;
    uint64 number;
    bytes32 previousSeal;
    bytes32 blockHash;
    bytes32 proofsRoot;
    uint64 timeMs;
}

/// @notice The off-chain part of left's share in one asset; where it is 0 there is no entry.
struct Offdelta {
    bytes32 asset;
    int256 offdelta;
}

/// @notice A pending HTLC (HT-1). `side` is the payer's: 0 left, 1 right. `expiresAt` is in unix seconds.
struct Htlc {
    uint8 side;
    uint64 id;
    bytes32 asset;
    uint256 amount;
    bytes32 hashlock;
    uint64 expiresAt;
}

/// @notice Where a proof's digest stands beneath a seal: its place among `count`, and the hashes beside the way up.
struct SealedPath {
    Seal seal;
    uint64 index;
    uint64 count;
    bytes32[] path;
}

/// @title Evidence of a channel's state
/// @notice A `ChannelProof`, the two lists that it names, and who signed it: itself, or beneath a seal. What is malformed or doesn't
/// fit reverts with an error that says what. The Rust twin is `xln-crypto` (`evidence`); `vectors/` holds both to one answer.
///
/// Laws: CH-7 (what one signature covers; low-s, address 0 is never a signer), CH-12 (at most 128 assets), HT-1 and HT-6 (HTLCs, at
/// most 64 a side), N-1 (nothing passes 2^120), ST-2 (no byte of a path can change). Start reading at {requireBody}, then
/// {directSigner} and {sealedSigner}.
///
/// It keeps nothing and knows no rule of disputes: which channel is meant, whose evidence counts and which nonce wins is its
/// caller's matter. Entities with boards of several give `proofDigest` or `sealedDigest` to their board instead of recovering.
library ChannelEvidence {
    /// @notice N-1.
    uint256 internal constant AMOUNT_MAX = 2 ** 120;
    /// @notice CH-12: most assets of a channel.
    uint256 internal constant OFFDELTAS_MAX = 128;
    /// @notice HT-6: most pending HTLCs of one side.
    uint256 internal constant HTLCS_A_SIDE_MAX = 64;
    /// @notice CH-7: shortest dispute window, in seconds.
    uint64 internal constant WINDOW_MIN = 60;
    /// @notice CH-7: longest dispute window, in seconds.
    uint64 internal constant WINDOW_MAX = 30 days;

    int256 private constant AMOUNT_MAX_SIGNED = 2 ** 120;

    bytes32 private constant PROOF_TYPEHASH = keccak256(
        "ChannelProof(bytes32 channel,uint64 nonce,uint8 by,uint64 boardEpoch,bytes32 offdeltas,bytes32 htlcs,uint64 disputeWindow,bytes32 frame)"
    );
    bytes32 private constant SEAL_TYPEHASH = keccak256(
        "Seal(bytes32 hub,uint64 boardEpoch,uint64 number,bytes32 previousSeal,bytes32 blockHash,bytes32 proofsRoot,uint64 timeMs)"
    );

    /// docs/spec/tree.md, Hash: a label padded to 24 bytes, then a big-endian u64.
    bytes32 private constant LIST_LEAF = "xln.list.leaf";
    bytes32 private constant LIST_NODE = "xln.list.node";
    bytes32 private constant LIST_ROOT = "xln.list.root";

    /// @notice A side is 0 or 1.
    error NoSuchSide(uint8 side);
    /// @notice CH-7: the signed window isn't within the bounds.
    error WindowOutOfRange(uint64 window);
    /// @notice CH-12: more than `max`.
    error TooManyOffdeltas(uint256 count, uint256 max);
    /// @notice N-1: offdelta `index` is 0, or past 2^120 either way.
    error OffdeltaOutOfRange(uint256 index);
    /// @notice The asset of offdelta `index` isn't greater than the one before.
    error OffdeltasNotAscending(uint256 index);
    /// @notice HT-6: more than `max` of this side.
    error TooManyHtlcs(uint8 side, uint256 max);
    /// @notice N-1: the amount of HTLC `index` is 0, or past 2^120.
    error HtlcOutOfRange(uint256 index);
    /// @notice Side and id of HTLC `index` aren't greater than those before.
    error HtlcsNotAscending(uint256 index);
    /// @notice The proof names other offdeltas than these, whose hash is `found`.
    error OtherOffdeltas(bytes32 found);
    /// @notice The proof names other HTLCs than these, whose hash is `found`.
    error OtherHtlcs(bytes32 found);
    /// @notice The seal is of another entity.
    error OtherHub(bytes32 hub);
    /// @notice The seal is of another epoch of the board than the proof.
    error OtherEpoch(uint64 boardEpoch);
    /// @notice A list of `count` has no such place.
    error IndexOutOfRange(uint64 index, uint64 count);
    /// @notice Too few or too many hashes for this place in a list of this length.
    error PathLength(uint256 hashes);
    /// @notice The path leads to `found`, not to the seal's root.
    error OtherRoot(bytes32 found);

    // The body

    /// @notice CH-7: the proof is well-formed, and names these lists, which are well-formed too.
    function requireBody(ChannelProof calldata proof, Offdelta[] calldata offdeltas, Htlc[] calldata htlcs)
        internal
        pure
    {
        if (proof.by > 1) revert NoSuchSide(proof.by);
        if (proof.disputeWindow < WINDOW_MIN || proof.disputeWindow > WINDOW_MAX) {
            revert WindowOutOfRange(proof.disputeWindow);
        }
        bytes32 hash = offdeltasHash(offdeltas);
        if (hash != proof.offdeltas) revert OtherOffdeltas(hash);
        hash = htlcsHash(htlcs);
        if (hash != proof.htlcs) revert OtherHtlcs(hash);
    }

    /// @notice CH-7: keccak256 of the words `asset ‖ offdelta` of each, one behind the other. At most 128, strictly ascending by
    /// asset, none 0, each within 2^120; else it reverts.
    function offdeltasHash(Offdelta[] calldata list) internal pure returns (bytes32) {
        if (list.length > OFFDELTAS_MAX) revert TooManyOffdeltas(list.length, OFFDELTAS_MAX);
        for (uint256 i = 0; i < list.length; ++i) {
            int256 offdelta = list[i].offdelta;
            if (offdelta == 0 || offdelta > AMOUNT_MAX_SIGNED || offdelta < -AMOUNT_MAX_SIGNED) {
                revert OffdeltaOutOfRange(i);
            }
            if (i > 0 && list[i].asset <= list[i - 1].asset) revert OffdeltasNotAscending(i);
        }
        return _elementsHash(abi.encode(list));
    }

    /// @notice CH-7, HT-1: keccak256 of the words `side ‖ id ‖ asset ‖ amount ‖ hashlock ‖ expiresAt` of each, one behind the other.
    /// At most 64 a side, strictly ascending by side and id, each of more than 0 and at most 2^120; else it reverts.
    function htlcsHash(Htlc[] calldata list) internal pure returns (bytes32) {
        // One more than the place of the last, so that the first may be 0.
        uint256 next = 0;
        uint256[2] memory counts;
        for (uint256 i = 0; i < list.length; ++i) {
            Htlc calldata htlc = list[i];
            if (htlc.side > 1) revert NoSuchSide(htlc.side);
            if (++counts[htlc.side] > HTLCS_A_SIDE_MAX) revert TooManyHtlcs(htlc.side, HTLCS_A_SIDE_MAX);
            if (htlc.amount == 0 || htlc.amount > AMOUNT_MAX) revert HtlcOutOfRange(i);
            uint256 place = (uint256(htlc.side) << 64) | htlc.id;
            if (place < next) revert HtlcsNotAscending(i);
            next = place + 1;
        }
        return _elementsHash(abi.encode(list));
    }

    // Who signed it

    /// @notice What a side signs, and what stands in a seal's list. `domain` is the depositary's EIP-712 domain separator.
    function proofDigest(bytes32 domain, ChannelProof calldata proof) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(PROOF_TYPEHASH, proof)));
    }

    /// @notice What a hub signs, in the same domain.
    function sealDigest(bytes32 domain, Seal calldata seal) internal pure returns (bytes32) {
        return _digest(domain, sealHash(seal));
    }

    /// @notice A seal's struct hash, by which the next one names it. Two seals of one number are evidence against their hub.
    function sealHash(Seal calldata seal) internal pure returns (bytes32) {
        return keccak256(abi.encode(SEAL_TYPEHASH, seal));
    }

    /// @notice The digest of the seal of `entity` that `proof` stands beneath: who signed that has signed the proof. Only for an
    /// entity whose board says that it seals.
    function sealedDigest(bytes32 domain, ChannelProof calldata proof, bytes32 entity, SealedPath calldata place)
        internal
        pure
        returns (bytes32)
    {
        Seal calldata seal = place.seal;
        if (seal.hub != entity) revert OtherHub(seal.hub);
        if (seal.boardEpoch != proof.boardEpoch) revert OtherEpoch(seal.boardEpoch);
        bytes32 root = listRoot(proofDigest(domain, proof), place.index, place.count, place.path);
        if (root != seal.proofsRoot) revert OtherRoot(root);
        return sealDigest(domain, seal);
    }

    /// @notice CH-7: who signed the proof itself. 65 bytes r ‖ s ‖ v, low-s, v 27 or 28; anything else reverts with an error of
    /// OpenZeppelin's {ECDSA}. Never address 0.
    function directSigner(bytes32 domain, ChannelProof calldata proof, bytes calldata signature)
        internal
        pure
        returns (address)
    {
        return ECDSA.recoverCalldata(proofDigest(domain, proof), signature);
    }

    /// @notice CH-7: who signed the seal of `entity` that the proof stands beneath. Signatures as in {directSigner}.
    function sealedSigner(
        bytes32 domain,
        ChannelProof calldata proof,
        bytes32 entity,
        SealedPath calldata place,
        bytes calldata signature
    ) internal pure returns (address) {
        return ECDSA.recoverCalldata(sealedDigest(domain, proof, entity, place), signature);
    }

    // Lists under one root

    /// @notice ST-2: the root to which `path` leads from `leaf` at `index` of a list of `count` (docs/spec/tree.md, List).
    function listRoot(bytes32 leaf, uint64 index, uint64 count, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        if (index >= count) revert IndexOutOfRange(index, count);
        bytes32 top = keccak256(abi.encode(LIST_LEAF | bytes32(uint256(32)), leaf));
        uint256 used = 0;
        // The place on a level, and the last place of that level, which has no neighbour where it is even.
        (uint256 place, uint256 last) = (index, count - 1);
        while (last != 0) {
            if (place % 2 == 1 || place != last) {
                if (used == path.length) revert PathLength(path.length);
                bytes32 beside = path[used];
                top = place % 2 == 1 ? _node(beside, top) : _node(top, beside);
                ++used;
            }
            place /= 2;
            last /= 2;
        }
        if (used != path.length) revert PathLength(path.length);
        return keccak256(abi.encode(LIST_ROOT | bytes32(uint256(count)), top));
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encode(LIST_NODE, left, right));
    }

    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @dev Hash of the elements of an ABI-encoded list of static structs: two words, an offset and the length, stand before them.
    function _elementsHash(bytes memory encoded) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(add(encoded, 0x60), sub(mload(encoded), 0x40))
        }
    }
}
