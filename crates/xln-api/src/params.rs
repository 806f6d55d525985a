//! Parameters are read strictly: malformed JSON, a field given twice, unknown and missing fields are 4000, a value that can't be is
//! 4100 (**N-2**), each with the field that it concerns. Of what the caller wrote only the beginning comes back.

use crate::error::{ApiError, Code, clip};
use crate::strict::{self, Fields};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Longest text about what is expected: longer than any of ours.
const EXPECTED_BYTES_MAX: usize = 512;

/// Reads a method's parameters.
///
/// # Errors
/// 4000 or 4100, with the field.
pub(crate) fn parse<P: DeserializeOwned>(text: &str) -> Result<P, ApiError> {
    check_object(text)?;
    strict::check(text).map_err(|error| explain(&error, None))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(error.inner(), (path != ".").then_some(path))
    })?;
    deserializer.end().map_err(|error| explain(&error, None))?;
    Ok(read)
}

/// Reads parameters by name alone: their values are read by [`parse`], once all are together.
///
/// # Errors
/// 4000.
pub(crate) fn fields(text: &str) -> Result<Fields, ApiError> {
    check_object(text)?;
    serde_json::from_str(text).map_err(|error| explain(&error, None))
}

/// Serde would also read a list as a struct's fields in their order.
fn check_object(text: &str) -> Result<(), ApiError> {
    if text.trim_start().starts_with('{') {
        return Ok(());
    }
    let error = ApiError::new(Code::InvalidRequest, "malformed", "parameters are a JSON object");
    Err(error.with("expected", "{field: value, …}"))
}

/// What is wrong with JSON that couldn't be read, at `path`.
pub(crate) fn explain(error: &serde_json::Error, path: Option<String>) -> ApiError {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if error.classify() != Category::Data {
        return ApiError::new(Code::InvalidRequest, "malformed", format!("malformed JSON: {error}"));
    }
    // Serde ends with what is expected; what stands before repeats the caller.
    let (said, expected) = match text.rsplit_once("expected ") {
        Some((said, expected)) if !text.starts_with("duplicate field") => {
            (said.trim_end_matches([',', ' ']), Some(expected))
        }
        _ => (text, None),
    };
    let expected = expected.filter(|expected| expected.len() <= EXPECTED_BYTES_MAX);
    let message = [Some(clip(said)), expected.map(|expected| format!("expected {expected}"))];
    let message = message.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let invalid_request = |reason: &str| named(reason, &message, text, path.clone());
    let answer = if text.starts_with("unknown field") {
        invalid_request("unknown_field")
    } else if text.starts_with("missing field") {
        invalid_request("missing_field")
    } else if text.starts_with("duplicate field") {
        invalid_request("malformed")
    } else {
        match path {
            Some(path) => ApiError::invalid(&clip(&path), "invalid_value", message),
            None => ApiError::new(Code::InvalidRequest, "malformed", message),
        }
    };
    match expected {
        Some(expected) => answer.with("expected", expected),
        None => answer,
    }
}

/// An error about the field that serde's sentence names, below `path`.
fn named(reason: &str, message: &str, text: &str, path: Option<String>) -> ApiError {
    let name = text.split('`').nth(1).unwrap_or_default();
    let field = match path {
        Some(path) if path != name && !path.ends_with(&format!(".{name}")) => format!("{path}.{name}"),
        Some(path) => path,
        None => name.to_owned(),
    };
    ApiError::new(Code::InvalidRequest, reason, message).with("field", clip(&field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::AsText;
    use serde::Deserialize;
    use xln_types::Amount;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        amount: AsText<Amount>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        one: AsText<Amount>,
        inner: Option<Inner>,
    }

    /// N-2: each wrong value is refused with the field that holds it.
    #[test]
    fn errors_name_the_field() {
        for (text, code, reason, field) in [
            (r#"{"one":"-1"}"#, Code::InvalidParams, "invalid_value", "one"),
            (r#"{"one":1}"#, Code::InvalidParams, "invalid_value", "one"),
            (r#"{"one":"1e3"}"#, Code::InvalidParams, "invalid_value", "one"),
            (r#"{"one":"1","inner":{"amount":"0x1"}}"#, Code::InvalidParams, "invalid_value", "inner.amount"),
            (r#"{"one":"1","inner":{"b":"1"}}"#, Code::InvalidRequest, "unknown_field", "inner.b"),
            (r#"{"one":"1","inner":{}}"#, Code::InvalidRequest, "missing_field", "inner.amount"),
            (r#"{"one":"1","two":2}"#, Code::InvalidRequest, "unknown_field", "two"),
            (r#"{}"#, Code::InvalidRequest, "missing_field", "one"),
        ] {
            let error = parse::<Outer>(text).expect_err(text);
            assert_eq!((error.code, error.reason()), (code, reason), "{text}");
            assert_eq!(error.details["field"], field, "{text}");
        }
        for text in ["", "{", "[1]x", "7", r#"["1"]"#, r#"{"one":"1"}x"#] {
            assert_eq!(parse::<Outer>(text).expect_err(text).code, Code::InvalidRequest, "{text}");
        }
    }
}
