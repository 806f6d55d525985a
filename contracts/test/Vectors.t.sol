// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ChannelProof, Htlc, Offdelta, Seal, SealedPath} from "../src/ChannelEvidence.sol";
import {EvidenceHarness} from "./EvidenceHarness.sol";
import {Test} from "./Vm.sol";

/// @notice CH-7, HT-1, TX-6, ST-2: what Rust wrote into ../vectors is what the chain says, and what Rust refuses the chain refuses.
contract VectorsTest is Test {
    EvidenceHarness private harness;
    string private json;

    string private constant CASES = ".cases";
    string private constant REFUSED = ".refused";

    function setUp() public {
        harness = new EvidenceHarness();
    }

    /// CH-7: lists of offdeltas.
    function testOffdeltas() public {
        open("offdeltas");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            same(harness.offdeltasHash(offdeltas(field(c, "list"))), word(c, "hash"));
        }
        for (uint256 i = 0; i < refused(); ++i) {
            string memory c = item(REFUSED, i);
            Offdelta[] memory list = offdeltas(field(c, "list"));
            vm.expectRevert();
            harness.offdeltasHash(list);
        }
    }

    /// CH-7, HT-1: sets of HTLCs.
    function testHtlcs() public {
        open("htlcs");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            same(harness.htlcsHash(htlcs(field(c, "list"))), word(c, "hash"));
        }
        for (uint256 i = 0; i < refused(); ++i) {
            string memory c = item(REFUSED, i);
            Htlc[] memory list = htlcs(field(c, "list"));
            vm.expectRevert();
            harness.htlcsHash(list);
        }
    }

    /// CH-7: proofs, their digests and who signed them.
    function testProofs() public {
        open("proofs");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            (bytes32 domain, ChannelProof memory p) = (domainOf(c), proof(field(c, "proof")));
            same(harness.proofDigest(domain, p), word(c, "digest"));
            same(keccak256(abi.encodePacked(hex"1901", domain, word(c, "structHash"))), word(c, "digest"));
            same(harness.directSigner(domain, p, data(c, "signature")), account(c, "signer"));
        }
    }

    /// TX-6: seals, their digests and who signed them.
    function testSeals() public {
        open("seals");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            (bytes32 domain, Seal memory s) = (domainOf(c), seal(field(c, "seal")));
            same(harness.sealDigest(domain, s), word(c, "digest"));
            same(harness.sealHash(s), word(c, "structHash"));
            same(harness.recover(word(c, "digest"), data(c, "signature")), account(c, "signer"));
        }
    }

    /// CH-7: signatures, and what is none.
    function testSignatures() public {
        open("signatures");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            same(harness.recover(word(c, "digest"), data(c, "signature")), account(c, "signer"));
            same(vm.addr(uint256(word(c, "secret"))), account(c, "signer"));
        }
        for (uint256 i = 0; i < refused(); ++i) {
            string memory c = item(REFUSED, i);
            (bytes32 digest, bytes memory signature) = (word(c, "digest"), data(c, "signature"));
            vm.expectRevert();
            harness.recover(digest, signature);
        }
    }

    /// ST-2: paths of keccak256 lists, and what leads elsewhere.
    function testPaths() public {
        open("paths");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            holds(leads(c), c);
        }
        for (uint256 i = 0; i < refused(); ++i) {
            string memory c = item(REFUSED, i);
            holds(!leads(c), c);
        }
    }

    /// CH-7: whole evidence, direct and beneath a seal.
    function testEvidence() public {
        open("evidence");
        for (uint256 i = 0; i < lengthOf(CASES); ++i) {
            string memory c = item(CASES, i);
            (bytes32 domain, ChannelProof memory p) = (domainOf(c), proof(field(c, "proof")));
            harness.requireBody(p, offdeltas(field(c, "offdeltas")), htlcs(field(c, "htlcs")));
            (bytes32 entity, bytes32 counterparty) = (word(c, "signerEntity"), word(c, "counterparty"));
            (bytes32 left, bytes32 right) = entity < counterparty ? (entity, counterparty) : (counterparty, entity);
            bytes memory channel =
                abi.encode(number(c, "chainId"), account(c, "depositary"), left, right, number(c, "epoch"));
            same(keccak256(channel), p.channel);
            same(signerOf(c, domain, p, entity), account(c, "signer"));
        }
    }

    function signerOf(string memory c, bytes32 domain, ChannelProof memory p, bytes32 entity)
        private
        view
        returns (address)
    {
        string memory direct = field(c, "authority.direct");
        if (exists(direct)) return harness.directSigner(domain, p, data(direct, "signature"));
        string memory s = field(c, "authority.sealed");
        SealedPath memory place =
            SealedPath(seal(field(s, "seal")), small(s, "index"), small(s, "count"), words(s, "path"));
        return harness.sealedSigner(domain, p, entity, place, data(s, "signature"));
    }

    function leads(string memory c) private view returns (bool) {
        try harness.listRoot(word(c, "leaf"), small(c, "index"), small(c, "count"), words(c, "path")) returns (
            bytes32 root
        ) {
            return root == word(c, "root");
        } catch {
            return false;
        }
    }

    // Values in JSON

    function offdeltas(string memory list) private view returns (Offdelta[] memory all) {
        all = new Offdelta[](lengthOf(list));
        for (uint256 i = 0; i < all.length; ++i) {
            string memory entry = item(list, i);
            all[i] = Offdelta(word(entry, "asset"), vm.parseJsonInt(json, field(entry, "offdelta")));
        }
    }

    function htlcs(string memory list) private view returns (Htlc[] memory all) {
        all = new Htlc[](lengthOf(list));
        for (uint256 i = 0; i < all.length; ++i) {
            string memory e = item(list, i);
            all[i] = Htlc(
                uint8(small(e, "side")),
                small(e, "id"),
                word(e, "asset"),
                number(e, "amount"),
                word(e, "hashlock"),
                small(e, "expiresAt")
            );
        }
    }

    function proof(string memory p) private view returns (ChannelProof memory) {
        return ChannelProof(
            word(p, "channel"),
            small(p, "nonce"),
            uint8(small(p, "by")),
            small(p, "boardEpoch"),
            word(p, "offdeltas"),
            word(p, "htlcs"),
            small(p, "disputeWindow"),
            word(p, "frame")
        );
    }

    function seal(string memory s) private view returns (Seal memory) {
        return Seal(
            word(s, "hub"),
            small(s, "boardEpoch"),
            small(s, "number"),
            word(s, "previousSeal"),
            word(s, "blockHash"),
            word(s, "proofsRoot"),
            small(s, "timeMs")
        );
    }

    /// @dev Computed from chain and depositary, and the same as the file's.
    function domainOf(string memory c) private view returns (bytes32 domain) {
        domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("XLN"),
                keccak256("1"),
                number(c, "chainId"),
                account(c, "depositary")
            )
        );
        same(domain, word(c, "domain"));
    }

    function small(string memory of_, string memory name) private view returns (uint64) {
        uint256 value = number(of_, name);
        holds(value <= type(uint64).max, "past a u64");
        return uint64(value);
    }

    function number(string memory of_, string memory name) private view returns (uint256) {
        return vm.parseJsonUint(json, field(of_, name));
    }

    function word(string memory of_, string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, field(of_, name));
    }

    function words(string memory of_, string memory name) private view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, field(of_, name));
    }

    function data(string memory of_, string memory name) private view returns (bytes memory) {
        return vm.parseJsonBytes(json, field(of_, name));
    }

    function account(string memory of_, string memory name) private view returns (address) {
        return vm.parseJsonAddress(json, field(of_, name));
    }

    // Places in JSON

    /// @dev Opens a file; one without cases tests nothing.
    function open(string memory name) private {
        json = vm.readFile(string.concat("../vectors/", name, ".json"));
        holds(exists(item(CASES, 0)), "a file without cases");
    }

    /// @dev How many are refused; none would test nothing.
    function refused() private view returns (uint256 count) {
        count = lengthOf(REFUSED);
        holds(count > 0, "a file without refused cases");
    }

    function exists(string memory key) private view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    function lengthOf(string memory list) private view returns (uint256 length) {
        while (exists(item(list, length))) ++length;
    }

    function item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }

    function field(string memory of_, string memory name) private pure returns (string memory) {
        return string.concat(of_, ".", name);
    }
}
