// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {ChannelEvidence, ChannelProof, Htlc, Offdelta, Seal, SealedPath} from "../src/ChannelEvidence.sol";
import {Boards} from "./Boards.sol";
import {EvidenceHarness} from "./EvidenceHarness.sol";

/// @notice CH-7, HT-1, ST-2: evidence counts as it was signed, and in no other form. What Rust says of the same is in Vectors.t.sol.
contract ChannelEvidenceTest is Boards {
    uint256 private constant KEY = 7;
    int256 private constant MAX = 2 ** 120;
    bytes32 private constant DOMAIN = bytes32(uint256(99));
    bytes32 private constant HUB = bytes32(uint256(5));

    EvidenceHarness private harness;

    function setUp() public {
        harness = new EvidenceHarness();
    }

    // What is signed

    /// CH-7: the digest is what any wallet computes from the typed data.
    function testDigestsAreTheTypedDatas() public view {
        string memory head = string.concat(
            '{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],',
            '"ChannelProof":[{"name":"channel","type":"bytes32"},{"name":"nonce","type":"uint64"},{"name":"by","type":"uint8"},{"name":"boardEpoch","type":"uint64"},{"name":"offdeltas","type":"bytes32"},{"name":"htlcs","type":"bytes32"},{"name":"disputeWindow","type":"uint64"},{"name":"frame","type":"bytes32"}],',
            '"Seal":[{"name":"hub","type":"bytes32"},{"name":"boardEpoch","type":"uint64"},{"name":"number","type":"uint64"},{"name":"previousSeal","type":"bytes32"},{"name":"blockHash","type":"bytes32"},{"name":"proofsRoot","type":"bytes32"},{"name":"timeMs","type":"uint64"}]},',
            '"domain":{"name":"XLN","version":"1","chainId":"31337","verifyingContract":"',
            vm.toString(address(harness)),
            '"},"primaryType":"'
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("XLN"),
                keccak256("1"),
                uint256(31337),
                address(harness)
            )
        );
        ChannelProof memory p = proof();
        string memory message = string.concat(
            'ChannelProof","message":{"channel":"',
            vm.toString(p.channel),
            '","nonce":"4","by":"1","boardEpoch":"2","offdeltas":"',
            vm.toString(p.offdeltas),
            '","htlcs":"',
            vm.toString(p.htlcs),
            '","disputeWindow":"3600","frame":"',
            vm.toString(p.frame),
            '"}}'
        );
        same(harness.proofDigest(domain, p), vm.eip712HashTypedData(string.concat(head, message)));
        Seal memory s = seal(bytes32(uint256(1)));
        message = string.concat(
            'Seal","message":{"hub":"',
            vm.toString(s.hub),
            '","boardEpoch":"2","number":"8","previousSeal":"',
            vm.toString(s.previousSeal),
            '","blockHash":"',
            vm.toString(s.blockHash),
            '","proofsRoot":"',
            vm.toString(s.proofsRoot),
            '","timeMs":"9"}}'
        );
        same(harness.sealDigest(domain, s), vm.eip712HashTypedData(string.concat(head, message)));
    }

    /// CH-7: any changed field is another digest, and so another signer.
    function testFuzzAnyChangedFieldFails(ChannelProof memory p, uint8 field, uint64 change, bytes32 domain)
        public
        view
    {
        bytes memory signed = signature(KEY, harness.proofDigest(domain, p));
        same(harness.directSigner(domain, p, signed), vm.addr(KEY));
        bytes32 wide = bytes32(uint256(change) + 1);
        field %= 9;
        if (field == 0) p.channel ^= wide;
        if (field == 1) p.nonce = other(p.nonce, change);
        if (field == 2) p.by ^= 1;
        if (field == 3) p.boardEpoch = other(p.boardEpoch, change);
        if (field == 4) p.offdeltas ^= wide;
        if (field == 5) p.htlcs ^= wide;
        if (field == 6) p.disputeWindow = other(p.disputeWindow, change);
        if (field == 7) p.frame ^= wide;
        if (field == 8) domain ^= wide;
        holds(harness.directSigner(domain, p, signed) != vm.addr(KEY), "another proof, the same signer");
    }

    /// CH-7: neither a high s, nor another spelling of v, nor another length is a signature.
    function testMalleableSignaturesAreRefused() public {
        ChannelProof memory p = proof();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, harness.proofDigest(DOMAIN, p));
        bytes32 high = bytes32(ORDER - uint256(s));
        refusesSignature(p, abi.encodePacked(r, high, 55 - v), refusal(ECDSA.ECDSAInvalidSignatureS.selector, high));
        bytes memory invalid = abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector);
        refusesSignature(p, abi.encodePacked(r, s, v - 27), invalid);
        refusesSignature(p, abi.encodePacked(r, s, uint8(29)), invalid);
        refusesSignature(p, new bytes(65), invalid);
        bytes4 length = ECDSA.ECDSAInvalidSignatureLength.selector;
        refusesSignature(p, abi.encodePacked(r, s), refusal(length, bytes32(uint256(64))));
        refusesSignature(p, "", refusal(length, 0));
    }

    // Lists

    /// CH-7: an offdelta list hashes as its words one behind the other, an empty one as nothing.
    function testFuzzOffdeltasHashAsTheirWords(uint256 seed, uint256 length) public view {
        Offdelta[] memory list = offdeltas(seed, within(length, 0, 128));
        bytes memory words;
        for (uint256 i = 0; i < list.length; ++i) {
            words = bytes.concat(words, abi.encodePacked(list[i].asset, list[i].offdelta));
        }
        same(harness.offdeltasHash(list), keccak256(words));
    }

    /// CH-7, N-1: out of order, of nothing, or past 2^120 is no list.
    function testFuzzMalformedOffdeltasAreRefused(uint256 seed, uint256 length, uint256 which) public {
        Offdelta[] memory list = offdeltas(seed, within(length, 2, 10));
        which = within(which, 1, list.length - 1);
        bytes32 asset = list[which].asset;
        list[which].asset = list[which - 1].asset;
        refusesOffdeltas(list, refusal(ChannelEvidence.OffdeltasNotAscending.selector, bytes32(which)));
        list[which].asset = bytes32(uint256(list[which - 1].asset) - 1);
        refusesOffdeltas(list, refusal(ChannelEvidence.OffdeltasNotAscending.selector, bytes32(which)));
        list[which].asset = asset;
        int256[5] memory out = [int256(0), MAX + 1, -MAX - 1, type(int256).max, type(int256).min];
        for (uint256 i = 0; i < out.length; ++i) {
            list[which].offdelta = out[i];
            refusesOffdeltas(list, refusal(ChannelEvidence.OffdeltaOutOfRange.selector, bytes32(which)));
        }
        list[which].offdelta = -MAX;
        harness.offdeltasHash(list);
    }

    /// CH-12: no channel has more than 128 assets.
    function testTooManyOffdeltas() public {
        bytes memory expected = abi.encodeWithSelector(ChannelEvidence.TooManyOffdeltas.selector, 129, 128);
        refusesOffdeltas(offdeltas(1, 129), expected);
    }

    /// CH-7, HT-1: an HTLC set hashes as its words one behind the other, an empty one as nothing.
    function testFuzzHtlcsHashAsTheirWords(uint256 seed, uint256 left, uint256 right) public view {
        Htlc[] memory list = htlcs(seed, within(left, 0, 64), within(right, 0, 64));
        bytes memory words;
        for (uint256 i = 0; i < list.length; ++i) {
            Htlc memory h = list[i];
            words = bytes.concat(
                words,
                abi.encodePacked(uint256(h.side), uint256(h.id), h.asset, h.amount, h.hashlock, uint256(h.expiresAt))
            );
        }
        same(harness.htlcsHash(list), keccak256(words));
    }

    /// CH-7, HT-1, N-1: out of order, of nothing, of no side, or past 2^120 is no set.
    function testFuzzMalformedHtlcsAreRefused(uint256 seed, uint256 which) public {
        Htlc[] memory list = htlcs(seed, 3, 3);
        which = within(which, 1, 5);
        bytes memory outOfRange = refusal(ChannelEvidence.HtlcOutOfRange.selector, bytes32(which));
        (uint256 amount, uint64 id) = (list[which].amount, list[which].id);
        uint256[3] memory out = [uint256(0), uint256(MAX) + 1, type(uint256).max];
        for (uint256 i = 0; i < out.length; ++i) {
            list[which].amount = out[i];
            refusesHtlcs(list, outOfRange);
        }
        list[which].amount = amount;
        bytes memory unordered = refusal(ChannelEvidence.HtlcsNotAscending.selector, bytes32(which));
        if (which != 3) {
            list[which].id = list[which - 1].id;
            refusesHtlcs(list, unordered);
            list[which].id = 0;
            refusesHtlcs(list, unordered);
            list[which].id = id;
        }
        list[3].side = 0;
        list[3].id = list[2].id;
        refusesHtlcs(list, refusal(ChannelEvidence.HtlcsNotAscending.selector, bytes32(uint256(3))));
        list[2].side = 1;
        refusesHtlcs(list, refusal(ChannelEvidence.HtlcsNotAscending.selector, bytes32(uint256(3))));
        list[2].side = 2;
        refusesHtlcs(list, refusal(ChannelEvidence.NoSuchSide.selector, bytes32(uint256(2))));
    }

    /// CH-7: a word that isn't its type's reverts, so one set has one encoding; `expiresAt` is only hashed, and checked too.
    function testDirtyWordsAreRefused() public view {
        for (uint256 i = 0; i < 3; ++i) {
            uint256[3] memory dirt;
            holds(taken(dirt[0], dirt[1], dirt[2]), "a set of one");
            dirt[i] = i == 0 ? 2 ** 8 : 2 ** 64;
            holds(!taken(dirt[0], dirt[1], dirt[2]), "a word past its type");
        }
    }

    function taken(uint256 side, uint256 id, uint256 expiresAt) private view returns (bool success) {
        bytes memory words = abi.encode(0x20, 1, side, id, bytes32("asset"), 1, bytes32("lock"), expiresAt);
        (success,) = address(harness).staticcall(bytes.concat(EvidenceHarness.htlcsHash.selector, words));
    }

    /// HT-6: at most 64 a side.
    function testTooManyHtlcs() public {
        refusesHtlcs(htlcs(1, 65, 0), abi.encodeWithSelector(ChannelEvidence.TooManyHtlcs.selector, 0, 64));
        refusesHtlcs(htlcs(1, 64, 65), abi.encodeWithSelector(ChannelEvidence.TooManyHtlcs.selector, 1, 64));
    }

    /// CH-7: the lists have to be those that were signed, the window within its bounds, the proposer a side.
    function testTheBodyIsWhatWasSigned() public {
        (Offdelta[] memory deltas, Htlc[] memory set) = (offdeltas(1, 3), htlcs(1, 2, 2));
        ChannelProof memory p = proof();
        p.offdeltas = harness.offdeltasHash(deltas);
        p.htlcs = harness.htlcsHash(set);
        harness.requireBody(p, deltas, set);
        deltas[1].offdelta = deltas[1].offdelta == 1 ? int256(2) : int256(1);
        bytes32 found = harness.offdeltasHash(deltas);
        refusesBody(p, deltas, set, refusal(ChannelEvidence.OtherOffdeltas.selector, found));
        p.offdeltas = found;
        set[2].hashlock ^= bytes32(uint256(1));
        found = harness.htlcsHash(set);
        refusesBody(p, deltas, set, refusal(ChannelEvidence.OtherHtlcs.selector, found));
        p.htlcs = found;
        uint64[4] memory windows = [uint64(0), 59, 30 days + 1, type(uint64).max];
        for (uint256 i = 0; i < windows.length; ++i) {
            p.disputeWindow = windows[i];
            bytes32 window = bytes32(uint256(windows[i]));
            refusesBody(p, deltas, set, refusal(ChannelEvidence.WindowOutOfRange.selector, window));
        }
        p.disputeWindow = 60;
        harness.requireBody(p, deltas, set);
        p.disputeWindow = 30 days;
        harness.requireBody(p, deltas, set);
        p.by = 2;
        refusesBody(p, deltas, set, refusal(ChannelEvidence.NoSuchSide.selector, bytes32(uint256(2))));
    }

    // Beneath a seal

    /// CH-7, ST-2: a proof beneath a seal was signed by who signed the seal.
    function testFuzzASealedProof(uint256 seed, uint256 length, uint256 which) public view {
        (ChannelProof memory p, SealedPath memory place) = sealedProof(seed, within(length, 1, 40), which);
        bytes memory signed = signature(KEY, harness.sealDigest(DOMAIN, place.seal));
        same(harness.sealedSigner(DOMAIN, p, HUB, place, signed), vm.addr(KEY));
        same(harness.sealedDigest(DOMAIN, p, HUB, place), harness.sealDigest(DOMAIN, place.seal));
        place.seal.timeMs ^= 1;
        holds(harness.sealedSigner(DOMAIN, p, HUB, place, signed) != vm.addr(KEY), "another seal, the same signer");
    }

    /// ST-2: no other proof, place, length or path leads to the root.
    function testFuzzWhatIsAlteredIsNotBeneath(uint256 seed, uint256 length, uint256 which, uint256 change) public {
        (ChannelProof memory p, SealedPath memory place) = sealedProof(seed, within(length, 2, 40), which);
        uint64 index = place.index;
        p.nonce ^= 1;
        refusesPlace(p, place);
        p.nonce ^= 1;
        place.index = uint64(change % place.count);
        if (place.index != index) refusesPlace(p, place);
        place.index = index;
        uint64 count = place.count;
        place.count = uint64(change % 80);
        if (place.count != count) refusesPlace(p, place);
        place.count = count;
        place.path[change % place.path.length] ^= bytes32(uint256(1) << (change % 256));
        refusesPlace(p, place);
    }

    /// ST-2: each way to be wrong has its name.
    function testAPathHasExactlyItsHashes() public {
        (ChannelProof memory p, SealedPath memory place) = sealedProof(1, 5, 2);
        bytes32[] memory path = place.path;
        place.path = new bytes32[](2);
        refuses(p, HUB, place, refusal(ChannelEvidence.PathLength.selector, bytes32(uint256(2))));
        place.path = new bytes32[](4);
        refuses(p, HUB, place, refusal(ChannelEvidence.PathLength.selector, bytes32(uint256(4))));
        place.path = path;
        place.index = 5;
        refuses(p, HUB, place, abi.encodeWithSelector(ChannelEvidence.IndexOutOfRange.selector, 5, 5));
        place.index = 2;
        refuses(p, HUB ^ bytes32(uint256(1)), place, refusal(ChannelEvidence.OtherHub.selector, HUB));
        place.seal.boardEpoch = 3;
        refuses(p, HUB, place, refusal(ChannelEvidence.OtherEpoch.selector, bytes32(uint256(3))));
        place.seal.boardEpoch = 2;
        bytes32 root = place.seal.proofsRoot;
        place.seal.proofsRoot = 0;
        refuses(p, HUB, place, refusal(ChannelEvidence.OtherRoot.selector, root));
    }

    // Made for the tests

    function proof() private pure returns (ChannelProof memory) {
        return ChannelProof("channel", 4, 1, 2, "offdeltas", "htlcs", 3600, "frame");
    }

    function seal(bytes32 root) private pure returns (Seal memory) {
        return Seal(HUB, 2, 8, "previous", "block", root, 9);
    }

    function offdeltas(uint256 seed, uint256 length) private pure returns (Offdelta[] memory list) {
        list = new Offdelta[](length);
        for (uint256 i = 0; i < length; ++i) {
            seed = next(seed);
            // Two apart at least, so that there is room below each.
            uint256 asset = (2 * i + 2) << 200 | seed >> 80;
            int256 offdelta = int256(within(seed, 1, 2 ** 120));
            list[i] = Offdelta(bytes32(asset), seed % 2 == 0 ? offdelta : -offdelta);
        }
    }

    function htlcs(uint256 seed, uint256 left, uint256 right) private pure returns (Htlc[] memory list) {
        list = new Htlc[](left + right);
        for (uint256 i = 0; i < list.length; ++i) {
            seed = next(seed);
            (uint8 side, uint256 place) = i < left ? (0, i) : (1, i - left);
            uint64 id = uint64(place << 32 | uint32(seed) | 1);
            list[i] = Htlc(side, id, bytes32(seed), within(seed, 1, 2 ** 120), bytes32(next(seed)), uint64(seed >> 99));
        }
    }

    function next(uint256 seed) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed)));
    }

    function other(uint64 value, uint64 change) private pure returns (uint64) {
        return value ^ (change == 0 ? 1 : change);
    }

    /// @dev The proof at `which` of `length` digests, and its place beneath a seal of HUB.
    function sealedProof(uint256 seed, uint256 length, uint256 which)
        private
        view
        returns (ChannelProof memory p, SealedPath memory place)
    {
        p = proof();
        which %= length;
        bytes32[] memory level = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            seed = next(seed);
            bytes32 leaf = i == which ? harness.proofDigest(DOMAIN, p) : bytes32(seed);
            level[i] = keccak256(abi.encodePacked("xln.list.leaf", bytes11(0), uint64(32), leaf));
        }
        (place.index, place.count) = (uint64(which), uint64(length));
        while (level.length > 1) {
            if (which ^ 1 < level.length) place.path = longer(place.path, level[which ^ 1]);
            level = above(level);
            which /= 2;
        }
        bytes32 root = keccak256(abi.encodePacked("xln.list.root", bytes11(0), uint64(length), level[0]));
        place.seal = seal(root);
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory up) {
        up = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < up.length; ++i) {
            up[i] = 2 * i + 1 == level.length
                ? level[2 * i]
                : keccak256(abi.encodePacked("xln.list.node", bytes11(0), uint64(0), level[2 * i], level[2 * i + 1]));
        }
    }

    function longer(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory all) {
        all = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            all[i] = list[i];
        }
        all[list.length] = last;
    }

    function refusal(bytes4 selector, bytes32 argument) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, argument);
    }

    function refusesSignature(ChannelProof memory p, bytes memory signed, bytes memory expected) private {
        vm.expectRevert(expected);
        harness.directSigner(DOMAIN, p, signed);
    }

    function refusesOffdeltas(Offdelta[] memory list, bytes memory expected) private {
        vm.expectRevert(expected);
        harness.offdeltasHash(list);
    }

    function refusesHtlcs(Htlc[] memory list, bytes memory expected) private {
        vm.expectRevert(expected);
        harness.htlcsHash(list);
    }

    function refusesBody(ChannelProof memory p, Offdelta[] memory deltas, Htlc[] memory set, bytes memory expected)
        private
    {
        vm.expectRevert(expected);
        harness.requireBody(p, deltas, set);
    }

    function refuses(ChannelProof memory p, bytes32 entity, SealedPath memory place, bytes memory expected) private {
        vm.expectRevert(expected);
        harness.sealedDigest(DOMAIN, p, entity, place);
    }

    function refusesPlace(ChannelProof memory p, SealedPath memory place) private {
        vm.expectRevert();
        harness.sealedDigest(DOMAIN, p, HUB, place);
    }
}
