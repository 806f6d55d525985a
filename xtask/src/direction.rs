//! Which crate may use which (DESIGN 2): `types ← crypto ← machine ← api ← node ← xln`, the tree and the log free of all others,
//! the audit without the machine. The core never reaches the shell, and takes few crates of others (**TX-7**).

use serde_json::Value;

/// A crate of ours and those of ours that it may use outside its tests.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("xln-types", &[]),
    ("xln-merkle", &[]),
    ("xln-storage", &[]),
    ("xln-crypto", &["xln-types"]),
    ("xln-consensus", &["xln-types", "xln-crypto"]),
    ("xln-routing", &["xln-types"]),
    ("xln-machine", &["xln-types", "xln-crypto", "xln-merkle", "xln-consensus"]),
    ("xln-net", &["xln-types"]),
    ("xln-chain", &["xln-types", "xln-crypto", "xln-storage"]),
    ("xln-client", &["xln-types", "xln-crypto"]),
    ("xln-audit", &["xln-types", "xln-crypto", "xln-merkle", "xln-storage"]),
    ("xln-api", &["xln-types", "xln-crypto", "xln-merkle", "xln-machine", "xln-routing", "xln-net"]),
    (
        "xln-node",
        &[
            "xln-types",
            "xln-crypto",
            "xln-merkle",
            "xln-machine",
            "xln-consensus",
            "xln-routing",
            "xln-storage",
            "xln-net",
            "xln-chain",
            "xln-audit",
            "xln-api",
        ],
    ),
    (
        "xln-sim",
        &[
            "xln-types",
            "xln-crypto",
            "xln-merkle",
            "xln-machine",
            "xln-storage",
            "xln-chain",
            "xln-audit",
            "xln-api",
            "xln-node",
        ],
    ),
    (
        "xln",
        &[
            "xln-types",
            "xln-crypto",
            "xln-merkle",
            "xln-machine",
            "xln-routing",
            "xln-storage",
            "xln-net",
            "xln-chain",
            "xln-audit",
            "xln-api",
            "xln-node",
            "xln-client",
            "xln-sim",
        ],
    ),
];

/// The core, and what of others' work it may use: pure code only.
const CORE: [&str; 6] = ["xln-types", "xln-crypto", "xln-merkle", "xln-consensus", "xln-routing", "xln-machine"];
const CORE_FOREIGN: [&str; 8] =
    ["alloy-rlp", "blake3", "keccak-asm", "secp256k1", "ed25519-dalek", "blst", "sha2", "thiserror"];
/// Features by which a dependency of the core would draw entropy.
const CORE_FEATURES_BANNED: [&str; 3] = ["rand", "rand_core", "getrandom"];

/// Dependencies against the direction, from `cargo metadata --no-deps`.
pub(crate) fn findings(metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "xtask" {
            continue;
        }
        let Some((_, may_use)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            findings.push(format!("{name}: a crate without a place in the direction (xtask/src/direction.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            findings.extend(against(name, may_use, dependency));
        }
    }
    findings
}

fn against(name: &str, may_use: &[&str], dependency: &Value) -> Option<String> {
    let used = dependency["name"].as_str().unwrap_or_default();
    let is_ours = used == "xln" || used.starts_with("xln-");
    let (is_core, is_dev) = (CORE.contains(&name), dependency["kind"] == "dev");
    if is_dev {
        // Tests may reach across, but the core's tests don't need a shell.
        let reaches_shell = is_ours && is_core && !CORE.contains(&used);
        return reaches_shell.then(|| format!("{name}: its tests use the shell: dependency={used}"));
    }
    if is_ours {
        return (!may_use.contains(&used)).then(|| format!("{name}: against the direction: dependency={used}"));
    }
    if !is_core {
        return None;
    }
    if !CORE_FOREIGN.contains(&used) {
        return Some(format!("{name}: not among the crates that the core may use: dependency={used}"));
    }
    let features = dependency["features"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let banned = features.into_iter().find(|feature| CORE_FEATURES_BANNED.contains(feature));
    banned.map(|feature| format!("{name}: the core draws no entropy: dependency={used} feature={feature}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(name: &str, used: &str, kind: Option<&str>) -> Vec<String> {
        let features = if used == "secp256k1" { vec!["rand"] } else { vec![] };
        let dependency = json!({ "name": used, "kind": kind, "features": features });
        findings(&json!({ "packages": [{ "name": name, "dependencies": [dependency] }] }))
    }

    /// TX-7: whatever could make the core depend on more than its log is found.
    #[test]
    fn a_dependency_against_the_direction_is_found() {
        for (name, used, kind) in [
            ("xln-types", "xln-crypto", None),
            ("xln-merkle", "xln-types", None),
            ("xln-storage", "xln-types", None),
            ("xln-machine", "xln-storage", None),
            ("xln-machine", "xln-node", Some("dev")),
            ("xln-machine", "xln-api", Some("build")),
            ("xln-machine", "tokio", None),
            ("xln-crypto", "secp256k1", None),
            ("xln-audit", "xln-machine", None),
            ("xln-api", "xln-node", None),
            ("xln-node", "xln", None),
            ("xln-new", "serde", None),
        ] {
            assert_eq!(check(name, used, kind).len(), 1, "{name} {used}");
        }
        for (name, used, kind) in [
            ("xln-machine", "xln-types", None),
            ("xln-machine", "proptest", Some("dev")),
            ("xln-audit", "xln-machine", Some("dev")),
            ("xln-node", "tokio", None),
            ("xln", "xln-node", None),
            ("xtask", "serde_json", None),
        ] {
            assert_eq!(check(name, used, kind), [""; 0], "{name} {used}");
        }
    }
}
