//! `cargo xtask deny`: what others' work the workspace stands on, by the rules of `deny.toml`.
//!
//! Every direct dependency has a line with the reason why it is here; every package of the graph comes from crates.io under an
//! allowed licence and isn't banned. `deny.toml` is also valid for `cargo deny check licenses bans sources`, which takes
//! minutes to build and so isn't needed here; advisories need a database that this check doesn't fetch.

use crate::licence;
use crate::project::Project;
use crate::step::{Failure, Outcome, none_found, output};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a line of `deny.toml` with a dependency's reason begins: a comment to cargo-deny.
const REASON: &str = "#: ";

/// The rules of `deny.toml`.
#[derive(Debug, Default)]
struct Rules {
    reasons: BTreeMap<String, String>,
    licences: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

/// `cargo xtask deny`.
pub(crate) fn run(project: &Project, _: &[String]) -> Outcome {
    let (rules, mut findings) = parse(&project.read("deny.toml")?);
    let metadata = project.metadata(&["--locked"])?;
    let built = built(project)?;
    findings.extend(check(&rules, &metadata, &built));
    println!("{} direct dependencies, {} packages", rules.reasons.len(), built.len());
    none_found("deny", &findings)
}

/// What is really built on any target, as `name vVERSION`: metadata also names what no feature turns on.
fn built(project: &Project) -> Result<BTreeSet<String>, Failure> {
    let mut command = project.cargo();
    command.args(["tree", "--locked", "--workspace", "--target", "all", "--edges", "normal,build,dev"]);
    let text = output(command.args(["--prefix", "none", "--format", "{p}"]))?;
    // What follows the version is where it comes from.
    let first_two = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(text.lines().map(first_two).filter(|package| !package.is_empty()).collect())
}

/// Reads the few lines that this check needs: the reasons, and lists of strings as `key = [ … ]`.
fn parse(text: &str) -> (Rules, Vec<String>) {
    let (mut rules, mut findings) = (Rules::default(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let Some(line) = line.strip_prefix(REASON) else { continue };
        let (name, reason) =
            line.split_once('=').map_or((line.trim(), ""), |(name, reason)| (name.trim(), reason.trim()));
        if reason.is_empty() {
            findings.push(format!("deny.toml:{}: {name}: a dependency without a reason", index + 1));
        }
        if rules.reasons.insert(name.to_owned(), reason.to_owned()).is_some() {
            findings.push(format!("deny.toml:{}: {name}: has a reason already", index + 1));
        }
    }
    rules.licences = list(text, "licenses", "allow");
    rules.banned = list(text, "bans", "deny");
    rules.registries = list(text, "sources", "allow-registry");
    (rules, findings)
}

/// The strings of `key = [ … ]` in `[section]`.
fn list(text: &str, section: &str, key: &str) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split_once('#').map_or(line, |(code, _)| code).trim());
    if !lines.any(|line| line == format!("[{section}]")) {
        return Vec::new();
    }
    let in_section = lines.take_while(|line| !line.starts_with('['));
    let mut value = in_section.skip_while(|line| line.split_once('=').is_none_or(|(name, _)| name.trim() != key));
    let mut joined = String::new();
    for line in value.by_ref() {
        joined += line;
        if line.contains(']') {
            break;
        }
    }
    joined.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn check(rules: &Rules, metadata: &Value, built: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let mut direct = BTreeSet::new();
    for package in packages() {
        match package["source"].as_str() {
            Some(source) if built.contains(&name_and_version(package)) => {
                findings.extend(foreign(rules, package, source));
            }
            Some(_) => {}
            None => direct.extend(direct_dependencies(package, &mut findings)),
        }
    }
    for name in &direct {
        if !rules.reasons.contains_key(name) {
            findings.push(format!("{name}: a direct dependency without a line `{REASON}{name} = reason` in deny.toml"));
        }
    }
    for name in rules.reasons.keys().filter(|name| !direct.contains(*name)) {
        findings.push(format!("{name}: has a reason in deny.toml and is no direct dependency"));
    }
    findings
}

/// As `cargo tree` names it.
fn name_and_version(package: &Value) -> String {
    let text = |field: &str| package[field].as_str().unwrap_or_default().to_owned();
    format!("{} v{}", text("name"), text("version"))
}

/// A package of others: source, licence, ban.
fn foreign(rules: &Rules, package: &Value, source: &str) -> Vec<String> {
    let (name, package_name) = (name_and_version(package), package["name"].as_str().unwrap_or_default());
    let mut findings = Vec::new();
    let registry = source.strip_prefix("registry+").unwrap_or_default();
    if !rules.registries.iter().any(|allowed| allowed == registry) {
        findings.push(format!("{name}: from elsewhere: source={source}"));
    }
    if rules.banned.iter().any(|banned| banned == package_name) {
        findings.push(format!("{name}: banned"));
    }
    let licence = package["license"].as_str().unwrap_or_default();
    if !licence::is_allowed(licence, &rules.licences) {
        findings.push(format!("{name}: licence not allowed: licence={licence:?}"));
    }
    findings
}

/// What a package of ours names, the other packages of ours left out.
fn direct_dependencies(package: &Value, findings: &mut Vec<String>) -> Vec<String> {
    let mut names = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        if dependency["source"].is_null() {
            continue;
        }
        let name = dependency["name"].as_str().unwrap_or_default();
        if dependency["req"] == "*" {
            findings.push(format!("{name}: any version: package={}", package["name"]));
        }
        names.push(name.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DENY: &str = "#: serde = JSON\n[licenses]\n# which\nallow = [\n  \"MIT\", # short\n  \"Apache-2.0\",\n]\n[bans]\ndeny = [\"openssl\"]\n[sources]\nallow-registry = [\"https://crates\"]\n";

    fn findings(name: &str, source: &str, licence: &str, requirement: &str) -> Vec<String> {
        let (rules, findings) = parse(DENY);
        assert_eq!(findings, [""; 0]);
        let dependency = json!({ "name": name, "source": source, "req": requirement });
        let ours = json!({ "name": "xln", "source": null, "dependencies": [dependency, { "name": "serde", "source": source, "req": "1" }] });
        let theirs =
            json!({ "name": name, "version": "1.0.0", "source": source, "license": licence, "dependencies": [] });
        let built = [format!("{name} v1.0.0")].into();
        let unbuilt = check(&rules, &json!({ "packages": [theirs] }), &BTreeSet::new());
        assert!(unbuilt.iter().all(|what| !what.contains("v1.0.0")), "what isn't built doesn't matter");
        check(&rules, &json!({ "packages": [ours, theirs] }), &built)
    }

    #[test]
    fn what_deny_forbids_is_found() {
        let registry = "registry+https://crates";
        assert_eq!(findings("serde", registry, "MIT OR GPL-3.0", "1"), [""; 0]);
        assert_eq!(findings("serde", registry, "GPL-3.0", "1").len(), 1, "licence");
        assert_eq!(findings("serde", "git+https://crates", "MIT", "1").len(), 1, "source");
        assert_eq!(findings("serde", registry, "MIT", "*").len(), 1, "any version");
        assert_eq!(findings("tokio", registry, "MIT", "1").len(), 1, "no reason");
        assert_eq!(findings("openssl", registry, "MIT", "1").len(), 2, "banned, and no reason");
    }

    #[test]
    fn reasons_are_given_once_and_not_for_nothing() {
        assert_eq!(parse("#: serde =\n#: serde = JSON\n").1.len(), 2);
        let (rules, _) = parse(DENY);
        assert_eq!(
            check(&rules, &json!({ "packages": [] }), &BTreeSet::new()),
            ["serde: has a reason in deny.toml and is no direct dependency"]
        );
        assert_eq!((rules.licences.len(), rules.banned.len()), (2, 1));
    }
}
