//! Parameters are read strictly: malformed JSON, unknown and missing fields are 4000, a value that can't be is 4100 (**N-2**), each
//! with the field that it concerns.

use crate::error::{ApiError, Code};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads a method's parameters.
///
/// # Errors
/// 4000 or 4100, with the field.
pub(crate) fn parse<P: DeserializeOwned>(text: &str) -> Result<P, ApiError> {
    // Serde would also read a list as the fields in their order.
    if !text.trim_start().starts_with('{') {
        let error = ApiError::new(Code::InvalidRequest, "malformed", "parameters are a JSON object");
        return Err(error.with("expected", "{field: value, …}"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(error.inner(), (path != ".").then_some(path))
    })?;
    deserializer.end().map_err(|error| explain(&error, None))?;
    Ok(read)
}

/// What is wrong with JSON that couldn't be read, at `path`.
pub(crate) fn explain(error: &serde_json::Error, path: Option<String>) -> ApiError {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let answer = match error.classify() {
        Category::Data if text.starts_with("unknown field") => {
            named(Code::InvalidRequest, "unknown_field", &text, path)
        }
        Category::Data if text.starts_with("missing field") => {
            named(Code::InvalidRequest, "missing_field", &text, path)
        }
        Category::Data if text.starts_with("duplicate field") => named(Code::InvalidRequest, "malformed", &text, path),
        Category::Data => match path {
            Some(path) => ApiError::invalid(&path, "invalid_value", text.clone()),
            None => ApiError::new(Code::InvalidRequest, "malformed", text.clone()),
        },
        _ => return ApiError::new(Code::InvalidRequest, "malformed", format!("malformed JSON: {error}")),
    };
    match text.split_once("expected ") {
        Some((_, expected)) => answer.with("expected", expected),
        None => answer,
    }
}

/// An error about the field that serde's sentence names, below `path`.
fn named(code: Code, reason: &str, text: &str, path: Option<String>) -> ApiError {
    let name = text.split('`').nth(1).unwrap_or_default();
    let field = match path {
        Some(path) if path != name && !path.ends_with(&format!(".{name}")) => format!("{path}.{name}"),
        Some(path) => path,
        None => name.to_owned(),
    };
    ApiError::new(code, reason, text).with("field", field)
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
