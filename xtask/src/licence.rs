//! SPDX licence expressions: `MIT OR (Apache-2.0 AND ISC)`, the old `MIT/Apache-2.0`, and `X WITH exception`, which is allowed only
//! as a whole.

/// Whether the allowed licences satisfy the expression. What doesn't parse is not allowed.
pub(crate) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) == Some(true) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = all_of(rest, allowed)?;
    while let ["OR", more @ ..] = *rest {
        *rest = more;
        // Both sides are read, whatever the first one says.
        let other = all_of(rest, allowed)?;
        result |= other;
    }
    Some(result)
}

fn all_of(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = one(rest, allowed)?;
    while let ["AND", more @ ..] = *rest {
        *rest = more;
        let other = one(rest, allowed)?;
        result &= other;
    }
    Some(result)
}

fn one(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    match *rest {
        ["(", more @ ..] => {
            *rest = more;
            let result = any_of(rest, allowed)?;
            let [")", more @ ..] = *rest else { return None };
            *rest = more;
            Some(result)
        }
        [licence, "WITH", exception, more @ ..] => {
            *rest = more;
            Some(allowed.contains(&format!("{licence} WITH {exception}")))
        }
        ["OR" | "AND" | "WITH" | ")", ..] | [] => None,
        [licence, more @ ..] => {
            *rest = more;
            Some(allowed.iter().any(|allowed| allowed == licence))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_as_a_whole() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT/GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0 OR MIT AND ISC", true),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("(GPL-3.0 OR MIT) AND GPL-2.0", false),
            ("Apache-2.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT ISC", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
