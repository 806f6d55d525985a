// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {ChannelEvidence, ChannelProof, Htlc, Offdelta, Seal, SealedPath} from "../src/ChannelEvidence.sol";

/// @notice The library as a contract would use it: its arguments come as calldata.
contract EvidenceHarness {
    function requireBody(ChannelProof calldata proof, Offdelta[] calldata offdeltas, Htlc[] calldata htlcs)
        external
        pure
    {
        ChannelEvidence.requireBody(proof, offdeltas, htlcs);
    }

    function offdeltasHash(Offdelta[] calldata list) external pure returns (bytes32) {
        return ChannelEvidence.offdeltasHash(list);
    }

    function htlcsHash(Htlc[] calldata list) external pure returns (bytes32) {
        return ChannelEvidence.htlcsHash(list);
    }

    function proofDigest(bytes32 domain, ChannelProof calldata proof) external pure returns (bytes32) {
        return ChannelEvidence.proofDigest(domain, proof);
    }

    function sealDigest(bytes32 domain, Seal calldata seal) external pure returns (bytes32) {
        return ChannelEvidence.sealDigest(domain, seal);
    }

    function sealHash(Seal calldata seal) external pure returns (bytes32) {
        return ChannelEvidence.sealHash(seal);
    }

    function sealedDigest(bytes32 domain, ChannelProof calldata proof, bytes32 entity, SealedPath calldata place)
        external
        pure
        returns (bytes32)
    {
        return ChannelEvidence.sealedDigest(domain, proof, entity, place);
    }

    function directSigner(bytes32 domain, ChannelProof calldata proof, bytes calldata signature)
        external
        pure
        returns (address)
    {
        return ChannelEvidence.directSigner(domain, proof, signature);
    }

    function sealedSigner(
        bytes32 domain,
        ChannelProof calldata proof,
        bytes32 entity,
        SealedPath calldata place,
        bytes calldata signature
    ) external pure returns (address) {
        return ChannelEvidence.sealedSigner(domain, proof, entity, place, signature);
    }

    function listRoot(bytes32 leaf, uint64 index, uint64 count, bytes32[] calldata path)
        external
        pure
        returns (bytes32)
    {
        return ChannelEvidence.listRoot(leaf, index, count, path);
    }

    /// @dev As the library recovers.
    function recover(bytes32 digest, bytes calldata signature) external pure returns (address) {
        return ECDSA.recoverCalldata(digest, signature);
    }
}
